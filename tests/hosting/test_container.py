"""The container contract on a layout of folders: hyperparameters and channels in, a model or a reason out."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import requests

import ner_mx
from ner_mx.config import load_config
from ner_mx.errors import BundleError, UserError
from ner_mx.hosting.endpoint import bundle_in, serve
from ner_mx.hosting.layout import Layout, as_settings, corpus_settings, hyperparameters
from ner_mx.hosting.training_job import train

SMALL = {"training.epochs": "2", "model.units": "10", "features.pos.use": "false", "features.words.dimension": "12",
         "features.characters.filters": "5"}


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "ml")


def channels(layout, source, **files):
    """Copy files into channels: by the name of the channel, the names of files."""
    for channel, names in files.items():
        (layout.data / channel).mkdir(parents=True)
        for name in names:
            shutil.copy(source / name, layout.data / channel / name)


def give(layout, **values):
    layout.hyperparameters.parent.mkdir(parents=True, exist_ok=True)
    layout.hyperparameters.write_text(json.dumps(values))


def test_a_model_is_trained_and_served(layout, short_sample, root, tmp_path):
    channels(layout, short_sample, train=["train.txt"], validation=["dev.txt"], test=["test.txt"])
    give(layout, **SMALL, precision="int8", sagemaker_program="x.py", _tuning_objective_metric="f1")
    layout.model.mkdir()  # hosts mount it, so that it cannot be replaced
    before = layout.model.stat().st_ino
    assert train(layout) == 0 and not layout.failure.exists() and layout.model.stat().st_ino == before
    tagger = ner_mx.load(layout.model / "bundle")
    metrics = json.loads((layout.output / "metrics.json").read_text())
    assert tagger.card["precision"] == "int8" and "dev entity F1" not in metrics
    assert {path.name for path in layout.output.iterdir()} == {
        "metrics.json", "report.md", "history.jsonl", "config.yaml"}
    made = load_config(layout.output / "config.yaml")
    assert (made.training.epochs, made.model.units, made.corpus.train) == (2, 10, "train/train.txt")

    process = subprocess.Popen([sys.executable, "-m", "ner_mx", "container", "serve", "--root", str(layout.root)],
                               cwd=root, stderr=subprocess.PIPE, text=True,
                               env={"PATH": "/usr/bin", "SAGEMAKER_BIND_TO_PORT": "0", "OMP_NUM_THREADS": "1"})
    try:
        address = re.search(r"http://0.0.0.0:(\d+)", process.stderr.readline())
        url = f"http://127.0.0.1:{address.group(1)}"
        assert requests.get(f"{url}/ping", timeout=30).status_code == 200
        answer = requests.post(f"{url}/invocations", "Jordan May left Washington.", timeout=30,
                               headers={"content-type": "text/plain"}).json()
        assert [entity["text"] for entity in answer["entities"]] == [
            entity.text for entity in tagger.predict("Jordan May left Washington.")]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def test_one_channel_holds_the_corpus_or_one_file(layout, short_sample):
    channels(layout, short_sample, training=["train.txt", "dev.txt", "test.txt"])
    assert corpus_settings(layout) == {"corpus.path": str(layout.data / "training")}
    for name in ("dev.txt", "test.txt"):
        (layout.data / "training" / name).unlink()
    (layout.data / "training/.part").write_text("of the host")
    channels(layout, short_sample, vectors=["dev.txt"])
    assert corpus_settings(layout) == {"corpus.path": str(layout.data / "training/train.txt"),
                                       "features.words.vectors.path": str(layout.data / "vectors/dev.txt")}


def test_a_missing_split_is_drawn_from_the_training_data(layout, short_sample):
    channels(layout, short_sample, train=["train.txt"], testing=["test.txt", "dev.txt"])
    assert corpus_settings(layout) == {
        "corpus.path": str(layout.data), "corpus.train": "train/train.txt", "corpus.dev": None,
        "corpus.test": "testing"}  # several files are a folder, as some formats are


@pytest.mark.parametrize("files, message", [
    ({}, "expected the channels train, .* found none"),
    ({"test": ["test.txt"]}, "of which train is needed; found test"),
    ({"train": ["train.txt"], "other": ["test.txt"]}, "found other"),
    ({"train": []}, "train: expected a file in the channel, found nothing")])
def test_channels_that_are_not_known(layout, short_sample, files, message):
    channels(layout, short_sample, **files)
    with pytest.raises(UserError, match=message):
        corpus_settings(layout)


def test_hyperparameters_are_text(layout):
    assert hyperparameters(layout) == {}
    give(layout, **{"training.epochs": "3", "features.pos.use": False, "run.seed": 4, "sagemaker_region": "x"})
    assert as_settings(hyperparameters(layout)) == {"training.epochs": 3, "features.pos.use": False, "run.seed": 4}
    give(layout, **{"": "1"})
    with pytest.raises(UserError, match="hyperparameters.json: expected a name for each value"):
        hyperparameters(layout)
    give(layout, training={"epochs": "3"})
    with pytest.raises(UserError, match="hyperparameters.json: expected an object with a text for each name"):
        hyperparameters(layout)


@pytest.mark.parametrize("values, message, code", [
    ({"training.epoch": "3"}, "training.epoch: unknown key; did you mean epochs?", 2),
    ({"precision": "int3", "training.epochs": "1000000"}, "precision: expected one of", 2),
    ({"run.name": "mine"}, "run.name: expected no place for results", 2),
    ({"experiment": "connl2003"}, "did you mean conll2003?", 2),
    ({"training.optimizer.learning_rate": "1e9", "training.clip": "null"}, "the loss is", 3)])
def test_the_reason_of_a_failure_is_written(layout, short_sample, values, message, code):
    channels(layout, short_sample, train=["train.txt"])
    give(layout, **{**SMALL, **values})
    assert train(layout) == code
    assert message in layout.failure.read_text() and len(layout.failure.read_text()) <= 1025
    assert not (layout.model / "bundle").exists()


@pytest.mark.parametrize("name", ["model", "output", "checkpoints"])
def test_places_are_checked_before_training(layout, short_sample, name, monkeypatch, caplog):
    channels(layout, short_sample, train=["train.txt"])
    give(layout, **SMALL)
    (layout.root / name).write_text("")
    monkeypatch.setattr("ner_mx.hosting.training_job._trained", lambda *_: 1 / 0)
    assert train(layout) == 2
    assert f"{name}" in caplog.text and "expected a folder that this user may write to" in caplog.text
    assert name == "output" or "expected a folder that" in layout.failure.read_text()


@pytest.mark.parametrize("error, code, message", [
    (MemoryError(), 3, "expected enough memory"), (OSError(28, "No space left on device", "x"), 2, "x: No space left")])
def test_a_machine_that_is_too_small_is_one_line(layout, short_sample, error, code, message, monkeypatch):
    def fails(*_):
        raise error

    channels(layout, short_sample, train=["train.txt"])
    monkeypatch.setattr("ner_mx.hosting.training_job._trained", fails)
    assert train(layout) == code and layout.failure.read_text().startswith(message)
    assert layout.failure.read_text().count("\n") == 1


def test_a_success_has_no_failure_and_other_settings_need_other_checkpoints(layout, short_sample):
    channels(layout, short_sample, train=["train.txt"])
    give(layout, **{**SMALL, "training.epochs": "1", "precision": "int3"})
    assert train(layout) == 2 and layout.failure.exists()
    give(layout, **{**SMALL, "training.epochs": "1"})
    assert train(layout) == 0 and not layout.failure.exists()
    give(layout, **{**SMALL, "training.epochs": "1", "model.units": "11"})
    assert train(layout) == 2 and "or empty " in layout.failure.read_text()


def test_a_fault_of_our_own_is_a_reason_too(layout, short_sample, monkeypatch):
    channels(layout, short_sample, train=["train.txt"])
    monkeypatch.setattr("ner_mx.hosting.training_job.corpus_settings", lambda layout: 1 / 0)
    assert train(layout) == 1
    assert layout.failure.read_text().startswith("ZeroDivisionError: division by zero\nTraceback")


def test_training_that_is_stopped_gives_a_model_and_goes_on_later(layout, short_sample, root):
    channels(layout, short_sample, train=["train.txt"], validation=["dev.txt"])
    give(layout, **{**SMALL, "training.epochs": "40", "training.schedule.name": "constant"})
    process = subprocess.Popen([sys.executable, "-m", "ner_mx", "container", "train", "--root", str(layout.root)],
                               cwd=root, stderr=subprocess.PIPE, text=True)
    history = layout.checkpoints / "run/history.jsonl"
    while not (history.is_file() and history.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and "the best epoch so far becomes the model" in errors
    epochs = len((layout.output / "history.jsonl").read_text().splitlines())
    assert 1 <= epochs < 40 and ner_mx.load(layout.model / "bundle").labels
    give(layout, **{**SMALL, "training.epochs": str(epochs + 1), "training.schedule.name": "constant"})
    assert train(layout) == 0
    assert len((layout.output / "history.jsonl").read_text().splitlines()) == epochs + 1


def test_which_bundle_is_served(tmp_path, bundle, monkeypatch):
    assert bundle_in(bundle) == bundle
    with pytest.raises(BundleError, match="model: expected one bundle, found none"):
        bundle_in(tmp_path / "model")
    for name in ("one", "two"):
        shutil.copytree(bundle, tmp_path / "model" / name)
        found = None if name == "two" else bundle_in(tmp_path / "model")
    assert found is None
    with pytest.raises(BundleError, match="expected one bundle, found one, two"):
        bundle_in(tmp_path / "model")
    monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", "http")
    with pytest.raises(UserError, match="SAGEMAKER_BIND_TO_PORT: expected the number of a port, found 'http'"):
        serve(Layout(tmp_path))


def test_the_dockerfile(root):
    """hadolint finds nothing, and what is installed exists; no container engine builds it here."""
    hadolint = shutil.which("hadolint", path=str(sys.prefix) + "/bin")
    assert hadolint, "the extra test has it"
    done = subprocess.run([hadolint, str(root / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    text, setup = (root / "Dockerfile").read_text(), (root / "setup.py").read_text()
    for extras in re.findall(r'pip install "\.\[(.*)\]"', text):
        assert all(f'"{extra}": ' in setup for extra in extras.split(","))
    for line in (root / ".dockerignore").read_text().splitlines():
        assert not line.startswith("!") or (root / line[1:]).exists()
