"""Preprocessing as a function: what it writes, counts and refuses."""

import json

import numpy as np
import pytest

from ner_mx.config import validate
from ner_mx.data.fixed_length import of_fixed_length
from ner_mx.data.sentence import Sentence, no_warnings
from ner_mx.errors import ConfigError, RunError
from ner_mx.preprocessing.pipeline import process, summary
from ner_mx.preprocessing.processed_corpus import is_current, read_processed
from ner_mx.preprocessing.source_files import changed_source

FILES = {"train": "Rome NNP B-LOC\nfell VBD O\n\nA DT O\nEU NNP I-ORG\n\nRome NNP B-LOC\nfell VBD O\n\n" * 10,
        "dev": "Oslo NNP B-LOC\nfell VBD O\n", "test": "Rome NNP B-LOC\nfell VBD O\n\nBo NNP B-PER\n"}


@pytest.fixture
def make(tmp_path):
    for name, text in FILES.items():
        (tmp_path / f"{name}.txt").write_text(text)

    def config(**changes):
        values = {"corpus": {"path": str(tmp_path), "processed": str(tmp_path / "out"), "name": "x",
                             "scheme": "IOB2", **changes.pop("corpus", {})}, **changes}
        return validate(values, "test")
    return config


def test_the_processed_corpus_is_read_as_it_was_written(make):
    config = make()
    written, read = process(config), read_processed(config)
    assert read.gold == written.gold == {
        "dev": [["B-LOC", "O"]], "test": [["B-LOC", "O"], ["B-PER"]]}
    for name in ("train", "dev", "test"):
        for key, array in written.splits[name].arrays().items():
            np.testing.assert_array_equal(read.splits[name].arrays()[key], array)
    assert read.encoder.tags == written.encoder.tags
    assert read.meta == json.loads(json.dumps(written.meta))


def test_counts_and_warnings(make):
    meta = process(make()).meta
    assert meta["counts"]["train"]["types"] == {"LOC": 20, "ORG": 10}
    assert meta["scheme"] == "IOB2"
    assert meta["features"]["words"]["unknown"] == {"dev": 0.5, "test": pytest.approx(1 / 3)}
    assert meta["duplicates"]["test in train"] == 1
    warnings = " ".join(meta["warnings"])
    assert "tags that break IOB2" in warnings and "I-ORG where IOB2 has B-ORG" in warnings
    assert "types that the training data lacks (PER)" in warnings
    text = summary(meta)
    assert "10 tags that break IOB2" in text and "33.33% of test" in text


def test_sentences_of_one_length(make):
    config = make(corpus={"cut": 1, "pad": 3})
    corpus, whole = process(config), process(make())
    assert corpus.gold == {"dev": [["B-LOC", "O", "O"]], "test": [["B-LOC", "O", "O"], ["B-PER", "O", "O"]]}
    assert corpus.splits["test"].tokens() == [["Rome", "[PAD]", "[PAD]"], ["Bo", "[PAD]", "[PAD]"]]
    assert set(corpus.splits["train"].lengths) == {3} and corpus.meta["counts"]["train"]["tokens"] == 90
    # What is left out and added is counted, and raw text is what it was.
    left_out = {reason.partition(",")[0]: count for reason, count in corpus.meta["warnings"].items()}
    assert left_out["tokens beyond corpus.cut"] == 30 + 1 + 1
    assert left_out["tokens that are no words"] == 2 * (30 + 1 + 2)
    assert corpus.texts == whole.texts and corpus.meta["raw_text"] == whole.meta["raw_text"]


def test_an_entity_is_cut_with_its_sentence():
    sentences = [Sentence(("a", "b", "c"), ("O", "B-X", "I-X"), ("D", "N", "N")), Sentence(("d",))]
    warnings = no_warnings()
    assert of_fixed_length(sentences, None, None, warnings) == sentences and not warnings
    cut, padded = of_fixed_length(sentences, 2, 2, warnings)
    assert cut == Sentence(("a", "b"), ("O", "B-X"), ("D", "N"))
    assert padded == Sentence(("d", "[PAD]"), ("O", "O"))
    assert [len(sentence.tokens) for sentence in of_fixed_length(sentences, None, 2, no_warnings())] == [3, 2]


def test_vectors_are_stored_by_word_with_their_coverage(make, tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("Rome 1 2\nfell 3 4\nNever 5 6\n")
    processed = process(make(features={"words": {"vectors": {"path": str(path)}}}))
    words = processed.encoder.feature("words").vocabulary
    matrix, known = (processed.pretrained["words"][name] for name in ("matrix", "known"))
    np.testing.assert_array_equal(matrix[words.id("rome")], [1, 2])
    np.testing.assert_array_equal(matrix[words.id("fell")], [3, 4])
    assert "never" in words and known[words.id("never")] and not known[words.id("a")]
    statistics = processed.meta["features"]["words"]
    assert statistics["with_vectors"] == 3
    assert statistics["coverage"]["test"] == {
        "exact": pytest.approx(2 / 3), "lower-cased": 0.0, "digits folded": 0.0,
        "missing": pytest.approx(1 / 3)}


def test_dev_is_in_the_vocabulary_when_it_is_trained_on(make):
    """Otherwise 2,184 words of CoNLL-2003's dev are trained on as unknown words."""
    def unknown(processed):
        return processed.meta["features"]["words"]["unknown"]["dev"]

    alone = process(make())
    both = process(make(training={"use_dev": True, "patience": None}))
    dev = [token for sentence in alone.splits["dev"].tokens() for token in sentence]
    assert any(word.lower() not in alone.encoder.feature("words").vocabulary for word in dev)
    assert all(word.lower() in both.encoder.feature("words").vocabulary for word in dev)
    assert unknown(both) == 0.0 < unknown(alone)
    with pytest.raises(RunError, match="training.use_dev: true against false now"):
        read_processed(make())


def test_vectors_of_another_dimension_are_refused(make, tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("Rome 1 2\nfell 3 4\n")
    with pytest.raises(ConfigError, match="expected 50-dimensional vectors, .* found 2-dimensional ones in .*v.txt"):
        process(make(features={"words": {"vectors": {"path": str(path)}, "dimension": 50}}))
    assert not (tmp_path / "out").exists()
    process(make(features={"words": {"vectors": {"path": str(path)}, "dimension": 2}}))


def test_a_folder_of_another_configuration_is_refused_by_key(make):
    process(make())
    with pytest.raises(RunError, match="features.digits: \"run\" against \"keep\" now"):
        read_processed(make(features={"digits": "keep"}))
    read_processed(make(training={"epochs": 1}))


def test_the_processed_corpus_is_read_without_the_path_of_its_sources(make, tmp_path):
    process(make())
    assert read_processed(make(corpus={"path": "elsewhere"})).meta["path"] == str(tmp_path)


def test_a_split_may_be_elsewhere(make, tmp_path):
    (tmp_path / "corpus").mkdir()
    for name in ("train.txt", "dev.txt"):
        (tmp_path / name).rename(tmp_path / "corpus" / name)
    path = tmp_path / "mine.txt"
    path.write_text("Oslo NNP B-LOC\n")
    config = make(corpus={"path": str(tmp_path / "corpus"), "test": str(path)})
    processed = process(config)
    assert processed.gold["test"] == [["B-LOC"]]
    assert set(processed.meta["sources"]) == {"train.txt", "dev.txt", "mine.txt"}
    assert is_current(config)
    path.write_text("Rome NNP B-LOC\n")
    assert not is_current(config) and changed_source(processed.meta["sources"], config) == "mine.txt"


def test_missing_and_damaged_folders_are_refused(make, tmp_path):
    config = make()
    with pytest.raises(RunError, match="expected a processed corpus, found nothing; preprocess the corpus"):
        read_processed(config)
    process(config)
    (tmp_path / "out/x/dev.npz").write_bytes(b"PK damage")
    with pytest.raises(RunError, match="dev.npz: expected numpy arrays, found a damaged file"):
        read_processed(config)
    (tmp_path / "out/x/meta.json").write_text("{")
    with pytest.raises(RunError, match="meta.json: expected JSON"):
        read_processed(config)


def test_a_corpus_without_pos_needs_the_feature_off(make, tmp_path):
    for name in FILES:
        (tmp_path / f"{name}.txt").write_text("Rome B-LOC\n")
    with pytest.raises(ConfigError, match="^features.pos.use: expected a corpus with POS tags, found sentences "
                                          "without in .*; set features.pos.use to false, or corpus.columns.pos$"):
        process(make(corpus={"columns": {"pos": None}}, features={"pos": {"use": True}}))
    decided = process(make(corpus={"columns": {"pos": None}}))
    assert decided.config.features.pos.use is False and read_processed(make(corpus={"columns": {"pos": None}})).encoder
    assert process(make(corpus={"columns": {"pos": None}}, features={"pos": {"use": False}}))


def test_a_failure_leaves_the_earlier_folder_as_it_was(make, tmp_path, monkeypatch):
    config = make()
    process(config)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out/x").iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ner_mx.preprocessing.processed_corpus.write_json", full)
    with pytest.raises(OSError, match="No space"):
        process(make(features={"digits": "keep"}))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out/x").iterdir()} == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x"]


def test_tags_of_other_types_are_refused_unless_they_are_read_as_o(make):
    with pytest.raises(ConfigError, match="corpus.types: expected only tags of LOC, found 'I-ORG' in train"):
        process(make(corpus={"types": ["LOC"]}))
    meta = process(make(corpus={"types": ["LOC"], "unknown_tags": "outside"})).meta
    assert meta["counts"]["train"]["types"] == {"LOC": 20}
    assert meta["warnings"]["tags 'I-ORG' in train, read as O"] == 10


@pytest.mark.corpus
def test_a_million_tokens_in_bounded_memory(run_command, shared, tmp_path):
    """GMB in less than 1.5 GB."""
    code = ("import resource, sys; sys.argv = ['preprocess.py', *sys.argv[1:]]\n"
            "try: exec(open('preprocess.py').read())\n"
            "finally:\n"
            "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)")
    done = run_command("-c", code, "--experiment", "gmb", "--set", f"corpus.processed={tmp_path}",
                       "--set", f"corpus.path={shared}/gmb/ner_dataset.csv")
    assert done.returncode == 0, done.stderr
    assert "105,378" in done.stdout
    assert float(done.stdout.splitlines()[-1]) < 1.5


@pytest.mark.parametrize("name", ["notes.txt", "vocab.json/notes.txt"])
def test_a_folder_of_something_else_is_not_replaced(make, tmp_path, name):
    place = tmp_path / "out/x" / name
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    (tmp_path / "out/x/meta.json").write_text("{}")
    with pytest.raises(RunError, match=f"expected a processed corpus or nothing, found {name.split('/')[0]}"):
        process(make())
    assert place.read_text() == "mine"


def test_vectors_that_cannot_be_scaled_are_refused(make, tmp_path):
    (tmp_path / "v.txt").write_text("Rome 1 1\nfell 1 1\n")
    with pytest.raises(ConfigError, match="features.words.vectors.scale: expected numbers that differ"):
        process(make(features={"words": {"vectors": {"path": str(tmp_path / "v.txt"), "scale": 0.1}}}))


def test_documents_that_are_not_marked_cannot_be_joined(make):
    with pytest.raises(ConfigError, match="corpus.documents.join: expected a corpus whose documents are marked"):
        process(make(corpus={"documents": {"join": True}}))


def test_the_sentences_of_a_document_are_joined(make, tmp_path):
    """Entities, raw text and counts of entities are what they were; documents are not joined to others."""
    text = ("-DOCSTART- -X- O\n\nRome NNP B-LOC\nfell VBD O\n\nNew NNP B-LOC\n\nYork NNP I-LOC\n\n"
            "-DOCSTART- -X- O\n\na DT O\n")
    (tmp_path / "test.txt").write_text(text)
    (tmp_path / "dev.txt").write_text("-DOCSTART- -X- O\n\n" + FILES["dev"] + "\n-DOCSTART- -X- O\n\n" + FILES["dev"])
    plain, joined = process(make()), process(make(corpus={"documents": {"join": True}}))
    assert joined.splits["test"].tokens() == [["Rome", "fell", "New", "York"], ["a"]]
    assert joined.gold["test"] == [["B-LOC", "O", "B-LOC", "B-LOC"], ["O"]]  # no entity goes over the border
    assert joined.texts == plain.texts and joined.meta["raw_text"] == plain.meta["raw_text"]
    assert joined.meta["counts"]["train"]["types"] == plain.meta["counts"]["train"]["types"]
    assert joined.meta["features"]["pos"]["size"] == plain.meta["features"]["pos"]["size"]
