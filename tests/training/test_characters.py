"""Networks that read characters: the whole path, and what becomes of tokens."""

import numpy as np
import pytest

import ner_mx
from ner_mx.config import load_experiment
from ner_mx.data.splits import read_splits
from ner_mx.data.tag_schemes import convert_tags, tags_of
from ner_mx.errors import UserError
from ner_mx.evaluation.predictions import Predictions, read_predictions, write_predictions
from ner_mx.evaluation.scores import evaluate
from ner_mx.evaluation.word_scores import word_scores
from ner_mx.inference.ensemble import Ensemble


@pytest.fixture(scope="module")
def trained(tmp_path_factory, short_sample):
    folder = tmp_path_factory.mktemp("characters")
    config = load_experiment("conll2003-character-lstm", {
        "corpus.path": str(short_sample), "corpus.processed": str(folder / "data"),
        "run.directory": str(folder / "runs"), "corpus.columns.pos": None, "model.units": 32,
        "training.epochs": 6, "training.batch_size": 8, "training.optimizer.learning_rate": 0.01})
    return config, ner_mx.train(ner_mx.preprocess(config), seed=1)


def test_characters_are_the_tokens_of_the_network(trained):
    config, run = trained
    test = read_splits(config.corpus).splits["test"]
    read = read_predictions(run.folder / "predictions/test.conll")
    assert ["".join(characters) for characters in read.tokens] == ["_".join(sentence.tokens) for sentence in test]
    token = run.metrics["test"]["token"]
    pairs = [pair for gold, predicted in zip(read.gold, read.predicted) for pair in zip(gold, predicted)]
    assert token["count"] == len(pairs) and token["accuracy"] == pytest.approx(
        np.mean([gold == predicted for gold, predicted in pairs]))
    # Exactly the entities of the corpus, as spans of characters.
    assert run.metrics["test"]["entity"]["micro"]["gold"] == evaluate(
        [sentence.gold for sentence in test], [sentence.gold for sentence in test]).micro.gold


def test_tokens_get_the_tag_of_their_characters(trained, tmp_path):
    config, run = trained
    test = read_splits(config.corpus).splits["test"]
    tagger = ner_mx.load(run.export(tmp_path / "bundle"))
    tagged = [tags_of([scored.span for scored in tagger.tag(sentence.tokens)], len(sentence.tokens), "IOB2")
              for sentence in test]
    micro = evaluate([convert_tags(sentence.gold, "IOB2") for sentence in test], tagged).micro
    assert micro.correct > 5 and micro.f1 == pytest.approx(run.metrics["test"]["words"]["vote"]["f1"])
    assert run.metrics["test"]["words"]["first"]["f1"] != micro.f1
    text = " ".join(test[0].tokens)
    assert all(text[entity.start:entity.end] == entity.text for entity in tagger.predict(text))
    with pytest.raises(ValueError, match="not split at digits or into characters"):
        tagger.marginals(["Ada"])
    with pytest.raises(UserError, match="expected a network whose tokens have tags, found one that reads pieces"):
        Ensemble([tmp_path / "bundle"])
    long = [token for sentence in test for token in sentence.tokens][:700]
    assert all(scored.span.end <= 700 for scored in tagger.tag(long))


def test_scores_of_words_by_hand():
    characters = [list("Al B met")]
    gold = [["B-PER", "I-PER", "I-PER", "I-PER", "O", "O", "O", "O"]]
    predicted = [["O", "B-PER", "I-PER", "I-PER", "O", "O", "B-PER", "I-PER"]]
    # By vote, "Al" has one of two characters in the entity and "met" two of three; by first, only "B" begins in one.
    scores = word_scores(characters, gold, predicted)
    assert scores == {"vote": (1, 2, 0), "first": (1, 1, 0)}
    assert word_scores(characters, gold, gold) == {"vote": (1, 1, 1), "first": (1, 1, 1)}


def test_the_report_of_tags(tmp_path, call_command):
    gold, predicted = [["B-PER", "I-PER", "O", "O"], ["B-LOC"]], [["I-PER", "O", "O", "B-LOC"], ["B-PER"]]
    write_predictions(tmp_path / "p", Predictions([["x"] * 4, ["x"]], gold, predicted))
    done = call_command("-m", "ner_mx", "score", tmp_path / "p", "--by-tag")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["PER", "0.5000", "0.5000", "0.5000", "2"] in lines and ["O", "0.5000", "0.5000", "0.5000", "2"] in lines
    assert ["micro", "F1", "without", "O:", "0.3333"] in lines and ["macro", "F1", "without", "O:", "0.2500"] in lines
    table = lines.index(["O", "LOC", "PER"])
    assert lines[table + 1:table + 4] == [["O", "1", "1", "0"], ["LOC", "0", "0", "1"], ["PER", "1", "0", "1"]]
    assert any(line[:1] == ["processed"] for line in lines)
