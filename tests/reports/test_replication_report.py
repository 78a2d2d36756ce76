"""The replication report against figures worked out by hand."""

import json
from functools import reduce
from itertools import combinations

import numpy as np
import pytest
import yaml
from scipy import stats

from ner_mx.config import EXPERIMENTS, experiment_names, load_experiment, portable
from ner_mx.errors import RunError, UserError
from ner_mx.evaluation.significance import compare_samples, holm
from ner_mx.experiments.records import Record, Settings, read_record, write_failure, write_record
from ner_mx.files import write_json
from ner_mx.reports.compared_rows import compared_pairs  # its own name looks like a test's
from ner_mx.reports.paper import ROWS
from ner_mx.reports.replication_report import (
    replication_report,
    write_replication,
)
from ner_mx.reports.report_rows import read_rows

SCORES = {"conll2003-blstm-cnn": [0.831, 0.842, 0.836, 0.512], "conll2003-blstm": [0.76, 0.77, 0.765],
          "conll2003-own-50": [0.9, 0.91]}


def write_run(folder, name, seed, f1, experiment=None, settings=None, entities=None):
    """Write the record of a run with one F1; a name that is no experiment's needs one."""
    config = load_experiment(experiment or name, {
        "run.seed": seed, "run.name": f"{name}-{seed}", "training.epochs": 30, **(settings or {})})
    uses_dev = config.training.use_dev
    fitted = 0.99 if f1 > 0.6 else 0.6
    splits = {split: {"entity": {"micro": {"f1": value, "precision": value + 0.01, "recall": value - 0.01}}}
              for split, value in (("test", f1), ("dev", fitted if uses_dev else f1))}
    if entities:
        splits["test"]["entity"]["micro"]["gold"] = entities
    write_record(Record(f"{name}-{seed}", Settings(portable(config)), {
        **splits, "train": {"seconds": 60.0 * seed, "use_dev": uses_dev, "fitted_f1": fitted}, "data": {}},
        {"code": "a"}, [[1, 2.0, f1 / 2, 30.0], [2, 1.0, f1, 30.0]]), folder)


@pytest.fixture
def records(tmp_path):
    folder = tmp_path / "runs"
    for name, scores in SCORES.items():
        for seed, f1 in enumerate(scores, start=1):
            write_run(folder, name, seed, f1, None if name in experiment_names() else "conll2003-vectors")
    write_diverged(folder, "conll2003-blstm-cnn", 5)
    return folder


def write_diverged(folder, name, seed, **changes):
    """Note a run that diverged."""
    settings = {"run.seed": seed, "run.name": f"{name}-{seed}", "training.epochs": 30, **changes}
    config = load_experiment(name, settings)
    write_failure(config.run.name, config, "the loss is nan", folder)


def edit_record(path, change):
    """Change the JSON of a record."""
    record = json.loads(path.read_text())
    change(record)
    write_json(path, record)


def cells(text, *labels):
    """The cells of the table row that begins with these."""
    start = f"| {' | '.join(labels)} |"
    line = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.split("|")[1:-1]]


def significance_rows(text):
    """How many rows the table of the tests has."""
    return sum(line.startswith("| `") for line in text.split("## Significance")[1].splitlines())


def test_every_run_is_counted_and_failures_are_shown(records):
    text = replication_report(read_rows(records))
    scores = 100 * np.array(SCORES["conll2003-blstm-cnn"])
    label, paper, _, ours, precision_and_recall, count, failed, successful, difference = cells(text, "BLSTM-CNN")
    assert paper == "83.38 ± 0.20" and ours == f"{scores.mean():.2f} ± {scores.std(ddof=1):.2f}"
    # Four have figures, one of them with a low score on its training data; the fifth diverged.
    assert (count, failed) == ("4", "1 + 1") and successful == f"{scores[:3].mean():.2f}"
    assert difference == f"{scores.mean() - 83.38:+.2f}"
    assert precision_and_recall == f"{scores.mean() + 1:.2f} / {scores.mean() - 1:.2f}"
    assert cells(text, "`conll2003-own-50`")[1:6] == [
        "capitals + own-50.txt", "train", "90.50 ± 0.71", "91.50 / 89.50", "2"]
    # A row that is not named like an experiment says which one it varies.
    assert "- `conll2003-own-50` is `conll2003-vectors` with training.epochs: 30 against" in text
    assert "- `conll2003-blstm`, our runs compared with the experiment: training.epochs: 30 against 80\n" in text
    assert "`conll2003-lexicon-senna-bioes`" in text.split("## Not run")[1]


def test_the_configuration_of_the_working_folder_is_no_departure_of_the_records(records, tmp_path, monkeypatch):
    expected = replication_report(read_rows(records))
    (tmp_path / "config.yaml").write_text("features: {digits: keep}\n")
    monkeypatch.chdir(tmp_path)
    assert replication_report(read_rows(records)) == expected


def test_rows_made_by_two_versions_of_the_code_are_named(records):
    assert "of the code" not in replication_report(read_rows(records))
    # One was resumed under a later version; the third and all of the last row are older than the entry.
    for name, environment in (("blstm-2", {"code": "a+b"}), ("blstm-3", {}), ("own-50-1", {}),
                              ("own-50-2", {})):
        record = read_record(records / f"conll2003-{name}.json")
        write_record(record._replace(environment=environment), records)
    text = replication_report(read_rows(records))
    assert "- The code changed between runs: `conll2003-blstm` (3 versions of it).\n" in text
    assert "which do not say which version of the code made them: `conll2003-own-50`.\n" in text


def test_significance_of_the_difference_of_two_rows(records):
    text = replication_report(read_rows(records))
    row = cells(text, "`conll2003-blstm-cnn`", "`conll2003-blstm`")
    scores, others = SCORES["conll2003-blstm-cnn"], SCORES["conll2003-blstm"]
    # By hand: of the 35 ways to deal out ranks, how many are as far from the middle as this one.
    ranks = stats.rankdata(scores + others)
    sums = [sum(chosen) for chosen in combinations(ranks, 4)]
    middle = np.mean(sums)
    exact = np.mean([abs(value - middle) >= abs(sum(ranks[:4]) - middle) - 1e-9 for value in sums])
    assert float(row[5]) == pytest.approx(exact, abs=1e-4)
    assert float(row[2]) == pytest.approx(100 * (np.mean(scores) - np.mean(others)), abs=0.01)
    # Welch's t with Satterthwaite's degrees of freedom, by their formulas.
    variances = [np.var(sample, ddof=1) / len(sample) for sample in (scores, others)]
    t = (np.mean(scores) - np.mean(others)) / np.sqrt(sum(variances))
    freedom = sum(variances) ** 2 / sum(variance ** 2 / (len(sample) - 1)
                                        for variance, sample in zip(variances, (scores, others)))
    welch = 2 * stats.t.sf(abs(t), freedom)
    assert float(row[3]) == pytest.approx(welch, abs=1e-4)
    # One pair has three runs each, and nothing is adjusted.
    assert significance_rows(text) == 1
    assert float(row[4]) == pytest.approx(welch, abs=1e-4)


def test_p_values_are_adjusted_for_the_number_of_pairs_in_the_table(tmp_path):
    scores = {"conll2003-blstm": [0.76, 0.77, 0.765], "conll2003-blstm-cnn": [0.762, 0.785, 0.77],
              "conll2003-blstm-cnn-emb": [0.77, 0.795, 0.79]}
    for name, values in scores.items():
        for seed, f1 in enumerate(values, start=1):
            write_run(tmp_path, name, seed, f1)
    text = replication_report(read_rows(tmp_path))
    table = [cells(text, f"`{name}`", f"`{other}`") for name, other in (
        ("conll2003-blstm-cnn", "conll2003-blstm"), ("conll2003-blstm-cnn-emb", "conll2003-blstm-cnn"))]
    welch = [stats.ttest_ind(scores[name], scores[other], equal_var=False).pvalue for name, other in (
        ("conll2003-blstm-cnn", "conll2003-blstm"), ("conll2003-blstm-cnn-emb", "conll2003-blstm-cnn"))]
    smaller, larger = sorted(welch)
    adjusted = {smaller: 2 * smaller, larger: max(larger, 2 * smaller)}
    for row, p in zip(table, welch):
        assert float(row[3]) == pytest.approx(p, abs=1e-4) and float(row[4]) == pytest.approx(adjusted[p], abs=1e-4)
    assert significance_rows(text) == 2


@pytest.mark.parametrize("scores, others, welch", [
    ([34.71] * 3, [34.71] * 3, 1.0), ([34.71] * 3, [34.72] * 3, 0.0), ([34.71] * 3, [34.0, 35.0, 36.0], None)])
def test_scores_without_deviation_are_compared(scores, others, welch):
    """A system without randomness has one score for every seed."""
    compared = compare_samples(scores, others)
    expected = stats.ttest_1samp(others, scores[0]).pvalue if welch is None else welch
    assert compared.welch == pytest.approx(expected) and compared.difference == np.mean(scores) - np.mean(others)


def test_holms_adjustment():
    """By its definition: a hypothesis is rejected at a level if it and all with smaller p values are, one by one."""
    values = [0.04, 0.001, 0.03, 0.013, 0.9]
    levels = np.linspace(0.0005, 1, 4000)

    def rejected(level):
        ordered = sorted(range(5), key=values.__getitem__)
        kept = [rank for rank, index in enumerate(ordered) if values[index] > level / (5 - rank)]
        return set(ordered[:min(kept, default=5)])

    for index, adjusted in enumerate(holm(values)):
        smallest = min((level for level in levels if index in rejected(level)), default=1.0)
        assert adjusted == pytest.approx(smallest, abs=5e-4)
    assert holm([0.6, 0.6]) == [1.0, 1.0]


def test_what_must_be_known_before_rows_are_compared(records):
    for path in records.glob("conll2003-own-50-?.json"):
        edit_record(path, lambda record: record["config"]["corpus"].update(name="gmb-1a2b"))
    for path in records.glob("conll2003-blstm-?.json"):
        name = path.stem.replace("conll2003-", "")

        def change(record, name=name):
            record["name"] = name
            record["metrics"]["test"]["entity"]["micro"]["gold"] = 120
            # A group of a plan may have a name of its own.
            record["config"]["corpus"]["name"] = "conll2003-1a2b"

        edit_record(path, change)
        path.rename(records / f"{name}.json")
    text = replication_report(read_rows(records))
    assert "- The test set is not the paper's: `blstm` (120 entities instead of 5,648).\n" in text
    assert cells(text.split("## Rows on other corpora")[1], "`conll2003-own-50`")[1] == "gmb"
    assert cells(text, "`blstm`")[5] == "3" and "## Significance" not in text


def write_own_corpus(folder):
    """Two rows on a corpus that is not the paper's."""
    for name, values in {"base": [0.8, 0.81, 0.82], "nocasing": [0.7, 0.71, 0.73]}.items():
        for seed, f1 in enumerate(values, start=1):
            write_run(folder, name, seed, f1, "sample", {"features.casing.use": name == "base"}, entities=99)


def test_a_users_own_corpus_has_its_rows_and_tests_and_nothing_of_the_paper(tmp_path):
    write_own_corpus(tmp_path / "runs")
    write_replication(tmp_path / "runs", tmp_path / "mine.md")
    text = (tmp_path / "mine.md").read_text()
    assert text.startswith("# Comparison of runs\n") and "Chiu" not in text and "Not run" not in text
    assert cells(text, "`nocasing`")[1:6] == ["sample", "parts of speech", "train", "71.33 ± 1.53",
                                              "72.33 / 70.33"]
    assert "- `nocasing` is `base` with features.casing.use: false against true\n" in text
    assert cells(text, "`nocasing`", "`base`")[2] == "-9.67"
    assert "Pairs of rows that follow each other in a table" in text
    assert "(mine/seeds.png)" in text and (tmp_path / "mine/seeds.png").is_file()


def test_every_row_is_tested_against_a_baseline(records, tmp_path):
    write_own_corpus(records)
    output = tmp_path / "report.md"
    write_replication(records, output, baseline="conll2003-blstm-cnn")
    text = output.read_text()
    assert "Every row compared with `conll2003-blstm-cnn`\n" in text
    assert float(cells(text, "`conll2003-blstm`", "`conll2003-blstm-cnn`")[2]) == pytest.approx(
        100 * (np.mean(SCORES["conll2003-blstm"]) - np.mean(SCORES["conll2003-blstm-cnn"])), abs=0.01)
    # Two runs are too few, and the rows of another corpus are no match.
    assert significance_rows(text) == 1


def test_an_unknown_baseline_is_an_error(records, tmp_path):
    with pytest.raises(UserError, match="baseline: expected one of conll2003-blstm, conll2003-blstm-cnn, "
                                        "conll2003-own-50, found 'conll2003-blst'"):
        write_replication(records, tmp_path / "report.md", baseline="conll2003-blst")
    assert not (tmp_path / "report.md").exists()


def rows_of(folder, *names, entities=5648, runs=3):
    """Rows of three runs each: experiments by name, or (name, experiment, settings)."""
    for name in names:
        name, experiment, settings = name if isinstance(name, tuple) else (name, None, None)
        for seed in range(1, runs + 1):
            write_run(folder, name, seed, 0.7 + seed / 100, experiment, settings, entities)
    return read_rows(folder)


def test_neighbours_in_a_table_of_the_paper_are_tested(tmp_path):
    """In the order of the paper, over rows that were not run; a pair of two tables once."""
    rows = rows_of(tmp_path, "conll2003-blstm", "conll2003-blstm-cnn", "conll2003-blstm-cnn-emb-lex",
                   "conll2003-lexicon-senna-bioes", "conll2003-embedding-random-50", "ontonotes-blstm",
                   "ontonotes-blstm-cnn")
    assert compared_pairs(rows) == [
        ("conll2003-blstm-cnn", "conll2003-blstm"), ("conll2003-blstm-cnn-emb-lex", "conll2003-blstm-cnn"),
        ("ontonotes-blstm-cnn", "ontonotes-blstm"),
        ("conll2003-lexicon-senna-bioes", "conll2003-blstm-cnn"),
        ("conll2003-embedding-random-50", "conll2003-lexicon-senna-bioes"),
        ("conll2003-blstm-cnn-emb-lex", "conll2003-embedding-random-50")]


def test_a_row_is_tested_against_the_experiment_that_it_varies_or_extends(tmp_path):
    own_vectors = ("conll2003-own-100", "conll2003-vectors", {"features.words.vectors.path": "own-100.txt"})
    rows = rows_of(tmp_path, "conll2003", own_vectors)
    # The experiment that it varies has no runs, the one that this extends has.
    assert compared_pairs(rows) == [("conll2003-own-100", "conll2003")]
    rows = rows_of(tmp_path, "conll2003-vectors", "conll2003-vectors-lexicon")
    assert set(compared_pairs(rows)) == {
        ("conll2003-own-100", "conll2003-vectors"), ("conll2003-vectors", "conll2003"),
        ("conll2003-vectors-lexicon", "conll2003-vectors")}


def test_rows_on_different_corpora_or_test_sets_are_not_tested(tmp_path):
    write_own_corpus(tmp_path)
    rows_of(tmp_path, "gmb", "conll2003", entities=77)
    rows = rows_of(tmp_path, "conll2003-vectors")
    assert compared_pairs(rows) == [("nocasing", "base")]
    assert compared_pairs(rows, "base") == [("nocasing", "base")]
    assert compared_pairs(rows, "conll2003") == []


def test_fewer_than_three_runs_are_not_tested(tmp_path):
    rows_of(tmp_path, "conll2003-blstm")
    assert compared_pairs(rows_of(tmp_path, "conll2003-blstm-cnn", runs=2)) == []
    assert compared_pairs(rows_of(tmp_path, "conll2003-blstm-cnn", runs=3)) == [
        ("conll2003-blstm-cnn", "conll2003-blstm")]


@pytest.mark.parametrize("name, problem", [
    ("conll2003-blstm-9", "expected a record of that name, found conll2003-blstm-1"),
    ("conll2003-blstm-4", "blstm-4: expected a seed of its own, found that of conll2003-blstm-1")])
def test_a_copied_record_is_not_a_second_run(records, name, problem):
    record = read_record(records / "conll2003-blstm-1.json")
    write_record(record._replace(name="conll2003-blstm-4"), records)
    if name.endswith("9"):
        (records / "conll2003-blstm-1.json").rename(records / f"{name}.json")
        (records / "conll2003-blstm-4.json").unlink()
    with pytest.raises(RunError, match=problem):
        read_rows(records)


def test_a_row_of_diverged_runs_was_run(records):
    write_diverged(records, "conll2003-blstm-cnn-emb", 1)
    assert cells(replication_report(read_rows(records)), "BLSTM-CNN + emb")[3:7] == ["none finished", "", "", "1 + 0"]


def test_a_note_of_a_run_that_diverged_is_counted_once_and_under_its_settings(records):
    write_diverged(records, "conll2003-blstm", 3)
    with pytest.raises(RunError, match="conll2003-blstm-3: expected a seed of its own, found that of "):
        read_rows(records)
    (records / "conll2003-blstm-3.failed.json").unlink()
    write_diverged(records, "conll2003-blstm", 4, **{"model.units": 10})
    with pytest.raises(RunError, match="blstm-4.failed.json: expected a run like conll2003-blstm-1 with "
                                       "another seed, found a different one: model.units: 275 against 10 here"):
        read_rows(records)
    (records / "conll2003-blstm-4.failed.json").write_text("{}")
    with pytest.raises(RunError, match="expected why a run failed and its configuration"):
        read_rows(records)


def test_runs_of_one_name_that_are_not_one_experiment_are_refused(records):
    edit_record(records / "conll2003-blstm-2.json", lambda record: record["config"]["model"].update(units=10))
    with pytest.raises(RunError, match="blstm-2.json: expected a run like conll2003-blstm-1 with another seed, "
                                       "found a different one: model.units: 275 against 10 here"):
        read_rows(records)


def test_genres_of_ontonotes_are_shown_beside_the_papers(records):
    source = json.loads((records / "conll2003-blstm-1.json").read_text())
    source["name"] = "ontonotes-blstm-1"
    source["metrics"]["test"]["genres"] = {"bc": {"f1": 0.5}, "nw": {"f1": 0.75}}
    write_json(records / "ontonotes-blstm-1.json", source)
    text = replication_report(read_rows(records))
    assert cells(text, "`ontonotes-blstm`") == ["`ontonotes-blstm`", "50.00", "", "", "75.00", "", ""]


def test_files_of_the_report(records, tmp_path):
    output = tmp_path / "out/replication.md"
    output.parent.mkdir()
    output.with_suffix(".notes.md").write_text("## Why\n\nMore *vocabulary*.\n")
    with pytest.raises(UserError, match="report: expected the name of a Markdown file, which ends in .md"):
        write_replication(records, tmp_path / "report")
    write_replication(records, output)
    text, page = output.read_text(), output.with_suffix(".html").read_text()
    assert "<table>" in page and "<h1 id=" in page and "http" not in page
    assert "## Why\n\nMore *vocabulary*.\n\n## Not run" in text and "<em>vocabulary</em>" in page
    assert "are in [../runs/](../runs/)" in text and (output.parent / "../runs").samefile(records)
    for name in ("seeds", "dev-curves", "f1-and-time"):
        assert f"(replication/{name}.png)" in text
        assert (tmp_path / f"out/replication/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_without_records_is_an_error_of_one_line(tmp_path):
    with pytest.raises(RunError, match="expected records of runs, found nothing"):
        read_rows(tmp_path)
    (tmp_path / "half-1.json").write_text(json.dumps({"name": "half-1"}))
    with pytest.raises(RunError, match="half-1.json: expected the record of a run, found other keys"):
        read_rows(tmp_path)


def test_every_row_of_the_paper_has_its_experiment():
    assert {row.experiment for row in ROWS} <= set(experiment_names())


BOTH = {"senna": (False, "bioes"), "dbpedia": (True, "bioes")}
LEXICONS = {"none": {}, "SENNA, exact, YES/NO": {"senna": (False, "yes-no")},
            "SENNA, exact, BIOES": {"senna": (False, "bioes")}, "both": BOTH,
            "DBpedia, exact, BIOES": {"dbpedia": (False, "bioes")},
            "DBpedia, partial, BIOES": {"dbpedia": (True, "bioes")}}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.table}: {row.label}")
def test_an_experiment_is_what_the_paper_calls_it(row):
    config = load_experiment(row.experiment)
    table, _, corpus = row.table.rpartition(", ")
    words = row.label.split(" + ")
    if table in ("Main results", "Features"):
        network, vectors = words[0], "senna" if "emb" in words else None
        lexicons, dimension = BOTH if "lex" in words else {}, 50
    elif table.startswith("Lexicons"):
        network, vectors, lexicons, dimension = "BLSTM-CNN", None, LEXICONS[row.label], 50
    else:
        assert table.startswith(("Word vectors", "Dropout"))
        network, lexicons = "BLSTM-CNN", BOTH
        kind, _, size = row.label.rpartition(", ")
        vectors = {"random": None, "GloVe 6B": f"glove.6B.{size}d.txt", "SENNA": "senna", "": "senna",
                   "Google": "GoogleNews-vectors-negative300.bin",
                   "skip-gram of their own": "own-50.txt"}[kind]
        dimension = int(size) if kind else 50
    features = config.features
    assert (features.words.vectors.path, features.words.dimension) == (vectors, dimension)
    assert {name: (lexicon.partial, lexicon.positions)
            for name, lexicon in features.lexicons.sources.items()} == lexicons
    assert features.characters.use == (network == "BLSTM-CNN") and not features.pos.use
    assert config.model.name == ("feed-forward" if network == "FFNN" else "bilstm-cnn")
    assert (features.casing.use, features.characters.types) == ("caps" in words, "char" in words)
    rate = {"CoNLL-2003": 0.68, "OntoNotes 5": 0.63}.get(corpus)
    assert config.model.dropout.output == (float(row.label) if table.startswith("Dropout") else rate)
    assert config.training.use_dev == (row.experiment.startswith("conll") and not table.startswith("Dropout"))


# The paper's preprocessing, model and hyper-parameters, except what the rows of the paper vary.
RECIPE = {
    "features.digits": "run", "features.words.use": True, "features.words.lower": True,
    "features.words.min_count": 1, "features.pos.use": False,
    "features.words.initial": "normal", "features.words.trainable": True, "features.words.dropout": 0.25,
    "features.characters.dimension": 25, "features.characters.type_dimension": 4, "features.characters.width": 3,
    "features.characters.activation": "none", "model.dropout.input": 0.0,
    "loss.name": "sentence", "decoding.method": "viterbi",
    "decoding.valid_only": False,
    "training.batch_size": 9, "training.batches": "exact", "training.normalise": "sum",
    "training.optimizer.name": "sgd", "training.optimizer.momentum": 0.0,
    "training.optimizer.weight_decay": 0.0, "training.clip": 100.0,
    "training.schedule.name": "constant", "training.schedule.warmup": 0}
CONLL = {"corpus.split_digits": False, "features.characters.filters": 53, "training.epochs": 80,
         "training.optimizer.learning_rate": 0.0105}
ONTONOTES = {"corpus.split_digits": True, "corpus.documents.leave_out": ["pt/"], "features.characters.filters": 20,
             "model.dropout.output": 0.63, "training.epochs": 18, "training.patience": None,
             "training.optimizer.learning_rate": 0.008, "training.use_dev": False}
BLSTM = {"model.name": "bilstm-cnn", "model.directions": "separate", "model.output": "summed"}
CONLL_BLSTM = {**BLSTM, "model.units": 275, "model.layers": 1, "model.dropout.layers": 0.0}
ONTONOTES_BLSTM = {**BLSTM, "model.units": 200, "model.layers": 2, "model.dropout.layers": 0.63}
# One linear layer follows, the only output that this model has.
FFNN = {"model.name": "feed-forward", "model.width": 5, "model.units": 300}


@pytest.mark.parametrize("name", sorted(path.stem for path in (EXPERIMENTS / "paper").glob("*.yaml")))
def test_every_experiment_of_the_paper_follows_its_recipe(name):
    config = load_experiment(name)
    corpus, blstm = (CONLL, CONLL_BLSTM) if name.startswith("conll2003") else (ONTONOTES, ONTONOTES_BLSTM)
    expected = {**RECIPE, **corpus, **(FFNN if "ffnn" in name else blstm)}
    assert {key: reduce(getattr, key.split("."), config) for key in expected} == expected
    # They are based on nothing but each other: an experiment of ours may change for reasons of its own.
    layers = [yaml.safe_load((EXPERIMENTS / f"paper/{name}.yaml").read_text())]
    while "extends" in layers[-1]:
        layers.append(yaml.safe_load((EXPERIMENTS / f"paper/{layers[-1]['extends']}.yaml").read_text()))


@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_is_a_valid_configuration(name):
    load_experiment(name)
