"""The replication report against figures worked out by hand."""

import json
from functools import reduce

import numpy as np
import pytest
import yaml
from scipy import stats

from ner_mx.config import EXPERIMENTS, as_arguments, experiment_names, load_experiment
from ner_mx.errors import RunError, UserError
from ner_mx.files import write_json
from ner_mx.reports.paper import ROWS
from ner_mx.reports.replication import holm, report, write_replication
from ner_mx.reports.rows import read_rows
from ner_mx.training.records import Record, portable, read_record, write_failure, write_record

SCORES = {"conll2003-blstm-cnn": [0.831, 0.842, 0.836, 0.512], "conll2003-blstm": [0.76, 0.77, 0.765],
          "conll2003-own-50": [0.9, 0.91]}


@pytest.fixture
def records(tmp_path):
    folder = tmp_path / "runs"
    for name, scores in SCORES.items():
        for seed, f1 in enumerate(scores, start=1):
            config = load_experiment(name if name in experiment_names() else "conll2003-vectors",
                                     [f"run.seed={seed}", f"run.name={name}-{seed}"])
            config.training.epochs = 30
            learnt = 0.99 if f1 > 0.6 else 0.6
            parts = {part: {"entity": {"micro": {"f1": value, "precision": value + 0.01,
                                                 "recall": value - 0.01}}}
                     for part, value in (("test", f1), ("dev", learnt if config.training.use_dev else f1))}
            write_record(Record(f"{name}-{seed}", portable(config), {
                **parts, "train": {"seconds": 60.0 * seed, "use_dev": config.training.use_dev,
                                   "fitted_f1": learnt}, "data": {}}, {"code": "a"},
                [[1, 2.0, f1 / 2, 30.0], [2, 1.0, f1, 30.0]]), folder)
    diverged(folder, "conll2003-blstm-cnn", 5)
    return folder


def diverged(folder, name, seed, **changes):
    """Note a run that diverged."""
    settings = {"run.seed": seed, "run.name": f"{name}-{seed}", "training.epochs": 30, **changes}
    config = load_experiment(name, as_arguments(settings))
    write_failure(config.run.name, config, "the loss is nan", folder)


def cells(text, label):
    return [cell.strip() for cell in next(line for line in text.splitlines()
                                          if line.startswith(f"| {label} |")).split("|")[1:-1]]


def test_every_run_is_counted_and_failures_are_shown(records):
    text = report(read_rows(records))
    scores = 100 * np.array(SCORES["conll2003-blstm-cnn"])
    label, paper, _, ours, parts, count, failed, successful, difference = cells(text, "BLSTM-CNN")
    assert paper == "83.38 ± 0.20" and ours == f"{scores.mean():.2f} ± {scores.std(ddof=1):.2f}"
    # Four have figures, one of them with a low score on what it learnt; the fifth diverged.
    assert (count, failed) == ("4", "1 + 1") and successful == f"{scores[:3].mean():.2f}"
    assert difference == f"{scores.mean() - 83.38:+.2f}"
    assert parts == f"{scores.mean() + 1:.2f} / {scores.mean() - 1:.2f}"
    assert cells(text, "`conll2003-own-50`")[1:6] == [
        "capitals + own-50.txt", "train", "90.50 ± 0.71", "91.50 / 89.50", "2"]
    # What is no experiment by its name says which one it was made from.
    assert "- `conll2003-own-50` is `conll2003-vectors` with training.epochs: 30 against" in text
    assert "- `conll2003-blstm`, our runs against the experiment: training.epochs: 30 against 80\n" in text
    assert "`conll2003-lexicon-senna-bioes`" in text.split("## Not run")[1]


def test_what_a_user_changed_is_no_departure_of_the_records(records, tmp_path, monkeypatch):
    expected = report(read_rows(records))
    (tmp_path / "config.yaml").write_text("features: {digits: keep}\n")
    monkeypatch.chdir(tmp_path)
    assert report(read_rows(records)) == expected


def test_rows_made_by_two_states_of_the_code_are_named(records):
    assert "of the code" not in report(read_rows(records))
    # One went on under a later state; the third and all of ours are older than the measure.
    for name, environment in (("blstm-2", {"code": "a+b"}), ("blstm-3", {}), ("own-50-1", {}),
                              ("own-50-2", {})):
        record = read_record(records / f"conll2003-{name}.json")
        write_record(record._replace(environment=environment), records)
    text = report(read_rows(records))
    assert "- The code changed between runs: `conll2003-blstm` (3 states of it).\n" in text
    assert "which do not say which state of the code made them: `conll2003-own-50`.\n" in text


def test_tests_of_difference(records):
    text = report(read_rows(records))
    row = cells(text, "`conll2003-blstm` against `conll2003-blstm-cnn`")
    one, two = SCORES["conll2003-blstm"], SCORES["conll2003-blstm-cnn"]
    # By hand: of the 35 ways to deal out ranks, how many are as far from the middle as this one.
    from itertools import combinations
    ranks = stats.rankdata(one + two)
    sums = [sum(chosen) for chosen in combinations(ranks, 3)]
    middle = np.mean(sums)
    exact = np.mean([abs(value - middle) >= abs(sum(ranks[:3]) - middle) - 1e-9 for value in sums])
    assert float(row[4]) == pytest.approx(exact, abs=1e-4)
    assert float(row[1]) == pytest.approx(100 * (np.mean(one) - np.mean(two)), abs=0.01)
    # Welch's t with Satterthwaite's degrees of freedom, by their formulas.
    parts = [np.var(scores, ddof=1) / len(scores) for scores in (one, two)]
    t = (np.mean(one) - np.mean(two)) / np.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(part ** 2 / (len(scores) - 1) for part, scores in zip(parts, (one, two)))
    welch = 2 * stats.t.sf(abs(t), freedom)
    assert float(row[2]) == pytest.approx(welch, abs=1e-4)
    # One pair has three runs each, and nothing is adjusted.
    assert len([line for line in text.splitlines() if "` against `" in line]) == 1
    assert float(row[3]) == pytest.approx(welch, abs=1e-4)


def test_holm_s_adjustment():
    """By the definition: p_i is refused at a level where it and all smaller ones are, one after another."""
    values = [0.04, 0.001, 0.03, 0.013, 0.9]
    levels = np.linspace(0.0005, 1, 4000)

    def refused(level):
        ordered = sorted(range(5), key=values.__getitem__)
        kept = [rank for rank, place in enumerate(ordered) if values[place] > level / (5 - rank)]
        return set(ordered[:min(kept, default=5)])

    for place, adjusted in enumerate(holm(values)):
        smallest = min((level for level in levels if place in refused(level)), default=1.0)
        assert adjusted == pytest.approx(smallest, abs=5e-4)
    assert holm([0.6, 0.6]) == [1.0, 1.0]


def test_what_must_be_known_before_rows_are_compared(records):
    for path in records.glob("conll2003-own-50-?.json"):
        record = read_record(path)
        record.config["corpus"]["name"] = "gmb-1a2b"
        write_record(record, records)
    for path in records.glob("conll2003-blstm-?.json"):
        record = read_record(path)
        record.metrics["test"]["entity"]["micro"]["gold"] = 120
        # A group of a plan may have a name of its own.
        record.config["corpus"]["name"] = "conll2003-1a2b"
        write_record(record._replace(name=record.name.replace("conll2003-", "")), records)
        path.unlink()
    text = report(read_rows(records))
    assert "- The test set is not the paper's: `blstm` (120 entities for 5,648).\n" in text
    assert cells(text.split("## Rows on other corpora")[1], "`conll2003-own-50`")[1] == "gmb"
    assert cells(text, "`blstm`")[5] == "3" and "Is the difference chance?" not in text


def test_a_corpus_of_ones_own_has_its_rows_and_tests_and_nothing_of_the_paper(tmp_path):
    scores = {"base": [0.8, 0.81, 0.82], "nocasing": [0.7, 0.71, 0.73]}
    for name, values in scores.items():
        for seed, f1 in enumerate(values, start=1):
            config = load_experiment("sample", [f"run.seed={seed}", f"run.name={name}-{seed}",
                                                f"features.casing.use={str(name == 'base').lower()}"])
            part = {"entity": {"micro": {"f1": f1, "precision": f1, "recall": f1, "gold": 99}}}
            write_record(Record(f"{name}-{seed}", portable(config), {
                "test": part, "dev": part, "train": {"seconds": 60.0, "fitted_f1": f1}, "data": {}}, {},
                [[1, 2.0, f1, 30.0]]), tmp_path / "runs")
    write_replication(tmp_path / "runs", tmp_path / "mine.md")
    text = (tmp_path / "mine.md").read_text()
    assert text.startswith("# Runs beside each other\n") and "Chiu" not in text and "Not run" not in text
    assert cells(text, "`nocasing`")[1:6] == ["sample", "parts of speech", "train", "71.33 ± 1.53",
                                              "71.33 / 71.33"]
    assert "- `nocasing` is `base` with features.casing.use: false against true\n" in text
    assert cells(text, "`base` against `nocasing`")[1] == "+9.67"
    assert "(mine/seeds.png)" in text and (tmp_path / "mine/seeds.png").is_file()


@pytest.mark.parametrize("name, problem", [
    ("conll2003-blstm-9", "expected a record of that name, found conll2003-blstm-1"),
    ("conll2003-blstm-4", "blstm-4: expected a seed of its own, found that of conll2003-blstm-1")])
def test_a_copied_record_is_no_second_run(records, name, problem):
    record = read_record(records / "conll2003-blstm-1.json")
    write_record(record._replace(name="conll2003-blstm-4"), records)
    if name.endswith("9"):
        (records / "conll2003-blstm-1.json").rename(records / f"{name}.json")
        (records / "conll2003-blstm-4.json").unlink()
    with pytest.raises(RunError, match=problem):
        read_rows(records)


def test_a_row_whose_runs_all_diverged_was_run(records):
    diverged(records, "conll2003-blstm-cnn-emb", 1)
    assert cells(report(read_rows(records)), "BLSTM-CNN + emb")[3:7] == ["none finished", "", "", "1 + 0"]


def test_a_note_of_a_run_that_diverged_is_counted_once_and_under_its_settings(records):
    diverged(records, "conll2003-blstm", 3)
    with pytest.raises(RunError, match="conll2003-blstm-3: expected a seed of its own, found that of "):
        read_rows(records)
    (records / "conll2003-blstm-3.failed.json").unlink()
    diverged(records, "conll2003-blstm", 4, **{"network.lstm_units": 10})
    with pytest.raises(RunError, match="blstm-4.failed.json: expected a run like conll2003-blstm-1, seed "
                                       "apart, found another: network.lstm_units: 275 against 10 here"):
        read_rows(records)
    (records / "conll2003-blstm-4.failed.json").write_text("{}")
    with pytest.raises(RunError, match="expected why a run failed and its configuration"):
        read_rows(records)


def test_runs_of_one_name_that_are_not_one_experiment_are_refused(records):
    path = records / "conll2003-blstm-2.json"
    record = json.loads(path.read_text())
    record["config"]["network"]["lstm_units"] = 10
    write_json(path, record)
    with pytest.raises(RunError, match=r"blstm-2.json: expected a run like conll2003-blstm-1, seed apart, "
                                       r"found another: network.lstm_units: 275 against 10 here"):
        read_rows(records)


def test_genres_of_ontonotes_stand_beside_the_papers(records):
    source = json.loads((records / "conll2003-blstm-1.json").read_text())
    source["name"] = "ontonotes-blstm-1"
    source["metrics"]["test"]["genres"] = {"bc": {"f1": 0.5}, "nw": {"f1": 0.75}}
    write_json(records / "ontonotes-blstm-1.json", source)
    text = report(read_rows(records))
    assert cells(text, "`ontonotes-blstm`") == ["`ontonotes-blstm`", "50.00", "", "", "75.00", "", ""]


def test_files_of_the_report(records, tmp_path):
    output = tmp_path / "out/replication.md"
    output.parent.mkdir()
    output.with_suffix(".notes.md").write_text("## Why\n\nMore *vocabulary*.\n")
    with pytest.raises(UserError, match="report: expected the name of a Markdown file, which ends in .md"):
        write_replication(records, tmp_path / "report")
    write_replication(records, output)
    text, page = output.read_text(), output.with_suffix(".html").read_text()
    assert "<table>" in page and "<h1>" in page and "http" not in page
    assert "## Why\n\nMore *vocabulary*.\n\n## Not run" in text and "<em>vocabulary</em>" in page
    assert "lie in [../runs/](../runs/)" in text and (output.parent / "../runs").samefile(records)
    for name in ("seeds", "dev-curves", "f1-and-time"):
        assert f"(replication/{name}.png)" in text
        assert (tmp_path / f"out/replication/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_without_records_is_one_line(tmp_path):
    with pytest.raises(RunError, match="expected records of runs, found none"):
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
    parts = row.label.split(" + ")
    if table in ("Main results", "Features"):
        network, vectors = parts[0], "senna" if "emb" in parts else None
        lexicons, dimension = BOTH if "lex" in parts else {}, 50
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
    assert (features.vectors.path, config.network.word_dimension) == (vectors, dimension)
    assert {name: (one.partial, one.positions) for name, one in features.lexicons.items()} == lexicons
    assert features.characters.use == (network == "BLSTM-CNN") and not features.pos.use
    assert config.network.context == ("window" if network == "FFNN" else "lstm")
    assert (features.casing.use, features.characters.types) == ("caps" in parts, "char" in parts)
    rate = {"CoNLL-2003": 0.68, "OntoNotes 5": 0.63}.get(corpus)
    assert config.network.dropout.output == (float(row.label) if table.startswith("Dropout") else rate)
    assert config.training.use_dev == (row.experiment.startswith("conll") and not table.startswith("Dropout"))


# The paper's model, preprocessing and hyper-parameters, beside what the rows of the paper vary.
RECIPE = {
    "features.digits": "run", "features.words.use": True, "features.words.lower": True,
    "features.words.min_count": 1, "features.pos.use": False,
    "network.word_initial": "normal", "network.word_trainable": True, "network.character_dimension": 25,
    "network.character_type_dimension": 4, "network.character_width": 3,
    "network.character_activation": "none",
    "network.lstm_directions": "separate", "network.dropout.input": 0.0, "network.dropout.word": 0.25,
    "loss.name": "sentence", "loss.weights": "none", "decoding.method": "viterbi",
    "decoding.valid_only": False,
    "training.batch_size": 9, "training.batches": "exact", "training.normalise": "sum",
    "training.optimizer.name": "sgd", "training.optimizer.momentum": 0.0,
    "training.optimizer.weight_decay": 0.0, "training.optimizer.clip": 100.0,
    "training.schedule.name": "constant", "training.schedule.warmup": 0}
CONLL = {"corpus.split_digits": False, "network.lstm_units": 275, "network.lstm_layers": 1,
         "network.character_filters": 53, "network.dropout.layers": 0.0,
         "training.epochs": 80, "training.optimizer.learning_rate": 0.0105}
ONTONOTES = {"corpus.split_digits": True, "corpus.documents.leave_out": ["pt/"], "network.lstm_units": 200,
             "network.lstm_layers": 2, "network.character_filters": 20, "network.dropout.layers": 0.63,
             "network.dropout.output": 0.63, "training.epochs": 18, "training.patience": None,
             "training.optimizer.learning_rate": 0.008, "training.use_dev": False}


@pytest.mark.parametrize("name", sorted(path.stem for path in (EXPERIMENTS / "paper").glob("*.yaml")))
def test_every_experiment_of_the_paper_follows_its_recipe(name):
    config = load_experiment(name)
    wanted = {**RECIPE, **(CONLL if name.startswith("conll2003") else ONTONOTES),
              "network.output": "linear" if "ffnn" in name else "summed"}
    found = {key: reduce(getattr, key.split("."), config) for key in wanted}
    assert found == wanted
    # Nothing of ours is under them, to be changed for reasons of its own.
    layers = [yaml.safe_load((EXPERIMENTS / f"paper/{name}.yaml").read_text())]
    while "extends" in layers[-1]:
        layers.append(yaml.safe_load((EXPERIMENTS / f"paper/{layers[-1]['extends']}.yaml").read_text()))


@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_is_a_valid_configuration(name):
    load_experiment(name)
