"""Requests that are no requests: python tests/reliability/malformed_requests.py BUNDLE

Each is sent over a connection of its own; the service must answer with a status below 500 or close the
connection, and go on.
"""

import collections
import json
import select
import socket
import subprocess
import sys
import time
import urllib.request
from itertools import product

START_LINES = [
    b"", b"\r\n\r\n", b"GET", b"GET /", b"GET / HTTP/9.9", b"GET / HTTP/1.0", b"get / http/1.1",
    b"POST  /predict HTTP/1.1",
    b"POST /predict", b"POST /predict HTTP/1.1 x", b"OPTIONS * HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"TRACE / HTTP/1.1",
    b"GET http://evil.example/ HTTP/1.1", b"GET //evil.example HTTP/1.1", b"GET /../../etc/passwd HTTP/1.1",
    b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET /%00 HTTP/1.1",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1", b"A" * 100_000, b"DELETE /predict HTTP/1.1", b"PUT /predict HTTP/1.1",
    b"PATCH / HTTP/1.1", b"GET /page.js/../../../x HTTP/1.1", b"GET /static/%5c..%5cx HTTP/1.1", b"PRI * HTTP/2.0",
    b"GET /\r\nX: y HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /?" + b"a=b&" * 9000 + b" HTTP/1.1"]
HEADERS = [
    b"host: localhost", b"", b"host:", b"host: evil.example", b"host: localhost\r\nhost: evil.example", b"host: [::1",
    b"host: localhost:99999999", b"host: \xff", b"no colon", b": empty", b"a\x00b: c", b"content-length: -1",
    b"content-length: 1e3", b"content-length: 0x10", b"content-length: 99999999999999999999999",
    b"content-length: 5\r\ncontent-length: 6", b"content-length: 5\r\ntransfer-encoding: chunked",
    b"transfer-encoding: identity", b"transfer-encoding: chunked, chunked", b"transfer-encoding: xchunked",
    b"transfer-encoding:\x0bchunked", b"x: " + b"y" * 70_000, b"\r\n".join(b"x%d: y" % n for n in range(3000)),
    b"expect: 100-continue", b"upgrade: websocket\r\nconnection: upgrade", b"content-encoding: gzip",
    b"content-type: " + b";" * 5000, b"content-type: text/html; charset=\xff", b"range: bytes=0-999999999",
    b"x-api-key: " + b"k" * 60_000, b"authorization: Bearer", b" folded: header", b"x: a\r\n b", b"x: a\nhost: b"]
BODIES = [
    b"", b"{", b"{}", b"[]", b"null", b"1", b'"text"', b'{"text": null}', b'{"text": 1}', b'{"text": ["a"]}',
    b'{"texts": "a"}',
    b'{"texts": [null]}', b'{"texts": []}', b'{"tokens": [""]}', b'{"tokens": [[]]}', b'{"tokens": []}',
    b'{"text": "a", "x": 1}',
    b'{"text": "a", "text": "b"}', b'{"text": "\\ud800"}', b'{"text": "\\u0000"}', b'{"text": "\xff"}',
    b'{"text": NaN}',
    b'{"text": 1e999}', b"[" * 50_000, b'{"a":' * 50_000, b'{"text": "' + b"a" * 100_000, b"9" * 100_000,
    b"\x00" * 1000,
    b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"a=b&text=c", b"text=" + b"%" * 5000, b"&" * 5000,
    b"--x\r\n\r\na\r\n--x--",
    json.dumps({"texts": ["a"] * 10_000}).encode(), json.dumps({"tokens": ["a"] * 100_000}).encode(),
    json.dumps({"text": "\u202e\u200b" * 5000}).encode(), json.dumps({"tokens": ["a b", "\n", "\u2028"]}).encode()]
ROUTES = [b"/predict", b"/invocations", b"/"]
TYPES = [b"application/json", b"application/json; charset=utf-7", b"application/jsonlines", b"text/plain",
         b"application/x-www-form-urlencoded"]


def requests():
    """All of them, with a name each."""
    for number, line in enumerate(START_LINES):
        yield f"start line {number}", line + b"\r\nhost: localhost\r\n\r\n"
    for number, (header, route) in enumerate(product(HEADERS, ROUTES)):
        yield f"header {number} {route}", b"POST " + route + b" HTTP/1.1\r\n" + header + b"\r\n\r\n{}"
    for number, (body, route, kind) in enumerate(product(BODIES, ROUTES, TYPES)):
        head = b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (
            route, kind, len(body))
        yield f"body {number} {route} {kind}", head + body
    for number, chunk in enumerate((b"x\r\n", b"-1\r\n", b"5\r\nab\r\n0\r\n\r\n", b"ffffffffffffffff\r\n",
        b"5;" + b"a" * 70_000,
                                    b"0\r\nx: y\r\n\r\n", b"5 \r\n{}   \r\n0\r\n\r\n")):
        yield f"chunk {number}", (b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                                  b"transfer-encoding: chunked\r\n\r\n" + chunk)


def status_of(host, port, content):
    """The status of the answer, ``closed`` without one; a request that is not complete is ended after a moment."""
    with socket.create_connection((host, port), timeout=20) as connection:
        try:
            connection.sendall(content)
            if not select.select([connection], [], [], 0.5)[0]:
                connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError):
            return "closed"
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else "closed"


def run(address):
    """How many were answered with which status, and those that were not taken as they should be."""
    host, port = address.removeprefix("http://").split(":")
    statuses, wrong = collections.Counter(), []
    for name, content in requests():
        started = time.perf_counter()
        status = status_of(host, int(port), content)
        statuses[status] += 1
        if status != "closed" and status >= 500 or time.perf_counter() - started > 15:
            wrong.append(f"{name}: {status} after {time.perf_counter() - started:.1f} s")
        if sum(statuses.values()) % 50 == 0:
            with urllib.request.urlopen(f"{address}/health", timeout=20) as response:
                assert response.status == 200
    return statuses, wrong


def main(bundle):
    server = subprocess.Popen([sys.executable, "-m", "ner_mx", "serve", bundle, "--port", "0"], stderr=subprocess.PIPE,
                              text=True)
    try:
        statuses, wrong = run(server.stderr.readline().split()[-1])
        alive = server.poll() is None
    finally:
        server.terminate()
    logged = [line for line in server.stderr if "Traceback" in line or "failed" in line]
    print(f"{sum(statuses.values())} malformed requests, {dict(statuses.most_common())}; {len(wrong)} wrong answers, "
          f"{len(logged)} errors in the log, "
          f"{'alive' if alive else 'DEAD'}", *wrong, *logged[:5], sep="\n")
    sys.exit(bool(wrong or logged) or not alive)


if __name__ == "__main__":
    main(*sys.argv[1:])
