"""A search: pruned, failed, resumed, and never told of the test set."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress

import pytest
import yaml

from ner_mx.config import load_config, load_experiment, parse_settings
from ner_mx.errors import ConfigError, RunError, UserError
from ner_mx.experiments import search_trials, setting_search
from ner_mx.experiments.engines import Outcome
from ner_mx.experiments.plans import PlannedRun
from ner_mx.experiments.records import read_record
from ner_mx.experiments.search_space import SPACES, own_values, read_space
from ner_mx.experiments.setting_search import search
from ner_mx.files import locked
from ner_mx.registry import load_code
from ner_mx.reports.search_report import search_summary, write_search_report

optuna = pytest.importorskip("optuna")

RATE = "training.optimizer.learning_rate"
UNITS = {"model.units": {"low": 4, "high": 12, "integer": True}}
# A training, as far as a search can see it: it needs no time.
STAND_IN = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
(folder / "history.jsonl").write_text(json.dumps({"score": 0.5}) + "\\n")
"""


@pytest.fixture
def write_space(tmp_path, monkeypatch):
    monkeypatch.setattr(search_trials, "INTERVAL", 0.05)  # an epoch is over in no time

    def write(**changes):
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump({
            "experiment": "sample", "directory": str(tmp_path / "search"), "trials": 3, "startup_trials": 2,
            "retrain": 1, "seeds": [1], "set": {"training.epochs": 2}, "trial_overrides": {"training.epochs": 1},
            "space": {**UNITS, RATE: {"low": 1e-3, "high": 1e-2, "log": True},
                      "loss.name": {"choices": ["cross-entropy", "sentence"]}}, **changes}))
        return str(path)
    return write


@pytest.fixture
def settings(tiny_sample, tmp_path):
    return {"corpus.path": str(tiny_sample), "corpus.processed": str(tmp_path / "processed"),
            "features.pos.use": False, "features.words.dimension": 8, "features.characters.filters": 4,
            "training.batch_size": 16}


@pytest.fixture
def stand_in(monkeypatch):
    """Trials are trained by a stand-in, where a test is about the trials and not about training."""
    command = PlannedRun.command

    def replaced(run, verb):
        real = command(run, verb)
        return [sys.executable, "-c", STAND_IN, str(run.folder)] if verb == "train" else real

    monkeypatch.setattr(PlannedRun, "command", replaced)


@pytest.fixture
def study_with(tmp_path):
    """The study of the space, with trials in its queue, before the search begins."""
    def create(*queue):
        (tmp_path / "search/small").mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(study_name="small", direction="maximize", load_if_exists=True,
                                    storage=f"sqlite:///{tmp_path / 'search/small/trials.sqlite3'}")
        for values in queue:
            study.enqueue_trial(values)
        return study
    return create


def test_a_search_is_resumed_and_ends_in_an_experiment(write_space, settings, monkeypatch):
    first = search(write_space(retrain=0), settings, workers=2, trials=2)
    assert [trial.state for trial in first.trials] == ["complete"] * 2 and not first.retrained
    with monkeypatch.context() as patch:
        patch.setattr(setting_search, "replicate", lambda *_: [Outcome("x-1", "interrupted", "killed")])
        with pytest.raises(RunError, match="x-1 was interrupted: killed; search again to resume"):
            search(write_space(), settings, workers=1, trials=2)
    assert not (first.folder / "again").exists()
    result = search(write_space(), settings, workers=1)
    assert len(result.trials) == 3 and result.trials[:2] == first.trials
    assert all(4 <= trial.settings["model.units"] <= 12 and trial.epochs <= 1 for trial in result.trials)
    best = max((trial for trial in result.trials if trial.state == "complete"), key=lambda trial: trial.score)
    assert [number for number, _ in result.retrained] == [best.number] and result.best == best.settings
    config = load_config(None, str(result.folder / "best.yaml"))
    assert config.model.units == best.settings["model.units"]
    text = write_search_report(result, result.folder).read_text()
    assert "| trial |" in text and "3 trials: 3 complete" in text and "1 seeds" in search_summary(result)
    assert (result.folder / "history.png").is_file() and (result.folder / "slices.png").is_file()
    # What a trial leaves is its row in the table and its log.
    assert not [path for path in (result.folder / "trials").iterdir() if path.is_dir()]


def test_what_is_set_holds_for_the_trials_and_for_the_full_runs(write_space, settings, caplog):
    """If a setting held for trials alone, the best would be trained as something that was not judged."""
    path = write_space(trials=1, set={
        **settings, "model.forget_bias": 0.5, "training.epochs": 3, "corpus.scheme": "IOB2"})
    with caplog.at_level("INFO", "ner_mx"):
        result = search(path, {}, workers=1)
    assert f"trial 0: complete, dev F1 {100 * result.trials[0].score:.2f}; 1 of 1" in caplog.text
    (record,) = (read_record(path) for path in (result.folder / "records").iterdir())
    assert [result.trials[0].epochs, len(record.history)] == [1, 3]
    assert record.settings.values["model"]["forget_bias"] == 0.5
    best = load_config(None, str(result.folder / "best.yaml"))
    assert best.model.forget_bias == 0.5 and best.features.words.dimension == 8
    assert best.corpus.scheme == "IOB2" and best.corpus.path == "data/sample"


def test_the_first_trial_has_the_settings_of_the_experiment(write_space, settings):
    space = {"model.units": {"low": 4, "high": 12, "step": 4, "integer": True},
             "features.characters.filters": {"same_as": "model.units"},
             "loss.name": {"choices": ["cross-entropy", "sentence"]}}
    inside = {**settings, "model.units": 8, "loss.name": "sentence"}
    result = search(write_space(space=space), inside, workers=1, trials=2)
    assert [trial.own for trial in result.trials] == [True, False]
    assert result.trials[0].settings == {"model.units": 8, "features.characters.filters": 8,
                                         "loss.name": "sentence"}
    text = write_search_report(result, result.folder).read_text()
    assert "Trial 0 has the experiment's own settings." in text
    # Full runs have the search's name, so that those of two searches can be in one folder.
    number = result.retrained[0][0]
    assert [path.name for path in (result.folder / "records").iterdir()] == [f"small-{number}-1.json"]


@pytest.mark.parametrize("units", [16, 6])
def test_settings_of_the_experiment_outside_the_ranges_are_not_tried(write_space, settings, units):
    path = write_space(space={"model.units": {"low": 4, "high": 12, "step": 4, "integer": True}})
    outside = {**settings, "model.units": units}
    assert own_values(read_space(path, outside), load_experiment("sample", outside)) is None


def test_an_interrupted_trial_is_tried_again_and_not_counted(write_space, settings, stand_in, study_with, tmp_path):
    full = {"training.epochs": 2, "training.patience": 1}
    space = {**UNITS, "features.characters.filters": {"same_as": "model.units"}}
    path = write_space(trials=2, retrain=0, set=full, space=space)
    with locked(tmp_path / "search/small", "later"), \
            pytest.raises(RunError, match="search/small: another process is using it; wait for it"):
        search(path, settings)
    search(path, settings, trials=1, workers=1)
    study = study_with({"model.units": 5})
    study.ask({"model.units": optuna.distributions.IntDistribution(4, 12)})  # and then it is killed
    result = search(path, settings, workers=1)
    assert [(trial.number, trial.state) for trial in result.trials] == [(0, "complete"), (1, "complete")]
    assert result.trials[1].settings == {"model.units": 5, "features.characters.filters": 5}
    best = yaml.safe_load((result.folder / "best.yaml").read_text())
    assert best["training"] == {"epochs": 2, "patience": 1, "batch_size": 16} and "corpus" not in best
    assert best["features"]["characters"]["filters"] == best["model"]["units"]
    with pytest.raises(RunError, match="another: set.training.epochs: 1 against 3 now; give the space"):
        search(write_space(trial_overrides={"training.epochs": 3}, space=space), settings)


def test_no_two_workers_take_the_same_trial_from_the_queue(write_space, settings, stand_in, study_with, monkeypatch):
    numbers, ask = [], optuna.study.Study.ask

    def slow(self, *arguments, **options):
        # As long as one is asking, the queue looks to another as it was before.
        waiting = self.get_trials(states=(optuna.trial.TrialState.WAITING,))
        time.sleep(0.5)
        trial = ask(self, *arguments, **options)
        numbers.append((trial.number, len(waiting)))
        return trial

    monkeypatch.setattr(optuna.study.Study, "ask", slow)
    study_with({RATE: 0.002}, {RATE: 0.004})
    result = search(write_space(retrain=0), settings, workers=2, trials=2)
    assert numbers == [(0, 2), (1, 1)]
    assert [trial.settings[RATE] for trial in result.trials] == [0.002, 0.004]


def test_trials_on_another_corpus_are_refused(write_space, settings, stand_in, tmp_path, tiny_sample):
    shutil.copytree(tiny_sample, tmp_path / "corpus")
    settings = {**settings, "corpus.path": str(tmp_path / "corpus")}
    search(write_space(retrain=0), settings, workers=1, trials=1)
    with pytest.raises(RunError, match='another: features.corpus.types: null against \\["PER"\\] now'):
        search(write_space(retrain=0), {**settings, "corpus.types": ["PER"]}, trials=2)
    with open(tmp_path / "corpus/train.txt", "a", encoding="utf-8") as file:
        file.write("\nRome NNP B-LOC\n")
    with pytest.raises(RunError, match="expected the train.txt of the existing trials, found another"):
        search(write_space(retrain=0), settings, trials=2)


def test_a_trial_below_the_median_is_pruned_after_the_epochs_that_every_trial_has(
        write_space, settings, short_sample, study_with):
    path = write_space(trials=2, retrain=0, startup_trials=1, prune_after=1, trial_overrides={"training.epochs": 8},
                       space={RATE: {"choices": [0.05, 1e-9]}})
    study_with({RATE: 0.05}, {RATE: 1e-9})
    result = search(path, {**settings, "corpus.path": str(short_sample)}, workers=1)
    # A model that learns nothing falls below the median as soon as there is one.
    assert [(trial.settings[RATE], trial.state) for trial in result.trials] == [(0.05, "complete"), (1e-9, "pruned")]
    assert result.trials[0].epochs == 8 > result.trials[1].epochs
    assert result.best == {RATE: 0.05}


def test_values_that_are_not_valid_together_cost_their_trial_not_the_search(write_space, settings, stand_in):
    path = write_space(trials=12, retrain=0, startup_trials=12, set={"training.epochs": 1}, space={
        "loss.name": {"choices": ["cross-entropy", "sentence"]},
        "decoding.method": {"choices": ["viterbi", "argmax"]}})
    result = search(path, settings, workers=1)
    invalid = [trial for trial in result.trials if set(trial.settings.values()) == {"sentence", "argmax"}]
    assert invalid and {trial.state for trial in invalid} == {"failed"}
    assert {trial.state for trial in result.trials if trial not in invalid} == {"complete"}


def test_what_ends_a_trial_from_outside_stops_the_search_once(write_space, settings, stand_in, monkeypatch):
    path = write_space(trials=2, retrain=0)
    search(path, settings, workers=1, trials=1)
    popen = subprocess.Popen

    def killed(arguments, **options):
        return popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], **options)

    with monkeypatch.context() as patch:
        patch.setattr(search_trials.subprocess, "Popen", killed)
        with pytest.raises(RunError, match="trial 1 ended with exit code -9; see .*trial-1-1.log, and"):
            search(path, settings, workers=1)
    result = search(path, settings, workers=1)  # the machine has room again
    assert [trial.state for trial in result.trials] == ["complete"] * 2
    with monkeypatch.context() as patch:
        patch.setattr(search_trials.subprocess, "Popen", killed)
        for trials in (3, 3):
            with suppress(RunError):
                result = search(path, settings, workers=1, trials=trials)
    # The same settings came to the same end twice: that is their fault.
    assert [trial.state for trial in result.trials] == ["complete", "complete", "failed"]


def test_a_diverging_trial_is_counted(write_space, settings):
    clip = {"training.clip": {"choices": [1e9, 2e9]}}
    path = write_space(trials=2, retrain=0, space={**clip, "model.units": {"low": 4, "high": 8}})
    with pytest.raises(ConfigError, match="model.units: should be a valid integer"):
        read_space(path, settings)
    path = write_space(trials=1, retrain=0, space=clip)
    diverging = {**settings, "training.optimizer.name": "sgd", RATE: 1e6}
    with pytest.raises(UserError, match="expected a complete trial, found nothing in 1"):
        search(path, diverging, workers=1)


def test_trials_and_full_runs_load_the_same_code(write_space, settings, halves):
    load_code(halves.name)  # a relative path
    result = search(write_space(space=UNITS, set={"training.batches": "halves"}), settings, workers=1, trials=1)
    assert [trial.state for trial in result.trials] == ["complete"] and len(result.retrained) == 1
    for log in ("trials/trial-0-1.log", "again/small-0-1.log"):
        assert "halves batches of 16" in (result.folder / log).read_text()


@pytest.mark.parametrize("changes, problem", [
    ({"space": {"corpus.path": {"choices": ["a", "b"]}}}, "every trial reads one processed corpus"),
    ({"space": {"model.unit": {"low": 1, "high": 2}}}, "unknown key; did you mean units?"),
    ({"space": {"model.units": {"low": 3, "high": 2}}}, "low must be below high"),
    ({"space": {"model.units": {"same_as": "model.layers"}}}, "a range or a choice of its own"),
    ({"set": {"training.use_dev": True}}, "expected dev to judge by, found that it is trained on"),
    ({"trial_overrides": {"corpus.path": "x"}}, "trial_overrides.corpus.path must be under set"),
    ({"experiment": "conll2003-blstm-cnn"}, "expected dev to judge by, found that it is trained on"),
    ({"space": {"model.units": {"lo": 3, "high": 4}}},
     "space.model.units.lo: unknown key; did you mean low?"),
    ({"space": {"model.units": {"low": 3}}}, "model.units.high: expected a value, found nothing"),
    ({"space": {"model.units": 3}}, "space.model.units: should be a valid dictionary"),
    ({"trial": 3}, "small.yaml: trial: unknown key; did you mean trials?"),
    ({"experiment": "sampel"}, "did you mean sample?"),
])
def test_a_bad_space_is_one_line(write_space, settings, changes, problem):
    with pytest.raises(ConfigError) as error:
        search(write_space(**changes), settings)
    assert problem in str(error.value) and "\n" not in str(error.value)


def test_an_unknown_space_names_the_known(settings):
    with pytest.raises(ConfigError, match="expected one of conll2003 or a YAML file"):
        search("conll2004", settings)


def test_the_papers_ranges_are_the_default():
    space = read_space("conll2003", {})
    assert {path.stem for path in SPACES.glob("*.yaml")} == {"conll2003"}
    ranges = {key: (values.low, values.high) for key, values in space.space.items() if key != "model.dropout.layers"}
    assert space.space["model.dropout.layers"].same_as == "model.dropout.output"
    assert ranges == {
        "features.characters.width": (3, 7), "features.characters.filters": (15, 84), "model.units": (100, 500),
        "model.layers": (1, 4), RATE: (0.001, 0.0158), "model.dropout.output": (0.25, 0.75)}


def test_settings_by_dotted_key():
    assert parse_settings(["a.b=1", "c=x"]) == {"a.b": 1, "c": "x"} and json.dumps(parse_settings([])) == "{}"


@pytest.mark.parametrize("odd", ["what?", "100% sure", "{braces}", "a b#c"])
def test_paths_of_any_name_keep_their_trials_apart(write_space, settings, stand_in, tmp_path, odd):
    folder = tmp_path / odd
    result = search(write_space(directory=str(folder), retrain=0), settings, workers=1, trials=1)
    assert len(result.trials) == 1 and (folder / "small/trials.sqlite3").is_file()
    assert len(search(write_space(directory=str(folder), retrain=0), settings, workers=1, trials=2).trials) == 2
    others = [path for path in tmp_path.rglob("*.sqlite3") if path.parent != folder / "small"]
    assert not others


def test_a_damaged_database_is_one_line(write_space, settings, tmp_path):
    (tmp_path / "search/small").mkdir(parents=True)
    (tmp_path / "search/small/trials.sqlite3").write_bytes(b"SQLite format 3\0" + b"damaged" * 1000)
    with pytest.raises(RunError, match="trials.sqlite3: expected the trials of a search, found a damaged") as e:
        search(write_space(), settings, workers=1, trials=1)
    assert "\n" not in str(e.value)


def test_null_may_be_a_choice(write_space, settings, stand_in):
    result = search(write_space(space={**UNITS, "training.clip": {"choices": [None, 5.0]}}, retrain=0), settings,
                    workers=1, trials=2)
    assert {trial.settings["training.clip"] for trial in result.trials} <= {None, 5.0}


def test_a_search_that_is_interrupted_draws_the_same_settings_as_one_that_is_not(
        write_space, settings, stand_in, tmp_path, monkeypatch):
    path = write_space(trials=6, retrain=0, startup_trials=2)
    whole = search(path, settings, workers=1)
    shutil.rmtree(whole.folder)
    run_trial, calls = search_trials._watch, []

    def interrupted(trial, run, stop):
        calls.append(trial.number)
        if len(calls) % 2:
            raise KeyboardInterrupt  # as if it were killed: the trial stays what it is, running
        return run_trial(trial, run, stop)

    monkeypatch.setattr(search_trials, "_watch", interrupted)
    for _ in range(6):
        with suppress(KeyboardInterrupt):
            result = search(path, settings, workers=1)
    result = search(path, settings, workers=1)
    assert [(trial.number, trial.settings, trial.state) for trial in result.trials] == [
        (trial.number, trial.settings, trial.state) for trial in whole.trials]
    assert len(calls) > 6
