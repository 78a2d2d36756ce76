"""The service under mixed load: python tests/reliability/soak.py BUNDLE TEXTS [--minutes 10]

Clients with short texts, long ones, lists, damaged requests, slow bodies, and clients that go away at once.
Every answer is compared with that of the tagger in this process: the same entities, scores within 1e-6.
TEXTS is a file with one text per line.  Prints one JSON object: counts, latencies, and the memory of the
service over the minutes.
"""

import argparse
import asyncio
import collections
import json
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from ner_mx.inference import Tagger

TOLERANCE = 1e-6


class Load:
    """What is sent, what is expected, and what came back."""

    def __init__(self, tagger, lines, address):
        self.host, self.port = re.fullmatch(r"http://(.*):(\d+)", address).groups()
        self.counts, self.wrong = collections.Counter(), []
        self.latencies = collections.defaultdict(list)
        self.end = 0.0
        self.lines = lines
        self.expected = dict(zip(lines, tagger.predict_batch(lines)))
        # Texts of a tenth of a megabyte, and of the largest size that is accepted.
        drawn = random.Random(1)
        self.long = [" ".join(drawn.choices(lines, k=count * 1000 // 90)) for count in (100, 300)]
        self.long += [(" ".join(drawn.choices(lines, k=20_000)))[:700_000], ".!" * 450_000]
        self.expected.update(zip(self.long, map(tagger.predict, self.long)))

    async def exchange(self, kind, writer, reader, body, pause=0.0, content_type="application/json"):
        """Send a body and give the status and the answer."""
        started = time.perf_counter()
        head = (f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n"
                f"content-length: {len(body)}\r\n\r\n").encode()
        writer.write(head)
        size = len(body) // 8 + 1 if pause else len(body) or 1
        for start in range(0, len(body), size):
            writer.write(body[start:start + size])
            await writer.drain()
            await asyncio.sleep(pause)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in answer.split(b"\r\n")
                      if line.lower().startswith(b"content-length"))
        content = await reader.readexactly(length)
        status = int(answer.split(b" ", 2)[1])
        self.counts[f"{kind} {status}"] += 1
        self.latencies[kind].append(time.perf_counter() - started)
        return status, json.loads(content), b"connection: close" in answer.lower()

    def compare(self, kind, text, found):
        expected = self.expected[text]
        same = len(found) == len(expected) and all(
            (entity["start"], entity["end"], entity["label"], entity["text"]) == tuple(other[:4])
            and abs(entity["score"] - other.score) <= TOLERANCE for entity, other in zip(found, expected))
        if not same:
            self.wrong.append(f"{kind}: {text[:80]!r}")

    async def client(self, kind, number):
        """Requests of one kind until the end, over one connection as long as it lasts."""
        drawn = random.Random(f"{kind} {number}")
        reader = writer = None
        while time.perf_counter() < self.end:
            if writer is None:
                reader, writer = await asyncio.open_connection(self.host, int(self.port))
            closes = await getattr(self, kind)(drawn, writer, reader)
            if closes:
                writer.close()
                writer = None

    async def short(self, drawn, writer, reader):
        text = drawn.choice(self.lines)
        return await self.checked("short", text, writer, reader)

    async def checked(self, kind, text, writer, reader, pause=0.0):
        status, answer, closes = await self.exchange(kind, writer, reader, json.dumps({"text": text}).encode(), pause)
        if status == 200:
            self.compare(kind, text, answer["entities"])
        elif status not in (429, 503):
            self.wrong.append(f"{kind}: status {status} {answer}")
        return closes

    async def large(self, drawn, writer, reader):
        return await self.checked("large", drawn.choice(self.long), writer, reader)

    async def several(self, drawn, writer, reader):
        texts = drawn.choices(self.lines, k=60)
        status, answer, closes = await self.exchange("several", writer, reader, json.dumps({"texts": texts}).encode())
        for text, result in zip(texts, answer["results"] if status == 200 else ()):
            self.compare("several", text, result["entities"])
        return closes

    async def slow(self, drawn, writer, reader):
        return await self.checked("slow", drawn.choice(self.lines), writer, reader, pause=0.25)

    async def malformed(self, drawn, writer, reader):
        body = bytearray(json.dumps({"text": drawn.choice(self.lines)}).encode())
        for _ in range(drawn.choice((1, 2, 8))):
            body[drawn.randrange(len(body))] = drawn.randrange(256)
        content_type = drawn.choice(["application/json"] * 4 + ["text/plain", "multipart/form-data; boundary=x",
            "x", ""])
        status, answer, closes = await self.exchange("malformed", writer, reader, bytes(body),
                                                     content_type=content_type)
        if status >= 500 and status != 503 or (status >= 400 and "error" not in answer):
            self.wrong.append(f"malformed: status {status} {answer} for {bytes(body)!r}")
        await asyncio.sleep(0.02)
        return closes

    async def leaving(self, drawn, writer, reader):
        body = json.dumps({"text": drawn.choice([*self.long[:2], *self.lines[:20]])}).encode()
        declared = len(body) + drawn.choice((0, 0, 1000))
        writer.write((f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                      f"content-length: {declared}\r\n\r\n").encode() + body)
        await asyncio.sleep(drawn.uniform(0, 0.5))
        self.counts["leaving"] += 1
        return True


CLIENTS = {"short": 4, "large": 1, "several": 1, "slow": 2, "malformed": 1, "leaving": 2}


async def watch(process, load, memory):
    """The resident memory of the service in megabytes, every five seconds."""
    started = time.perf_counter()
    while time.perf_counter() < load.end:
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory.append(((time.perf_counter() - started) / 60, int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024))
        await asyncio.sleep(5)


async def run(process, load, minutes):
    load.end = time.perf_counter() + 60 * minutes
    memory = []
    await asyncio.gather(watch(process, load, memory), *(
        load.client(kind, number) for kind, count in CLIENTS.items() for number in range(count)))
    return memory


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("texts")
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    with open(arguments.texts, encoding="utf-8") as file:
        lines = [line.strip() for line in file if 40 < len(line) < 1000][:2000]
    server = subprocess.Popen([sys.executable, "-m", "ner_mx", "serve", arguments.bundle, "--port", "0",
                               "--threads", "1"], stderr=subprocess.PIPE, text=True)
    try:
        address = server.stderr.readline().split()[-1]
        logged = collections.Counter()
        # A log that nobody reads would stop the service.
        threading.Thread(target=lambda: logged.update(line[:100] for line in server.stderr), daemon=True).start()
        load = Load(Tagger.load(arguments.bundle, threads=1), lines, address)
        memory = asyncio.run(run(server, load, arguments.minutes))
        alive = server.poll() is None
    finally:
        server.terminate()
    late = [megabytes for minute, megabytes in memory if minute >= arguments.minutes / 5]
    short = np.array(load.latencies["short"]) * 1000
    print(json.dumps({
        "minutes": arguments.minutes, "alive": alive, "answers": dict(sorted(load.counts.items())),
        "log": dict(logged.most_common(5)), "wrong": len(load.wrong), "examples": load.wrong[:5],
        "short_ms": {f"p{share}": round(float(np.percentile(short, share)), 1) for share in (50, 95, 99)},
        "longest_s": {kind: round(max(values), 2) for kind, values in load.latencies.items()},
        "memory_mb": {"from minute 2": round(late[0], 1), "at the end": round(late[-1], 1),
            "least": round(min(late), 1),
                      "most": round(max(late), 1)}}, indent=1))
    sys.exit(bool(load.wrong) or not alive)


if __name__ == "__main__":
    main()
