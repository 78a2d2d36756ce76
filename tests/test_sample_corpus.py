"""The embedded corpus: it is what its generator writes, and hard enough to train on."""

import importlib.util

import pytest

from ner_mx.config import Config
from ner_mx.data.spans import spans_of
from ner_mx.data.splits import all_sentences, read_splits
from ner_mx.data.tag_schemes import detect_scheme


@pytest.fixture(scope="module")
def splits(root):
    return read_splits(Config().updated({"corpus.path": str(root / "data/sample")}).corpus).splits


def names(sentences):
    return {(" ".join(sentence.tokens[span.start:span.end]), span.label)
            for sentence in sentences for span in spans_of(sentence.tags)}


def test_the_generator_writes_the_files_of_the_repository(root, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("generate", root / "data/generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    monkeypatch.setattr(generate, "HERE", tmp_path)
    generate.main()
    for name in ("train", "dev", "test"):
        assert (tmp_path / f"{name}.txt").read_bytes() == (root / f"data/sample/{name}.txt").read_bytes()


def test_its_size_and_scheme(splits):
    assert [len(sentences) for sentences in splits.values()] == [2200, 400, 400]
    detected = detect_scheme(all_sentences(splits))
    assert (detected.scheme, detected.repaired_tags) == ("IOB2", 0)
    assert {label for _, label in names(splits["train"])} == {"PER", "ORG", "LOC", "MISC"}


def test_most_names_of_the_test_set_are_new(splits):
    test, train = names(splits["test"]), names(splits["train"])
    assert len(test - train) / len(test) > 0.5


def test_names_are_ambiguous(splits):
    train = names(splits["train"])
    for name in ("Washington", "Jordan"):
        assert {label for text, label in train if text.split()[0] == name} >= {"PER", "LOC"}
    may = {(tag, sentence.pos[index]) for sentence in splits["train"]
           for index, (token, tag) in enumerate(zip(sentence.tokens, sentence.tags))
           if token in ("May", "may")}
    assert {"O"} < {tag for tag, _ in may} and len({pos for _, pos in may}) > 1


def test_many_entities_are_long_or_adjacent(splits):
    spans = [spans_of(sentence.tags) for sentence in splits["train"]]
    assert sum(span.end - span.start > 2 for sentence in spans for span in sentence) > 100
    assert sum(following.start == span.end for sentence in spans
               for span, following in zip(sentence, sentence[1:])) > 100
