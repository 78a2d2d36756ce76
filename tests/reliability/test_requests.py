"""Malformed requests: none is answered with a status of 500 or more, and the service goes on."""

import json

from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reliability.fuzzing import EDITS, edited
from reliability.malformed_requests import run, status_of

from ner_mx.serving.app import create_app
from ner_mx.serving.limits import Limits

BODIES = [json.dumps(value).encode() for value in (
    {"text": "Ada left Rome."}, {"texts": ["Ada left.", "日本"]}, {"tokens": ["Ada", "left", "."]})]
BODIES += [b"text=Ada+left&threshold=0.5&key=x", b'{"text": "a"}\n{"text": "b"}\n', "Ada left. 🙂".encode()]
TYPES = st.sampled_from(["application/json", "text/plain", "application/jsonlines", "application/x-www-form-urlencoded",
                         "application/json; charset=utf-16", "text/plain; charset=idna", "multipart/form-data"])


def test_malformed_requests_over_sockets(start):
    process, address = start()
    statuses, wrong = run(address)
    assert sum(statuses.values()) >= 500 and wrong == [] and process.poll() is None
    host, port = address.removeprefix("http://").split(":")
    assert status_of(host, int(port), b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n") == 200


def test_damaged_bodies_are_answered(tagger):
    app = create_app(tagger, Limits(seconds=60))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=True) as client:
        @settings(deadline=None, suppress_health_check=list(HealthCheck))
        @given(route=st.sampled_from(["/predict", "/invocations", "/"]), body=st.sampled_from(BODIES), edits=EDITS,
               content_type=TYPES)
        def check(route, body, edits, content_type):
            response = client.post(route, content=edited(body, edits), headers={"content-type": content_type})
            assert response.status_code < 500
            if route != "/" and response.status_code >= 400:
                assert response.json()["error"].isprintable()

        check()
