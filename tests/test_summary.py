"""The table over several runs."""

import statistics

import pytest

from ner_mx.config import Config
from ner_mx.errors import RunError
from ner_mx.reports.summary import plot, rows, summary
from ner_mx.training.records import Record, portable, read_record, read_records, write_record


def record(name, seed, f1, units=100, data="a1"):
    scores = {"entity": {"micro": {"f1": f1, "precision": f1, "recall": f1}}}
    config = Config()
    config.run.name, config.run.seed, config.network.lstm_units = name, seed, units
    train = {"seconds": 60.0, "tokens_per_second": 1000.0}
    return Record(name, portable(config), {"test": scores, "dev": scores, "train": train,
                                           "data": {"train.txt": data}}, {})


def test_runs_that_differ_in_seed_alone_are_one_row():
    values = [0.80, 0.81, 0.85]
    records = [record(f"gmb-{seed}", seed, f1) for seed, f1 in enumerate(values)]
    lines = summary(rows([*records, record("wide", 1, 0.5, units=200),
                          record("other", 1, 0.4, data="b2")])).splitlines()
    mean, spread = 100 * statistics.mean(values), 100 * statistics.stdev(values)
    assert f"| gmb | 3 | {mean:.2f} ± {spread:.2f} |" in lines[2]
    assert lines[3].startswith("| wide | 1 | 50.00 |") and lines[4].startswith("| other | 1 | 40.00 |")


@pytest.mark.parametrize("names, shown", [
    (["x-10", "x-11", "x-12"], "x"), (["x-1", "x-10"], "x"), (["x-7"], "x-7"), (["run_a", "run_b"], "run"),
    (["one", "two"], "one")])
def test_a_row_is_called_what_its_runs_are_called_but_for_the_seed(names, shown):
    row, = rows([record(name, seed, 0.5) for seed, name in enumerate(names)])
    assert row.name == shown


def test_a_record_keeps_no_path(tmp_path):
    write_record(record("a", 1, 0.5), tmp_path)
    assert read_record(tmp_path / "a.json") == record("a", 1, 0.5)


def test_what_lies_beside_runs_is_passed_over(tmp_path):
    """Whoever names every run of a plan's folder names their logs, too."""
    (tmp_path / "a-1").mkdir()
    for name in ("a-1.log", "a-1.yaml"):
        (tmp_path / name).write_text("text")
    write_record(record("a-2", 2, 0.5), tmp_path)
    paths = [tmp_path / name for name in ("a-1.log", "a-1.yaml", "a-2.json")]
    assert [one.name for one in read_records(paths)] == ["a-2"]
    (tmp_path / "a-1").rmdir()
    with pytest.raises(RunError, match="a-1.log: expected JSON"):
        read_records(paths)


def test_what_is_no_run(tmp_path):
    with pytest.raises(RunError, match="expected a finished run"):
        read_record(tmp_path)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(RunError, match="expected the record of a run"):
        read_record(tmp_path / "x.json")


def test_the_plot_is_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    assert plot(rows([record("a-1", 1, 0.5), record("a-2", 2, 0.6)]), tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
