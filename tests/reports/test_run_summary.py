"""The table over several runs."""

import statistics

import pytest

from ner_mx.config import Config, portable
from ner_mx.experiments.records import Record, Settings
from ner_mx.reports.run_summary import plot_rows, summary_rows, summary_table


def make_record(name, seed, f1, units=100, data="a1"):
    scores = {"entity": {"micro": {"f1": f1, "precision": f1, "recall": f1}}}
    config = Config().updated({"run.name": name, "run.seed": seed, "model.units": units})
    train = {"seconds": 60.0, "tokens_per_second": 1000.0}
    return Record(name, Settings(portable(config)), {"test": scores, "dev": scores, "train": train,
                                                     "data": {"train.txt": data}}, {})


def test_runs_that_differ_in_seed_alone_are_one_row():
    values = [0.80, 0.81, 0.85]
    records = [make_record(f"gmb-{seed}", seed, f1) for seed, f1 in enumerate(values)]
    lines = summary_table(summary_rows([*records, make_record("wide", 1, 0.5, units=200),
                                        make_record("other", 1, 0.4, data="b2")])).splitlines()
    mean, deviation = 100 * statistics.mean(values), 100 * statistics.stdev(values)
    assert f"| gmb | 3 | {mean:.2f} ± {deviation:.2f} |" in lines[2]
    assert lines[3].startswith("| wide | 1 | 50.00 |") and lines[4].startswith("| other | 1 | 40.00 |")


@pytest.mark.parametrize("names, shown", [
    (["x-10", "x-11", "x-12"], "x"), (["x-1", "x-10"], "x"), (["x-7"], "x-7"), (["run_a", "run_b"], "run"),
    (["one", "two"], "one")])
def test_a_row_has_the_name_of_its_runs_without_the_seed(names, shown):
    row, = summary_rows([make_record(name, seed, 0.5) for seed, name in enumerate(names)])
    assert row.name == shown


def test_the_scores_with_a_predicted_annotation_are_a_row():
    record = make_record("tagged-1", 1, 0.8)
    for split in ("dev", "test"):
        record.metrics[f"{split}_with_predicted_POS"] = {
            "entity": {"micro": {"f1": 0.7, "precision": 0.6, "recall": 0.9}}}
    rows = summary_rows([record])
    assert [(row.name, row.scores("test")) for row in rows] == [
        ("tagged-1", [80.0]), ("tagged-1, predicted POS", [70.0])]
    assert summary_table(rows).splitlines()[3].startswith("| tagged-1, predicted POS | 1 | 70.00 | 60.00 | 90.00 |")


def test_the_plot_is_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    assert plot_rows(summary_rows([make_record("a-1", 1, 0.5), make_record("a-2", 2, 0.6)]), tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
