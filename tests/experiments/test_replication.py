"""Plans of many runs: executed once, resumed, counted where training fails."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from ner_mx.errors import ConfigError, RunError, UserError
from ner_mx.experiments.plans import PlannedRun, read_plan
from ner_mx.experiments.replication import known_outcome, process_corpora, replicate
from ner_mx.preprocessing.processed_corpus import corpus_folder, is_current
from ner_mx.registry import load_code

SMALL = {"features.pos.use": False, "features.words.dimension": 8, "features.characters.filters": 4,
         "model.units": 8, "training.epochs": 1, "training.batch_size": 16}
# One run on the sample, and one whose loss explodes.
SAMPLE = {"experiments": ["sample"], "seeds": [1]}
DIVERGING = {**SAMPLE, "name": "diverging", "set": {
    "training.optimizer.learning_rate": 1e6, "training.clip": None, "training.optimizer.name": "sgd"}}


def plan_in(folder, corpus, *groups, **changes):
    """Write a plan whose runs, records and processed corpora are below a folder; gives its path."""
    settings = {**SMALL, "corpus.path": str(corpus), "corpus.processed": str(folder / "processed")}
    path = folder / "plan.yaml"
    path.write_text(json.dumps({"directory": str(folder / "runs"), "records": str(folder / "records"),
                                "set": settings, "runs": list(groups), **changes}))
    return path


@pytest.fixture
def write_plan(tmp_path, tiny_sample):
    def write(*groups, corpus=tiny_sample, **changes):
        return plan_in(tmp_path, corpus, *groups, **changes)
    return write


@pytest.fixture(scope="module")
def finished_plan(tmp_path_factory, tiny_sample, root):
    """The folder of a plan of one run, executed once for the tests that start from its result."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root))
        patch.chdir(folder)
        assert states(replicate(plan_in(folder, tiny_sample, SAMPLE))) == [("sample-1", "done")]
    return folder


@pytest.fixture
def finished(finished_plan, tmp_path):
    """A copy of its runs, records and processed corpora."""
    shutil.copytree(finished_plan, tmp_path, dirs_exist_ok=True)


def states(outcomes):
    return [(outcome.name, outcome.state) for outcome in outcomes]


def test_a_plan_is_executed_once(write_plan, tmp_path):
    # A plan is complete: what a user has changed for other runs has no effect on it.
    (tmp_path / "config.yaml").write_text("features: {digits: keep, characters: {dimension: 12}}\n")
    plan = write_plan({**SAMPLE, "seeds": [1, 2]}, DIVERGING,
                      {**SAMPLE, "name": "cased",
                       "set": {"features.words.lower": False, "training.batch_size": "auto"}})
    outcomes = replicate(plan, workers=2)
    assert states(outcomes) == [("sample-1", "done"), ("sample-2", "done"), ("diverging-1", "failed"),
                                ("cased-1", "done")]
    assert "lower training.optimizer.learning_rate" in outcomes[2].reason
    assert {path.name for path in (tmp_path / "records").iterdir()} == {
        "sample-1.json", "sample-2.json", "cased-1.json", "diverging-1.failed.json"}
    # Two ways to make features are two processed corpora.
    assert len(list((tmp_path / "processed").iterdir())) == 2
    record = json.loads((tmp_path / "records/sample-1.json").read_text())
    assert str(tmp_path) not in json.dumps(record)
    assert record["config"]["features"]["digits"] == "run"
    assert record["config"]["features"]["characters"]["dimension"] == 25
    assert len(record["history"]) == 1 and 0 <= record["metrics"]["train"]["fitted_f1"] <= 1

    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert replicate(plan) == outcomes
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == written

    changed = write_plan({**DIVERGING, "set": {"training.clip": None}})
    with pytest.raises(RunError, match="diverging-1.failed.json: .* with another configuration: "
                                       "training.optimizer.name: \"sgd\" against \"adam\" now"):
        replicate(changed)
    (tmp_path / "records/diverging-1.failed.json").write_text("{}")
    with pytest.raises(RunError, match="expected why a run failed and its configuration"):
        replicate(changed)


def test_a_corpus_that_changed_is_processed_again(write_plan, tmp_path, tiny_sample):
    corpus = shutil.copytree(tiny_sample, tmp_path / "corpus")
    _, (run,) = read_plan(write_plan(SAMPLE, corpus=corpus))
    assert not is_current(run.config)
    process_corpora([run])
    meta = corpus_folder(run.config) / "meta.json"
    modified = meta.stat().st_mtime_ns
    process_corpora([run])
    assert is_current(run.config) and meta.stat().st_mtime_ns == modified
    with open(corpus / "train.txt", "a", encoding="utf-8") as file:
        file.write("\nRome NNP B-LOC\n")
    assert not is_current(run.config)
    process_corpora([run])
    assert is_current(run.config) and meta.stat().st_mtime_ns > modified
    shutil.rmtree(corpus)
    assert is_current(run.config)


def test_a_run_on_an_earlier_state_of_a_file_is_not_done(write_plan, finished, tmp_path, tiny_sample):
    corpus = shutil.copytree(tiny_sample, tmp_path / "corpus")
    plan = write_plan(SAMPLE, corpus=corpus)
    assert states(replicate(plan)) == [("sample-1", "done")]
    with open(corpus / "train.txt", "a", encoding="utf-8") as file:
        file.write("\nRome NNP B-LOC\n")
    with pytest.raises(RunError, match="expected a run on the current train.txt, found one on another"):
        replicate(plan)


def test_a_missing_corpus_costs_its_runs_not_the_plan(write_plan, tmp_path, call_command):
    plan = write_plan({**SAMPLE, "seeds": [1, 2], "name": "absent", "set": {"corpus.path": str(tmp_path / "none")}},
                      SAMPLE)
    outcomes = replicate(plan, workers=1, records=tmp_path / "mine")
    assert states(outcomes) == [("absent-1", "refused"), ("absent-2", "refused"), ("sample-1", "done")]
    assert "none: expected a corpus, found nothing" in outcomes[0].reason
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["sample-1.json"]
    assert not (tmp_path / "records").exists()
    done = call_command("ner-mx", "replicate", plan, "--records", tmp_path / "mine")
    assert done.returncode == 2 and "absent-2" in done.stdout and "refused" in done.stdout, done.stderr
    assert "once their input is as expected" in done.stderr and "resumes" not in done.stderr


def test_a_started_run_with_another_configuration_is_named_before_anything_starts(write_plan, finished, tmp_path):
    for path in (tmp_path / "runs/sample-1/metrics.json", tmp_path / "records/sample-1.json"):
        path.unlink()  # as if it had been killed
    with pytest.raises(RunError, match="sample-1: expected the run of the plan, to resume it, found one with "
                                       "another configuration: training.epochs: 1 against 2 now; give"):
        replicate(write_plan({**SAMPLE, "set": {"training.epochs": 2}}))
    assert states(replicate(write_plan(SAMPLE))) == [("sample-1", "done")]


def test_records_alone_say_what_is_done(write_plan, finished, tmp_path):
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    (tmp_path / "processed").rename(tmp_path / "gone")
    assert states(replicate(write_plan(SAMPLE))) == [("sample-1", "done")]
    assert not (tmp_path / "runs").exists()
    _, (run,) = read_plan(write_plan({**SAMPLE, "set": {"model.units": 9}}))
    with pytest.raises(RunError, match="found one with another configuration: model.units: 8 against 9"):
        known_outcome(run, tmp_path / "records")


def test_a_finished_run_without_a_record_gets_one(write_plan, finished, tmp_path):
    path = tmp_path / "records/sample-1.json"
    record = path.read_bytes()
    path.unlink()
    assert states(replicate(write_plan(SAMPLE))) == [("sample-1", "done")]
    assert path.read_bytes() == record


def test_a_killed_run_is_resumed(write_plan, tmp_path):
    plan = write_plan({**SAMPLE, "set": {"training.epochs": 30}})
    command = [sys.executable, "-m", "ner_mx", "replicate", str(plan), "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    state = tmp_path / "runs/sample-1/last/state.json"
    while not state.is_file() or json.loads(state.read_text())["epoch"] < 1:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode != 0
    epoch = json.loads(state.read_text())["epoch"]
    assert 1 <= epoch < 30 and not (tmp_path / "records").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "sample-1" in done.stdout and "done" in done.stdout, done.stderr
    record = json.loads((tmp_path / "records/sample-1.json").read_text())
    assert [epoch for epoch, *_ in record["history"]] == list(range(1, 31))
    assert f"resuming after epoch {epoch}\n" in (tmp_path / "runs/sample-1.log").read_text()


def test_a_process_that_dies_costs_its_run_not_the_plan(write_plan, monkeypatch):
    plan = write_plan({**SAMPLE, "seeds": [1, 2]})
    command = PlannedRun.command

    def killed(run, verb):
        if (run.name, verb) == ("sample-1", "train"):
            return [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
        return command(run, verb)

    with monkeypatch.context() as patch:
        patch.setattr(PlannedRun, "command", killed)
        outcomes = replicate(plan, workers=1)
    assert states(outcomes) == [("sample-1", "interrupted"), ("sample-2", "done")]
    assert "exit code -9" in outcomes[0].reason
    assert states(replicate(plan)) == [("sample-1", "done"), ("sample-2", "done")]


def test_the_processes_of_a_plan_load_the_same_code(write_plan, halves, tmp_path):
    load_code(halves.name)  # a relative path
    plan = write_plan({**SAMPLE, "set": {"training.batches": "halves"}})
    _, (run,) = read_plan(plan)
    for verb in ("preprocess", "train"):
        assert run.command(verb) == [sys.executable, "-m", "ner_mx", verb, "--code", str(halves.resolve()),
                                     "--config", str(tmp_path / "runs/sample-1.yaml")]
    assert states(replicate(plan, workers=1)) == [("sample-1", "done")]
    assert "halves batches of 16" in (tmp_path / "runs/sample-1.log").read_text()


def test_without_code_of_a_users_own_a_process_is_told_of_none(write_plan):
    _, (run,) = read_plan(write_plan(SAMPLE))
    assert "--code" not in run.command("train")


def test_ray_executes_the_same_plan_and_a_worker_that_dies_costs_its_run_alone(write_plan, halves, tmp_path):
    ray = pytest.importorskip("ray")
    import psutil  # Ray brings it

    load_code(halves.name)
    plan = write_plan({**SAMPLE, "name": "killed", "set": {"training.epochs": 500}}, SAMPLE, DIVERGING,
                      {**SAMPLE, "name": "halves", "set": {"training.batches": "halves"}})

    def kill_the_worker():
        """Kill the parent of the first training, once that has trained an epoch."""
        history = tmp_path / "runs/killed-1/history.jsonl"
        while not (history.is_file() and history.read_text()):
            time.sleep(0.05)
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if "train" in line and str(tmp_path / "runs/killed-1.yaml") in line:
                process.parent().kill()  # Ray ends what the worker began
                return

    killer = threading.Thread(target=kill_the_worker)
    killer.start()
    try:
        outcomes = replicate(plan, workers=2, engine="ray")
    finally:
        killer.join(timeout=60)
    assert states(outcomes) == [("killed-1", "interrupted"), ("sample-1", "done"),
                                ("diverging-1", "failed"), ("halves-1", "done")]
    assert "its worker died" in outcomes[0].reason
    assert not ray.is_initialized()
    assert {path.name for path in (tmp_path / "records").iterdir()} == {
        "sample-1.json", "halves-1.json", "diverging-1.failed.json"}
    assert "halves batches of 16" in (tmp_path / "runs/halves-1.log").read_text()


@pytest.mark.parametrize("group, problem", [
    ({**SAMPLE, "experiments": ["conll2003-blstm-cn"]},
     "plan.yaml: experiment 'conll2003-blstm-cn': .*did you mean conll2003-blstm-cnn?"),
    ({**SAMPLE, "seeds": []}, "plan.yaml: runs.0.seeds: List should have at least 1 item"),
    ({"experiments": ["sample"], "seed": [1]}, "plan.yaml: runs.0.seed: unknown key; did you mean seeds?"),
    ({**SAMPLE, "set": {"training.epoch": 1}},
     "plan.yaml: training.epoch: unknown key; did you mean epochs?"),
    ({"experiments": ["sample"]}, "plan.yaml: runs.0.seeds: expected a value, found nothing"),
    ({**SAMPLE, "set": {"run.seed": 7}},
     "plan.yaml: set: run.seed: expected no key that a plan sets itself"),
    ({**SAMPLE, "set": {"run": {"seed": 7}}}, "plan.yaml: set: run.seed: expected no key that a plan sets itself"),
    ({**SAMPLE, "seeds": [1, 1]},
     "plan.yaml: expected runs of different names, found two called sample-1"),
    ({"experiments": ["sample", "un"], "seeds": [1], "name": "both"},
     "plan.yaml: runs: expected one experiment under the name both, found 2"),
])
def test_a_bad_plan_is_one_line(write_plan, tmp_path, group, problem):
    with pytest.raises(ConfigError, match=problem) as error:
        replicate(write_plan(group))
    assert "\n" not in str(error.value) and not (tmp_path / "runs").exists()


def test_an_experiment_beside_the_plan(write_plan, tmp_path, monkeypatch):
    """Wherever the plan is read from."""
    path = write_plan({"experiments": ["mine.yaml"], "seeds": [1]})
    (tmp_path / "mine.yaml").write_text("extends: sample\ntraining: {clip: 3.0}\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run, = read_plan(path)[1]
    assert run.config.training.clip == 3.0


def test_a_date_for_a_number_is_one_line(write_plan):
    path = write_plan({**SAMPLE, "set": {"training.epochs": "DAY"}})
    path.write_text(path.read_text().replace('"DAY"', "2026-01-01"))
    with pytest.raises(ConfigError, match="plan.yaml: .*training.epochs: should be a valid integer"):
        replicate(path)


def test_a_damaged_run_is_one_line(write_plan, finished, tmp_path):
    (tmp_path / "runs/sample-1/metrics.json").write_text('{"half": ')
    (tmp_path / "records/sample-1.json").unlink()
    with pytest.raises(RunError, match="metrics.json: expected JSON, found a damaged file"):
        replicate(write_plan(SAMPLE))


def test_a_cluster_that_does_not_answer_is_one_line(write_plan):
    plan = write_plan(SAMPLE)
    with pytest.raises(ConfigError, match="expected none with the engine local, found '10.0.0.1:6379'"):
        replicate(plan, address="10.0.0.1:6379")
    pytest.importorskip("ray")
    with pytest.raises(UserError, match="expected that of a Ray cluster that answers, found 'non") as error:
        replicate(plan, engine="ray", address="nonsense")
    assert "\n" not in str(error.value)


def test_an_unknown_engine_names_the_known(write_plan):
    with pytest.raises(ConfigError, match="engine: expected one of local, ray, found 'slurm'"):
        replicate(write_plan(SAMPLE), engine="slurm")
