"""The tagger and its bundles: exact offsets, results that do not depend on the batch, errors of one line."""

import hashlib
import json
import multiprocessing
import pickle
import random
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import build, lexicon_sources, some_sentences

from ner_mx.errors import BundleError
from ner_mx.inference import Tagger
from ner_mx.inference.bundle import read_bundle, write_bundle
from ner_mx.inference.exporting import bundle_of

METRICS = {"data": {"train.txt": "0" * 64}, "seed": 1}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A model with every feature, in memory."""
    sources = lexicon_sources(tmp_path_factory.mktemp("lexicons"))
    recognizer, config = build({"features.pos.use": True, "features.lexicons.sources": sources,
                                "loss.name": "sentence"})
    return bundle_of(recognizer, config, METRICS)


@pytest.fixture(scope="module")
def folder(bundle, tmp_path_factory):
    """The same model as a folder."""
    folder = tmp_path_factory.mktemp("bundle") / "b"
    write_bundle(bundle, folder)
    return folder


@pytest.fixture(scope="module")
def tagger(folder):
    return Tagger.load(folder, threads=1)


def test_a_bundle_is_read_as_it_was_written(bundle, folder):
    read = read_bundle(folder)
    assert read.graphs == bundle.graphs and set(read.graphs) == {"model", "model.words", "pos", "pos.words"}
    assert read.transitions.shape == (len(bundle.encoder.tags),) * 2
    np.testing.assert_array_equal(read.transitions, bundle.transitions)
    np.testing.assert_array_equal(read.start, bundle.start)
    assert read.temperature == bundle.temperature
    assert read.config == bundle.config and read.card == bundle.card
    assert read.encoder.to_json() == bundle.encoder.to_json()
    sentences = some_sentences(30, seed=4)
    arrays = bundle.encoder.encode(sentences).arrays()
    read_arrays = read.encoder.encode(sentences).arrays()
    assert list(arrays) == list(read_arrays) and {"token/pos", "token/lexicons"} < set(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, read_arrays[name])


def without_scores(entities):
    """What must be equal regardless of the batch: all but the score, which rounding may affect."""
    return [entity[:4] for entity in entities]


TEXT = st.lists(st.one_of(st.text(max_size=30), st.sampled_from(
    ["Ada Bert ", "Florence", "\r\n\r\n", "🙂", "e\u0301", "\t", "\u200b", "\u200d", "’s", "1-", "U.S. "])),
    max_size=30).map("".join)


@settings(max_examples=200, deadline=None)
@given(text=TEXT)
def test_offsets_are_exact_for_any_text(tagger, text):
    entities = tagger.predict(text)
    for entity in entities:
        assert text[entity.start:entity.end] == entity.text and entity.text.strip() == entity.text != ""
        assert 0 <= entity.score <= 1 and entity.label in tagger.labels
    assert all(entity.end <= following.start for entity, following in zip(entities, entities[1:]))


@pytest.mark.parametrize("text", ["a" * 10**6, "🙂" * 250_000, "1-" * 500_000])
def test_a_megabyte_without_a_space_is_tagged(tagger, text):
    for entity in tagger.predict(text):
        assert text[entity.start:entity.end] == entity.text


def test_results_do_not_depend_on_the_batch_the_order_or_the_threads(tagger, folder):
    sentences = [sentence.tokens for sentence in some_sentences(200, seed=6, longest=60)]
    alone = [tagger.tag(tokens) for tokens in sentences]
    order = list(range(200))
    random.Random(1).shuffle(order)
    shuffled = tagger.tag_batch([sentences[index] for index in order])
    threaded = Tagger.load(folder, threads=2).tag_batch(sentences)
    for position, index in enumerate(order):
        for other in (shuffled[position], threaded[index]):
            assert [scored.span for scored in other] == [scored.span for scored in alone[index]]
            np.testing.assert_allclose([scored.probability for scored in other],
                                       [scored.probability for scored in alone[index]], rtol=0, atol=1e-12)


def test_threads_share_a_tagger(tagger):
    texts = [" ".join(sentence.tokens) for sentence in some_sentences(64, seed=7)]
    expected = [tagger.predict(text) for text in texts]
    predicted = [None] * len(texts)

    def work(first):
        for index in range(first, len(texts), 4):
            predicted[index] = tagger.predict(texts[index])

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(map(without_scores, predicted)) == list(map(without_scores, expected))


def test_a_stream_gives_the_entities_of_each_text(tagger):
    texts = [" ".join(sentence.tokens) for sentence in some_sentences(2000, seed=9)]
    texts[5] = ""
    pulled = []

    def source():
        for text in texts:
            pulled.append(text)
            yield text

    stream = tagger.stream(source())
    first = next(stream)
    assert without_scores(first) == without_scores(tagger.predict(texts[0])) and len(pulled) < len(texts)
    rest = list(stream)
    assert len(rest) == len(texts) - 1 and rest[4] == []
    assert list(map(without_scores, rest[:50])) == [without_scores(tagger.predict(text)) for text in texts[1:51]]


def test_empty_and_unusual_tokens(tagger):
    assert tagger.tag([]) == [] and tagger.tag_batch([]) == [] and tagger.predict("") == []
    assert tagger.tag_batch([[], ["Ada"], []])[0] == []
    with pytest.raises(ValueError, match="sentence 1: expected tokens of at least one character"):
        tagger.tag_batch([["Ada"], ["Bert", ""]])
    tagger.tag(["\ud800", "a b", "\n", "x" * 5000])
    # A million characters would be gigabytes of convolution; the first thousand are read.
    tagger.tag(["x" * 1_000_000, "left", "y" * 1_000_000])


def test_text_in_place_of_tokens_is_an_error_and_the_reverse(tagger):
    for call in (lambda: tagger.tag("Jordan May"), lambda: tagger.tag_batch(["Jordan"]),
                 lambda: tagger.predict_batch("Jordan"), lambda: tagger.predict(["Jordan"]),
                 lambda: tagger.marginals("Jordan May")):
        with pytest.raises(TypeError, match="expected "):
            call()


def test_a_stream_of_empty_texts_gives_results_before_it_ends(tagger):
    pulled = 0

    def source():
        nonlocal pulled
        while True:
            pulled += 1
            yield ""

    assert next(tagger.stream(source())) == [] and pulled <= 1 << 16


def test_importing_and_loading_need_neither_mxnet_nor_the_libraries_of_training(folder, root):
    # Windows has no fcntl.
    code = (f"import sys; sys.modules['fcntl'] = None; "
            f"from ner_mx.inference import Tagger; tagger = Tagger.load({str(folder)!r}); "
            "tagger.predict('Ada left Florence.'); "
            "print([name for name in ('mxnet', 'gluonnlp', 'onnx', 'pandas', 'sklearn', 'scipy', 'typer', "
            "'matplotlib', 'tqdm') if name in sys.modules])")
    completed = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"


def rewritten(folder, tmp_path, name, change):
    """A copy of the bundle with one file changed, and its hash in the manifest."""
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
    ("manifest.json", edited(format=5), "expected a bundle of format 4, found 5; upgrade ner-mx"),
    ("manifest.json", edited(format=1), "expected a bundle of format 4, found 1; export its run again with this"),
    ("manifest.json", edited(format="2"), "expected a manifest of format 4, found other keys"),
    ("manifest.json", edited(files={"../../etc/passwd": "0"}), "found other keys or values"),
    ("manifest.json", edited(files={"model.onnx": "0"}), "found no vocab.json"),
    ("manifest.json", edited(temperature=0), "found other keys or values"),
    ("manifest.json", lambda content: content[:50], "expected JSON, found a damaged file"),
    ("manifest.json", lambda content: b"[" * 100_000, "expected JSON, found a damaged file"),
    ("manifest.json", lambda content: b"[]", "found other keys or values"),
    ("model.onnx", lambda content: content[:-100], "fit each other, found: model.onnx: a model that is truncated"),
    ("model.onnx", lambda content: b"", "files fit each other, found: model.onnx: operators of"),
    ("vocab.json", lambda content: b"{}", "files fit each other, found: vocab.json: expected the tags"),
    ("vocab.json", lambda content: content[:-9], "files fit each other"),
    ("config.yaml", lambda content: b"!!python/object/apply:os.system [id]",
     "a configuration that can be read, found: config.yaml:1: expected YAML"),
    ("config.yaml", lambda content: b"run: {nam: x}",
     "configuration that can be read, found: config.yaml: run: unknown key"),
    ("transitions.npz", lambda content: content[:40], "each other, found: transitions.npz without numpy arrays"),
    ("features.npz", lambda content: b"", "files fit each other, found: features.npz without numpy arrays"),
])
def test_an_invalid_bundle_is_an_error_of_one_line(folder, tmp_path, name, change, problem):
    with pytest.raises(BundleError, match=problem) as error:
        Tagger.load(rewritten(folder, tmp_path, name, change))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def without_file(folder, tmp_path, name):
    """A copy of the bundle without one file, and without its hash in the manifest."""
    files = json.loads((folder / "manifest.json").read_text())["files"]
    del files[name]
    return rewritten(folder, tmp_path, "manifest.json", edited(files=files))


@pytest.mark.parametrize("name, problem", [
    ("vocab.json", "expected model.onnx, vocab.json, config.yaml, found no vocab.json; export it again"),
    ("pos.onnx", "files fit each other, found: the model needs pos.onnx, but there is no such file; export it again"),
    ("features.npz", "files fit each other, found: expected the lexicons one, two, found nothing"),
    ("transitions.npz", "the model has learned transitions, but there is no transitions.npz; export it"),
])
def test_a_bundle_without_a_file_that_its_configuration_needs(folder, tmp_path, name, problem):
    with pytest.raises(BundleError, match=problem) as error:
        Tagger.load(without_file(folder, tmp_path, name))
    assert "\n" not in str(error.value)


def test_a_bundle_of_other_lexicons(bundle, folder, tmp_path):
    config = bundle.config.model_dump(mode="json")
    config["features"]["lexicons"]["sources"]["three"] = config["features"]["lexicons"]["sources"].pop("two")
    copy = rewritten(folder, tmp_path, "config.yaml", lambda content: json.dumps(config).encode())
    with pytest.raises(BundleError, match="expected the lexicons one, three, found one, two"):
        Tagger.load(copy)


def test_a_damaged_or_missing_file_is_an_error_of_one_line(folder, tmp_path):
    with pytest.raises(BundleError, match="expected a bundle, found no manifest.json"):
        Tagger.load(tmp_path)
    copy = rewritten(folder, tmp_path, "manifest.json", lambda content: content)
    content = bytearray((copy / "model.onnx").read_bytes())
    content[5000] ^= 1
    (copy / "model.onnx").write_bytes(content)
    with pytest.raises(BundleError, match="model.onnx: .*its SHA-256 differs"):
        Tagger.load(copy)
    (copy / "model.onnx").unlink()
    with pytest.raises(BundleError, match="model.onnx: expected a file of the bundle, found nothing"):
        Tagger.load(copy)


TEXTS = ["Ada met Bob. Rome fell.", "", "Nobody came"]


@pytest.mark.parametrize("given", [
    lambda texts: (text for text in texts), iter, tuple, lambda texts: dict.fromkeys(texts).keys(),
    lambda texts: map(str, texts)])
def test_everything_iterable_is_tagged(tagger, given):
    assert tagger.predict_batch(given(TEXTS)) == tagger.predict_batch(TEXTS)
    assert list(tagger.stream(given(TEXTS))) == tagger.predict_batch(TEXTS)
    tokens = [["Ada", "left"], ["Rome"]]
    assert tagger.tag_batch(iter(sentence) for sentence in tokens) == tagger.tag_batch(tokens)
    assert tagger.tag(iter(tokens[0])) == tagger.tag(tokens[0])
    assert (tagger.marginals(iter(tokens[0])) == tagger.marginals(tokens[0])).all()


@pytest.mark.parametrize("method, value, found", [
    ("predict", None, "None"), ("predict", ["a"], "a list"), ("predict", b"a", "bytes"),
    ("predict_batch", "a", "a string"),
    ("predict_batch", {"a": 1}, "a dict"), ("predict_batch", 3, "an int"), ("predict_batch", [None], "None"),
    ("predict_batch", [["a"]], "a list"), ("tag", "a b", "a string"), ("tag", [["a"]], "a list"), ("tag", None, "None"),
    ("tag", ["a", None], "None"), ("tag", {"a": 1}, "a dict"), ("tag_batch", "ab", "a string"),
    ("tag_batch", [3], "an int"),
    ("tag_batch", ["ab"], "a string"), ("marginals", [1], "an int"), ("tag", [b"a"], "bytes")])
def test_a_wrong_type_is_a_type_error_that_says_what_was_given(tagger, method, value, found):
    with pytest.raises(TypeError, match=f"found {found}"):
        getattr(tagger, method)(value)


def test_a_string_is_no_stream(tagger):
    with pytest.raises(TypeError, match="expected several texts, found a string"):
        list(tagger.stream("Ada left"))


def test_a_tagger_is_pickled_as_its_bundle(folder):
    tagger = Tagger.load(folder, threads=2)
    restored = pickle.loads(pickle.dumps(tagger))
    assert restored.predict_batch(TEXTS) == tagger.predict_batch(TEXTS) and restored.card == tagger.card


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_process_tags_after_its_parent_did(folder, method):
    """A thread pool does not survive a fork: a child that used its parent's would wait for ever."""
    tagger = Tagger.load(folder, threads=2)
    expected = tagger.predict_batch(TEXTS * 40)
    context = multiprocessing.get_context(method)
    # Joined, and not terminated as at the end of a with: a signal may come while a destructor runs, which ignores it.
    pool = context.Pool(1)
    found = pool.apply_async(tagger.predict_batch, (TEXTS * 40,)).get(timeout=120)
    pool.close()
    pool.join()
    assert found == expected


def test_a_long_sentence_is_tagged_in_batches_of_bounded_size(tagger, monkeypatch):
    from ner_mx.decoding.scoring import TOKENS

    sizes = []
    emissions = tagger.recognizer.scorer.emissions
    monkeypatch.setattr(tagger.recognizer.scorer, "emissions", lambda batch: sizes.append(
        batch["word_vectors"][:, :, 0].size) or emissions(batch))
    tagger.predict("Ada and Bob " * 5000)
    assert len(sizes) > 3 and max(sizes) <= TOKENS


def test_likely_spans_hold_what_is_tagged_and_more(tagger):
    sentences = [list(sentence.tokens) for sentence in some_sentences(20, seed=8)]
    for tokens, found in zip(sentences, tagger.tag_batch(sentences)):
        likely = dict(tagger.likely_spans(tokens, 1e-6))
        assert [likely[span] for span, _ in found] == pytest.approx([score for _, score in found], abs=1e-9)
        marginals = tagger.marginals(tokens)
        # No token is inside entities with a higher probability than it has in all tags but O.
        inside = np.zeros(len(tokens))
        for span, probability in likely.items():
            inside[span.start:span.end] += probability
        assert (inside <= 1 - marginals[:, tagger.tags.index("O")] + 1e-6).all()
    assert len(likely) > len(found)


def test_likely_spans_across_windows_are_those_of_the_parts(tagger):
    tokens = list(some_sentences(1, seed=2, longest=2)[0].tokens) * 700
    spans = tagger.likely_spans(tokens, 0.05)
    assert len(tokens) > 512 and spans == sorted(spans) and len({span for span, _ in spans}) == len(spans)
    tagged = {span for span, score in tagger.tag(tokens) if score > 0.06}
    assert tagged <= {span for span, _ in spans}


def test_readings(tagger):
    tokens = list(some_sentences(3, seed=5)[0].tokens)
    readings = tagger.readings(tokens, 4)
    assert readings[0].spans == tuple(span for span, _ in tagger.tag(tokens))
    assert [reading.probability for reading in readings] == sorted(
        (reading.probability for reading in readings), reverse=True) and len({one.spans for one in readings}) == 4
    assert tagger.readings([], 3) == [((), 1.0)]
    with pytest.raises(ValueError, match="at most 512 tokens"):
        tagger.readings(["a"] * 513, 2)
    for wrong in (0, 1.5, -1):
        with pytest.raises(ValueError, match="a probability above 0"):
            tagger.likely_spans(tokens, wrong)


def test_the_commands_print_what_the_tagger_finds(folder, tagger, call_command):
    text = "Ada said Bert. The bank of Florence!"
    done = call_command("-m", "ner_mx", "predict", folder, text, "--all-spans", "0.01")
    found, = tagger.predict_likely([text], 0.01)
    assert done.returncode == 0, done.stderr
    assert [entity["start"] for entity in json.loads(done.stdout)["entities"]] == [entity.start for entity in found]
    done = call_command("-m", "ner_mx", "predict", folder, text, "--n-best", 3)
    sentences = json.loads(done.stdout)["sentences"]
    assert [len(readings) for readings in sentences] == [3, 3]
    assert sentences[1][0]["entities"] == [
        {**entity._asdict(), "score": sentences[1][0]["probability"]} for entity in tagger.predict(text)
        if entity.start > 14]
    for wrong in (["--all-spans", "0"], ["--all-spans", "0.1", "--n-best", "2"], ["--n-best", "2", "--format", "conll"],
                  ["--all-spans", "0.5", "--min-score", "0.5"]):
        done = call_command("-m", "ner_mx", "predict", folder, text, *wrong)
        assert done.returncode == 2 and "expected" in done.stderr
