"""What a request has to pass: hosts, lengths, clients, and what happens when a client goes or a bundle changes."""

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests
from fastapi.testclient import TestClient
from random_networks import build

from ner_mx.inference import Tagger
from ner_mx.inference.bundle import write_bundle
from ner_mx.inference.exporting import bundle_of
from ner_mx.serving.app import create_app
from ner_mx.serving.batcher import Batcher
from ner_mx.serving.clients import Clients
from ner_mx.serving.guards import host_name
from ner_mx.serving.limits import Limits, Refused
from ner_mx.serving.reloading import reload

TEXT = "Ada Bert said the bank of Florence, EU left."


@pytest.mark.parametrize("allowed, host, status", [
    (None, "localhost", 200), (None, "localhost:8080", 200), (None, "127.0.0.1:1", 200), (None, "[::1]:8080", 200),
    (None, "LOCALHOST", 200), (None, "evil.example", 400), (None, "localhost.evil.example", 400), (None, "", 400),
    (["ner.example"], "ner.example:443", 200), (["ner.example"], "localhost", 400), (["*"], "evil.example", 200)])
def test_requests_under_another_name_are_refused(tagger, allowed, host, status):
    app = create_app(tagger, **({} if allowed is None else {"allowed_hosts": allowed}))
    with TestClient(app) as client:
        assert client.post("/predict", json={"text": TEXT}, headers={"host": host}).status_code == status
        assert client.get("/", headers={"host": host}).status_code == status
        assert client.get("/health", headers={"host": "10.0.0.1"}).status_code == 200


def test_names_of_hosts():
    assert [host_name(name) for name in (b"A.b:80", b"[::1]:80", b"[fe80::1", b"a", b"", b"\xff:1")] == [
        "a.b", "::1", "fe80::1", "a", "", "\xff"]


@pytest.mark.parametrize("path, content_type", [("/predict", "application/json"), ("/invocations", "application/json")])
@pytest.mark.parametrize("charset, mark", [("utf-8", b"\xef\xbb\xbf"), ("utf-16", b""), ("latin-1", b"")])
def test_character_sets_and_byte_order_marks_are_the_same_on_all_routes(tagger, path, content_type, charset, mark):
    text = "Zoë left Florence."
    with TestClient(create_app(tagger), base_url="http://localhost") as client:
        expected = client.post("/predict", json={"text": text}).json()
        body = mark + json.dumps({"text": text}, ensure_ascii=False).encode(charset)
        headers = {"content-type": f"{content_type}; charset={charset}"}
        assert client.post(path, content=body, headers=headers).json() == expected
        assert client.post("/invocations", content=mark + text.encode(charset), headers={
            "content-type": f"text/plain; charset={charset}"}).json() == expected
        page = client.post("/", content=mark + f"text={text}".encode(charset), headers={
            "content-type": f"application/x-www-form-urlencoded; charset={charset}"})
        assert page.status_code == 200 and (mark or "Zoë" in page.text)


def test_the_description_of_the_api_needs_the_key_and_the_page_with_its_files_does_not(tagger):
    with TestClient(create_app(tagger, api_key="secret"), base_url="http://localhost") as client:
        for path in ("/docs", "/openapi.json", "/metrics", "/model"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"x-api-key": "secret"}).status_code == 200
        for path in ("/", "/style.css", "/page.js", "/icon.svg", "/health", "/ready", "/ping"):
            assert client.get(path).status_code == 200


def test_one_client_cannot_take_all():
    now = [0.0]
    clients = Clients(Limits(client_requests=2, client_rate=3), lambda: now[0])
    with clients.request("a"), clients.request("a"), clients.request("b"):
        with pytest.raises(Refused) as refused, clients.request("a"):
            pass
        assert refused.value.status == 429 and refused.value.body["limit"] == "client_requests"
    with clients.request("a"):
        pass
    with pytest.raises(Refused) as refused, clients.request("a"):
        pass
    assert refused.value.body["limit"] == "client_rate"
    with clients.request("b"):
        pass
    now[0] = 0.34  # one third of a second gives one request
    with clients.request("a"):
        pass
    with pytest.raises(Refused), clients.request("a"):
        pass
    for number in range(20_000):
        with clients.request(str(number)):
            pass
    with clients.request("slow"):
        for number in range(20_000):
            with clients.request(f"other {number}"):
                pass
    assert len(clients._silent) <= 10_000 and not clients._active


def test_limits_of_clients_are_answered_with_429(tagger):
    with TestClient(create_app(tagger, Limits(client_rate=2)), base_url="http://localhost") as client:
        statuses = [client.post("/predict", json={"text": "a"}).status_code for _ in range(4)]
        assert statuses[:2] == [200, 200] and statuses[3] == 429
        assert client.get("/health").status_code == 200
        refused = client.post("/predict", json={"text": "a"})
        assert refused.json()["limit"] == "client_rate" and refused.headers["retry-after"] == "1"


def test_the_access_log_has_no_texts_and_no_keys(tagger, caplog):
    caplog.set_level(logging.DEBUG)
    app = create_app(tagger, api_key="s3cret", access_log=True)
    with TestClient(app, base_url="http://localhost") as client:
        for key in ("s3cret", "wr0ng"):
            client.post("/predict?q=Hidden", json={"text": "Ada hides Florence"}, headers={"x-api-key": key})
        client.get("/no/Hidden")
    lines = [record.getMessage() for record in caplog.records if record.name == "ner_mx.access"]
    assert [line.split(" ms")[0].rsplit(" ", 1)[0] for line in lines] == [
        "testclient POST /predict 200", "testclient POST /predict 401", "testclient GET other 404"]
    for hidden in ("Hidden", "Florence", "s3cret", "wr0ng"):
        assert hidden not in "\n".join(record.getMessage() for record in caplog.records if "ner_mx" in record.name)


def exchange(address, *pieces, wait=0.0):
    """Send pieces of a request; the whole answer."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(wait)
        answer = b""
        while not answer.partition(b"\r\n\r\n")[2]:
            block = connection.recv(1 << 16)
            if not block:
                break
            answer += block
    return answer


def test_two_lengths_of_a_body_are_refused(start):
    _, address = start()
    head = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    both = exchange(address, head + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
    assert both.split(b" ")[1] == b"400"
    for lengths in (b"content-length: 5\r\ncontent-length: 6\r\n", b"content-length: -5\r\n",
                    b"content-length: +5\r\n", b"content-length: 5 5\r\n", b"content-length: " + b"9" * 5000 + b"\r\n"):
        assert exchange(address, head + lengths + b"\r\nabcde").split(b" ")[1] in (b"400", b"413")
    body = json.dumps({"text": "a"}).encode()
    chunked = exchange(address, head + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    assert chunked.split(b" ")[1] == b"200"


def test_silent_connections_do_not_take_the_place_of_others(start):
    """As many as the service takes; one of them sends the head of a request byte by byte."""
    _, address = start("--connections", "5", "--seconds", "1.5")
    host, port = address.removeprefix("http://").split(":")
    silent = [socket.create_connection((host, int(port)), timeout=60) for _ in range(110)]
    silent[-1].sendall(b"GET / HTTP/1.1\r\nx: ")
    try:
        for connection in silent[:100]:
            assert connection.recv(1) == b""  # closed by the service
        assert requests.get(f"{address}/health", timeout=60).status_code == 200
    finally:
        for connection in silent:
            connection.close()
    with requests.Session() as session:  # one that sends requests is kept open
        for _ in range(4):
            assert session.post(f"{address}/predict", json={"text": "Ada"}, timeout=60).status_code == 200
            time.sleep(0.5)


def test_requests_take_turns_however_many_texts_they_have(tagger):
    """A request with many texts gives one sentence in turn with a request of one."""
    order = []

    class Recording:
        def __getattr__(self, name):
            return getattr(tagger, name)

        def tag_sentences(self, sentences):
            order.append([tokens[0].text for _, tokens in sentences])
            time.sleep(0.01)
            return tagger.tag_sentences(sentences)

    async def scenario():
        batcher = Batcher(Recording(), Limits(batch_characters=200))
        batcher.start()
        many = asyncio.ensure_future(batcher.predict([f"m{number} left." for number in range(100)]))
        while not order:
            await asyncio.sleep(0.001)
        await batcher.predict(["single left."])
        assert not many.done()
        await many
        await batcher.close()

    asyncio.run(scenario())
    assert any("single" in batch for batch in order[1:3]) and len(order) > 20


def test_the_last_signal_gives_the_last_bundle():
    """A second signal waits for the first: an older bundle never takes the place of a newer one."""
    class Service:
        served = []

        @classmethod
        def replace(cls, tagger):
            cls.served.append(tagger)

    async def scenario():
        lock, loads = asyncio.Lock(), [0.2, 0.0]

        def load():
            number = len(loads)
            time.sleep(loads.pop(0))
            return number

        await asyncio.gather(*(reload(Service, load, lock) for _ in range(2)))

    asyncio.run(scenario())
    assert Service.served == [2, 1]


class SlowTagger:
    """Each sentence takes a moment; counts them."""

    def __init__(self, tagger):
        self._tagger, self.sentences = tagger, 0

    def __getattr__(self, name):
        return getattr(self._tagger, name)

    def tag_sentences(self, sentences):
        self.sentences += len(sentences)
        time.sleep(0.02)
        return self._tagger.tag_sentences(sentences)


def test_nothing_is_computed_for_a_client_that_has_gone(tagger):
    """The middleware notices the end of the connection and cancels what waits for the answer."""
    slow = SlowTagger(tagger)
    app = create_app(slow, Limits(batch_characters=1))
    body = json.dumps({"text": "Ada left. " * 400}).encode()

    async def scenario():
        arrived = asyncio.Queue()
        await arrived.put({"type": "http.request", "body": body, "more_body": False})
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/predict", "root_path": "", "query_string": b"",
                 "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")], "client": ("c", 1),
                 "server": ("localhost", 80), "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0"}}
        async with app.router.lifespan_context(app):
            request = asyncio.ensure_future(app(scope, arrived.get, send))
            while not slow.sentences:
                await asyncio.sleep(0.01)
            await arrived.put({"type": "http.disconnect"})
            await asyncio.wait_for(request, 10)
            seen = slow.sentences
            await asyncio.sleep(0.3)
            assert slow.sentences <= seen + 2 and not sent
        return seen

    assert asyncio.run(scenario()) < 300


@pytest.fixture
def other_bundle(tmp_path):
    """A bundle with other weights and other types."""
    folder = tmp_path / "other"
    recognizer, config = build({"model.units": 7})
    write_bundle(bundle_of(recognizer, config, {"data": {}, "seed": 2}), folder)
    return folder


def test_a_signal_exchanges_the_bundle_without_a_lost_request(bundle, other_bundle, root, tmp_path):
    served = tmp_path / "served"
    shutil.copytree(bundle, served)
    texts = [f"Ada Bert said the bank of Florence, EU left on {number}." for number in range(12)]
    answers = [json.loads(json.dumps([[entity._asdict() for entity in entities] for entities in
                                      Tagger.load(folder).predict_batch(texts)])) for folder in (served, other_bundle)]
    assert answers[0] != answers[1]
    process = subprocess.Popen([sys.executable, "-m", "ner_mx", "serve", str(served), "--port", "0", "--threads", "1"],
                               cwd=root, stderr=subprocess.PIPE, text=True)
    try:
        address = process.stderr.readline().split()[-1]
        while requests.get(f"{address}/ready", timeout=60).status_code != 200:
            time.sleep(0.01)
        found, stop = [], threading.Event()

        def ask():
            with requests.Session() as session:
                while not stop.is_set():
                    response = session.post(f"{address}/predict", json={"texts": texts}, timeout=60)
                    found.append((response.status_code, [result["entities"] for result in response.json()["results"]]))

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        (served / "model.onnx").write_bytes(b"damaged")
        process.send_signal(signal.SIGHUP)
        assert "the bundle was not reloaded" in process.stderr.readline()
        shutil.rmtree(served)
        shutil.copytree(other_bundle, served)
        process.send_signal(signal.SIGHUP)
        assert "reloaded the bundle" in process.stderr.readline()
        count = len(found)
        while len(found) < count + 10:
            time.sleep(0.01)
        stop.set()
        for client in clients:
            client.join()
    finally:
        process.kill()
        process.communicate()
    assert {status for status, _ in found} == {200}
    close = [[without_scores(answer) == without_scores(expected) for expected in answers] for _, answer in found]
    # Each answer is that of one bundle: of the first, and after the signal of the second.
    assert all(one != other for one, other in close)
    assert close[0] == [True, False] and close[-1] == [False, True]


def without_scores(answers):
    return [[(entity["start"], entity["end"], entity["label"], round(entity["score"], 4)) for entity in entities]
            for entities in answers]


@pytest.mark.parametrize("options", [[], ["--preload"]])
def test_two_workers_under_gunicorn(bundle, root, tagger, options):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "NER_MX_BUNDLE": str(bundle), "NER_MX_API_KEY": "s3cret", "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-w", "2", "-k", "uvicorn_worker.UvicornWorker", "-b", f"127.0.0.1:{port}",
         "--graceful-timeout", "5", *options, "ner_mx.serving.asgi:app"], env=environment, cwd=root,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                if requests.get(f"{address}/ready", timeout=60).status_code == 200:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        assert requests.post(f"{address}/predict", json={"text": TEXT}, timeout=60).status_code == 401
        expected = [entity._asdict() for entity in tagger.predict(TEXT)]
        for _ in range(20):  # of either worker
            response = requests.post(f"{address}/predict", json={"text": TEXT}, timeout=60,
                                     headers={"x-api-key": "s3cret"})
            found = response.json()["entities"]
            assert [{**entity, "score": pytest.approx(entity["score"], abs=1e-9)} for entity in found] == expected
    finally:
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize("changes, problem", [
    ({"NER_MX_BUNDLE": None}, "NER_MX_BUNDLE: expected a value"),
    ({"NER_MX_API_KEY": ""}, "NER_MX_API_KEY: expected a value"),
    ({"NER_MX_THREADS": "many"}, "NER_MX_THREADS: expected a number from 1"),
    ({"NER_MX_BUNDLE": "/none"}, "expected a bundle")])
def test_variables_of_the_environment_are_checked(bundle, root, changes, problem):
    environment = {**os.environ, "NER_MX_BUNDLE": str(bundle), **changes}
    environment = {name: value for name, value in environment.items() if value is not None}
    done = subprocess.run([sys.executable, "-c", "from ner_mx.serving.asgi import app"], env=environment, cwd=root,
                          capture_output=True, text=True)
    assert problem in done.stderr.splitlines()[-1]
