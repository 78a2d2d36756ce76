"""The tagger and its bundles: exact places, one answer whatever the batch, damage told in a line."""

import hashlib
import json
import random
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import LEXICONS, build, some_sentences

from ner_mx.errors import BundleError
from ner_mx.runtime import Tagger
from ner_mx.runtime.bundle import read_bundle, write_bundle
from ner_mx.runtime.export import bundled

METRICS = {"data": {"train.txt": "0" * 64}, "seed": 1}


@pytest.fixture(scope="module")
def recogniser():
    return build(features__pos__use=True, features__lexicons=LEXICONS, loss__name="sentence")


@pytest.fixture(scope="module")
def folder(recogniser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "b"
    write_bundle(bundled(recogniser, METRICS), folder)
    return folder


@pytest.fixture(scope="module")
def tagger(folder):
    return Tagger.load(folder, threads=1)


def test_a_bundle_is_read_as_it_was_written(recogniser, folder):
    bundle, again = bundled(recogniser, METRICS), read_bundle(folder)
    assert again.model == bundle.model and again.pos_model == bundle.pos_model
    np.testing.assert_array_equal(again.transitions, bundle.transitions)
    assert again.config == bundle.config and again.card == bundle.card
    assert again.encoder.to_json() == bundle.encoder.to_json()
    sentences = some_sentences(30, seed=4)
    for name, values in bundle.encoder.encode(sentences).arrays().items():
        np.testing.assert_array_equal(values, again.encoder.encode(sentences).arrays()[name])


def places(entities):
    """What must be equal whatever the batch: all but the score, which rounding may touch."""
    return [entity[:4] for entity in entities]


TEXT = st.lists(st.one_of(st.text(max_size=30), st.sampled_from(
    ["Ada Bert ", "Florence", "\r\n\r\n", "🙂", "e\u0301", "\t", "\u200b", "\u200d", "’s", "1-", "U.S. "])),
    max_size=30).map("".join)


@settings(max_examples=200, deadline=None)
@given(text=TEXT)
def test_places_are_exact_for_any_text(tagger, text):
    entities = tagger.predict(text)
    for entity in entities:
        assert text[entity.start:entity.end] == entity.text and entity.text.strip() == entity.text != ""
        assert 0 <= entity.score <= 1 and entity.label in tagger.labels
    assert all(one.end <= two.start for one, two in zip(entities, entities[1:]))


@pytest.mark.parametrize("text", ["a" * 10**6, "🙂" * 250_000, "1-" * 500_000])
def test_a_megabyte_without_a_gap_is_no_trouble(tagger, text):
    for entity in tagger.predict(text):
        assert text[entity.start:entity.end] == entity.text


def test_the_answer_depends_on_nothing_but_the_text(tagger, folder):
    sentences = [sentence.tokens for sentence in some_sentences(200, seed=6, longest=60)]
    alone = [tagger.tag(tokens) for tokens in sentences]
    order = list(range(200))
    random.Random(1).shuffle(order)
    shuffled = tagger.tag_batch([sentences[number] for number in order])
    threaded = Tagger.load(folder, threads=2).tag_batch(sentences)
    for number, place in enumerate(order):
        for other in (shuffled[number], threaded[place]):
            assert [one.span for one in other] == [one.span for one in alone[place]]
            np.testing.assert_allclose([one.probability for one in other],
                                       [one.probability for one in alone[place]], atol=1e-5)


def test_threads_share_a_tagger(tagger):
    texts = [" ".join(sentence.tokens) for sentence in some_sentences(64, seed=7)]
    wanted = [tagger.predict(text) for text in texts]
    found = [None] * len(texts)

    def work(which):
        for number in range(which, len(texts), 4):
            found[number] = tagger.predict(texts[number])

    threads = [threading.Thread(target=work, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(map(places, found)) == list(map(places, wanted))


def test_a_stream_gives_what_single_texts_give(tagger):
    texts = [" ".join(sentence.tokens) for sentence in some_sentences(2000, seed=9)]
    texts[5] = ""
    pulled = []

    def source():
        for text in texts:
            pulled.append(text)
            yield text

    stream = tagger.stream(source())
    first = next(stream)
    assert places(first) == places(tagger.predict(texts[0])) and len(pulled) < len(texts)
    rest = list(stream)
    assert len(rest) == len(texts) - 1 and rest[4] == []
    assert list(map(places, rest[:50])) == [places(tagger.predict(text)) for text in texts[1:51]]


def test_odd_tokens(tagger):
    assert tagger.tag([]) == [] and tagger.tag_batch([]) == [] and tagger.predict("") == []
    assert tagger.tag_batch([[], ["Ada"], []])[0] == []
    with pytest.raises(ValueError, match="sentence 1: expected tokens of at least one character"):
        tagger.tag_batch([["Ada"], ["Bert", ""]])
    tagger.tag(["\ud800", "a b", "\n", "x" * 5000])
    # A million characters would be gigabytes of convolution; their first thousand tell enough.
    tagger.tag(["x" * 1_000_000, "left", "y" * 1_000_000])


def test_text_and_tokens_are_not_mistaken_for_each_other(tagger):
    for call in (lambda: tagger.tag("Jordan May"), lambda: tagger.tag_batch(["Jordan"]),
                 lambda: tagger.predict_batch("Jordan"), lambda: tagger.predict(["Jordan"])):
        with pytest.raises(TypeError, match="expected "):
            call()


def test_a_stream_of_empty_texts_is_answered_before_it_ends(tagger):
    pulled = 0

    def source():
        nonlocal pulled
        while True:
            pulled += 1
            yield ""

    assert next(tagger.stream(source())) == [] and pulled <= 1 << 16


def test_importing_and_loading_take_neither_mxnet_nor_the_libraries_of_training(folder, root):
    # Windows has no fcntl.
    code = (f"import sys, time; sys.modules['fcntl'] = None; start = time.perf_counter(); "
            f"from ner_mx.runtime import Tagger; tagger = Tagger.load({str(folder)!r}); "
            "tagger.predict('Ada left Florence.'); "
            "print(time.perf_counter() - start); "
            "print([name for name in ('mxnet', 'gluonnlp', 'onnx', 'pandas', 'sklearn', 'scipy', 'typer', "
            "'matplotlib', 'tqdm') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    seconds, names = done.stdout.splitlines()
    assert names == "[]"
    # Half a second on a quiet machine; the suite shares its cores.
    assert float(seconds) < 3


def rewritten(folder, tmp_path, name, change):
    """A copy of the bundle with one file changed and the manifest made to fit."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    content = change((copy / name).read_bytes())
    (copy / name).write_bytes(content)
    if name != "manifest.json":
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["files"][name] = hashlib.sha256(content).hexdigest()
        (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def edited(**values):
    return lambda content: json.dumps({**json.loads(content), **values}).encode()


@pytest.mark.parametrize("name, change, problem", [
    ("manifest.json", edited(format=2), "expected a bundle of format 1 or older, found 2; upgrade ner-mx"),
    ("manifest.json", edited(format="1"), "expected a manifest of format 1, found other keys"),
    ("manifest.json", edited(files={"../../etc/passwd": "0"}), "found other keys or values"),
    ("manifest.json", edited(files={"model.onnx": "0"}), "found no vocab.json"),
    ("manifest.json", edited(temperature=0), "found other keys or values"),
    ("manifest.json", lambda content: content[:50], "expected JSON, found damage"),
    ("manifest.json", lambda content: b"[" * 100_000, "expected JSON, found damage"),
    ("manifest.json", lambda content: b"[]", "found other keys or values"),
    ("model.onnx", lambda content: content[:-100], "networks that onnxruntime can run"),
    ("model.onnx", lambda content: b"", "networks that onnxruntime can run"),
    ("vocab.json", lambda content: b"{}", "files fit each other, found: vocab.json: expected words"),
    ("vocab.json", lambda content: content[:-9], "files fit each other"),
    ("config.yaml", lambda content: b"!!python/object/apply:os.system [id]", "fit each other, found: .*YAML"),
    ("config.yaml", lambda content: b"run: {nam: x}", "files fit each other, found: .*unknown key"),
    ("transitions.npz", lambda content: content[:40], "files fit each other, found: no numpy arrays"),
    ("lexicons.npz", lambda content: b"", "files fit each other, found: no numpy arrays"),
])
def test_a_bundle_that_is_none_is_one_line(folder, tmp_path, name, change, problem):
    with pytest.raises(BundleError, match=problem) as error:
        Tagger.load(rewritten(folder, tmp_path, name, change))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_damage_and_absence_are_one_line(folder, tmp_path):
    with pytest.raises(BundleError, match="expected a bundle, found no manifest.json"):
        Tagger.load(tmp_path)
    copy = rewritten(folder, tmp_path, "manifest.json", lambda content: content)
    content = bytearray((copy / "model.onnx").read_bytes())
    content[5000] ^= 1
    (copy / "model.onnx").write_bytes(content)
    with pytest.raises(BundleError, match="model.onnx: .*its SHA-256 differs"):
        Tagger.load(copy)
    (copy / "model.onnx").unlink()
    with pytest.raises(BundleError, match="model.onnx: expected a file of the bundle, found none"):
        Tagger.load(copy)
