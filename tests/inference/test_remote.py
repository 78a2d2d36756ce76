"""The client of the service: the same entities as the tagger, retries, and refusals in one line."""

import http.server
import json
import threading

import pytest

import ner_mx.inference.remote as remote
from ner_mx.errors import UserError
from ner_mx.inference.remote import RemoteTagger

TEXTS = ["Ada left Florence.", "", "The bank of England, said Ada.", "🙂 Ada"]


@pytest.fixture
def answers(monkeypatch):
    """A service of given answers, each (status, body, headers); gives its URL, and what was asked and waited."""
    waited, asked, servers = [], [], []
    monkeypatch.setattr(remote.time, "sleep", waited.append)

    def start(*given):
        left = list(given)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                asked.append((json.loads(self.rfile.read(int(self.headers["Content-Length"]))), self.headers))
                status, body, headers = left.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/", asked, waited
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def found(*texts):
    return json.dumps({"results": [{"entities": [{"start": 0, "end": 3, "label": "PER", "text": text, "score": 0.5}]}
                                   for text in texts]})


def test_the_entities_are_those_of_the_tagger(start, tagger):
    _, address = start("--api-key", "secret")
    client = RemoteTagger(address, "secret")
    for entities, expected in zip(client.predict_batch(TEXTS * 100), tagger.predict_batch(TEXTS * 100)):
        assert [entity[:4] for entity in entities] == [entity[:4] for entity in expected]
        assert [entity.score for entity in entities] == pytest.approx([entity.score for entity in expected])
    alone, together = client.predict(TEXTS[0]), client.predict_batch(TEXTS)[0]
    assert [entity[:4] for entity in alone] == [entity[:4] for entity in together]
    assert client.predict_batch([]) == []
    with pytest.raises(UserError, match="401: .*key"):
        RemoteTagger(address, "other").predict("Ada")
    with pytest.raises(UserError, match="413: "):
        client.predict("x" * (2 << 20))
    with pytest.raises(TypeError, match="expected several texts"):
        client.predict_batch("Ada")


def test_requests_are_repeated_while_the_service_is_busy(answers):
    url, asked, waited = answers((503, "", {}), (429, '{"error": "busy"}', {"Retry-After": "7"}), (502, "", {}),
                                 (200, found("Ada"), {}))
    assert RemoteTagger(url).predict("Ada")[0].text == "Ada"
    assert [body for body, _ in asked] == [{"texts": ["Ada"]}] * 4
    assert 0.25 <= waited[0] <= 0.75 and waited[1] == 7 and 1 <= waited[2] <= 3


def test_what_is_given_up(answers):
    url, asked, waited = answers(*[(503, '{"error": "full"}', {"Retry-After": "999999"})] * 3)
    with pytest.raises(UserError, match="found in 3 attempts: 503: full"):
        RemoteTagger(url, attempts=3).predict("Ada")
    assert waited == [30, 30] and len(asked) == 3
    url, asked, _ = answers((422, '{"error": "no text"}', {}), (200, "<html>", {}), (200, '{"results": []}', {}))
    before = len(asked)
    for message in ("found: 422: no text", "found: Expecting value", "found another answer; is it a service"):
        with pytest.raises(UserError, match=message):
            RemoteTagger(url).predict("Ada")
    assert len(asked) == before + 3
    with pytest.raises(UserError, match="found in 2 attempts: .*refused"):
        RemoteTagger("http://127.0.0.1:9", attempts=2).predict("Ada")
    for url in ("file:///etc/passwd", "http://127.0.0.1:80x", "http://[::1", "http://", "127.0.0.1:80",
                "http://127.0.0.1/a b", "http://127.0.0.1?x=1", "http://127.0.0.1#x", "http://127.0.0.1/\ny"):
        with pytest.raises(UserError, match="expected the URL of a service, .*, found '"):
            RemoteTagger(url)
    with pytest.raises(UserError, match="expected an API key of printable ASCII characters, found another") as error:
        RemoteTagger("http://127.0.0.1:9", "secret\n")
    assert "secret" not in str(error.value)


def test_what_is_no_answer(answers):
    wrong = json.dumps({"results": [{"entities": [{"start": "a", "end": None, "label": 3, "text": "", "score": 1}]}]})
    url, _, waited = answers((200, wrong, {}), (200, "[" * 100_000, {}),
                             *[(200, found("Ada"), {"Content-Length": "9999"})] * 2)
    for message in ("found another answer", "found: "):
        with pytest.raises(UserError, match=message):
            RemoteTagger(url).predict("Ada")
    with pytest.raises(UserError, match="found in 2 attempts: "):  # cut off
        RemoteTagger(url, attempts=2).predict("Ada")
    assert len(waited) == 1


@pytest.mark.parametrize("change", [
    {"start": -1}, {"start": 0.0}, {"start": True}, {"start": None}, {"start": 3}, {"end": 99}, {"end": 2},
    {"text": "zzz"}, {"text": "\ud800"}, {"label": None}, {"score": float("nan")}, {"score": 7}, {"score": -0.1},
    {"score": "0.5"}, {"start": float("inf")}])
def test_entities_that_the_text_cannot_have(answers, change):
    entity = {"start": 0, "end": 3, "label": "PER", "text": "Ada", "score": 0.5}
    url, _, _ = answers((200, json.dumps({"results": [{"entities": [entity]}]}), {}),
                        (200, json.dumps({"results": [{"entities": [{**entity, **change}]}]}), {}),
                        (200, json.dumps({"results": [{"entities": [entity, entity]}]}), {}))
    assert RemoteTagger(url).predict("Ada left")[0] == (0, 3, "PER", "Ada", 0.5)
    for _ in range(2):
        with pytest.raises(UserError, match="expected the entities of 1 texts, found another answer"):
            RemoteTagger(url).predict("Ada left")


def test_an_answer_that_never_ends(monkeypatch):
    """The time is that of the whole answer, and its size is limited."""
    class Endless:
        length = None

        def read1(self, size):
            passed.append(1)
            return b" " * size

    passed = []
    monkeypatch.setattr(remote.time, "monotonic", lambda: float(len(passed)))
    with pytest.raises(TimeoutError):
        remote._read(Endless(), 60.0)
    assert len(passed) == 61
    monkeypatch.setattr(remote, "LONGEST_ANSWER", 10 * remote.PIECE)
    passed.clear()
    with pytest.raises(ValueError, match="more than 655,360 bytes"):
        remote._read(Endless(), 60.0)


def test_the_key_goes_to_no_other_host(answers):
    other, asked, _ = answers((200, found("Ada"), {}))
    url, _, _ = answers((302, "", {"Location": other}))
    with pytest.raises(UserError, match="302"):
        RemoteTagger(url, "secret").predict("Ada")
    assert len(asked) == 1  # the request that was answered with the other address


def test_long_texts_are_sent_in_parts(answers, monkeypatch):
    monkeypatch.setattr(remote, "TEXTS", 3)
    monkeypatch.setattr(remote, "BYTES", 16)
    url, asked, _ = answers(*((200, json.dumps({"results": [{"entities": []}] * size}), {}) for size in (2, 1, 3, 2)))
    texts = ["12345", "12345", "x" * 20, "1", "1", "1", "1", "1"]
    assert len(RemoteTagger(url).predict_batch(texts)) == 8
    assert [body["texts"] for body, _ in asked] == [texts[:2], texts[2:3], texts[3:6], texts[6:]]


def test_the_command(start, call_command, tmp_path):
    _, address = start()
    done = call_command("-m", "ner_mx", "predict", "--url", address, "./Ada//left Florence.")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"] == "./Ada//left Florence."
    (tmp_path / "texts.txt").write_text("Ada\nFlorence\n")
    done = call_command("-m", "ner_mx", "predict", "--url", address, "--file", tmp_path / "texts.txt")
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["Ada", "Florence"]
    for arguments in (["bundle", "text", "--url", address], ["text", "--url", address, "--min-score", "0.5"]):
        done = call_command("-m", "ner_mx", "predict", *arguments)
        assert done.returncode == 2 and "--url: expected a text alone" in done.stderr
    done = call_command("-m", "ner_mx", "predict")
    assert done.returncode == 2 and "expected a bundle or the folder of a run, or --url" in done.stderr
