"""A search: pruned, failed, gone on with, and never told of the test set."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress

import pytest
import yaml

from ner_mx.config import as_arguments, load_config, parse_settings
from ner_mx.errors import ConfigError, RunError
from ner_mx.files import locked
from ner_mx.reports.search_report import summary, write_search_report
from ner_mx.training.engines import Outcome
from ner_mx.training.records import read_record
from ner_mx.training.search import search
from ner_mx.training.space import SPACES, own_values, read_space

pytest.importorskip("optuna")


@pytest.fixture
def write_space(tmp_path, root, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ner_mx.training.search.GLANCE", 0.05)  # an epoch is over in a blink

    def write(**changes):
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump({
            "experiment": "sample", "directory": str(tmp_path / "search"), "trials": 3, "random": 2,
            "again": 1, "seeds": [1], "set": {"training.epochs": 2}, "shortened": {"training.epochs": 1},
            "space": {"network.lstm_units": {"low": 4, "high": 12, "whole": True},
                      "training.optimizer.learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
                      "loss.name": {"among": ["cross-entropy", "sentence"]}}, **changes}))
        return str(path)
    return write


@pytest.fixture
def settings(short_sample, tmp_path):
    return {"corpus.path": str(short_sample), "corpus.processed": str(tmp_path / "processed"),
            "features.pos.use": False, "network.word_dimension": 8, "network.character_filters": 4,
            "training.batch_size": 64}


def test_a_search_goes_on_and_ends_in_an_experiment(write_space, settings, tmp_path, monkeypatch):
    first = search(write_space(again=0), settings, workers=2, trials=2)
    assert [one.state for one in first.trials] == ["complete"] * 2 and not first.again
    with monkeypatch.context() as patch:
        patch.setattr("ner_mx.training.search.replicate", lambda *_: [Outcome("x-1", "broken off", "killed")])
        with pytest.raises(RunError, match="x-1 was broken off: killed; search again to go on"):
            search(write_space(), settings, workers=1, trials=2)
    assert not (first.folder / "again").exists()
    found = search(write_space(), settings, workers=1)
    assert len(found.trials) == 3 and found.trials[:2] == first.trials
    assert all(4 <= one.settings["network.lstm_units"] <= 12 and one.epochs <= 1 for one in found.trials)
    best = max((one for one in found.trials if one.state == "complete"), key=lambda one: one.score)
    assert [number for number, _ in found.again] == [best.number] and found.best == best.settings
    config = load_config(None, str(found.folder / "best.yaml"))
    assert config.network.lstm_units == best.settings["network.lstm_units"]
    text = write_search_report(found, found.folder).read_text()
    assert "| trial |" in text and "3 trials: 3 complete" in text and "1 seeds" in summary(found)
    assert (found.folder / "history.png").is_file() and (found.folder / "slices.png").is_file()
    # What a trial leaves is its row in the table and its log.
    assert not [path for path in (found.folder / "trials").iterdir() if path.is_dir()]


def test_what_is_set_holds_for_the_trials_and_for_the_runs_in_full(write_space, settings, caplog):
    """Were a setting to hold for trials alone, the best would be trained as something that was not judged."""
    path = write_space(trials=1, set={
        **settings, "network.window_units": 7, "training.epochs": 3, "corpus.scheme": "IOB2"})
    with caplog.at_level("INFO", "ner_mx"):
        found = search(path, {}, workers=1)
    assert f"trial 0: complete, dev F1 {100 * found.trials[0].score:.2f}; 1 of 1" in caplog.text
    (record,) = (read_record(one) for one in (found.folder / "records").iterdir())
    assert [found.trials[0].epochs, len(record.history)] == [1, 3]
    assert record.config["network"]["window_units"] == 7
    best = load_config(None, str(found.folder / "best.yaml"))
    assert best.network.window_units == 7 and best.network.word_dimension == 8
    assert best.corpus.scheme == "IOB2" and best.corpus.path == "data/sample"


def test_the_first_trial_has_the_settings_of_the_experiment(write_space, settings, tmp_path):
    space = {"network.lstm_units": {"low": 4, "high": 12, "step": 4, "whole": True},
             "network.window_units": {"same_as": "network.lstm_units"},
             "loss.name": {"among": ["cross-entropy", "sentence"]}}
    inside = {**settings, "network.lstm_units": 8, "loss.name": "sentence"}
    found = search(write_space(space=space), inside, workers=1, trials=2)
    assert [one.own for one in found.trials] == [True, False]
    assert found.trials[0].settings == {"network.lstm_units": 8, "network.window_units": 8,
                                        "loss.name": "sentence"}
    text = write_search_report(found, found.folder).read_text()
    assert "Trial 0 has the experiment's own settings." in text
    # Runs in full bear the search's name, so that those of two searches can lie side by side.
    number = found.again[0][0]
    assert [path.name for path in (found.folder / "records").iterdir()] == [f"small-{number}-1.json"]


@pytest.mark.parametrize("units", [16, 6])
def test_settings_of_the_experiment_that_the_ranges_do_not_hold_are_not_tried(write_space, settings, units):
    path = write_space(space={"network.lstm_units": {"low": 4, "high": 12, "step": 4, "whole": True}})
    outside = {**settings, "network.lstm_units": units}
    assert own_values(read_space(path, outside), load_config(None, "sample", as_arguments(outside))) is None


def test_a_trial_that_was_broken_off_is_tried_again_and_not_counted(write_space, settings, tmp_path):
    import optuna

    whole = {"training.epochs": 2, "training.patience": 1}
    space = {"network.lstm_units": {"low": 4, "high": 12, "whole": True},
             "network.window_units": {"same_as": "network.lstm_units"}}
    path = write_space(trials=2, again=1, set=whole, space=space)
    with locked(tmp_path / "search/small", "later"), pytest.raises(RunError, match="another process is at"):
        search(path, settings)
    search(path, settings, trials=1, workers=1)
    study = optuna.load_study(study_name="small",
                              storage=f"sqlite:///{tmp_path / 'search/small/trials.sqlite3'}")
    study.enqueue_trial({"network.lstm_units": 5})
    study.ask({"network.lstm_units": optuna.distributions.IntDistribution(4, 12)})  # and then it is killed
    found = search(path, settings, workers=1)
    assert [(one.number, one.state) for one in found.trials] == [(0, "complete"), (2, "complete")]
    assert found.trials[1].settings == {"network.lstm_units": 5, "network.window_units": 5}
    best = yaml.safe_load((found.folder / "best.yaml").read_text())
    assert best["training"] == {"epochs": 2, "patience": 1, "batch_size": 64} and "corpus" not in best
    assert best["network"]["window_units"] == best["network"]["lstm_units"]
    with pytest.raises(RunError, match="another: set.training.epochs: 1 against 3 now; give the space"):
        search(write_space(shortened={"training.epochs": 3}, space=space), settings)


def test_no_two_workers_take_the_same_trial_from_the_queue(write_space, settings, tmp_path, monkeypatch):
    import optuna

    numbers, ask = [], optuna.study.Study.ask

    def slow(self, *arguments, **options):
        # As long as one is asking, the queue looks to another as it was before.
        waiting = self.get_trials(states=(optuna.trial.TrialState.WAITING,))
        time.sleep(0.5)
        trial = ask(self, *arguments, **options)
        numbers.append((trial.number, len(waiting)))
        return trial

    monkeypatch.setattr(optuna.study.Study, "ask", slow)
    (tmp_path / "search/small").mkdir(parents=True)
    study = optuna.create_study(study_name="small", direction="maximize",
                                storage=f"sqlite:///{tmp_path / 'search/small/trials.sqlite3'}")
    for rate in (0.002, 0.004):
        study.enqueue_trial({"training.optimizer.learning_rate": rate})
    found = search(write_space(again=0), settings, workers=2, trials=2)
    assert numbers == [(0, 2), (1, 1)]
    assert [one.settings["training.optimizer.learning_rate"] for one in found.trials] == [0.002, 0.004]


def test_trials_of_another_corpus_are_not_put_beside(write_space, settings, tmp_path, short_sample):
    shutil.copytree(short_sample, tmp_path / "corpus")
    settings = {**settings, "corpus.path": str(tmp_path / "corpus")}
    search(write_space(again=0), settings, workers=1, trials=1)
    with pytest.raises(RunError, match='another: making.corpus.types: null against \\["PER"\\] now'):
        search(write_space(again=0), {**settings, "corpus.types": ["PER"]}, trials=2)
    with open(tmp_path / "corpus/train.txt", "a", encoding="utf-8") as file:
        file.write("\nRome NNP B-LOC\n")
    with pytest.raises(RunError, match="expected the train.txt of the trials that are there, found another"):
        search(write_space(again=0), settings, trials=2)


def test_what_falls_behind_is_pruned_after_the_epochs_that_all_are_given(write_space, settings, tmp_path):
    import optuna

    key = "training.optimizer.learning_rate"
    path = write_space(trials=2, again=0, random=1, prune_after=1, shortened={"training.epochs": 12},
                       space={key: {"among": [0.02, 1e-9]}})
    (tmp_path / "search/small").mkdir(parents=True)
    study = optuna.create_study(study_name="small", direction="maximize",
                                storage=f"sqlite:///{tmp_path / 'search/small/trials.sqlite3'}")
    for value in (0.02, 1e-9):
        study.enqueue_trial({key: value})
    found = search(path, settings, workers=1)
    # A network that learns nothing falls behind the median as soon as there is one.
    assert [(one.settings[key], one.state) for one in found.trials] == [(0.02, "complete"), (1e-9, "pruned")]
    assert found.trials[0].epochs == 12 > found.trials[1].epochs
    assert found.best == {key: 0.02}


def test_values_that_do_not_go_together_cost_their_trial_not_the_search(write_space, settings):
    path = write_space(trials=4, again=0, random=4, set={"training.epochs": 1}, space={
        "loss.name": {"among": ["cross-entropy", "sentence"]},
        "decoding.method": {"among": ["viterbi", "argmax"]}})
    found = search(path, settings, workers=1)
    wrong = [one for one in found.trials if set(one.settings.values()) == {"sentence", "argmax"}]
    assert wrong and {one.state for one in wrong} == {"failed"}
    assert {one.state for one in found.trials if one not in wrong} == {"complete"}


def test_what_ends_a_trial_from_outside_stops_the_search_once(write_space, settings, monkeypatch):
    import ner_mx.training.search as module

    path = write_space(trials=2, again=0)
    search(path, settings, workers=1, trials=1)
    started = subprocess.Popen

    def killed(arguments, **options):
        return started([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], **options)

    with monkeypatch.context() as patch:
        patch.setattr(module.subprocess, "Popen", killed)
        with pytest.raises(RunError, match="trial 1 ended with exit code -9; see .*trial-1-1.log, and"):
            search(path, settings, workers=1)
    found = search(path, settings, workers=1)  # the machine has room again
    assert [one.state for one in found.trials] == ["complete"] * 2
    with monkeypatch.context() as patch:
        patch.setattr(module.subprocess, "Popen", killed)
        for trials in (3, 3):
            with suppress(RunError):
                found = search(path, settings, workers=1, trials=trials)
    # The same settings came to the same end twice: that is theirs.
    assert [one.state for one in found.trials] == ["complete", "complete", "failed"]


def test_a_diverging_trial_is_counted(write_space, settings):
    path = write_space(trials=2, again=0, space={
        "training.optimizer.clip": {"among": [1e9, 2e9]}, "network.lstm_units": {"low": 4, "high": 8}})
    with pytest.raises(ConfigError, match="network.lstm_units"):
        read_space(path, settings)
    path = write_space(trials=1, again=0, space={
        "training.optimizer.clip": {"among": [1e9, 2e9]}})
    wild = {**settings, "training.optimizer.name": "sgd", "training.optimizer.learning_rate": 1e6}
    with pytest.raises(Exception, match="expected a trial that comes to its end, found none in 1"):
        search(path, wild, workers=1)


@pytest.mark.parametrize("changes, problem", [
    ({"space": {"corpus.path": {"among": ["a", "b"]}}}, "every trial reads one processed corpus"),
    ({"space": {"network.lstm_unit": {"low": 1, "high": 2}}}, "unknown key; did you mean lstm_units?"),
    ({"space": {"network.lstm_units": {"low": 3, "high": 2}}}, "low must be below high"),
    ({"space": {"network.lstm_units": {"same_as": "network.window"}}}, "a range or a choice of its own"),
    ({"set": {"training.use_dev": True}}, "expected dev to judge by, found it among what is learnt"),
    ({"shortened": {"corpus.path": "x"}}, "shortened.corpus.path must stand under set"),
    ({"experiment": "conll2003-blstm-cnn"}, "expected dev to judge by, found it among what is learnt"),
    ({"space": {"network.lstm_units": {"lo": 3, "high": 4}}},
     "space.network.lstm_units.lo: unknown key; did you mean low?"),
    ({"space": {"network.lstm_units": {"low": 3}}}, "network.lstm_units.high: expected a value, found none"),
    ({"space": {"network.lstm_units": 3}}, "space.network.lstm_units: should be a valid dictionary"),
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
    ranges = {key.split(".")[-1]: (value.low, value.high) for key, value in space.space.items()
              if key != "network.dropout.layers"}
    assert space.space["network.dropout.layers"].same_as == "network.dropout.output"
    assert ranges == {"character_width": (3, 7), "character_filters": (15, 84), "lstm_units": (100, 500),
                      "lstm_layers": (1, 4), "learning_rate": (0.001, 0.0158), "output": (0.25, 0.75)}


def test_settings_by_dotted_key():
    assert parse_settings(["a.b=1", "c=x"]) == {"a.b": 1, "c": "x"} and json.dumps(parse_settings([])) == "{}"
