"""The embedded corpus: made by its generator, and worth training on."""

import importlib.util

import pytest

from ner_mx.config import Config
from ner_mx.corpora.schemes import detect
from ner_mx.corpora.spans import spans_of
from ner_mx.corpora.splits import all_sentences, read_parts


@pytest.fixture(scope="module")
def parts(root):
    settings = Config().corpus
    settings.path = str(root / "data/sample")
    return read_parts(settings).parts


def names(sentences):
    return {(" ".join(sentence.tokens[span.start:span.end]), span.label)
            for sentence in sentences for span in spans_of(sentence.tags)}


def test_the_generator_writes_the_files_that_are_there(root, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("generate", root / "data/generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    monkeypatch.setattr(generate, "HERE", tmp_path)
    generate.main()
    for name in ("train", "dev", "test"):
        assert (tmp_path / f"{name}.txt").read_bytes() == (root / f"data/sample/{name}.txt").read_bytes()


def test_its_size_and_scheme(parts):
    assert [len(part) for part in parts.values()] == [2200, 400, 400]
    found = detect(all_sentences(parts))
    assert (found.scheme, found.repaired_tags) == ("IOB2", 0)
    assert {label for _, label in names(parts["train"])} == {"PER", "ORG", "LOC", "MISC"}


def test_most_names_of_the_test_set_are_new(parts):
    test, train = names(parts["test"]), names(parts["train"])
    assert len(test - train) / len(test) > 0.5


def test_names_are_ambiguous(parts):
    train = names(parts["train"])
    for name in ("Washington", "Jordan"):
        assert {label for text, label in train if text.split()[0] == name} >= {"PER", "LOC"}
    may = {(tag, sentence.pos[place]) for sentence in parts["train"]
           for place, (token, tag) in enumerate(zip(sentence.tokens, sentence.tags))
           if token in ("May", "may")}
    assert {"O"} < {tag for tag, _ in may} and len({pos for _, pos in may}) > 1


def test_entities_have_several_tokens_and_touch(parts):
    spans = [spans_of(sentence.tags) for sentence in parts["train"]]
    assert sum(span.end - span.start > 2 for one in spans for span in one) > 100
    assert sum(two.start == one.end for line in spans for one, two in zip(line, line[1:])) > 100
