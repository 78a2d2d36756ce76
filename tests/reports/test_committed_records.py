"""The committed records, most of them of the first schema, still make the tables that were published from them."""

import pytest

from ner_mx.config import load_experiment
from ner_mx.experiments.plans import read_plan
from ner_mx.experiments.records import read_record, read_records
from ner_mx.experiments.replication import known_outcome
from ner_mx.reports.compared_rows import compared_pairs  # its own name looks like a test's
from ner_mx.reports.replication_report import (
    replication_report,
)
from ner_mx.reports.report_rows import read_rows
from ner_mx.reports.run_summary import summary_rows, summary_table

GLOVE = {"features.words.vectors.path": "glove-6B-50d.npy", "features.words.vectors.words": "glove-6B.parquet"}


@pytest.fixture(scope="module")
def rows(root):
    return read_rows(root / "reports/runs")


@pytest.fixture(scope="module")
def report(rows):
    return replication_report(rows)


@pytest.fixture(scope="module")
def summary(root):
    return summary_table(summary_rows(read_records(sorted((root / "reports/runs").glob("*.json")))))


@pytest.mark.parametrize("line", [
    "| BLSTM | 76.29 ± 0.29 |  | 79.50 ± 0.36 | 85.44 / 74.33 | 3 | 0 + 0 | 79.50 | +3.21 |",
    "| BLSTM-CNN | 83.38 ± 0.20 |  | 84.72 ± 0.41 | 84.64 / 84.81 | 5 | 0 + 0 | 84.72 | +1.34 |",
    "| SENNA, exact, YES/NO | 86.21 |  | 87.95 ± 0.22 | 87.69 / 88.21 | 3 | 0 + 0 | 87.95 | +1.74 |",
    "| SENNA, exact, BIOES | 86.14 |  | 87.93 ± 0.24 | 87.66 / 88.21 | 3 | 0 + 0 | 87.93 | +1.79 |",
    "| `conll2003` | capitals + parts of speech | train | 87.18 ± 0.39 | 87.24 / 87.12 | 3 | 0 + ? "
    "| 91.85 ± 0.21 | 21 |",
    "| `conll2003-vectors-100` | capitals + own-100.txt | train | 90.03 ± 0.10 | 90.28 / 89.79 | 3 | 0 + 0 "
    "| 93.83 ± 0.02 | 20 |",
    "| `conll2003-vectors-lexicon` | capitals + own-50.txt + lexicon senna | train | 90.34 ± 0.23 | 90.49 / 90.19 | 5 "
    "| 0 + 0 | 93.87 ± 0.11 | 27 |",
    "| `conll2003-vectors-lexicon-dev` | capitals + own-50.txt + lexicon senna | train + dev | 90.86 ± 0.48 "
    "| 90.96 / 90.77 | 3 | 0 + 0 |  | 20 |",
    "| `gmb` | gmb | capitals + parts of speech | train | 85.49 ± 0.10 | 85.94 / 85.05 | 3 | 0 + ? "
    "| 85.72 ± 0.29 | 16 |",
    "| `un` | un | capitals | train | 83.54 ± 0.66 | 83.65 / 83.45 | 3 | 0 + ? | 90.63 ± 0.27 | 3 |",
])
def test_a_row_of_the_report(report, line):
    assert line in report.splitlines()


@pytest.mark.parametrize("line", [
    # What the records were made with is, through today's schema, what the experiments are today.
    "- `conll2003-blstm-cnn`, our runs compared with the experiment: training.epochs: 30 against 80",
    "- `conll2003-lexicon-senna-bioes`, our runs compared with the experiment: training.epochs: 30 against 80",
    '- `conll2003-vectors-100` is `conll2003-vectors` with features.words.vectors.path: "own-100.txt" against '
    '"own-50.txt"; features.affixes.use: false against true; decoding.outside_penalty: 0.0 against "auto"',
    "- `conll2003-vectors-lexicon-dev` is `conll2003-vectors-lexicon` with features.affixes.use: false against true; "
    'decoding.outside_penalty: 0.0 against "auto"; training.use_dev: true against false',
])
def test_a_row_departs_from_its_experiment_in_what_was_changed(report, line):
    assert line in report.splitlines()


def test_the_best_settings_of_the_search_depart_in_what_was_searched(report):
    line = next(line for line in report.splitlines() if line.startswith("- `conll2003-search-50` is `conll2003-paper`"))
    assert sorted(change.split(":")[0] for change in line.partition(" with ")[2].split("; ")) == [
        "features.characters.filters", "features.characters.width", "features.words.dropout", "model.dropout.input",
        "model.dropout.layers", "model.dropout.output", "training.optimizer.learning_rate"]


@pytest.mark.parametrize("start", [
    "| conll2003-blstm-cnn | 5 | 84.72 ± 0.41 | 84.64 ± ",
    "| conll2003-vectors-100 | 3 | 90.03 ± 0.10 | 90.28 ± ",
    "| conll2003 | 3 | 87.18 ± 0.39 | 87.24 ± ", "| conll2003, predicted POS | 3 | ",
    "| gmb | 3 | 85.49 ± 0.10 | 85.94 ± ", "| un | 3 | 83.54 ± 0.66 | 83.65 ± "])
def test_a_row_of_the_summary(summary, start):
    assert sum(line.startswith(start) for line in summary.splitlines()) == 1


def test_every_run_is_counted(root, rows):
    assert sum(len(row.records) for row in rows.values()) == len(list((root / "reports/runs").glob("*.json"))) == 54
    assert len(rows) == 18


def test_significance_of_the_rows(rows, report):
    """Differences and rank-sum tests as published, when every row was tested against every other."""
    assert compared_pairs(rows)[0] == ("conll2003-blstm-cnn", "conll2003-blstm")
    lines = report.split("## Significance")[1].splitlines()
    for pair, difference, welch, ranks in [
            ("| `conll2003-blstm-cnn` | `conll2003-blstm` |", "+5.22", "< 0.0001", "0.0357"),
            ("| `conll2003-vectors` | `conll2003` |", "+2.44", "0.0023", "0.1000")]:
        row = [cell.strip() for cell in next(line for line in lines if line.startswith(pair)).split("|")]
        assert (row[3], row[4], row[6]) == (difference, welch, ranks)


def test_the_records_of_accuracy_are_those_of_their_plan(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan, runs = read_plan(root / "reports/accuracy.plan.yaml")
    folder = root / plan.records
    known = {run.name for run in runs if known_outcome(run, folder) is not None}
    assert known == {path.stem for path in folder.glob("*.json")} and len(known) >= 18


def test_the_records_of_the_encoders_are_those_of_their_plan(root, tmp_path, monkeypatch):
    """The settings of every record are what the plan says today; students are named experiments, trained by distill."""
    monkeypatch.chdir(tmp_path)
    plan, runs = read_plan(root / "reports/encoders.plan.yaml")
    folder = root / plan.records
    known = {run.name for run in runs if known_outcome(run, folder) is not None}
    others = {path.stem for path in folder.glob("*.json")} - known
    assert len(known) >= 45
    for name in others:
        settings = read_record(folder / f"{name}.json").settings
        row = name.rpartition("-")[0]
        ablation = row.partition("-")[2] in ("plain", "mask", "swap", "ngrams", "text")  # of the augmentations
        experiment = "un-student" if ablation else row
        assert experiment.endswith("-student")
        assert not settings.differs(load_experiment(experiment, {
            **GLOVE, "run.seed": settings.seed, "run.name": name, "run.threads": 1}))
