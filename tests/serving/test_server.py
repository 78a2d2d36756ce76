"""The service as a process: fuzzed, stopped, and its page in a real browser."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests
from hypothesis import HealthCheck, given, settings

from ner_mx.errors import UserError
from ner_mx.serving.server import _listening_socket

HOSTILE = ('<script>document.title="owned"</script> Ada Bert said <img src=x onerror="document.title=1"> '
           "Florence 🙂 EU.")


@pytest.mark.filterwarnings("default")
def test_no_request_that_the_schema_generates_gives_a_server_error(start):
    import schemathesis

    _, address = start()
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 8
    statuses = set()
    for operation in operations:
        for mode in schemathesis.GenerationMode:
            @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case):
                response = case.call()
                statuses.add(response.status_code)
                assert response.status_code < 500, response.content

            try:
                check()
            except Exception as error:
                # A request without parameters has no invalid form.
                if type(error).__name__ != "Unsatisfiable":
                    raise
    assert {200, 422} <= statuses
    assert requests.get(f"{address}/ready").status_code == 200


def test_stopping_finishes_accepted_requests(start, tagger):
    process, address = start()
    text = "Ada Bert said the bank of Florence. " * 800
    expected = len(tagger.predict(text))
    responses = []

    def send():
        responses.append(requests.post(f"{address}/predict", json={"texts": [text] * 5}, timeout=60))

    clients = [threading.Thread(target=send) for _ in range(4)]
    for client in clients:
        client.start()
    while 'path="/predict"' not in (metrics := requests.get(f"{address}/metrics", timeout=60).text) \
            and "ner_mx_queue_characters 0.0" in metrics:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join()
    assert [response.status_code for response in responses] == [200] * 4
    for response in responses:
        assert [len(result["entities"]) for result in response.json()["results"]] == [expected] * 5
    assert process.wait(30) == 0 and "stopped" in process.stderr.read()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address}/health")


def test_the_service_listens_on_this_machine_only(start):
    _, address = start()
    assert address.startswith("http://127.0.0.1:")
    port = int(address.rsplit(":", 1)[1])
    # The whole of 127.0.0.0/8 is this machine: a service on every address would answer here, too.
    with socket.socket() as other, pytest.raises(OSError):
        other.settimeout(5)
        other.connect(("127.0.0.2", port))


def test_what_cannot_be_served_is_an_error_of_one_line(start, bundle, root, tmp_path):
    _, address = start()
    port = address.rsplit(":", 1)[1]
    for arguments, problem in (([bundle, "--port", port], "expected an address to listen on"),
                               ([tmp_path], "expected a bundle, found no manifest.json"),
                               ([bundle, "--host", "no.such.host.invalid", "--port", "0"],
                                "expected an address to listen on"),
                               ([bundle, "--host", ""],
                                "error: host: expected an address to listen on, found an empty one"),
                               ([bundle, "--texts", "0"], "--texts: Input should be greater than")):
        done = subprocess.run([sys.executable, "-m", "ner_mx", "serve", *map(str, arguments)], cwd=root,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and problem in done.stderr and len(done.stderr.splitlines()) == 1


def test_an_empty_api_key_is_an_error(bundle, root):
    done = subprocess.run([sys.executable, "-m", "ner_mx", "serve", str(bundle), "--port", "0"], timeout=60,
                          cwd=root, env={**os.environ, "NER_MX_API_KEY": ""}, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: NER_MX_API_KEY: expected a key")


def test_the_page_with_javascript(start, browser, tagger, tmp_path):
    _, address = start()
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    problems, external = [], []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: external.append(request.url)
            if not request.url.startswith(address) else None)
    page.goto(address)
    # With the keyboard only: go to the field, type, submit.
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.id") != "text":
        page.keyboard.press("Tab")
    page.keyboard.insert_text(HOSTILE)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#result p.text")
    entities = tagger.predict(HOSTILE)
    assert entities and page.locator("#result mark").count() == len(entities)
    assert page.title() == "ner_mx: entities in text"
    assert page.evaluate("document.querySelector('#result p').textContent").startswith("<script>")
    marked = page.evaluate("[...document.querySelectorAll('#result mark')].map(mark => mark.firstChild.data)")
    assert marked == [entity.text for entity in entities]
    page.locator("#result mark").nth(0).press("Enter")
    page.locator("#why span.own").first.wait_for()
    assert page.inner_text("#why h2") == f"Why {entities[0].text} is {entities[0].label}"
    page.click("#copy")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["text"] == HOSTILE and len(copied["entities"]) == len(entities)
    page.focus("#threshold")
    page.keyboard.press("End")
    assert page.inner_text("#count") == f"0 of {len(entities)} entities"
    assert page.locator("#result mark.below").count() == len(entities)
    page.click(".example >> nth=0")
    page.locator("#result p").filter(has_not_text="<script>").wait_for()
    assert not problems and not external


def test_the_page_without_javascript(start, browser, tagger):
    _, address = start()
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    page.fill("#text", HOSTILE)
    page.click("button[type=submit]")
    assert page.locator("#result mark").count() == len(tagger.predict(HOSTILE))
    assert page.input_value("#text") == HOSTILE and page.title() == "ner_mx: entities in text"


def test_names_and_addresses_to_listen_on():
    for host in ("localhost", "127.0.0.1"):
        with _listening_socket(host, 0) as listening:
            assert listening.getsockname()[0] == "127.0.0.1"
    with pytest.raises(UserError, match="nowhere.invalid:0: expected an address to listen on, found"):
        _listening_socket("nowhere.invalid", 0)


def test_a_name_with_an_address_of_ipv6_alone(monkeypatch):
    def only_six(host, port, **options):
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", only_six)
    try:
        listening = _listening_socket("six", 0)
    except UserError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with listening:
        assert listening.getsockname()[0] == "::1"


def test_behind_a_path_of_a_proxy(start):
    _, address = start("--root-path", "/ner")
    assert requests.get(f"{address}/openapi.json").json()["servers"] == [{"url": "/ner"}]
    assert requests.get(f"{address}/health").status_code == 200
