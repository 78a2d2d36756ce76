"""Plans of many runs: worked off once, gone on with, counted where training fails."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from ner_mx.errors import ConfigError, RunError, UserError
from ner_mx.features.preprocessing import is_current
from ner_mx.features.processed import folder_of
from ner_mx.training.plans import Planned, read_plan
from ner_mx.training.replication import known_outcome, process_corpora, replicate

SMALL = {"features.pos.use": False, "network.word_dimension": 8,
         "network.character_filters": 4, "network.lstm_units": 8, "training.epochs": 1,
         "training.batch_size": 64}


@pytest.fixture
def write_plan(tmp_path, short_sample):
    def write(*groups, **changes):
        chosen = {**SMALL, "corpus.path": str(short_sample),
                  "corpus.processed": str(tmp_path / "processed")}
        path = tmp_path / "plan.yaml"
        path.write_text(json.dumps({"directory": str(tmp_path / "runs"), "records": str(tmp_path / "records"),
                                    "set": chosen, "runs": list(groups), **changes}))
        return path
    return write


@pytest.fixture(autouse=True)
def find_the_package(root, monkeypatch, tmp_path):
    """Trainings are processes of their own, in a folder without config.yaml."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.chdir(tmp_path)


def states(outcomes):
    return [(outcome.name, outcome.state) for outcome in outcomes]


def test_a_plan_is_worked_off_once(write_plan, tmp_path):
    # The plan says it all: what a user has changed for other runs has no part in these.
    (tmp_path / "config.yaml").write_text("features: {digits: keep}\nnetwork: {character_dimension: 12}\n")
    plan = write_plan({"experiments": ["sample"], "seeds": [1, 2]},
                      {"experiments": ["sample"], "seeds": [1], "name": "wild",
                       "set": {"training.optimizer.learning_rate": 1e6, "training.optimizer.clip": None,
                               "training.optimizer.name": "sgd"}},
                      {"experiments": ["sample"], "seeds": [1], "name": "cased",
                       "set": {"features.words.lower": False}})
    outcomes = replicate(plan, workers=2)
    assert states(outcomes) == [("sample-1", "done"), ("sample-2", "done"), ("wild-1", "failed"),
                                ("cased-1", "done")]
    assert "lower training.optimizer.learning_rate" in outcomes[2].reason
    assert {path.name for path in (tmp_path / "records").iterdir()} == {
        "sample-1.json", "sample-2.json", "cased-1.json", "wild-1.failed.json"}
    # Two ways to make features are two processed corpora.
    assert len(list((tmp_path / "processed").iterdir())) == 2
    record = json.loads((tmp_path / "records/sample-1.json").read_text())
    assert str(tmp_path) not in json.dumps(record)
    assert record["config"]["features"]["digits"] == "run"
    assert record["config"]["network"]["character_dimension"] == 25
    assert len(record["history"]) == 1 and 0 <= record["metrics"]["train"]["fitted_f1"] <= 1

    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert replicate(plan) == outcomes
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == written

    tamed = write_plan({"experiments": ["sample"], "seeds": [1], "name": "wild"})
    with pytest.raises(RunError, match="wild-1.failed.json: .* with another configuration: "
                                       "training.optimizer.name: \"sgd\" against \"adam\" now"):
        replicate(tamed)
    (tmp_path / "records/wild-1.failed.json").write_text("{}")
    with pytest.raises(RunError, match="expected why a run failed and its configuration"):
        replicate(tamed)
    (tmp_path / "records/wild-1.failed.json").unlink()


def test_a_corpus_that_changed_is_processed_again(write_plan, tmp_path, short_sample):
    shutil.copytree(short_sample, tmp_path / "corpus")
    settings = {**SMALL, "corpus.path": str(tmp_path / "corpus"),
                "corpus.processed": str(tmp_path / "processed")}
    _, (run,) = read_plan(write_plan({"experiments": ["sample"], "seeds": [1]}, set=settings))
    assert not is_current(run.config)
    process_corpora([run])
    meta = folder_of(run.config) / "meta.json"
    made = meta.stat().st_mtime_ns
    process_corpora([run])
    assert is_current(run.config) and meta.stat().st_mtime_ns == made
    with open(tmp_path / "corpus/train.txt", "a", encoding="utf-8") as file:
        file.write("\nRome NNP B-LOC\n")
    assert not is_current(run.config)
    process_corpora([run])
    assert is_current(run.config) and meta.stat().st_mtime_ns > made
    shutil.rmtree(tmp_path / "corpus")
    assert is_current(run.config)


def test_a_run_on_what_a_file_was_before_is_not_passed_off_as_done(write_plan, tmp_path, short_sample):
    shutil.copytree(short_sample, tmp_path / "corpus")
    settings = {**SMALL, "corpus.path": str(tmp_path / "corpus"),
                "corpus.processed": str(tmp_path / "processed")}
    plan = write_plan({"experiments": ["sample"], "seeds": [1]}, set=settings)
    assert states(replicate(plan)) == states(replicate(plan)) == [("sample-1", "done")]
    with open(tmp_path / "corpus/train.txt", "a", encoding="utf-8") as file:
        file.write("\nRome NNP B-LOC\n")
    with pytest.raises(RunError, match="expected a run on the train.txt that is there now, found one"):
        replicate(plan)


def test_a_corpus_that_is_not_there_costs_its_runs_not_the_plan(write_plan, tmp_path):
    plan = write_plan({"experiments": ["sample"], "seeds": [1, 2], "name": "absent",
                       "set": {"corpus.path": str(tmp_path / "none")}},
                      {"experiments": ["sample"], "seeds": [1]})
    outcomes = replicate(plan, workers=1, records=tmp_path / "mine")
    assert states(outcomes) == [("absent-1", "broken off"), ("absent-2", "broken off"), ("sample-1", "done")]
    assert "none: expected a corpus, found nothing" in outcomes[0].reason
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["sample-1.json"]
    assert not (tmp_path / "records").exists()


def test_a_run_begun_with_another_configuration_is_named_before_anything_starts(write_plan, tmp_path):
    group = {"experiments": ["sample"], "seeds": [1]}
    replicate(write_plan(group))
    for path in (tmp_path / "runs/sample-1/metrics.json", tmp_path / "records/sample-1.json"):
        path.unlink()  # as if it had been killed
    with pytest.raises(RunError, match="sample-1: expected the run of the plan to go on with, found one with "
                                       "another configuration: training.epochs: 1 against 2 now; give"):
        replicate(write_plan({**group, "set": {"training.epochs": 2}}))
    assert states(replicate(write_plan(group))) == [("sample-1", "done")]


def test_records_alone_say_what_is_done(write_plan, tmp_path):
    plan = write_plan({"experiments": ["sample"], "seeds": [1]})
    replicate(plan)
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    (tmp_path / "processed").rename(tmp_path / "gone")
    assert states(replicate(plan)) == [("sample-1", "done")]
    assert not (tmp_path / "runs").exists()
    _, (run,) = read_plan(write_plan({"experiments": ["sample"], "seeds": [1],
                                      "set": {"network.lstm_units": 9}}))
    with pytest.raises(RunError, match="found one with another configuration: .*lstm_units: 8 against 9"):
        known_outcome(run, tmp_path / "records")


def test_a_killed_run_goes_on(write_plan, tmp_path):
    plan = write_plan({"experiments": ["sample"], "seeds": [1], "set": {"training.epochs": 20}})
    command = [sys.executable, "-m", "ner_mx", "replicate", str(plan), "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    state = tmp_path / "runs/sample-1/last/state.json"
    while not state.is_file() or json.loads(state.read_text())["epoch"] < 1:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode != 0
    before = json.loads(state.read_text())["epoch"]
    assert 1 <= before < 20 and not (tmp_path / "records").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "sample-1" in done.stdout and "done" in done.stdout, done.stderr
    record = json.loads((tmp_path / "records/sample-1.json").read_text())
    assert [epoch for epoch, *_ in record["history"]] == list(range(1, 21))
    assert "going on after epoch" in (tmp_path / "runs/sample-1.log").read_text()


def test_a_worker_that_dies_costs_its_run_not_the_plan(write_plan, monkeypatch):
    plan = write_plan({"experiments": ["sample"], "seeds": [1, 2]})
    command = Planned.command

    def deadly(run, verb):
        if (run.name, verb) == ("sample-1", "train"):
            return [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
        return command(run, verb)

    with monkeypatch.context() as patched:
        patched.setattr(Planned, "command", deadly)
        outcomes = replicate(plan, workers=1)
    assert states(outcomes) == [("sample-1", "broken off"), ("sample-2", "done")]
    assert "exit code -9" in outcomes[0].reason
    assert states(replicate(plan)) == [("sample-1", "done"), ("sample-2", "done")]


def test_ray_works_off_the_same_plan(write_plan, tmp_path):
    ray = pytest.importorskip("ray")
    plan = write_plan({"experiments": ["sample"], "seeds": [1, 2, 3]},
                      {"experiments": ["sample"], "seeds": [1], "name": "wild",
                       "set": {"training.optimizer.learning_rate": 1e6, "training.optimizer.clip": None,
                               "training.optimizer.name": "sgd"}})
    assert states(replicate(plan, workers=2, engine="ray")) == [
        ("sample-1", "done"), ("sample-2", "done"), ("sample-3", "done"), ("wild-1", "failed")]
    assert not ray.is_initialized()
    for seed in (1, 2, 3):
        assert (tmp_path / f"records/sample-{seed}.json").is_file()


def test_a_ray_worker_that_dies_costs_its_run_not_the_plan(write_plan, tmp_path):
    pytest.importorskip("ray")
    import psutil  # Ray brings it
    plan = write_plan({"experiments": ["sample"], "seeds": [1], "set": {"training.epochs": 500}},
                      {"experiments": ["sample"], "seeds": [2]})
    def kill_the_worker():
        """The parent of the first training, once that has trained an epoch."""
        history = tmp_path / "runs/sample-1/history.jsonl"
        while not (history.is_file() and history.read_text()):
            time.sleep(0.05)
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if "train" in line and str(tmp_path) in " ".join(line):
                process.parent().kill()  # Ray ends what the worker began
                return

    killer = threading.Thread(target=kill_the_worker)
    killer.start()
    try:
        outcomes = replicate(plan, workers=1, engine="ray")
    finally:
        killer.join(timeout=60)
    assert states(outcomes) == [("sample-1", "broken off"), ("sample-2", "done")]
    assert "its worker died" in outcomes[0].reason


@pytest.mark.parametrize("group, problem", [
    ({"experiments": ["conll2003-blstm-cn"], "seeds": [1]},
     "plan.yaml: experiment 'conll2003-blstm-cn': .*did you mean conll2003-blstm-cnn?"),
    ({"experiments": ["sample"], "seeds": []}, "plan.yaml: runs.0.seeds: List should have at least 1 item"),
    ({"experiments": ["sample"], "seed": [1]}, "plan.yaml: runs.0.seed: unknown key; did you mean seeds?"),
    ({"experiments": ["sample"], "seeds": [1], "set": {"training.epoch": 1}},
     "plan.yaml: --set training.epoch=1: training.epoch: unknown key; did you mean epochs?"),
    ({"experiments": ["sample"]}, "plan.yaml: runs.0.seeds: expected a value, found none"),
    ({"experiments": ["sample"], "seeds": [1], "set": {"run.seed": 7}},
     "plan.yaml: set: run.seed: expected no key that a plan gives itself"),
    ({"experiments": ["sample"], "seeds": [1, 1]},
     "plan.yaml: expected runs of different names, found two called sample-1"),
    ({"experiments": ["sample", "un"], "seeds": [1], "name": "both"},
     "expected one experiment under the name"),
])
def test_a_bad_plan_is_one_line(write_plan, tmp_path, group, problem):
    with pytest.raises(ConfigError, match=problem) as error:
        replicate(write_plan(group))
    assert "\n" not in str(error.value) and not (tmp_path / "runs").exists()


def test_a_date_for_a_number_is_one_line(write_plan):
    path = write_plan({"experiments": ["sample"], "seeds": [1], "set": {"training.epochs": "DAY"}})
    path.write_text(path.read_text().replace('"DAY"', "2026-01-01"))
    with pytest.raises(ConfigError, match="plan.yaml: .*training.epochs: should be a valid integer"):
        replicate(path)


def test_a_damaged_run_is_one_line(write_plan, tmp_path):
    plan = write_plan({"experiments": ["sample"], "seeds": [1]})
    replicate(plan)
    (tmp_path / "runs/sample-1/metrics.json").write_text('{"half": ')
    (tmp_path / "records/sample-1.json").unlink()
    with pytest.raises(RunError, match="metrics.json: expected JSON, found damage"):
        replicate(plan)


def test_a_cluster_that_does_not_answer_is_one_line(write_plan):
    plan = write_plan({"experiments": ["sample"], "seeds": [1]})
    with pytest.raises(ConfigError, match="expected none with the engine local, found '10.0.0.1:6379'"):
        replicate(plan, address="10.0.0.1:6379")
    pytest.importorskip("ray")
    with pytest.raises(UserError, match="expected that of a Ray cluster that answers, found 'non") as error:
        replicate(plan, engine="ray", address="nonsense")
    assert "\n" not in str(error.value)


def test_an_unknown_engine_names_the_known(write_plan):
    with pytest.raises(ConfigError, match="engine: expected one of local, ray, found 'slurm'"):
        replicate(write_plan({"experiments": ["sample"], "seeds": [1]}), engine="slurm")
