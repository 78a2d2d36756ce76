"""Runs from the command line: their files, resuming, and problems on the way.

Commands run inside the process of the tests, except where the test is about the process.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer

import ner_mx
import ner_mx.files
from ner_mx.cli.train import train_and_show
from ner_mx.compat import mx, seed_everything
from ner_mx.config import Config, features_fingerprint, portable, result_fingerprint
from ner_mx.data.sentence import Sentence
from ner_mx.errors import RunError
from ner_mx.evaluation.predictions import read_predictions
from ner_mx.features import TypeLookup
from ner_mx.files import locked
from ner_mx.inference import Tagger
from ner_mx.preprocessing.processed_corpus import read_processed
from ner_mx.registry import register
from ner_mx.training.averaging import MovingAverage
from ner_mx.training.checkpoints import State, load_state, save_state
from ner_mx.training.interrupts import Stopped
from ner_mx.training.provenance import code_digest
from ner_mx.training.run_folder import check_resumable, read_run_config, read_run_encoder
from ner_mx.training.task import predicted_tags
from ner_mx.training.trainable import Trainable
from ner_mx.training.trainer import build_trainer

SMALL = ["features.words.dimension=16", "features.characters.filters=8", "model.units=16",
         "training.epochs=3", "training.optimizer.learning_rate=0.01", "training.batch_size=16",
         "features.pos.tagger.epochs=1", "features.pos.tagger.units=8"]
WITHOUT_POS = ["features.pos.use=false", "corpus.name=without-pos"]


def arguments(folder, *settings):
    """Options for a small model whose files are in a folder."""
    result = []
    places = [f"run.directory={folder}/runs", f"corpus.processed={folder}/processed"]
    for setting in [*SMALL, *places, *settings]:
        result += ["--set", setting]
    return result


def failure(completed):
    """The line on stderr of a command that ends with a user's error."""
    assert completed.returncode == 2 and completed.stdout == "", completed.stdout
    assert len(completed.stderr.splitlines()) == 1, completed.stderr
    return completed.stderr


@pytest.fixture(scope="module")
def work(tmp_path_factory, call_command):
    """A folder with the sample corpus processed, with and without POS."""
    folder = tmp_path_factory.mktemp("work")
    for settings in ([], WITHOUT_POS):
        done = call_command("preprocess.py", *arguments(folder, *settings))
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def finished(work, run_command):
    """A finished run with POS, and what the command printed."""
    done = run_command("train.py", *arguments(work, "run.name=finished"))
    assert done.returncode == 0, done.stderr
    return work / "runs/finished", done.stdout


def test_the_run_folder_is_complete(finished):
    folder, _ = finished
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"config.yaml", "environment.json", "history.jsonl", "best.params", "last/state.json",
            "metrics.json", "report.md", "plots/learning-curves.png", "vocab.json",
            "predictions/dev.conll", "predictions/test.conll", "pos/best.params"} <= names
    for path in folder.rglob("*"):
        if path.is_file():
            assert not path.read_bytes().startswith(b"\x80"), f"{path} looks like a pickle"


def test_metrics_are_fractions_under_their_names(finished):
    metrics = json.loads((finished[0] / "metrics.json").read_text())
    assert 0.5 < metrics["test"]["entity"]["micro"]["f1"] < 1
    assert 0 < metrics["test"]["entity"]["types"]["PER"]["recall"] <= 1
    assert metrics["dev"]["entity"]["micro"]["f1"] > 0.5
    assert 0 < metrics["test_with_predicted_POS"]["entity"]["micro"]["f1"] < 1
    assert metrics["train"]["seconds"] > 0 and metrics["train"]["tokens_per_second"] > 100
    assert metrics["seed"] == 1 and metrics["pos_tagger"]["accuracy"]["test"] > 0.5


def test_the_printed_scores_are_those_of_the_predictions(finished, call_command):
    folder, printed = finished
    scored = call_command("-m", "ner_mx", "score", folder / "predictions/test.conll")
    assert scored.returncode == 0 and scored.stdout.strip() in printed
    evaluated = call_command("-m", "ner_mx", "evaluate", folder, "--json")
    printed_json = json.loads(evaluated.stdout.splitlines()[0])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert printed_json["name"] == "test" and printed_json["entity"] == metrics["test"]["entity"]
    file = call_command("-m", "ner_mx", "evaluate", folder, "data/sample/test.txt")
    assert scored.stdout.strip() in file.stdout


def test_a_run_with_one_thread_is_evaluated_and_predicts(finished, run_command, tmp_path):
    """As the runs of plans; in a new process, the number of threads is set before MXNet is imported."""
    shutil.copytree(finished[0], tmp_path / "run")
    config = tmp_path / "run/config.yaml"
    config.write_text(config.read_text().replace("  threads: null", "  threads: 1"))
    assert "  threads: 1" in config.read_text()
    for command in (["evaluate", tmp_path / "run"], ["predict", tmp_path / "run", "Ada left."]):
        done = run_command("-m", "ner_mx", *command)
        assert done.returncode == 0, done.stderr


def test_a_changed_corpus_is_not_scored_as_the_test_set_of_a_run(finished, call_command, root, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    shutil.copytree(root / "data/sample", tmp_path / "corpus")
    config = (tmp_path / "run/config.yaml")
    config.write_text(re.sub(r"(?m)^(  path: ).*data/sample$", rf"\1{tmp_path}/corpus", config.read_text()))
    assert call_command("-m", "ner_mx", "evaluate", tmp_path / "run").returncode == 0
    test = tmp_path / "corpus/test.txt"
    test.write_text(test.read_text() + "\nRome NNP B-LOC\n")
    assert (f"test.txt: expected the file that {tmp_path}/run was made from, found another"
            in failure(call_command("-m", "ner_mx", "evaluate", tmp_path / "run")))
    done = call_command("-m", "ner_mx", "evaluate", tmp_path / "run", test)
    assert done.returncode == 0 and "with 878 phrases" in done.stdout


def test_a_corpus_that_changed_after_preprocessing_is_not_trained_on(short_sample, call_command, tmp_path):
    corpus = tmp_path / "corpus"
    shutil.copytree(short_sample, corpus)
    options = arguments(tmp_path, *WITHOUT_POS, f"corpus.path={corpus}", "training.epochs=1")
    assert call_command("preprocess.py", *options).returncode == 0
    train = (corpus / "train.txt").read_text()
    (corpus / "train.txt").write_text(train.replace("B-PER", "B-HUMAN").replace("I-PER", "I-HUMAN"))
    assert ("processed/without-pos: was made from another train.txt than there is now"
            in failure(call_command("train.py", *options)))
    assert not (tmp_path / "runs/sample").exists()
    shutil.rmtree(corpus)  # a processed corpus does not need its files
    assert call_command("train.py", *options).returncode == 0


def test_a_file_in_another_format_is_scored(finished, call_command, root, tmp_path):
    lines = [line.split() for line in (root / "data/sample/test.txt").read_text().splitlines()[:600]]
    (tmp_path / "two.txt").write_text(
        "".join(f"{line[0]} {line[2].replace('-ORG', '-FIRM')}\n" if line else "\n" for line in lines
                if line[:1] != ["-DOCSTART-"]))

    def evaluate(*options):
        return call_command("-m", "ner_mx", "evaluate", finished[0], *options)

    wrong = evaluate(tmp_path / "two.txt", "--set", "corpus.columns.pos=1")
    assert "set corpus.columns.pos to null" in failure(wrong)
    done = evaluate(tmp_path / "two.txt")
    assert done.returncode == 0 and "two.txt with predicted POS\n" in done.stdout
    assert "entities of types that the run does not know (FIRM); they count as missed" in done.stderr
    assert "missing.txt: expected an annotated file, found nothing" in failure(evaluate(tmp_path / "missing.txt"))
    assert "--set run.seed: expected a key of the section corpus" in failure(evaluate("--set", "run.seed=2"))


def test_lines_of_predictions_are_token_gold_and_predicted_tag(finished, root):
    predictions = (finished[0] / "predictions/test.conll").read_text().splitlines()
    gold = [line.split() for line in (root / "data/sample/test.txt").read_text().splitlines()]
    assert [line.split()[:2] for line in predictions if line] == [
        [columns[0], columns[2]] for columns in gold if columns and columns[0] != "-DOCSTART-"]


def test_the_report_shows_scores_curves_and_confusions(finished):
    report = (finished[0] / "report.md").read_text()
    f1 = json.loads((finished[0] / "metrics.json").read_text())["test"]["entity"]["micro"]["f1"]
    for text in (f"{100 * f1:.2f}", "plots/learning-curves.png", "most frequent confusions",
                 "## Calibration", "plots/calibration.png",
                 "with predicted POS", "units: 16", "mxnet 1.9.1", "SHA-256"):
        assert text in report


def test_entities_of_raw_text_have_offsets(finished, call_command):
    text = "Jordan May left Washington.\u00a0Ünal 😀 met Oslo United!"
    done = call_command("-m", "ner_mx", "predict", finished[0], text)
    record = json.loads(done.stdout)
    assert record["text"] == text and record["entities"]
    for entity in record["entities"]:
        assert text[entity["start"]:entity["end"]] == entity["text"]
        assert 0 < entity["score"] <= 1
    lines = call_command("-m", "ner_mx", "predict", finished[0], input=f"{text}\n\n")
    assert [json.loads(line)["entities"] for line in lines.stdout.splitlines()] == [record["entities"], []]


@pytest.fixture(scope="module")
def bundle(finished, work, call_command):
    """The run as a bundle."""
    done = call_command("-m", "ner_mx", "export", finished[0], work / "bundle")
    assert done.returncode == 0 and "differ by at most" in done.stdout, done.stderr
    return work / "bundle"


def test_a_bundle_predicts_the_same_as_its_run(finished, bundle, call_command):
    text = "Jordan May left Washington.\u00a0Ünal 😀 met Oslo United!"
    run, exported = (json.loads(call_command("-m", "ner_mx", "predict", model, text).stdout)["entities"]
                     for model in (finished[0], bundle))
    assert len(run) >= 2 and [entity.pop("score") for entity in run] == pytest.approx(
        [entity.pop("score") for entity in exported], abs=1e-4)
    assert run == exported


def test_a_bundle_tags_the_test_set_as_its_run(finished, bundle):
    predictions = read_predictions(finished[0] / "predictions/test-with-predicted-POS.conll")
    recognizer = Tagger.load(bundle).recognizer
    encoded = recognizer.encoder.encode([Sentence(tuple(tokens)) for tokens in predictions.tokens])
    ids = recognizer.decode(recognizer.with_predictions(encoded))
    assert predicted_tags(recognizer.encoder.tags, ids) == predictions.predicted


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_the_card_of_a_smaller_bundle_has_its_loss_of_f1(finished, bundle, work, call_command, precision):
    done = call_command("-m", "ner_mx", "export", finished[0], work / precision, "--precision", precision)
    assert done.returncode == 0, done.stderr
    card = json.loads((work / precision / "manifest.json").read_text())["card"]
    scores = card["f1_by_precision"]["test"]
    assert scores["float32"] - 0.03 < scores[precision] <= 1 and f"{scores[precision]:.4f}" in done.stdout
    sizes = [sum(path.stat().st_size for path in folder.glob("*.onnx"))
             for folder in (bundle, work / precision)]
    assert sizes[1] < 0.75 * sizes[0] and done.stderr == ""
    predicted = call_command("-m", "ner_mx", "predict", work / precision, "Jordan May left Washington.")
    assert json.loads(predicted.stdout)["entities"]


def test_an_export_replaces_nothing_unless_told(finished, bundle, work, tmp_path, call_command):
    def export(*options):
        return failure(call_command("-m", "ner_mx", "export", *options))

    assert "holds a bundle already" in export(finished[0], bundle)
    # A folder that is not a bundle may have a manifest, too.
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "mine.txt").write_text("mine")
    assert ("expected a bundle to replace or nothing, found mine.txt; choose another folder"
            in export(finished[0], tmp_path, "--overwrite"))
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert "expected a finished run" in export(work / "processed", tmp_path / "new")
    assert ("expected one of float32, float16, int8, found 'int4'"
            in export(finished[0], tmp_path / "new", "--precision", "int4"))
    assert not (tmp_path / "new").exists() and (tmp_path / "mine.txt").read_text() == "mine"


def test_texts_of_a_file_in_every_output_format(bundle, tmp_path, call_command):
    text = "Jordan May left Washington.\r\n\nÜnal \x1b[2J met Oslo United!"
    (tmp_path / "texts").write_bytes(text.encode())
    outputs = {name: call_command("-m", "ner_mx", "predict", bundle, "--file", tmp_path / "texts", "--format",
                                  name).stdout for name in ("jsonl", "conll", "highlighted")}
    records = [json.loads(line) for line in outputs["jsonl"].splitlines()]
    assert [record["text"] for record in records] == [
        "Jordan May left Washington.", "", "Ünal \x1b[2J met Oslo United!"]
    lines = [line.split() for line in outputs["conll"].splitlines() if line]
    assert sum(tag.startswith("B-") for _, tag in lines) == sum(len(record["entities"]) for record in records)
    assert "\x1b[2J" not in outputs["highlighted"] and "\x1b[1;" in outputs["highlighted"]
    (tmp_path / "texts").write_bytes(b"good\nb\xe4d\n")
    done = call_command("-m", "ner_mx", "predict", bundle, "--file", tmp_path / "texts")
    assert done.returncode == 2 and "texts:2: expected UTF-8, found byte 0xe4" in done.stderr


def test_a_run_is_not_overwritten_unless_told(finished, work, call_command):
    folder, _ = finished
    before = (folder / "metrics.json").read_bytes()
    assert "holds a run already" in failure(call_command("train.py", *arguments(work, "run.name=finished")))
    assert (folder / "metrics.json").read_bytes() == before


def test_equal_seeds_give_equal_parameters_and_others_do_not(work, finished, call_command):
    """The finished run is from another process."""
    done = call_command("train.py", *arguments(work, "run.name=repeated"))
    assert done.returncode == 0, done.stderr
    done = call_command("train.py", *arguments(work, "run.name=seed-2", "run.seed=2"))
    assert done.returncode == 0, done.stderr
    first, repeated, other = ((work / "runs" / name / "best.params").read_bytes()
                              for name in ("finished", "repeated", "seed-2"))
    assert first == repeated != other


def without_times(folder):
    """The history of a run without what differs from machine to machine."""
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for record in records:
        for key in ("seconds", "tokens_per_second"):
            del record[key]
    return records


def assert_same_run(folder, other):
    """Parameters, history and predictions of two runs are equal."""
    assert (folder / "best.params").read_bytes() == (other / "best.params").read_bytes()
    assert without_times(folder) == without_times(other)
    for name in ("dev", "test"):
        path = f"predictions/{name}.conll"
        assert (folder / path).read_bytes() == (other / path).read_bytes()


def test_a_run_killed_three_times_ends_like_an_uninterrupted_one(work, root, finished, call_command):
    killed = work / "runs/killed"
    command = [sys.executable, "train.py", *arguments(work, f"run.name={killed.name}")]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    kills = 0
    # Killed in the first epoch, in a later one, and as soon as the state of an epoch is written.
    for wanted_epoch, delay in ((0, 0.2), (1, 0.2), (2, 0.0)):
        state = killed / "last/state.json"
        resume = ["--resume", str(killed)] if state.is_file() else []
        process = subprocess.Popen(command + resume, cwd=root, env=environment, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if state.is_file() and json.loads(state.read_text())["epoch"] >= wanted_epoch:
                time.sleep(delay)
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        kills += process.wait() == -signal.SIGKILL
    assert kills == 3
    done = call_command("train.py", "--resume", killed)
    assert done.returncode == 0, done.stderr
    assert_same_run(killed, finished[0])


class Crash(Exception):
    """The end of a process at this moment."""


class Crashing(ner_mx.Callback):
    """Ends training at a step of an epoch, or after its checkpoint."""

    essential = True

    def __init__(self, epoch, step):
        super().__init__()
        self.epoch, self.step = epoch, step

    def on_step(self, run, step):
        if (step.epoch, step.number) == (self.epoch, self.step):
            raise Crash

    def on_checkpoint(self, run, path):
        if (run.state.epoch, None) == (self.epoch, self.step):
            raise Crash


@pytest.mark.parametrize("optimizer", [
    {"name": "adam"}, {"name": "adamw"}, {"name": "sgd", "momentum": 0.9, "learning_rate": 0.05}])
def test_a_run_resumed_three_times_ends_like_an_uninterrupted_one(short_sample, tmp_path, optimizer):
    config = ner_mx.Config().updated({
        "run.directory": str(tmp_path), "corpus.processed": str(tmp_path), "corpus.path": str(short_sample),
        "features.pos.use": False, "features.words.dimension": 8, "features.characters.filters": 4,
        "model.units": 8, "training.epochs": 3, "training.batch_size": 16,
        "training.optimizer": {"learning_rate": 0.01, "weight_decay": 1e-4, **optimizer}})
    corpus = ner_mx.preprocess(config)
    uninterrupted = ner_mx.train(corpus, name="uninterrupted")
    folder = tmp_path / "crashed"
    # In the first epoch, in a later one, and when the state of an epoch has just been written.
    for epoch, step in ((1, 5), (2, 7), (2, None)):
        resume = folder if folder.exists() else None
        with pytest.raises(Crash):
            ner_mx.train(corpus, name="crashed", resume=resume, callbacks=[Crashing(epoch, step)])
    resumed = ner_mx.train(corpus, name="crashed", resume=folder)
    assert resumed.folder == folder and resumed.scores == uninterrupted.scores
    assert_same_run(folder, uninterrupted.folder)


def test_an_interrupted_run_can_be_resumed(work, root):
    folder = work / "runs/interrupted"
    process = subprocess.Popen(
        [sys.executable, "train.py",
         *arguments(work, "run.name=interrupted", *WITHOUT_POS, "training.epochs=50")],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stderr=subprocess.PIPE, text=True)
    state = folder / "last/state.json"
    while not state.is_file() or json.loads(state.read_text())["epoch"] < 1:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (f"stopped; resume with: python train.py --resume {folder}, or use what is there with: python train.py "
            f"--finish {folder}") in errors
    assert "Traceback" not in errors
    assert json.loads(state.read_text())["epoch"] >= 1


@pytest.mark.parametrize("epochs, is_first, said", [
    (0, True, "stopped; resume with: pytest --resume x\n"),
    (1, True, "stopped; resume with: pytest --resume x, or use what is there with: pytest --finish x\n"),
    (1, False, "")])
def test_what_is_said_after_an_interrupt(monkeypatch, capsys, epochs, is_first, said):
    def stopped(*_, **options):
        raise Stopped(Path("x"), epochs, is_first)

    monkeypatch.setattr("ner_mx.training.run.train_run", stopped)
    monkeypatch.setattr("ner_mx.cli.train.program", lambda: "pytest")
    with pytest.raises(typer.Exit) as end:
        train_and_show(None, Config(), None, False)
    assert end.value.exit_code == 130 and capsys.readouterr().err == said


def test_the_code_that_resumes_a_run_is_recorded(finished, work, call_command, monkeypatch):
    # Modules that other tests have loaded count as code, too.
    monkeypatch.setattr("ner_mx.training.provenance.loaded_code", [])
    folder = work / "runs/older"
    shutil.copytree(finished[0], folder)
    started = json.loads((folder / "environment.json").read_text())
    assert started["code"] == code_digest()
    (folder / "environment.json").write_text(json.dumps({**started, "code": "0123456789abcdef"}))
    for _ in range(2):
        done = call_command("train.py", "--resume", folder)
        assert done.returncode == 0, done.stderr
        recorded = json.loads((folder / "environment.json").read_text())
        assert recorded == {**started, "code": f"0123456789abcdef+{started['code']}"}


def test_resuming_with_another_configuration_names_the_key(finished, work, call_command):
    done = call_command("train.py", *arguments(work, "run.name=finished", "training.batch_size=7"),
                        "--resume", finished[0])
    assert "training.batch_size: 16 against 7 now" in failure(done)
    done = call_command("train.py", "--resume", work / "runs/missing")
    assert "runs/missing: expected a run to resume, found no config.yaml in it" in failure(done)


def test_damaged_checkpoints_are_one_line(work, call_command, finished):
    folder = work / "runs/damaged"
    shutil.copytree(finished[0], folder)
    (folder / "best.params").write_bytes((folder / "best.params").read_bytes()[:1000])
    assert ("best.params: expected the parameters of a network, found a damaged file"
            in failure(call_command("-m", "ner_mx", "predict", folder, "x")))
    parameters = next((folder / "last").glob("*.params"))
    parameters.write_bytes(parameters.read_bytes()[:-1])
    done = call_command("train.py", "--resume", folder)
    assert done.returncode == 2 and "expected the checkpoint of epoch 3, found a damaged file" in done.stderr
    (folder / "last/state.json").write_text('{"epoch": 1}')
    done = call_command("train.py", "--resume", folder)
    assert done.returncode == 2 and "state.json: expected the state of a checkpoint, found a damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_processes_do_not_share_a_run(finished, run_command):
    with locked(finished[0], "wait"):
        done = run_command("train.py", "--resume", finished[0])
    assert "another process is using it" in failure(done)


def test_mistakes_about_folders_are_one_line(work, finished, call_command, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = call_command("train.py", *arguments(work, f"run.directory={tmp_path}/file"))
    assert f"{tmp_path}/file: expected a folder, found a file" in failure(done)
    done = call_command("train.py", "--resume", finished[0], "--overwrite")
    assert "--overwrite: expected a new run or one to --resume, found both" in failure(done)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_one_line_and_harms_nothing(work, root):
    """A limit on the size of files stands in for the disk; MXNet's own writer would report nothing."""
    code = ("import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); sys.argv[0] = 'train.py'\n"
            "exec(open('train.py').read())")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments(work, "run.name=full", *WITHOUT_POS)], cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    last_line = done.stderr.splitlines()[-1]
    assert "what was there before is unchanged" in last_line and "Traceback" not in done.stderr
    assert "/runs/full/" in last_line and ".tmp:" not in last_line
    assert not list((work / "runs/full").rglob("*.params"))
    assert not list((work / "runs/full").rglob("*.tmp"))


def test_an_exploding_loss_names_the_step_and_the_remedy(work, call_command):
    done = call_command("train.py", *arguments(
        work, "run.name=explode", *WITHOUT_POS, "training.optimizer.name=sgd", "training.clip=null",
        "training.optimizer.learning_rate=1e6"))
    assert done.returncode == 3
    assert re.search(r"epoch 1, step \d+: the loss is .* lower training.optimizer.learning_rate", done.stderr)


@pytest.mark.parametrize("number, settings", list(enumerate([
    ["loss.name=sentence", "model.output=summed", "training.batches=exact", "training.normalise=sentences"],
    ["loss.weights=balanced", "decoding.method=argmax", "features.words.sparse_gradients=false"],
    ["training.use_dev=true", "model.layers=2", "model.directions=joined",
     "model.dropout.layers=0.2", "training.schedule.name=cosine", "training.schedule.warmup=20"],
    ["loss.weights=0.5", "features.characters.types=true", "training.schedule.name=inverse",
     "training.patience=1", "features.words.trainable=false"],
    ["features.words.use=false", "features.characters.width=5", "features.characters.activation=relu"],
    ["model.name=feed-forward", "model.width=3", "model.units=300"],
])))
def test_every_kind_of_configuration_trains(work, call_command, number, settings):
    options = [f"run.name=variant-{number}", *WITHOUT_POS, "training.epochs=2", *settings]
    if any(key in setting for key in ("characters.types", "words.use", "use_dev") for setting in settings):
        options.append(f"corpus.name=variant-{number}")
        assert call_command("preprocess.py", *arguments(work, *options)).returncode == 0
    done = call_command("train.py", *arguments(work, *options))
    assert done.returncode == 0, done.stderr
    metrics = json.loads((work / f"runs/variant-{number}/metrics.json").read_text())
    assert metrics["test"]["entity"]["micro"]["f1"] > 0.2


def test_dev_is_trained_on_where_the_settings_say_so(work, call_command, short_sample, tmp_path):
    """A type that train lacks is found in the test set, and the last training sentences are those of dev."""
    corpus = tmp_path / "corpus"
    shutil.copytree(short_sample, corpus)
    beasts = "".join(f"The DT O\n{name} NNP B-BEAST\nslept VBD O\n. . O\n\n"
                     for name in ("Zork", "Yeti", "Wyvern")) * 20
    for name in ("dev", "test"):
        with open(corpus / f"{name}.txt", "a", encoding="utf-8") as file:
            file.write("\n" + beasts)
    options = arguments(work, *WITHOUT_POS, "corpus.name=beasts", "run.name=beasts", f"corpus.path={corpus}",
                        "training.use_dev=true", "training.epochs=8")
    assert call_command("preprocess.py", *options).returncode == 0
    done = call_command("train.py", *options)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((work / "runs/beasts/metrics.json").read_text())
    assert metrics["test"]["entity"]["types"]["BEAST"]["f1"] > 0.9 and metrics["train"]["use_dev"]
    trained_on = tmp_path / "trained-on.txt"
    trained_on.write_text("\n".join((corpus / f"{name}.txt").read_text() for name in ("train", "dev")))
    done = call_command("-m", "ner_mx", "evaluate", work / "runs/beasts", trained_on, "--json")
    f1 = json.loads(done.stdout.splitlines()[0])["entity"]["micro"]["f1"]
    assert metrics["train"]["fitted_f1"] == pytest.approx(f1, abs=1e-9)


def test_a_processed_corpus_of_another_configuration_is_refused(work, call_command):
    done = call_command("train.py", *arguments(work, "features.words.min_count=2", "run.name=y"))
    assert "features.words.min_count: 1 against 2 now" in failure(done)
    assert not (work / "runs/y").exists()


def test_a_loaded_feature_that_is_not_used_changes_no_configuration(work, finished):
    """Corpora and runs that were made without its module stay usable, and their configurations stay readable."""
    config = read_run_config(finished[0])
    before = config.to_yaml(), features_fingerprint(config), result_fingerprint(config), portable(config)

    @register.feature("length-of-word")
    class Length(TypeLookup):
        pass

    try:
        assert "length-of-word" in config.updated({}).features.settings()
        config = read_run_config(finished[0])
        assert before == (config.to_yaml(), features_fingerprint(config), result_fingerprint(config), portable(config))
        check_resumable(finished[0], config, read_processed(config))
        used = config.updated({"features.length-of-word.use": True})
        assert used.features.settings()["length-of-word"].use and "length-of-word:" in used.to_yaml()
        with pytest.raises(RunError, match="made with other settings, features.length-of-word"):
            read_processed(used)
    finally:
        del register.feature._entries["length-of-word"]


def random_model(folder, seed=1, changes=None):
    """A model of the configuration of a run, with random parameters."""
    config = read_run_config(folder).updated(changes or {})
    encoder = read_run_encoder(folder, config)
    seed_everything(seed)
    model = Trainable(config, encoder, encoder.tags, mx.cpu())
    model.initialize()
    return model


def test_parameters_of_another_network_are_refused(finished):
    model = random_model(finished[0], changes={"model.units": 17})
    with pytest.raises(RunError, match="of shape"):
        model.load(finished[0] / "best.params")


def test_a_crash_at_any_moment_of_a_checkpoint_leaves_a_complete_one(finished, tmp_path, monkeypatch):
    """The renames are the moments: before each of them in turn, the process ends."""

    def make(seed):
        model = random_model(finished[0], seed)
        return (model, build_trainer(model.config.training.optimizer, model.parameters()),
                MovingAverage(model.parameters(), 0.9))

    replace, crashes = ner_mx.files.os.replace, 0
    for moment in range(3):
        folder = tmp_path / str(moment)
        save_state(folder, State(1, 1, 0.5, []), *make(1))
        calls = iter(range(10))

        def crash(*paths, calls=calls, moment=moment):
            if next(calls) == moment:
                raise KeyboardInterrupt
            replace(*paths)

        monkeypatch.setattr(ner_mx.files.os, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            save_state(folder, State(2, 2, 0.6, []), *make(2))
        crashes += 1
        monkeypatch.setattr(ner_mx.files.os, "replace", replace)
        model, trainer, average = make(3)
        assert load_state(folder, model, trainer, average) == State(1, 1, 0.5, [])
        expected = make(1)[0].parameters()
        for name, parameter in model.parameters().items():
            np.testing.assert_array_equal(parameter.data().asnumpy(), expected[name].data().asnumpy())
    assert crashes == 3


def test_overwriting_spares_other_files_and_runs_that_a_mistake_would_cost(finished, work, call_command):
    thesis = work / "runs/thesis"
    thesis.mkdir()
    (thesis / "chapter1.txt").write_text("dear to me")
    done = call_command("train.py", *arguments(work, "run.name=thesis"), "--overwrite")
    assert "expected a run to replace, found other files" in failure(done)
    assert (thesis / "chapter1.txt").read_text() == "dear to me"
    before = {path: path.read_bytes() for path in finished[0].rglob("*") if path.is_file()}
    wrong = arguments(work, "run.name=finished", "loss.weights={GPE: 2.0}")
    assert "found 'GPE'" in failure(call_command("train.py", *wrong, "--overwrite"))
    assert {path: path.read_bytes() for path in finished[0].rglob("*") if path.is_file()} == before


def test_resuming_on_another_corpus_is_refused(work, call_command, short_sample, tmp_path):
    corpus = tmp_path / "corpus"
    shutil.copytree(short_sample, corpus)
    text = (corpus / "train.txt").read_text()
    options = arguments(work, "corpus.name=changing", "run.name=changing", f"corpus.path={corpus}",
                        "features.pos.use=false", "training.epochs=1")
    assert call_command("preprocess.py", *options).returncode == 0
    assert call_command("train.py", *options).returncode == 0
    (corpus / "train.txt").write_text(text.replace("said", "told"))
    assert call_command("preprocess.py", *options).returncode == 0
    assert "made on another corpus" in failure(call_command("train.py", "--resume", work / "runs/changing"))


def test_word_vectors_set_the_dimension_and_the_initial_embeddings(work, call_command, short_sample, tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("".join(f"{word} 1 2 3 4 5\n" for word in ("the", "said", "neverseen")))
    options = arguments(work, *WITHOUT_POS, "corpus.name=vectors", f"corpus.path={short_sample}",
                        "training.epochs=1", f"features.words.vectors.path={vectors}",
                        "features.words.trainable=false", "run.name=vectors", "features.words.dimension=null")
    done = call_command("preprocess.py", *options)
    assert done.returncode == 0 and "vectors, test" in done.stdout
    done = call_command("train.py", *options, "--set", "features.words.dimension=16")
    assert "expected 16-dimensional vectors, as features.words.dimension says, found 5-dimensional" in failure(done)
    assert not (work / "runs/vectors").exists()
    done = call_command("train.py", *options)
    assert done.returncode == 0, done.stderr
    table = mx.nd.load(str(work / "runs/vectors/best.params"))["network.words.weight"].asnumpy()
    assert table.shape[1] == 5
    assert (table == [1, 2, 3, 4, 5]).all(axis=1).sum() == 3


def small_run(short_sample, tmp_path, **changes):
    return ner_mx.Config().updated({
        "run.directory": str(tmp_path), "corpus.processed": str(tmp_path / "processed"),
        "corpus.path": str(short_sample), "features.pos.use": False, "features.words.dimension": 8,
        "features.characters.filters": 4, "model.units": 8, "training.epochs": 4, "training.batch_size": 16, **changes})


def test_an_interrupted_run_can_be_finished_as_it_is(short_sample, tmp_path, monkeypatch):
    corpus = ner_mx.preprocess(small_run(short_sample, tmp_path))
    with pytest.raises(Crash):
        ner_mx.train(corpus, name="r", callbacks=[Crashing(3, 2)])
    monkeypatch.chdir(tmp_path)  # the paths of a run are absolute
    run = ner_mx.train(ner_mx.load_config(tmp_path / "r/config.yaml"), resume=tmp_path / "r", finish=True)
    assert run.metrics["train"]["epochs"] == 2 and set(run.scores) and (tmp_path / "r/predictions/test.conll").is_file()
    assert run.metrics["raw_text"]["test"]["micro"]["gold"] == run.metrics["test"]["entity"]["micro"]["gold"]
    # Later, it is resumed; what is stopped again has no figures of other parameters.
    with pytest.raises(Crash):
        ner_mx.train(corpus, name="r", resume=run.folder, callbacks=[Crashing(3, None)])
    best = json.loads((run.folder / "last/state.json").read_text())["best_epoch"]
    assert (run.folder / "metrics.json").exists() == (best < 3)
    assert ner_mx.train(corpus, name="r", resume=run.folder).metrics["train"]["epochs"] == 4
    with pytest.raises(Crash):
        ner_mx.train(corpus, name="s", callbacks=[Crashing(1, 2)])
    with pytest.raises(RunError, match="expected at least one complete epoch to finish with, found nothing"):
        ner_mx.train(corpus, name="s", resume=tmp_path / "s", finish=True)


def test_the_number_of_epochs_may_change_where_the_schedule_allows_it(short_sample, tmp_path):
    config = small_run(short_sample, tmp_path, **{
        "training.epochs": 2, "training.schedule": "constant", "run.name": "a"})
    corpus = ner_mx.preprocess(config)
    folder = ner_mx.train(corpus).folder
    longer = ner_mx.preprocess(config.updated({"training.epochs": 3}))
    assert ner_mx.train(longer, resume=folder).metrics["train"]["epochs"] == 3
    whole = ner_mx.train(longer, name="b")
    assert (folder / "best.params").read_bytes() == (whole.folder / "best.params").read_bytes()
    assert ner_mx.train(corpus, resume=folder).metrics["train"]["epochs"] == 3  # fewer: it has them already
    linear = ner_mx.train(ner_mx.preprocess(config.updated({"training.schedule": "linear", "run.name": "c"})))
    with pytest.raises(RunError, match="training.epochs: 2 against 3 now; .* or use the run as it is with --finish"):
        ner_mx.train(config.updated({"training.schedule": "linear", "training.epochs": 3, "run.name": "c"}),
                     resume=linear.folder)


def test_a_threshold_for_a_precision_is_found_on_dev(finished, call_command):
    done = call_command("-m", "ner_mx", "threshold", finished[0], "--precision", "0.5")
    assert done.returncode == 0 and "--min-score 0." in done.stdout and "all types" in done.stdout
    assert "expected a number above 0, up to 1" in failure(
        call_command("-m", "ner_mx", "threshold", finished[0], "--precision", "7"))


def test_a_resumed_run_has_no_other_name(finished, call_command):
    done = call_command("train.py", "--resume", finished[0], "--set", "run.name=other")
    assert "--set run.name: expected no other place for a run to resume" in failure(done)


def test_the_report_describes_corpus_raw_text_and_seen_entities(finished):
    text = (finished[0] / "report.md").read_text()
    for phrase in ("## From raw text", "## Corpus", "| copy of test |", "in lower case", "seen in training",
                   "unseen in training", "are unknown words", "the tokenizer finds"):
        assert phrase in text, phrase
    metrics = json.loads((finished[0] / "metrics.json").read_text())
    assert set(metrics["other_case"]) == {"lower", "upper"} and set(metrics["raw_text"]) == {"dev", "test"}


def test_a_very_long_sentence_is_trained_and_tagged_in_bounded_memory(tmp_path):
    """Twenty thousand tokens without an end, among short sentences."""
    short = "Ada NNP B-PER\nleft VBD O\n\n" * 60
    long = "Ada NNP B-PER\nand CC O\n" * 10_000 + "\n"
    for name in ("train", "dev", "test"):
        (tmp_path / f"{name}.txt").write_text(short + long)
    config = small_run(tmp_path, tmp_path, **{"training.epochs": 1, "run.directory": str(tmp_path / "runs")})
    corpus = ner_mx.preprocess(config)
    assert any("training sentences of more than 1,000 tokens" in reason for reason in corpus.meta["warnings"])
    assert ner_mx.train(corpus).metrics["test"]["entity"]["micro"]["gold"] == 10_060
