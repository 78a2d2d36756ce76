"""The endpoints, in process: predictions, limits, keys and error messages."""

import asyncio
import json
import threading
import time

import pytest
from fastapi.testclient import TestClient
from random_networks import WORDS

from ner_mx.analysis.text_explanation import explain_text
from ner_mx.data.tokenizers import Token
from ner_mx.errors import UserError
from ner_mx.serving.app import create_app
from ner_mx.serving.batcher import SENTENCE_COST, Batcher
from ner_mx.serving.limits import Limits, Refused


def local_client(app, **options):
    """A client on this machine."""
    return TestClient(app, base_url="http://localhost", **options)


TEXT = "Ada Bert said the bank of Florence, EU left. 🙂 Bert."


@pytest.fixture(scope="module")
def client(tagger):
    with local_client(create_app(tagger, Limits(body_bytes=20_000, texts=5, tokens=300))) as client:
        yield client


def as_json(entities):
    return [{**entity._asdict(), "score": pytest.approx(entity.score, abs=1e-5)} for entity in entities]


def test_one_text_and_several(client, tagger):
    assert tagger.predict(TEXT)
    assert client.post("/predict", json={"text": TEXT}).json()["entities"] == as_json(tagger.predict(TEXT))
    texts = [TEXT, "", "Florence"]
    results = client.post("/predict", json={"texts": texts}).json()["results"]
    assert [result["entities"] for result in results] == [as_json(entities) for entities in tagger.predict_batch(texts)]


def test_the_hosting_contract(client, tagger):
    expected = as_json(tagger.predict(TEXT))
    assert client.get("/ping").status_code == 200

    def invoke(body, content_type):
        return client.post("/invocations", content=body, headers={"content-type": content_type})

    assert invoke(TEXT.encode(), "text/plain; charset=utf-8").json()["entities"] == expected
    assert invoke(json.dumps({"text": TEXT}), "application/json").json()["entities"] == expected
    assert len(invoke(json.dumps({"texts": [TEXT] * 3}), "application/json").json()["results"]) == 3
    lines = invoke(f'{{"text": {json.dumps(TEXT)}}}\n\n{{"text": ""}}\n', "application/jsonlines")
    assert lines.headers["content-type"].startswith("application/jsonlines")
    assert [json.loads(line)["entities"] for line in lines.text.splitlines()] == [expected, []]


@pytest.mark.parametrize("path, content, content_type, status, problem", [
    ("/predict", b"{}", "application/json", 422, "expected either text, texts or tokens"),
    ("/predict", b'{"text": "a", "texts": []}', "application/json", 422, "expected either text, texts or tokens"),
    ("/predict", b'{"text": 3}', "application/json", 422, "body.text: Input should be a valid string"),
    ("/predict", b'{"txt": "a"}', "application/json", 422, "body.txt: Extra inputs are not permitted"),
    ("/predict", b'{"text": "a\\ud800"}', "application/json", 422,
     "expected valid Unicode, found a lone surrogate at index 1"),
    ("/predict", b'{"texts": [' + b"1," * 100_000 + b"1]}", "application/json", 413, "too large"),
    ("/predict", b'{"texts": [1, 1, 1]}', "application/json", 422, "body.texts.0: Input should be a valid string"),
    ("/predict", b'{"tokens": ["a", null]}', "application/json", 422, "body.tokens.1: Input should be a valid string"),
    ("/predict", json.dumps({f"f{n}": 1 for n in range(50)}).encode(), "application/json", 422, "found 50 fields"),
    ("/predict", json.dumps({"tokens": ["a"] * 301}).encode(), "application/json", 422, "at most 300 tokens"),
    ("/invocations", b'{"text": "a"}\n' * 6, "application/jsonlines", 422, "expected at most 5 texts, found 6"),
    ("/invocations", b"+2AA-", "text/plain; charset=utf-7", 415, "expected a known charset, found utf-7"),
    ("/invocations", b"a-b", "text/plain; charset=punycode", 415, "expected a known charset, found punycode"),
    ("/", b"a-b", "application/x-www-form-urlencoded; charset=idna", 415, "expected a known charset, found idna"),
    ("/", b"a=b", "application/x-www-form-urlencoded;" + '"' + ";" * 5000, 415, "content-type of at most 200"),
    ("/invocations", b"\x00\xd8", "text/plain; charset=utf-16-le", 422, "expected utf-16-le, found"),
    ("/invocations", b'{"texts": ["\\udc00"]}', "application/json", 422, "body"),
    ("/predict", b'{"text": ', "application/json", 422, "JSON"),
    ("/predict", b"\xff\xfe", "application/json", 422, "expected utf-8, found byte 0xff at index 0"),
    ("/predict", b"a", "multipart/form-data; boundary=x", 415, "expected application/json"),
    ("/predict", b"{}", "text/plain", 415, "expected application/json"),
    ("/", b"a", "multipart/form-data; boundary=x", 415, "expected application/x-www-form-urlencoded"),
    ("/invocations", b"caf\xe9", "text/plain", 422, "expected utf-8, found byte 0xe9 at index 3"),
    ("/invocations", b"{}", "application/json", 422, "expected either text, texts or tokens"),
    ("/invocations", b'{"text": "a"}\n{"text": 3}', "application/jsonlines", 422, "line 2.text"),
    ("/invocations", b'{"texts": ["a"]}', "application/jsonlines", 422, "expected one text per line"),
    ("/invocations", b"a,b", "text/csv", 415, "expected text/plain, application/json or"),
    ("/nowhere", b"", "text/plain", 404, "Not Found"),
])
def test_an_error_names_the_problem(client, path, content, content_type, status, problem):
    response = client.post(path, content=content, headers={"content-type": content_type})
    assert response.status_code == status and problem in response.json()["error"]


def test_a_refusal_names_the_limit_that_was_exceeded(client):
    large = client.post("/predict", json={"text": "a" * 30_000})
    assert large.status_code == 413
    assert (large.json()["limit"], large.json()["value"]) == ("body_bytes", 20_000)

    def chunks():
        for _ in range(40):
            yield b"a" * 1000

    streamed = client.post("/invocations", content=chunks(), headers={"content-type": "text/plain"})
    assert streamed.status_code == 413
    many = client.post("/predict", json={"texts": ["a"] * 6})
    assert many.status_code == 422 and many.json()["limit"] == "texts" and many.json()["value"] == 5


class BlockedPredictor:
    """A predictor that blocks until it is released, and records its batches."""

    def __init__(self):
        self.released, self.batches = threading.Event(), []

    def iter_sentences(self, text):
        """Sentences are separated by bars, and have one token."""
        start = 0
        for sentence in text.split("|"):
            yield [Token(start, start + len(sentence), sentence)]
            start += len(sentence) + 1

    def tag_sentences(self, sentences):
        texts = [tokens[0].text for _, tokens in sentences]
        self.batches.append(texts)
        self.released.wait(10)
        if "bad" in texts:
            raise RuntimeError("a bad text")
        return [[text] for text in texts]


def run_scenario(limits, scenario):
    """Run ``scenario(predictor, batcher)`` in an event loop of its own."""
    async def run():
        predictor = BlockedPredictor()
        batcher = Batcher(predictor, limits)
        batcher.start()
        try:
            return await asyncio.wait_for(scenario(predictor, batcher), 20)
        finally:
            predictor.released.set()
            await batcher.close()
    return asyncio.run(run())


async def until_queued(batcher, characters):
    while batcher.characters != characters:
        await asyncio.sleep(0.001)


async def computing(predictor, batcher, text):
    """A task whose text is being computed."""
    task = asyncio.create_task(batcher.predict([text]))
    while not predictor.batches:
        await asyncio.sleep(0.001)
    return task


def test_texts_of_many_clients_are_computed_together_and_returned_to_their_clients():
    async def scenario(predictor, batcher):
        first = await computing(predictor, batcher, "first")
        others = [asyncio.create_task(batcher.predict([f"{number}a", f"{number}b"])) for number in range(50)]
        await until_queued(batcher, sum(2 * (len(f"{number}a") + 1) for number in range(50)))
        predictor.released.set()
        assert await first == [["first"]]
        assert await asyncio.gather(*others) == [[[f"{number}a"], [f"{number}b"]] for number in range(50)]
        assert [len(batch) for batch in predictor.batches] == [1, 100]
    run_scenario(Limits(), scenario)


def test_batches_end_at_their_limit_and_a_limit_of_1_turns_batching_off():
    async def scenario(predictor, batcher):
        predictor.released.set()
        assert await batcher.predict(["aaaa", "bbbb", "cccc", "d" * 50, "e"]) == [
            ["aaaa"], ["bbbb"], ["cccc"], ["d" * 50], ["e"]]
        return [len(batch) for batch in predictor.batches]
    assert run_scenario(Limits(batch_characters=2 * SENTENCE_COST + 16), scenario) == [2, 1, 1, 1]
    assert run_scenario(Limits(batch_characters=1), scenario) == [1] * 5


def test_a_long_text_takes_turns_with_short_ones():
    async def scenario(predictor, batcher):
        long = asyncio.create_task(batcher.predict(["|".join(f"s{number:02}" for number in range(40))]))
        while not predictor.batches:
            await asyncio.sleep(0.001)
        short = [asyncio.create_task(batcher.predict([f"t{number}"])) for number in range(3)]
        await until_queued(batcher, 9)
        predictor.released.set()
        assert await asyncio.gather(*short) == [[["t0"]], [["t1"]], [["t2"]]]
        assert not long.done()
        assert await long == [[f"s{number:02}" for number in range(40)]]
        assert {"t0", "t1", "t2"} <= set(predictor.batches[1]) and all(len(batch) <= 5 for batch in predictor.batches)
    run_scenario(Limits(batch_characters=5 * (SENTENCE_COST + 3)), scenario)


def test_nothing_is_computed_for_a_client_that_has_gone():
    async def scenario(predictor, batcher):
        long = asyncio.create_task(batcher.predict(["|".join(["s"] * 4000)]))
        while not predictor.batches:
            await asyncio.sleep(0.001)
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)
        predictor.released.set()
        assert await batcher.predict(["next"]) == [["next"]]
        assert sum(map(len, predictor.batches)) < 50
    run_scenario(Limits(batch_characters=20), scenario)


def test_a_full_queue_and_a_timeout_are_refused():
    async def scenario(predictor, batcher):
        tasks = [await computing(predictor, batcher, "x" * 9)]
        tasks += [asyncio.create_task(batcher.predict(["x" * 9])) for _ in range(2)]
        await until_queued(batcher, 20)
        with pytest.raises(Refused) as full:
            await batcher.predict(["y"])
        assert full.value.status == 429 and full.value.body["limit"] == "queue_characters"
        for task in tasks:
            with pytest.raises(Refused) as late:
                await task
            assert late.value.status == 503 and late.value.body["limit"] == "seconds"
        predictor.released.set()
        # Texts that timed out in the queue are not computed.
        assert await batcher.predict(["z"]) == [["z"]]
        assert predictor.batches == [["x" * 9], ["z"]]
    run_scenario(Limits(queue_characters=20, seconds=0.3), scenario)


def test_a_batch_that_fails_leaves_the_others_alone():
    async def scenario(predictor, batcher):
        predictor.released.set()
        with pytest.raises(RuntimeError, match="a bad text"):
            await batcher.predict(["bad"])
        assert await batcher.predict(["good"]) == [["good"]]
    run_scenario(Limits(), scenario)


def test_closing_finishes_accepted_texts_and_refuses_new_ones():
    async def scenario(predictor, batcher):
        tasks = [await computing(predictor, batcher, "0")]
        tasks += [asyncio.create_task(batcher.predict([str(number)])) for number in range(1, 5)]
        await until_queued(batcher, 8)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0.01)
        with pytest.raises(Refused) as closed:
            await batcher.predict(["late"])
        assert closed.value.status == 503 and not batcher.ready
        predictor.released.set()
        await closing
        assert await asyncio.gather(*tasks) == [[[str(number)]] for number in range(5)]
    run_scenario(Limits(), scenario)


def test_health_metrics_model_card_and_documentation(client):
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}
    card = client.get("/model").json()
    assert card["labels"] and card["config"]["model"]["units"] == 11 and card["corpus"] == "sample"
    client.post("/predict", json={"text": TEXT})
    metrics = client.get("/metrics").text
    assert 'ner_mx_requests_total{path="/predict",status="200"}' in metrics
    assert "ner_mx_batch_texts_bucket" in metrics
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/predict", "/invocations", "/health", "/ready", "/metrics", "/model", "/ping"} <= set(paths)
    assert "POST /predict" in client.get("/docs").text


@pytest.mark.parametrize("path", ["/", "/docs", "/page.js", "/style.css", "/predict", "/nowhere", "/health"])
def test_every_response_has_security_headers(client, path):
    response = client.get(path)
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    # A page loads nothing from other servers.
    assert "http://" not in response.text.replace("http://www.w3.org", "") and "https://" not in response.text


def test_an_unexpected_error_is_answered_in_json_with_security_headers(tagger, monkeypatch, caplog):
    def broken(texts):
        raise ZeroDivisionError("of the network")

    monkeypatch.setattr(tagger, "tag_sentences", broken)
    with local_client(create_app(tagger), raise_server_exceptions=False) as client:
        response = client.post("/predict", json={"text": TEXT})
        assert response.status_code == 500 and response.json()["error"].startswith("internal error")
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert 'status="500"' in client.get("/metrics").text
    assert "of the network" in caplog.text


def test_an_api_key_guards_predictions_metrics_and_the_model_card(tagger):
    with local_client(create_app(tagger, api_key="secret")) as client:
        arguments = {"json": {"text": TEXT}}
        assert client.post("/predict", **arguments).status_code == 401
        assert client.post("/predict", **arguments, headers={"x-api-key": "secreT"}).status_code == 401
        for headers in ({"x-api-key": "secret"}, {"authorization": "Bearer secret"}):
            assert client.post("/predict", **arguments, headers=headers).status_code == 200
        for path in ("/model", "/metrics"):
            assert client.get(path).status_code == 401
        for path in ("/", "/health", "/ready", "/ping", "/page.js"):
            assert client.get(path).status_code == 200
        assert 'name="key"' in client.get("/").text and 'href="model"' not in client.get("/").text
        assert client.post("/", data={"text": TEXT, "key": "wrong"}).status_code == 401
        assert "<mark" in client.post("/", data={"text": TEXT, "key": "secret"}).text


@pytest.mark.parametrize("key", ["", "clé", "a\nb"])
def test_an_api_key_that_no_header_can_hold_is_an_error(tagger, key):
    with pytest.raises(UserError, match="API key: expected printable ASCII"):
        create_app(tagger, api_key=key)


def test_a_client_that_disconnects_raises_nothing(tagger):
    """Half a body, then a disconnect: the endpoint is not called, and nothing is sent."""
    app, sent, messages = create_app(tagger), [], []
    half = {"type": "http.request", "body": b'{"te', "more_body": True}

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    for path in ("/", "/predict", "/invocations"):
        messages[:] = [half, {"type": "http.disconnect"}]
        asyncio.run(app({"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
                         "path": path, "raw_path": path.encode(), "root_path": "", "scheme": "http",
                         "query_string": b"", "headers": []}, receive, send))
    assert sent == [] and messages == []


def test_the_form_works_without_javascript_and_escapes_the_text(client, tagger):
    hostile = f"<script>alert(1)</script> {TEXT} <img src=x onerror=alert(1)> & {' '.join(WORDS[:8])}"
    page = client.post("/", data={"text": hostile, "threshold": "0"})
    assert page.status_code == 200 and "<script>alert" not in page.text and "<img" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    entities = tagger.predict(hostile)
    assert page.text.count("<mark class") == len(entities) + len(tagger.labels)
    above = client.post("/", data={"text": hostile, "threshold": "1"})
    assert above.text.count("<mark class") == len(tagger.labels) and f"0 of {len(entities)}" in above.text
    for form, status in (({"text": TEXT, "threshold": "nan"}, 200), ({}, 200), ({"text": "\ud83d"}, 422),
                         ({f"f{n}": "" for n in range(50)}, 422)):
        body = "&".join(f"{key}={value}" for key, value in form.items()).encode("utf-8", "surrogatepass")
        response = client.post("/", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
        assert response.status_code == status


def test_tokens_are_tagged_as_they_are(client, tagger):
    tokens = ["Ada", "left", "U.S.-led", "Rome", "."]
    entities = client.post("/predict", json={"tokens": tokens}).json()["entities"]
    assert [((entity["start"], entity["end"], entity["label"]), entity["score"]) for entity in entities] == [
        (tuple(span), pytest.approx(probability)) for span, probability in tagger.tag(tokens)]
    assert all(entity["text"] == " ".join(tokens[entity["start"]:entity["end"]]) for entity in entities)
    assert client.post("/predict", json={"tokens": []}).json() == {"entities": []}
    for body in ({"tokens": [""]}, {"tokens": ["a"], "text": "a"}, {"tokens": "a b"}):
        assert client.post("/predict", json=body).status_code == 422


@pytest.mark.parametrize("charset, encoding", [("utf-16", "utf-16"), ("ISO-8859-1", "latin-1"), ("utf-8", "utf-8-sig")])
def test_a_charset_is_decoded(client, charset, encoding):
    text = "Zoë left Köln"
    expected = client.post("/predict", json={"text": text}).json()
    sent = client.post("/invocations", content=text.encode(encoding),
                       headers={"content-type": f"text/plain; charset={charset}"})
    assert sent.json() == expected


def test_bodies_that_cannot_be_read_are_refused_with_their_reason(client):
    unknown = client.post("/invocations", content=b"a", headers={"content-type": "text/plain; charset=klingon"})
    assert unknown.status_code == 415 and "expected a known charset, found klingon" in unknown.json()["error"]
    wrong = client.post("/invocations", content=b"\xff", headers={"content-type": "text/plain; charset=utf-8"})
    assert wrong.status_code == 422 and "found byte 0xff" in wrong.json()["error"]
    packed = client.post("/predict", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert packed.status_code == 415 and "without content-encoding, found gzip" in packed.json()["error"]
    bare = client.build_request("POST", "/predict", content=b'{"text": "Ada left"}')
    bare.headers.pop("content-type", None)
    assert client.send(bare).status_code == 200


def test_health_routes_answer_head(client):
    for path in ("/health", "/ready", "/ping"):
        response = client.head(path)
        assert response.status_code == 200 and not response.content


def test_health_is_answered_when_there_are_too_many_requests(tagger):
    app = create_app(tagger, Limits(connections=1))
    with local_client(app) as client:
        guards = app.middleware_stack
        while not hasattr(guards, "_active"):
            guards = guards.app
        guards._active = 1
        refused = client.post("/predict", json={"text": "a"})
        assert refused.status_code == 503 and refused.json()["limit"] == "connections"
        assert client.get("/health").status_code == 200
        guards._active = 0
        assert client.post("/predict", json={"text": "a"}).status_code == 200


def test_the_page_shows_examples_of_the_bundles_own_corpus(tagger, monkeypatch):
    monkeypatch.setitem(tagger.card, "examples", ["Zoë <left> Köln."])
    with local_client(create_app(tagger)) as client:
        assert "Zoë &lt;left&gt; Köln." in client.get("/").text
        body = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
        schema = body["content"]["application/json"]["schema"]
        assert {"tokens": ["Ada", "left", "Rome", "."]} in schema["examples"]


def test_an_entity_is_explained(client, tagger):
    text = "Hello there. " + TEXT
    entity = tagger.predict(text)[0]
    asked = {"text": text, "start": entity.start, "end": entity.end, "label": entity.label}
    found = client.post("/explain", json=asked).json()
    assert [text[start:end] for start, end in found["offsets"]] == found["tokens"]
    explained, = found["entities"]
    assert {key: explained[key] for key in ("start", "end", "label")} == {key: asked[key] for key in (
        "start", "end", "label")}
    assert explained["score"] == pytest.approx(entity.score, abs=1e-4)
    assert len(explained["words"]) == len(found["tokens"])
    sentence, = explain_text(tagger, text, target=(entity.start, entity.end, entity.label))
    assert explained["words"] == pytest.approx(sentence["entities"][0]["words"], abs=1e-2)


@pytest.mark.parametrize("change, status, problem", [
    ({"start": 1}, 422, "the borders of tokens"), ({"end": 60}, 422, "within one sentence"),
    ({"label": "é"}, 422, "one of the types"), ({"start": -1}, 422, "body.start"), ({"text": 3}, 422, "body.text"),
    ({"more": 1}, 422, "body.more"), ({"text": "\ud800"}, 422, "lone surrogate"),
    ({"end": 10**9}, 422, "one sentence")])
def test_what_cannot_be_explained_is_refused(change, status, problem, client, tagger):
    asked = {"text": TEXT, "start": 0, "end": 3, "label": tagger.labels[0], **change}
    answer = client.post("/explain", content=json.dumps(asked), headers={"content-type": "application/json"})
    assert answer.status_code == status and problem in answer.json()["error"]


def test_long_sentences_and_a_second_explanation_are_refused(tagger, monkeypatch):
    asked = {"text": TEXT, "start": 0, "end": 3, "label": tagger.labels[0]}
    with local_client(create_app(tagger, Limits(explained_tokens=5))) as client:
        refused = client.post("/explain", json=asked)
        assert refused.status_code == 422 and refused.json()["limit"] == "explained_tokens"
    waiting, going_on = threading.Event(), threading.Event()

    def slow(*arguments):
        waiting.set()
        going_on.wait(20)
        return explain_text(*arguments)

    monkeypatch.setattr("ner_mx.serving.service.explain_text", slow)
    with local_client(create_app(tagger, Limits(seconds=1.0))) as client:
        answers = []
        first = threading.Thread(target=lambda: answers.append(client.post("/explain", json=asked)))
        first.start()
        assert waiting.wait(20)
        assert client.post("/explain", json=asked).status_code == 429
        first.join()
        assert answers[0].status_code == 503 and "too long" in answers[0].json()["error"]
        going_on.set()
        for _ in range(200):  # the thread ends, and the next explanation begins
            answer = client.post("/explain", json=asked)
            if answer.status_code != 429:
                break
            time.sleep(0.02)
        assert answer.status_code == 200
