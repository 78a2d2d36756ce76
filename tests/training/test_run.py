"""A run as a user has it: its files, its end, and what may go wrong on the way."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ner_mx.corpora.sentence import Sentence
from ner_mx.errors import RunError

SMALL = ["network.word_dimension=16", "network.character_filters=8", "network.lstm_units=16",
         "training.epochs=3", "training.optimizer.learning_rate=0.01", "training.batch_size=16",
         "pos_tagger.epochs=1", "pos_tagger.lstm_units=8"]


def arguments(folder, *settings):
    result = []
    own = [f"run.directory={folder}/runs", f"corpus.processed={folder}/processed"]
    for setting in [*SMALL, *own, *settings]:
        result += ["--set", setting]
    return result


@pytest.fixture(scope="module")
def work(tmp_path_factory, run_command):
    """A folder with the embedded corpus processed, with and without POS."""
    folder = tmp_path_factory.mktemp("work")
    done = run_command("preprocess.py", *arguments(folder))
    assert done.returncode == 0, done.stderr
    done = run_command("preprocess.py", *arguments(folder, *PLAIN))
    assert done.returncode == 0, done.stderr
    return folder


PLAIN = ["features.pos.use=false", "corpus.name=plain"]


@pytest.fixture(scope="module")
def finished(work, run_command):
    """A finished run with POS."""
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


def test_what_is_printed_is_what_the_predictions_score(finished, run_command):
    folder, printed = finished
    scored = run_command("-m", "ner_mx", "score", folder / "predictions/test.conll")
    assert scored.returncode == 0 and scored.stdout.strip() in printed
    evaluated = run_command("-m", "ner_mx", "evaluate", folder, "--json")
    found = json.loads(evaluated.stdout.splitlines()[0])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert found["entity"] == metrics["test"]["entity"]
    file = run_command("-m", "ner_mx", "evaluate", folder, "data/sample/test.txt")
    assert scored.stdout.strip() in file.stdout


def test_a_run_of_one_thread_is_used_as_any_other(finished, run_command, tmp_path):
    """As those that plans make; the number of threads is set before MXNet is there."""
    shutil.copytree(finished[0], tmp_path / "run")
    config = tmp_path / "run/config.yaml"
    config.write_text(config.read_text().replace("  threads: null", "  threads: 1"))
    assert "  threads: 1" in config.read_text()
    for arguments in (["evaluate", tmp_path / "run"], ["predict", tmp_path / "run", "Ada left."]):
        done = run_command("-m", "ner_mx", *arguments)
        assert done.returncode == 0, done.stderr


def test_a_corpus_that_changed_is_not_scored_under_its_old_name(finished, run_command, root, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    shutil.copytree(root / "data/sample", tmp_path / "corpus")
    config = (tmp_path / "run/config.yaml")
    config.write_text(re.sub(r"(?m)^(  path: ).*data/sample$", rf"\1{tmp_path}/corpus", config.read_text()))
    assert run_command("-m", "ner_mx", "evaluate", tmp_path / "run").returncode == 0
    test = tmp_path / "corpus/test.txt"
    test.write_text(test.read_text() + "\nRome NNP B-LOC\n")
    done = run_command("-m", "ner_mx", "evaluate", tmp_path / "run")
    assert done.returncode == 2 and "test.txt: expected the file that" in done.stderr
    done = run_command("-m", "ner_mx", "evaluate", tmp_path / "run", test)
    assert done.returncode == 0 and "with 878 phrases" in done.stdout


def test_a_corpus_that_changed_since_preprocessing_is_not_trained_on(short_sample, run_command, tmp_path):
    corpus = tmp_path / "corpus"
    shutil.copytree(short_sample, corpus)
    command = arguments(tmp_path, *PLAIN, f"corpus.path={corpus}", "training.epochs=1")
    assert run_command("preprocess.py", *command).returncode == 0
    train = (corpus / "train.txt").read_text()
    (corpus / "train.txt").write_text(train.replace("B-PER", "B-HUMAN").replace("I-PER", "I-HUMAN"))
    done = run_command("train.py", *command)
    assert done.returncode == 2 and "processed/plain: was made from another train.txt than is" in done.stderr
    assert not (tmp_path / "runs").exists()
    shutil.rmtree(corpus)  # a processed corpus stands without the files
    assert run_command("train.py", *command).returncode == 0


def test_a_file_in_another_format_is_scored(finished, run_command, root, tmp_path):
    rows = [line.split() for line in (root / "data/sample/test.txt").read_text().splitlines()[:600]]
    (tmp_path / "two.txt").write_text(
        "".join(f"{row[0]} {row[2].replace('-ORG', '-FIRM')}\n" if row else "\n" for row in rows
                if row[:1] != ["-DOCSTART-"]))
    def evaluate(*rest):
        return run_command("-m", "ner_mx", "evaluate", *rest)

    done = evaluate(finished[0], tmp_path / "two.txt")
    assert done.returncode == 2 and "set corpus.columns.pos to null" in done.stderr
    done = evaluate(finished[0], tmp_path / "two.txt", "--set", "corpus.columns.pos=null")
    assert done.returncode == 0 and "two.txt with predicted POS\n" in done.stdout
    assert "entities of types that the run does not know (FIRM); they count as missed" in done.stderr
    for rest, problem in (([finished[0], tmp_path / "none"], "none: expected an annotated file, found none"),
                          ([finished[0], "--set", "run.seed=2"], "expected a key of the section corpus")):
        done = evaluate(*rest)
        assert done.returncode == 2 and problem in done.stderr and len(done.stderr.splitlines()) == 1


def test_predictions_are_word_gold_predicted(finished, root):
    rows = (finished[0] / "predictions/test.conll").read_text().splitlines()
    gold = [line.split() for line in (root / "data/sample/test.txt").read_text().splitlines()]
    assert [row.split()[:2] for row in rows if row] == [
        [row[0], row[2]] for row in gold if row and row[0] != "-DOCSTART-"]


def test_the_report_shows_scores_curves_and_confusions(finished):
    report = (finished[0] / "report.md").read_text()
    f1 = json.loads((finished[0] / "metrics.json").read_text())["test"]["entity"]["micro"]["f1"]
    for text in (f"{100 * f1:.2f}", "plots/learning-curves.png", "confusions that happen most",
                 "## Calibration", "plots/calibration.png",
                 "with predicted POS", "lstm_units: 16", "mxnet 1.9.1", "SHA-256"):
        assert text in report


def test_entities_of_raw_text_have_their_places(finished, run_command):
    text = "Jordan May left Washington.\u00a0Ünal 😀 met Oslo United!"
    done = run_command("-m", "ner_mx", "predict", finished[0], text)
    record = json.loads(done.stdout)
    assert record["text"] == text and record["entities"]
    for entity in record["entities"]:
        assert text[entity["start"]:entity["end"]] == entity["text"]
        assert 0 < entity["score"] <= 1
    lines = run_command("-m", "ner_mx", "predict", finished[0], input=f"{text}\n\n")
    assert [json.loads(line)["entities"] for line in lines.stdout.splitlines()] == [record["entities"], []]


@pytest.fixture(scope="module")
def bundle(finished, work, run_command):
    """The run as a bundle."""
    done = run_command("-m", "ner_mx", "export", finished[0], work / "bundle")
    assert done.returncode == 0 and "differ by at most" in done.stdout, done.stderr
    return work / "bundle"


def test_a_bundle_predicts_what_the_run_predicts(finished, bundle, run_command):
    text = "Jordan May left Washington.\u00a0Ünal 😀 met Oslo United!"
    run, exported = (json.loads(run_command("-m", "ner_mx", "predict", model, text).stdout)["entities"]
                     for model in (finished[0], bundle))
    assert len(run) >= 2 and [one.pop("score") for one in run] == pytest.approx(
        [one.pop("score") for one in exported], abs=1e-4)
    assert run == exported


def test_a_bundle_tags_the_whole_test_set_as_the_run_does(finished, bundle):
    from ner_mx.evaluation.files import read_predictions
    from ner_mx.runtime import Tagger
    from ner_mx.training.task import predicted_tags

    kept = read_predictions(finished[0] / "predictions/test-with-predicted-POS.conll")
    recogniser = Tagger.load(bundle).recogniser
    read = recogniser.encoder.encode([Sentence(tuple(tokens), None, None, "", 0, 0)
                                      for tokens in kept.tokens])
    rows = recogniser.rows(recogniser.with_predicted_pos(read))
    assert predicted_tags(recogniser.encoder.tags, rows) == kept.predicted


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_smaller_bundles_say_what_they_cost(finished, bundle, work, run_command, precision):
    done = run_command("-m", "ner_mx", "export", finished[0], work / precision, "--precision", precision)
    assert done.returncode == 0, done.stderr
    card = json.loads((work / precision / "manifest.json").read_text())["card"]
    scores = card["f1_by_precision"]["test"]
    assert scores["float32"] - 0.03 < scores[precision] <= 1 and f"{scores[precision]:.4f}" in done.stdout
    sizes = [sum(path.stat().st_size for path in folder.glob("*.onnx"))
             for folder in (bundle, work / precision)]
    assert sizes[1] < 0.75 * sizes[0] and done.stderr == ""
    found = run_command("-m", "ner_mx", "predict", work / precision, "Jordan May left Washington.")
    assert json.loads(found.stdout)["entities"]


def test_exporting_where_something_is_or_nothing_can_be_read(finished, bundle, work, tmp_path, run_command):
    again = run_command("-m", "ner_mx", "export", finished[0], bundle)
    assert again.returncode == 2 and "holds a bundle already" in again.stderr
    # What is no bundle's may have a manifest, too.
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "mine.txt").write_text("mine")
    other = run_command("-m", "ner_mx", "export", finished[0], tmp_path, "--overwrite")
    assert other.returncode == 2
    assert "expected a bundle to replace or nothing, found mine.txt; choose another folder" in other.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"
    none = run_command("-m", "ner_mx", "export", work / "processed", tmp_path / "new")
    assert none.returncode == 2 and "expected a finished run" in none.stderr
    kind = run_command("-m", "ner_mx", "export", finished[0], tmp_path / "new", "--precision", "int4")
    assert kind.returncode == 2 and "expected one of float32, float16, int8" in kind.stderr
    assert not (tmp_path / "new").exists() and (tmp_path / "mine.txt").read_text() == "mine"


def test_texts_of_a_file_in_three_forms(bundle, tmp_path, run_command):
    text = "Jordan May left Washington.\r\n\nÜnal \x1b[2J met Oslo United!"
    (tmp_path / "texts").write_bytes(text.encode())
    forms = {form: run_command("-m", "ner_mx", "predict", bundle, "--file", tmp_path / "texts", "--format",
                               form).stdout for form in ("jsonl", "conll", "highlighted")}
    records = [json.loads(line) for line in forms["jsonl"].splitlines()]
    assert [record["text"] for record in records] == [
        "Jordan May left Washington.", "", "Ünal \x1b[2J met Oslo United!"]
    rows = [line.split() for line in forms["conll"].splitlines() if line]
    assert sum(tag.startswith("B-") for _, tag in rows) == sum(len(record["entities"]) for record in records)
    assert "\x1b[2J" not in forms["highlighted"] and "\x1b[1;" in forms["highlighted"]
    (tmp_path / "texts").write_bytes(b"good\nb\xe4d\n")
    done = run_command("-m", "ner_mx", "predict", bundle, "--file", tmp_path / "texts")
    assert done.returncode == 2 and "texts:2: expected UTF-8, found byte 0xe4" in done.stderr


def test_a_run_is_not_overwritten_unasked(finished, work, run_command):
    folder, _ = finished
    before = (folder / "metrics.json").read_bytes()
    done = run_command("train.py", *arguments(work, "run.name=finished"))
    assert done.returncode == 2 and "holds a run already" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (folder / "metrics.json").read_bytes() == before


def test_training_with_the_same_seed_is_the_same_and_with_another_is_not(work, finished, run_command):
    done = run_command("train.py", *arguments(work, "run.name=again"))
    assert done.returncode == 0, done.stderr
    other = run_command("train.py", *arguments(work, "run.name=other", "run.seed=2"))
    assert other.returncode == 0, other.stderr
    first, again, other = ((work / "runs" / name / "best.params").read_bytes()
                           for name in ("finished", "again", "other"))
    assert first == again != other


def without_times(folder):
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    for record in records:
        for key in ("seconds", "tokens_per_second"):
            del record[key]
    return records


@pytest.mark.parametrize("optimizer, plain", [("adam", []), ("adamw", PLAIN), ("sgd", PLAIN)])
def test_a_run_killed_again_and_again_ends_as_the_unbroken_one(work, root, run_command, optimizer, plain):
    settings = [*plain, f"training.optimizer.name={optimizer}", "training.optimizer.weight_decay=1e-4"]
    if optimizer == "sgd":
        settings += ["training.optimizer.momentum=0.9", "training.optimizer.learning_rate=0.05"]
    unbroken, broken = (work / "runs" / f"{name}-{optimizer}" for name in ("unbroken", "broken"))
    done = run_command("train.py", *arguments(work, f"run.name={unbroken.name}", *settings))
    assert done.returncode == 0, done.stderr

    command = [sys.executable, "train.py", *arguments(work, f"run.name={broken.name}", *settings)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    # Killed in the first epoch, in a later one, and as soon as an epoch's state is written.
    kills = 0
    for wanted_epoch, delay in ((0, 0.3), (1, 0.3), (2, 0.0)):
        resume = ["--resume", str(broken)] if (broken / "last/state.json").is_file() else []
        process = subprocess.Popen(command + resume, cwd=root, env=environment, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            state = broken / "last/state.json"
            if state.is_file() and json.loads(state.read_text())["epoch"] >= wanted_epoch:
                time.sleep(delay)
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        kills += process.wait() == -signal.SIGKILL
    assert kills == 3
    done = run_command("train.py", "--resume", broken)
    assert done.returncode == 0, done.stderr
    assert (broken / "best.params").read_bytes() == (unbroken / "best.params").read_bytes()
    assert without_times(broken) == without_times(unbroken)
    for name in ("dev", "test"):
        path = f"predictions/{name}.conll"
        assert (broken / path).read_bytes() == (unbroken / path).read_bytes()


def test_an_interrupt_leaves_a_run_to_resume(work, root):
    folder = work / "runs/interrupted"
    process = subprocess.Popen(
        [sys.executable, "train.py", *arguments(work, "run.name=interrupted", *PLAIN, "training.epochs=50")],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stderr=subprocess.PIPE, text=True)
    state = folder / "last/state.json"
    while not state.is_file() or json.loads(state.read_text())["epoch"] < 1:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"stopped; go on with: python train.py --resume {folder}" in errors
    assert "Traceback" not in errors
    assert json.loads(state.read_text())["epoch"] >= 1


def test_the_code_that_goes_on_with_a_run_is_on_record(finished, work, run_command):
    folder = work / "runs/older"
    shutil.copytree(finished[0], folder)
    made = json.loads((folder / "environment.json").read_text())
    (folder / "environment.json").write_text(json.dumps({**made, "code": "0123456789abcdef"}))
    for _ in range(2):
        done = run_command("train.py", "--resume", folder)
        assert done.returncode == 0, done.stderr
        found = json.loads((folder / "environment.json").read_text())
        assert found == {**made, "code": f"0123456789abcdef+{made['code']}"}


def test_resuming_with_another_configuration_names_the_key(finished, work, run_command):
    done = run_command("train.py", *arguments(work, "run.name=finished", "training.batch_size=7"),
                       "--resume", finished[0])
    assert done.returncode == 2 and "training.batch_size: 16 against 7 now" in done.stderr
    done = run_command("train.py", "--resume", work / "runs/none")
    assert done.returncode == 2 and "expected a run to resume" in done.stderr


def test_damaged_checkpoints_are_one_line(work, run_command, finished):
    folder = work / "runs/damaged"
    shutil.copytree(finished[0], folder)
    (folder / "best.params").write_bytes((folder / "best.params").read_bytes()[:1000])
    done = run_command("-m", "ner_mx", "predict", folder, "x")
    assert done.returncode == 2 and re.search(r"best.params: expected the parameters", done.stderr)
    assert len(done.stderr.splitlines()) == 1
    parameters = next((folder / "last").glob("*.params"))
    parameters.write_bytes(parameters.read_bytes()[:-1])
    done = run_command("train.py", "--resume", folder)
    assert done.returncode == 2 and "expected the checkpoint of epoch 3, found damage" in done.stderr
    (folder / "last/state.json").write_text('{"epoch": 1}')
    done = run_command("train.py", "--resume", folder)
    assert done.returncode == 2 and "state.json: expected a checkpoint's state" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_processes_do_not_share_a_run(finished, work, run_command):
    from ner_mx.files import locked
    with locked(finished[0], "wait"):
        done = run_command("train.py", "--resume", finished[0])
    assert done.returncode == 2 and "another process is at work on it" in done.stderr


def test_mistakes_about_folders_are_one_line(work, finished, run_command, tmp_path):
    (tmp_path / "file").write_text("mine")
    taken = run_command("train.py", *arguments(work, f"run.directory={tmp_path}/file"))
    both = run_command("train.py", "--resume", finished[0], "--overwrite")
    for done, problem in ((taken, f"{tmp_path}/file: expected a folder, found a file"),
                          (both, "--overwrite: expected a new run or one to --resume, found both")):
        assert done.returncode == 2 and problem in done.stderr and len(done.stderr.splitlines()) == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_one_line_and_harms_nothing(work, root):
    """A limit on the size of files stands in for the disk; MXNet's own writer would say nothing."""
    code = ("import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); sys.argv[0] = 'train.py'\n"
            "exec(open('train.py').read())")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments(work, "run.name=full", *PLAIN)], cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "untouched" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert "/runs/full/" in done.stderr.splitlines()[-1] and ".tmp:" not in done.stderr
    assert not list((work / "runs/full").rglob("*.params"))
    assert not list((work / "runs/full").rglob("*.tmp"))


def test_an_exploding_loss_stops_with_the_step_and_the_remedy(work, run_command):
    done = run_command("train.py", *arguments(
        work, "run.name=explode", *PLAIN, "training.optimizer.name=sgd", "training.optimizer.clip=null",
        "training.optimizer.learning_rate=1e6"))
    assert done.returncode == 3
    assert re.search(r"epoch 1, step \d+: the loss is .* lower training.optimizer.learning_rate", done.stderr)


@pytest.mark.parametrize("number, settings", list(enumerate([
    ["loss.name=sentence", "network.output=summed", "training.batches=exact", "training.normalise=sentences"],
    ["loss.weights=balanced", "decoding.method=argmax", "training.optimizer.sparse_words=false"],
    ["training.use_dev=true", "network.lstm_layers=2", "network.lstm_directions=joined",
     "network.dropout.layers=0.2", "training.schedule.name=cosine", "training.schedule.warmup=20"],
    ["loss.weights=0.5", "features.characters.types=true", "training.schedule.name=inverse",
     "training.patience=1", "network.word_trainable=false"],
    ["features.words.use=false", "network.character_width=5", "network.character_activation=relu"],
    ["network.context=window", "network.window=3"],
])))
def test_what_the_configuration_can_say_trains(work, run_command, number, settings):
    extra = [f"run.name=variant-{number}", *PLAIN, "training.epochs=2", *settings]
    if any("features" in setting or "use_dev" in setting for setting in settings):
        extra.append(f"corpus.name=variant-{number}")
        assert run_command("preprocess.py", *arguments(work, *extra)).returncode == 0
    done = run_command("train.py", *arguments(work, *extra))
    assert done.returncode == 0, done.stderr
    last = json.loads((work / f"runs/variant-{number}/metrics.json").read_text())
    assert last["test"]["entity"]["micro"]["f1"] > 0.2


def test_dev_is_learnt_where_the_settings_say_so(work, run_command, short_sample, tmp_path):
    """A type that dev alone has is found in the test set, and the last sentences learnt are those of dev."""
    corpus = tmp_path / "corpus"
    shutil.copytree(short_sample, corpus)
    beasts = "".join(f"The DT O\n{name} NNP B-BEAST\nslept VBD O\n. . O\n\n"
                     for name in ("Zork", "Yeti", "Wyvern")) * 20
    for name in ("dev", "test"):
        with open(corpus / f"{name}.txt", "a", encoding="utf-8") as file:
            file.write("\n" + beasts)
    settings = arguments(work, *PLAIN, "corpus.name=beasts", "run.name=beasts", f"corpus.path={corpus}",
                         "training.use_dev=true", "training.epochs=8")
    assert run_command("preprocess.py", *settings).returncode == 0
    done = run_command("train.py", *settings)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((work / "runs/beasts/metrics.json").read_text())
    assert metrics["test"]["entity"]["types"]["BEAST"]["f1"] > 0.9 and metrics["train"]["use_dev"]
    learnt = tmp_path / "learnt.txt"
    learnt.write_text("\n".join((corpus / f"{name}.txt").read_text() for name in ("train", "dev")))
    done = run_command("-m", "ner_mx", "evaluate", work / "runs/beasts", learnt, "--json")
    f1 = json.loads(done.stdout.splitlines()[0])["entity"]["micro"]["f1"]
    assert metrics["train"]["fitted_f1"] == pytest.approx(f1, abs=1e-9)


def test_a_processed_folder_of_another_configuration_is_refused(work, run_command):
    done = run_command("train.py", *arguments(work, "features.words.min_count=2", "run.name=y"))
    assert done.returncode == 2 and "features.words.min_count: 1 against 2 now" in done.stderr
    assert not (work / "runs/y").exists()


def test_parameters_of_another_network_are_refused(finished):
    from ner_mx.compat import mx
    from ner_mx.features.encoder import Encoder
    from ner_mx.files import read_json
    from ner_mx.training.model import Model
    from ner_mx.training.records import read_run_config
    config = read_run_config(finished[0])
    encoder = Encoder.from_json(config.features, read_json(finished[0] / "vocab.json"))
    config.network.lstm_units = 17
    model = Model(config, encoder, encoder.tags, mx.cpu())
    model.initialize()
    with pytest.raises(RunError, match="of shape"):
        model.load(finished[0] / "best.params")


def test_a_crash_at_any_moment_of_a_checkpoint_leaves_a_whole_one(finished, tmp_path, monkeypatch):
    """The renames are the moments: before each of them in turn, the process ends."""
    import ner_mx.files
    from ner_mx.compat import mx, seed_everything
    from ner_mx.features.encoder import Encoder
    from ner_mx.training.checkpoints import State, load_state, save_state
    from ner_mx.training.model import Model
    from ner_mx.training.optimizers import build_trainer
    from ner_mx.training.records import read_run_config
    config = read_run_config(finished[0])
    encoder = Encoder.from_json(config.features, json.loads((finished[0] / "vocab.json").read_text()))

    def make(seed):
        seed_everything(seed)
        model = Model(config, encoder, encoder.tags, mx.cpu())
        model.initialize()
        return model, build_trainer(config.training.optimizer, model.parameters())

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
        model, trainer = make(3)
        assert load_state(folder, model, trainer) == State(1, 1, 0.5, [])
        wanted = make(1)[0].parameters()
        for name, parameter in model.parameters().items():
            np.testing.assert_array_equal(parameter.data().asnumpy(), wanted[name].data().asnumpy())
    assert crashes == 3


def test_overwriting_spares_what_is_no_run_and_what_a_mistake_would_cost(finished, work, run_command):
    thesis = work / "runs/thesis"
    thesis.mkdir()
    (thesis / "chapter1.txt").write_text("dear to me")
    done = run_command("train.py", *arguments(work, "run.name=thesis"), "--overwrite")
    assert done.returncode == 2 and "expected a run to replace, found other files" in done.stderr
    assert (thesis / "chapter1.txt").read_text() == "dear to me"
    before = {path: path.read_bytes() for path in finished[0].rglob("*") if path.is_file()}
    wrong = arguments(work, "run.name=finished", "loss.weights={GPE: 2.0}")
    done = run_command("train.py", *wrong, "--overwrite")
    assert done.returncode == 2 and "found 'GPE'" in done.stderr
    assert {path: path.read_bytes() for path in finished[0].rglob("*") if path.is_file()} == before


def test_resuming_on_another_corpus_is_refused(work, run_command, short_sample, tmp_path):
    corpus = tmp_path / "corpus"
    shutil.copytree(short_sample, corpus)
    text = (corpus / "train.txt").read_text()
    settings = arguments(work, "corpus.name=changing", "run.name=changing", f"corpus.path={corpus}",
                         "features.pos.use=false", "training.epochs=1")
    assert run_command("preprocess.py", *settings).returncode == 0
    assert run_command("train.py", *settings).returncode == 0
    (corpus / "train.txt").write_text(text.replace("said", "told"))
    assert run_command("preprocess.py", *settings).returncode == 0
    done = run_command("train.py", "--resume", work / "runs/changing")
    assert done.returncode == 2 and "made on another corpus" in done.stderr


def test_vectors_set_the_dimension_and_start_the_table(work, run_command, short_sample, tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("".join(f"{word} 1 2 3 4 5\n" for word in ("the", "said", "neverseen")))
    settings = [*PLAIN, "corpus.name=vectors", f"corpus.path={short_sample}", "training.epochs=1",
                f"features.vectors.path={vectors}", "network.word_trainable=false", "run.name=vectors",
                "network.word_dimension=null"]
    done = run_command("preprocess.py", *arguments(work, *settings))
    assert done.returncode == 0 and "vectors, test" in done.stdout
    done = run_command("train.py", *arguments(work, *settings, "network.word_dimension=16"))
    assert done.returncode == 2 and "expected vectors of 16 numbers" in done.stderr
    assert not (work / "runs/vectors").exists()
    done = run_command("train.py", *arguments(work, *settings))
    assert done.returncode == 0, done.stderr
    from ner_mx.compat import mx
    table = mx.nd.load(str(work / "runs/vectors/best.params"))["network.words.weight"].asnumpy()
    assert table.shape[1] == 5
    assert (table == [1, 2, 3, 4, 5]).all(axis=1).sum() == 3
