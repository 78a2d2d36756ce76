"""Comparisons: figures against the evaluator's, the bootstrap, the front of a picture."""

import json

import numpy as np
import pytest

import ner_mx
from ner_mx.config import Config
from ner_mx.data.sentence import Sentence
from ner_mx.data.splits import read_splits
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import CorpusError, RunError, UserError
from ner_mx.evaluation.predictions import read_predicted_tags
from ner_mx.evaluation.scores import evaluate
from ner_mx.evaluation.significance import entity_counts, paired_bootstrap
from ner_mx.experiments.records import read_record, write_record
from ner_mx.experiments.system_folder import read_system
from ner_mx.experiments.system_scoring import score_system
from ner_mx.inference.comparison import ComparedSystem, compare
from ner_mx.inference.ensemble import Ensemble
from ner_mx.reports.comparison_table import comparison_table
from ner_mx.reports.plots import pareto_front


@pytest.fixture(scope="module")
def runs(tmp_path_factory, short_sample):
    """Two runs, the first exported, and the record of the second."""
    folder = tmp_path_factory.mktemp("compared")
    config = Config().updated({
        "corpus.path": str(short_sample), "corpus.processed": str(folder / "data"),
        "run.directory": str(folder / "runs"), "features.words.dimension": 12, "features.characters.filters": 8,
        "model.units": 16, "features.pos.use": False, "decoding.outside_penalty": 0.0, "training.batch_size": 32,
        "training.epochs": 10, "training.optimizer.learning_rate": 0.01})
    corpus = ner_mx.preprocess(config)
    first = ner_mx.train(corpus, name="first", seed=1)
    second = ner_mx.train(corpus, name="second", seed=2)
    record = write_record(read_record(second.folder), folder / "records")
    return config, first, second, first.export(folder / "bundle"), record or folder / "records/second.json"


def test_runs_bundles_and_records_in_one_table(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, first, second, bundle, record = runs
    rows = compare([bundle, second.folder, record], config, threads=1)
    assert [row.name for row in rows] == ["bundle", "second", "second"]
    for row, run in zip(rows, (first, second, second)):
        micro = run.metrics["test"]["entity"]["micro"]
        assert (row.f1, row.precision, row.recall) == pytest.approx((micro["f1"], micro["precision"], micro["recall"]))
        assert row.raw_f1 == pytest.approx(run.metrics["raw_text"]["test"]["micro"]["f1"])
        assert row.types == pytest.approx({label: score["f1"] for label, score
                                           in run.metrics["test"]["entity"]["types"].items()})
    assert rows[0].p is None and 0 < rows[1].p <= 1 and rows[2].speed is None
    assert rows[0].bytes == sum(path.stat().st_size for path in bundle.iterdir())
    assert rows[1].minutes == rows[2].minutes > 0
    assert rows[0].dev_f1 is None
    assert rows[0].token_f1 == pytest.approx(first.metrics["test"]["token"]["micro_without_O"]["f1"])
    assert rows[1].dev_f1 == rows[2].dev_f1 == second.metrics["dev"]["entity"]["micro"]["f1"]
    for row in rows[:2]:
        assert row.speed.words_per_second > 0 and row.speed.milliseconds > 0 and row.speed.megabytes > 20
    lines = comparison_table(rows).splitlines()
    assert lines[2].startswith(f"| bundle |  | {100 * rows[0].f1:.2f} |") and "| F1 by type | LOC |" in "\n".join(lines)
    assert not list(tmp_path.iterdir())


def test_seeds_have_a_mean():
    seeds = [ComparedSystem(f"crf-2-{seed}", f1, f1, f1, f1, f1, None, {}, minutes=1.5, dev_f1=f1)
             for seed, f1 in enumerate((0.5, 0.75, 0.7), 1)]
    other = seeds[0]._replace(name="other-1")
    lines = comparison_table([*seeds, other]).splitlines()
    expected = f"{100 * np.mean([0.5, 0.75, 0.7]):.2f} ± {100 * np.std([0.5, 0.75, 0.7], ddof=1):.2f}"
    assert lines[2] == f"| crf-2 | 3 | {' | '.join([expected] * 6)} |  | 1.50 ± 0.00 |"
    assert lines[3] == "" and "mean ± sd" not in comparison_table(seeds[:1])


def test_an_ensemble(runs, tmp_path, monkeypatch):
    """The mean of the marginals, decoded; one network alone is itself."""
    monkeypatch.chdir(tmp_path)
    config, first, second, bundle, _ = runs
    alone, together = compare([bundle], config, threads=1, ensemble=True)
    assert together.name == "ensemble of 1" and together.f1 == pytest.approx(alone.f1, abs=0.02)
    *_, both = compare([bundle, second.folder], config, threads=1, ensemble=True)
    assert both.name == "ensemble of 2" and both.speed is None and 0 < both.p <= 1
    *untimed, same = compare([bundle, second.folder], config, threads=1, ensemble=True, timed=False)
    assert same == both and [row.f1 for row in untimed] == pytest.approx([row.f1 for row in compare(
        [bundle, second.folder], config, threads=1)])
    assert all(row.speed is row.bytes is row.parameters is None for row in untimed)
    sentence = ["Jordan", "May", "left", "Washington", "."]
    ensemble = Ensemble([bundle, second.folder])
    marginals = [ner_mx.load(path).marginals(sentence) for path in (bundle, second.folder)]
    np.testing.assert_allclose(ensemble.probabilities([sentence])[0], np.mean(marginals, axis=0), atol=1e-4)
    assert len(ensemble.tag_batch([sentence])[0]) == 5


def test_what_cannot_be_compared(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, first, *_ = runs
    with pytest.raises(UserError, match="first: expected different names"):
        compare([first.folder, first.folder], config)
    with pytest.raises(RunError, match="none: expected a run, a bundle, a fitted system .*, found nothing"):
        compare([tmp_path / "none"], config)
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="found another folder"):
        compare([tmp_path / "folder"], config)
    with pytest.raises(UserError, match="--ensemble: expected runs or bundles"):
        compare([runs[-1]], config, ensemble=True)


def test_the_reference_of_p_is_the_first_row_or_none(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, _, second, bundle, record = runs
    rows = compare([record, bundle, second.folder], config, threads=1, timed=False)
    assert [row.p for row in rows] == [None, None, None]
    rows = compare([bundle, record, second.folder], config, threads=1, timed=False)
    assert rows[0].p is rows[1].p is None and 0 < rows[2].p <= 1


def test_predicted_types_that_the_test_set_has_not_are_remarked(tmp_path, caplog):
    sentences = [Sentence(("Ada", "left", "Rome"), tags=("B-PER", "O", "B-LOC"))]
    (tmp_path / "predictions").write_text("Ada B-PERSON\nleft O\nRome B-LOC\n")
    read_predicted_tags(tmp_path / "predictions", sentences)
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "the test set has no entity of the predicted type PERSON, only of LOC, PER: it counts as wrong"]


@pytest.mark.parametrize("change", [
    lambda stored: stored.update(name=3), lambda stored: stored["metrics"].update(raw_text=None),
    lambda stored: stored["metrics"]["train"].update(seconds="x"),
    lambda stored: stored["metrics"]["test"]["entity"].update(types=[1]),
    lambda stored: stored["metrics"]["test"].pop("token")])
def test_a_damaged_record_is_one_line(runs, tmp_path, change):
    stored = json.loads(runs[-1].read_text())
    change(stored)
    (tmp_path / "damaged.json").write_text(json.dumps(stored))
    with pytest.raises(RunError, match="damaged.json: expected the (record|figures) of a") as caught:
        compare([tmp_path / "damaged.json"], runs[0])
    assert "\n" not in str(caught.value)


def test_a_record_with_predicted_parts_of_speech_counts_as_raw_text_gets_it(root):
    path = root / "reports/runs/gmb-1.json"
    metrics = read_record(path).metrics
    row, = compare([path], Config(), threads=1)
    f1 = {key: metrics[key]["entity"]["micro"]["f1"] for key in ("test", "test_with_predicted_POS")}
    assert row.f1 == f1["test_with_predicted_POS"] != f1["test"]
    assert row.dev_f1 == metrics["dev_with_predicted_POS"]["entity"]["micro"]["f1"]


def test_the_command(runs, tmp_path, monkeypatch, call_command):
    config, _, _, bundle, record = runs
    done = call_command("-m", "ner_mx", "compare", record, "--json")
    assert json.loads(done.stdout)[0]["name"] == "second" and done.returncode == 0, done.stderr
    done = call_command("-m", "ner_mx", "compare", bundle, "--threads", 1, "--plot", tmp_path / "plot.png",
                        "--set", f"corpus.path={config.corpus.path}")
    assert done.returncode == 0 and "| bundle |" in done.stdout, done.stderr
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_counts_of_sentences_add_up_to_the_score():
    gold = [["B-PER", "O"], ["O", "B-LOC"], ["B-LOC", "I-LOC"]]
    predicted = [["B-PER", "O"], ["B-LOC", "O"], ["B-LOC", "O"]]
    totals = entity_counts(gold, predicted).sum(axis=0)
    assert tuple(totals) == evaluate(gold, predicted).micro


def test_the_bootstrap():
    """Equal taggers are not told apart, very different ones are; the order changes nothing but the draws."""
    random = np.random.RandomState(0)
    gold = random.randint(0, 4, size=300)
    good, bad = (gold - (random.random_sample(300) < rate) * (gold > 0) for rate in (0.1, 0.5))
    counts = [np.stack([gold, np.full_like(gold, 2), correct], axis=1) for correct in (good, bad, good)]
    assert paired_bootstrap(counts[0], counts[2]) == 1.0
    assert paired_bootstrap(counts[0], counts[1]) < 0.01 and paired_bootstrap(counts[1], counts[0]) < 0.01
    # Under chance, p is about uniform.
    values = []
    for seed in range(60):
        random = np.random.RandomState(seed)
        taggers = [np.stack([gold, gold, gold - (random.random_sample(300) < 0.3) * (gold > 0)], axis=1)
                   for _ in range(2)]
        values.append(paired_bootstrap(*taggers, samples=200))
    assert 0.3 < np.mean(values) < 0.7 and np.mean(np.array(values) < 0.1) < 0.25


def test_the_front_of_what_no_other_beats():
    points = [("a", 1, 5), ("b", 2, 4), ("c", 2, 3), ("d", 3, 4), ("e", 0.5, 5)]
    assert [points[index][0] for index in pareto_front(points)] == ["a", "d"]


def test_fitted_systems_and_the_tags_of_other_tools(runs, tmp_path, monkeypatch, call_command):
    monkeypatch.chdir(tmp_path)
    config, first, _, bundle, _ = runs
    record, evaluations = score_system("phrases", config.updated({"run.name": "floor"}), {}, tmp_path / "floor")
    test = read_splits(config.corpus).splits["test"]
    lines = ["-DOCSTART- -X- O", ""]
    for sentence, tags in zip(test, read_system(tmp_path / "floor").tag(test)):
        lines += [f"{token} noun {tag}" for token, tag in zip(sentence.tokens, convert_tags(tags, "BILOU"))]
        lines += [""] * (len(lines) % 2)  # where sentences end does not matter
    other = tmp_path / "other.conll"
    other.write_text("\n".join(lines))
    with pytest.raises(RunError, match="floor/x/y: expected a place outside of the fitted system "):
        score_system("phrases", config, {}, tmp_path / "floor/x/y")
    network, floor, same = compare([bundle, tmp_path / "floor"], config, threads=1, predictions={"other": other})
    assert (floor.name, same.name) == ("floor", "other") and 0.2 < floor.f1 < 0.3
    assert floor.f1 == same.f1 == evaluations["test"].micro.f1 and floor.types == same.types and floor.p == same.p
    assert floor.speed.words_per_second > 0 and floor.bytes > 100 and floor.parameters is None and same.speed is None
    assert 10 < floor.speed.megabytes < network.speed.megabytes  # which loads onnxruntime
    assert floor.dev_f1 == evaluations["dev"].micro.f1 and floor.minutes is not None
    assert floor.raw_f1 == record.metrics["raw_text"]["test"]["micro"]["f1"] and same.raw_f1 is None
    with pytest.raises(UserError, match="--ensemble: expected runs or bundles"):
        compare([tmp_path / "floor"], config, ensemble=True)
    *_, together = compare([bundle, tmp_path / "floor"], config, threads=1, ensemble=True, timed=False)
    assert together.name == "ensemble of 1"  # a system has no probabilities
    [alone] = compare([], config, predictions={"other": other})
    assert alone.f1 == same.f1 and alone.p is None
    done = call_command("-m", "ner_mx", "compare", "--predictions", "other")
    assert done.returncode == 2 and "--predictions other: expected NAME=FILE" in done.stderr


@pytest.mark.parametrize("change, message", [
    (lambda lines: lines[:-1], "expected 5 tokens as in the test set, found 4"),
    (lambda lines: [*lines, "more O"], "other:6: expected the end of the file, since .*; found 'more O'"),
    (lambda lines: [lines[0], "Berlin O", *lines[2:]], "other:2: expected the token 'May', which is next"),
    (lambda lines: [lines[0], "May", *lines[2:]], "other:2: expected a token and its tag, found 'May'"),
    (lambda lines: [lines[0], "May X-PER", *lines[2:]], "other:2: .*X-PER"),
    (lambda lines: ["", lines[0]], "expected 5 tokens as in the test set, found 1")])
def test_tags_of_another_test_set(tmp_path, change, message):
    sentences = [Sentence(("Jordan", "May")), Sentence(("left", "Rome", "."))]
    lines = ["Jordan B-PER", "May I-PER", "left O", "Rome B-LOC", ". O"]
    (tmp_path / "other").write_text("\n".join(lines) + "\n")
    assert read_predicted_tags(tmp_path / "other", sentences) == [["B-PER", "I-PER"], ["O", "B-LOC", "O"]]
    (tmp_path / "other").write_text("\n".join(change(lines)) + "\n")
    with pytest.raises(CorpusError, match=message):
        read_predicted_tags(tmp_path / "other", sentences)
