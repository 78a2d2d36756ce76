"""The penalty on O: what it chooses, that it helps where F1 needs recall, and that probabilities stay as they are."""

import numpy as np
import pytest
from random_networks import build, some_sentences

import ner_mx
from ner_mx.config import Decoding
from ner_mx.data.spans import spans_of
from ner_mx.decoding.decoder import Decoder
from ner_mx.evaluation import decision
from ner_mx.evaluation.decision import PENALTIES, best_outside_penalty
from ner_mx.features.batch import Batch
from ner_mx.inference.bundle import write_bundle
from ner_mx.inference.ensemble import Ensemble
from ner_mx.inference.exporting import bundle_of
from ner_mx.training import run_results
from ner_mx.training.run_folder import read_decision

TAGS = ["O", "U-PER"]


class Scorer:
    """Scores of single-token sentences: one number each, of U-PER against O."""

    def __init__(self, odds):
        self.odds = np.asarray(odds, np.float32)

    def decoder(self):
        return Decoder(TAGS, Decoding())


def penalty_of(odds, gold, monkeypatch):
    scorer = Scorer(odds)
    batch = Batch(np.arange(len(odds)), np.ones(len(odds), np.int32), {})
    emissions = np.stack([np.zeros(len(odds), np.float32), scorer.odds], axis=1)[None]  # (1, N, 2)
    monkeypatch.setattr(decision, "scored_batches", lambda *_: iter([(batch, emissions)]))
    named = [["B-PER" if is_entity else "O"] for is_entity in gold]
    return best_outside_penalty(scorer, None, named, 100, lambda _, ids: [
        ["O" if tags[0] == 0 else "B-PER"] for tags in ids])


def test_the_penalty_is_half_of_the_best_f1_as_odds(monkeypatch):
    """Lipton et al. 2014: with calibrated probabilities the best threshold is half of the F1 that it reaches."""
    random = np.random.RandomState(1)
    odds = random.normal(-1.5, 1.2, size=40000)
    gold = random.random_sample(len(odds)) < 1 / (1 + np.exp(-odds))
    penalty = penalty_of(odds, gold, monkeypatch)
    predicted = odds + penalty > 0
    f1 = 2 * (predicted & gold).sum() / (predicted.sum() + gold.sum())
    assert penalty == pytest.approx(np.log((1 - f1 / 2) / (f1 / 2)), abs=0.3)
    plain = odds > 0
    assert f1 > 2 * (plain & gold).sum() / (plain.sum() + gold.sum()) + 0.05


def test_no_penalty_where_none_helps(monkeypatch):
    odds = np.where(np.arange(200) % 3 == 0, 9.0, -9.0)
    assert penalty_of(odds, odds > 0, monkeypatch) == 0.0
    assert penalty_of(odds, np.zeros(200, bool), monkeypatch) == 0.0
    assert penalty_of(odds[:1], odds[:1] > 0, monkeypatch) == 0.0


def test_a_penalty_that_helps_one_half_and_harms_the_other_is_not_taken(monkeypatch):
    """Every other sentence has an entity that only a penalty finds; the others have none there."""
    odds = np.full(200, -1.0)
    odds[:40] = 5.0
    gold = (np.arange(200) % 2 == 0) | (odds > 0)
    assert penalty_of(odds, gold, monkeypatch) == 0.0


def test_too_many_entities_have_a_negative_penalty(monkeypatch):
    random = np.random.RandomState(2)
    odds = np.where(random.random_sample(2000) < 0.5, random.normal(3, 0.3, 2000), random.normal(1.0, 0.3, 2000))
    assert penalty_of(odds, odds > 2.2, monkeypatch) < -1


@pytest.mark.parametrize("changes", [{}, {"loss.name": "sentence"}])
def test_a_penalty_changes_the_tags_and_no_probability(changes):
    """Against emissions that are changed by hand, and the lattice of those that are not."""
    recognizer, _ = build(changes)
    scorer = recognizer.scorer
    sentences = [sentence.tokens for sentence in some_sentences(30, seed=4)]
    plain = [sentence.copy() for sentence in recognizer.marginals_batch(sentences)]
    before = recognizer.tag_batch(sentences)
    emissions, column = scorer.emissions, recognizer.encoder.tags.index("O")
    scorer.emissions = lambda batch: emissions(batch) - 3 * (np.arange(len(recognizer.encoder.tags)) == column)
    expected = [[entry.span for entry in entities] for entities in recognizer.tag_batch(sentences)]
    scorer.emissions = emissions
    scorer.decoding = scorer.decoding.model_copy(update={"outside_penalty": 3.0})
    found = recognizer.tag_batch(sentences)
    assert [[entry.span for entry in entities] for entities in found] == expected
    assert expected != [[entry.span for entry in entities] for entities in before]
    for one, other in zip(recognizer.marginals_batch(sentences), plain):
        np.testing.assert_array_equal(one, other)
    both = [(dict(now), dict(then)) for now, then in zip(found, before)]
    shared = [(now[span], then[span]) for now, then in both for span in now.keys() & then.keys()]
    assert shared and all(one == pytest.approx(other, abs=1e-6) for one, other in shared)


def test_a_bundle_decides_as_the_run_does():
    recognizer, config = build()
    recognizer.scorer.decoding = config.decoding.model_copy(update={"outside_penalty": 2.0})
    bundle = bundle_of(recognizer, config, {"data": {}, "seed": 1})
    assert bundle.config.decoding.outside_penalty == 2.0
    tokens = ["Ada", "said", "Bert", "of", "Florence"]
    tagger = ner_mx.inference.Tagger.of_bundle(bundle, threads=1)
    assert [entry.span for entry in tagger.tag(tokens)] == [
        entry.span for entry in recognizer.tag_batch([tokens])[0]]


def test_an_ensemble_decides_by_the_mean_of_its_members(tmp_path):
    """One member with twice the penalty and one without are two with the penalty."""
    recognizer, config = build()
    bundles = {}
    for penalty in (0.0, 1.5, 3.0):
        recognizer.scorer.decoding = config.decoding.model_copy(update={"outside_penalty": penalty})
        bundles[penalty] = tmp_path / str(penalty)
        write_bundle(bundle_of(recognizer, config, {"data": {}, "seed": 1}), bundles[penalty])
    sentences = [sentence.tokens for sentence in some_sentences(20, seed=3)]
    tags = {penalties: Ensemble([bundles[penalty] for penalty in penalties]).tag_batch(sentences)
            for penalties in ((0.0, 3.0), (1.5,), (0.0,))}
    assert tags[0.0, 3.0] == tags[1.5,] != tags[0.0,]


def test_the_penalty_is_chosen_after_the_rules(short_sample, tmp_path, monkeypatch):
    """What is scored while penalties are tried has the entities that rules add."""
    (tmp_path / "rules.jsonl").write_text('{"label": "LOC", "pattern": "said"}\n')
    config = ner_mx.load_config(settings={
        "corpus.path": str(short_sample), "run.directory": str(tmp_path), "features.pos.use": False,
        "model.units": 8, "features.words.dimension": 8, "training.epochs": 1,
        "inference.rules": str(tmp_path / "rules.jsonl")})
    tried = {}

    def chosen(scorer, encoded, gold, size, named):
        tokens = encoded.tokens()
        place = next(index for index, words in enumerate(tokens) if "said" in words)
        outside = scorer.classes.index("O")
        tried["tags"] = named(np.array([place]), [np.full(len(tokens[place]), outside)])[0]
        tried["words"] = tokens[place]
        return 0.0

    monkeypatch.setattr(run_results, "best_outside_penalty", chosen)
    ner_mx.train(ner_mx.preprocess(config), name="ruled")
    assert tried["tags"] == ["B-LOC" if word == "said" else "O" for word in tried["words"]]


def test_a_run_chooses_on_dev_and_is_loaded_with_its_choice(short_sample, tmp_path):
    """On so little data, recall is what is missing; the figures of the run are those of the loaded one."""
    config = ner_mx.load_config(settings={
        "corpus.path": str(short_sample), "run.directory": str(tmp_path), "features.pos.use": False,
        "model.units": 16, "features.words.dimension": 16, "training.epochs": 4})
    run = ner_mx.train(ner_mx.preprocess(config), name="chosen")
    penalty = run.metrics["outside_penalty"]
    assert penalty in PENALTIES and read_decision(run.folder, config).outside_penalty == penalty != 0
    assert run.evaluate()["test"].micro.f1 == run.metrics["test"]["entity"]["micro"]["f1"]
    fixed = config.updated({"decoding.outside_penalty": 0.0})
    plain = ner_mx.train(ner_mx.preprocess(fixed), name="fixed")
    assert plain.metrics["outside_penalty"] == 0.0
    assert plain.metrics["dev"]["entity"]["micro"]["f1"] < run.metrics["dev"]["entity"]["micro"]["f1"]
    tags = [line.split()[2] for line in (run.folder / "predictions/dev.conll").read_text().splitlines() if line]
    assert len(spans_of(tags)) == run.metrics["dev"]["entity"]["micro"]["found"] > 0
