"""Training that starts from a trained network: the same answers at first, new words and types, old ones kept."""

import json

import numpy as np
import pytest

import ner_mx
from ner_mx.compat import mx
from ner_mx.config import Config
from ner_mx.data.formats.conll import Conll
from ner_mx.data.reading import read
from ner_mx.data.tag_schemes import limit_types
from ner_mx.decoding.scoring import scored_batches
from ner_mx.errors import ConfigError, RunError
from ner_mx.evaluation.scores import evaluate
from ner_mx.inference.comparison import compare
from ner_mx.preprocessing.processed_corpus import read_processed
from ner_mx.training.callbacks import Callback
from ner_mx.training.fitting import build_model
from ner_mx.training.interrupts import Stopped
from ner_mx.training.run_evaluation import load_recognizer
from ner_mx.training.starting_point import starting_point
from ner_mx.training.task import entity_task

NEW_WORDS = ("Zürich", "Ωmega", "xylo")


def written(folder, source, types, rename=()):
    """A corpus with some types of another one, and other words in the place of some of its own."""
    folder.mkdir()
    renamed = dict(rename)
    for name in ("train", "dev", "test"):
        sentences, _ = limit_types(read(source / f"{name}.txt", Config().corpus).sentences, types)
        Conll().write([one._replace(tokens=tuple(renamed.get(word, word) for word in one.tokens))
                       for one in sentences], folder / f"{name}.txt")
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory, short_sample):
    """The sample with people and places alone, and with organizations alone and new words."""
    folder = tmp_path_factory.mktemp("growing")
    first = written(folder / "first", short_sample, ["PER", "LOC"])
    second = written(folder / "second", short_sample, ["ORG"], [("said", "Zürich"), ("won", "Ωmega"), ("May", "xylo")])
    config = Config().updated({
        "corpus.processed": str(folder / "processed"), "run.directory": str(folder / "runs"), "run.threads": 1,
        "model.units": 16, "features.words.dimension": 12, "features.characters.filters": 8, "training.epochs": 12,
        "training.batch_size": 10, "training.optimizer.name": "adam", "training.optimizer.learning_rate": 0.01,
        "features.affixes.use": False})  # on so few sentences the figures below hold for these features
    return {name: config.updated({"corpus.path": str(path), "corpus.name": name, "run.name": name})
            for name, path in (("first", first), ("second", second))}


@pytest.fixture(scope="module")
def first(corpora):
    ner_mx.preprocess(corpora["first"])
    ner_mx.preprocess(corpora["second"])
    return ner_mx.train(corpora["first"])


def test_the_grown_network_gives_the_same_scores_at_first(first, corpora):
    corpus = read_processed(corpora["second"])
    config = corpus.config
    point = starting_point(first.folder, corpus, config)
    old = load_recognizer(first.folder)
    assert point.kept == {"PER", "LOC"} and set(point.corpus.encoder.entity_types) == {"PER", "LOC", "ORG"}
    task = entity_task(point.corpus, config)
    mx.random.seed(1)
    model = build_model(task, point.corpus, mx.cpu())
    model.initialize()
    point.apply(model)
    tags = [point.corpus.encoder.tags.index(tag) for tag in old.encoder.tags]
    sentences = read_processed(corpora["first"]).splits["test"].tokens()[:20]
    before = [scores for _, scores in scored_batches(old.scorer, old.encode_tokens(sentences), 4)]
    encoded = point.corpus.encoder.encode([ner_mx.data.sentence.Sentence(tuple(tokens)) for tokens in sentences])
    pos = old.encode_tokens(sentences).by_token["pos"]  # predicted by the earlier run; its ids are kept
    after = [scores for _, scores in scored_batches(model, encoded.with_token_array("pos", pos), 4)]
    for one, other in zip(before, after):
        np.testing.assert_allclose(other[:, :, tags], one, atol=1e-5)


def test_the_grown_corpus_means_what_it_meant(first, corpora):
    corpus = read_processed(corpora["second"])
    grown = starting_point(first.folder, corpus, corpus.config).corpus
    for name in ("dev", "test"):  # nothing is added to what is scored
        tags, others = (
            [[encoder.tags[index] for index in split.tags[start:end]]
             for start, end in zip(split.bounds, split.bounds[1:])]
            for encoder, split in ((corpus.encoder, corpus.splits[name]), (grown.encoder, grown.splits[name])))
        assert tags == others and corpus.splits[name].tokens() == grown.splits[name].tokens()
    words = grown.encoder.feature("words")
    assert all(word in words.vocabulary.items or word.lower() in words.vocabulary.items for word in NEW_WORDS)
    pos, own = grown.encoder.feature("pos").vocabulary, corpus.encoder.feature("pos").vocabulary
    assert [pos.items[index] for index in grown.splits["train"].by_token["pos"]] == [
        own.items[index] for index in corpus.splits["train"].by_token["pos"]]
    added = {grown.encoder.tags[index][2:] for index in grown.splits["train"].tags}
    assert added == {"", "PER", "LOC", "ORG"}


@pytest.fixture(scope="module")
def second(first, corpora):
    return ner_mx.train(corpora["second"], start=first.folder)


def f1(run, file, types):
    """The F1 of a run on a file, of some types."""
    evaluation = next(iter(run.evaluate(file).values()))
    scores = [score for label, score in evaluation.types.items() if label in types]
    return 2 * sum(score.correct for score in scores) / sum(score.gold + score.found for score in scores)


def test_new_types_are_learned_and_old_ones_are_not_forgotten(first, second, corpora):
    test = f"{corpora['first'].corpus.path}/test.txt"
    before = f1(first, test, ("PER", "LOC"))
    alone = ner_mx.train(corpora["second"], name="alone")
    assert before > 0.4 and f1(second, test, ("PER", "LOC")) > 0.7 * before
    assert second.scores["test"] > alone.scores["test"] - 0.1 and second.scores["test"] > 0.3


def test_kept_types_are_not_scored(second):
    assert second.metrics["kept_types"] == ["LOC", "PER"]
    assert set(second.metrics["test"]["entity"]["types"]) == {"ORG"}
    assert second.metrics["raw_text"]["test"]["micro"]["found"] > 0
    lines = [line.split() for line in (second.folder / "predictions/test.conll").read_text(
        encoding="utf-8").splitlines() if line]
    words, gold, predicted = zip(*lines)
    assert evaluate([gold], [predicted]).micro.f1 == second.metrics["test"]["entity"]["micro"]["f1"]
    assert json.loads((second.folder / "from.json").read_text())["run"].endswith("first")


def test_a_loaded_run_its_bundle_and_its_thresholds_do_not_score_kept_types_either(second, corpora, call_command):
    """On the corpus of the run; on one that annotates them, they are scored."""
    key = "test_with_predicted_POS"
    expected = second.metrics[key]["entity"]["micro"]
    evaluations = second.evaluate()
    assert {name: evaluation.micro.f1 for name, evaluation in evaluations.items() if "predicted" in name} == {
        name: expected["f1"] for name in evaluations if "predicted" in name} != {}
    bundle = second.export(second.folder.parent / "kept-bundle", precision="int8")
    rows = compare([second.folder, bundle], second.config, threads=1, timed=False)
    assert rows[0].f1 == expected["f1"] and rows[1].f1 == pytest.approx(expected["f1"], abs=0.1)
    card = ner_mx.load(bundle).card
    assert card["kept_types"] == ["LOC", "PER"]
    assert card["f1_by_precision"]["test"]["float32"] == pytest.approx(expected["f1"], abs=1e-9)
    found = [sum(bin["count"] for bin in second.metrics["calibration"][split]["before"]["bins"])
             for split in ("dev", "test")]
    assert found == [second.metrics[f"{split}_with_predicted_POS"]["entity"]["micro"]["found"]
                     for split in ("dev", "test")]
    done = call_command("-m", "ner_mx", "threshold", second.folder, "--precision", "0.3")
    assert done.returncode == 0 and {line.split()[0] for line in done.stdout.splitlines() if "recall" in line} == {
        "all", "ORG"}
    assert f1(second, f"{corpora['first'].corpus.path}/test.txt", ("PER", "LOC")) > 0


def test_dev_keeps_types_where_it_is_trained_on(first, corpora):
    corpus = read_processed(corpora["second"])
    point = starting_point(first.folder, corpus, corpus.config.updated({"training.use_dev": True}))
    types = {name: {point.corpus.encoder.tags[index][2:] for index in point.corpus.splits[name].tags} - {""}
             for name in ("train", "dev", "test")}
    assert types == {"train": {"PER", "LOC", "ORG"}, "dev": {"PER", "LOC", "ORG"}, "test": {"ORG"}}
    with pytest.raises(ConfigError, match="--from: expected a corpus with all types of .*, found one without LOC, PER"):
        starting_point(first.folder, corpus, corpus.config.updated({"corpus.characters": "vote"}))


class StopsAfterOneEpoch(Callback):
    """As Ctrl-C would."""

    def on_checkpoint(self, run, path):
        if run.task.encoding:  # not in the tagger of parts of speech
            raise KeyboardInterrupt


def test_a_stopped_run_goes_on_with_what_it_started_from(first, second, corpora):
    config = corpora["second"].updated({"run.name": "stopped"})
    with pytest.raises(Stopped):
        ner_mx.train(config, start=first.folder, callbacks=[StopsAfterOneEpoch()])
    resumed = ner_mx.train(config, resume=f"{config.run.directory}/stopped")
    assert resumed.metrics["best_params_sha256"] == second.metrics["best_params_sha256"]
    assert resumed.scores == second.scores


def test_a_run_is_not_replaced_by_one_that_starts_from_it(first, corpora):
    before = (first.folder / "metrics.json").read_bytes()
    with pytest.raises(RunError, match="expected another run.name for the new run"):
        ner_mx.train(corpora["second"].updated({"run.name": "first"}), start=first.folder, overwrite=True)
    assert (first.folder / "metrics.json").read_bytes() == before


def test_a_run_does_not_go_on_from_another_network_than_it_started_from(first, corpora):
    config = corpora["second"].updated({"run.name": "changed"})
    with pytest.raises(Stopped):
        ner_mx.train(config, start=first.folder, callbacks=[StopsAfterOneEpoch()])
    note = first.folder.parent / "changed/from.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "best_params_sha256": "0"}))
    with pytest.raises(RunError, match="expected the network that .*changed started from, found another"):
        ner_mx.train(config, resume=first.folder.parent / "changed")


@pytest.mark.parametrize("changes, message", [
    ({"model.units": 20}, r"model.units: expected 16 as in .*, found 20"),
    ({"features.digits": "keep"}, r"features.digits: expected"), ({"loss.name": "sentence"}, "loss.")])
def test_another_network_cannot_go_on(changes, message, first, corpora):
    config = corpora["second"].updated({**changes, "corpus.name": "other", "run.name": "other"})
    ner_mx.preprocess(config)
    with pytest.raises(ConfigError, match=message):
        ner_mx.train(config, start=first.folder)


def test_what_is_no_finished_run_is_refused(first, corpora, tmp_path, call_command):
    with pytest.raises(RunError, match="expected a finished run"):
        ner_mx.train(corpora["second"].updated({"run.name": "none"}), start=tmp_path)
    done = call_command("train.py", "--from", first.folder, "--resume", first.folder)
    assert done.returncode == 2 and "--from: expected a new run" in done.stderr
