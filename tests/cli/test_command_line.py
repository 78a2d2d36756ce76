"""The command line: one line and exit code 2 for a user's mistake, and no MXNet where none is needed."""

import json
import subprocess
import sys

import pytest

from ner_mx.cli.main import run_guarded
from ner_mx.config import Config
from ner_mx.errors import CorpusError


def failure(completed):
    """The one line on stderr of a command that ends with a user's error."""
    lines = completed.stderr.strip().splitlines()
    assert completed.returncode == 2, completed.stderr
    assert "Traceback" not in completed.stderr and lines[-1].startswith("error: ") and len(lines) == 1
    return lines[-1]


def test_mistakes_are_one_line(run_command, tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("EU NNP B-ORG\nrejects VBZ\n")
    assert f"{bad}:2: expected 3 columns" in failure(run_command("preprocess.py", "--set", f"corpus.path={bad}"))
    assert "expected a run folder, found no config.yaml in it" in failure(
        run_command("-m", "ner_mx", "evaluate", tmp_path))


def test_mistakes_in_settings_are_one_line(call_command, tmp_path):
    assert "corpus.path" in failure(call_command("preprocess.py", "--set", "corpus.path=/no/where"))
    assert "run.seeed: unknown key; did you mean seed" in failure(
        call_command("train.py", "--set", "run.seeed=3"))
    assert "did you mean gmb" in failure(call_command("preprocess.py", "--experiment", "gbm"))
    assert "expected a processed corpus, found nothing; preprocess the corpus with the same settings" in failure(
        call_command("train.py", "--set", f"run.directory={tmp_path}", "--set", f"corpus.processed={tmp_path}"))


def test_mistakes_about_files_are_one_line(call_command, tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"caf\xe9 O O\n")

    def fail(*arguments):
        return failure(call_command("-m", "ner_mx", *arguments))

    assert fail("score", tmp_path / "missing").endswith("missing: expected a file, found nothing")
    assert "found byte 0xe9; convert it to utf-8" in fail("score", bad)
    assert "no.conll: expected an annotated corpus, found nothing" in fail(
        "convert", tmp_path / "no.conll", tmp_path / "o.jsonl")
    assert "expected a bundle or the folder of a run" in fail("predict", tmp_path, "Ada left.")
    assert "--file: expected a text or a file of texts, found both" in fail(
        "predict", tmp_path, "Ada.", "--file", bad)


def test_a_python_without_typer_names_the_remedy(root):
    done = subprocess.run([sys.executable, "-c", "import sys; sys.modules['typer'] = None\n"
                           "exec(open('preprocess.py').read())"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "has no typer; the commands need the extra cli, see README.md" in done.stderr


def test_wrong_arguments_are_exit_code_2(run_command, call_command):
    assert run_command("preprocess.py", "--no-such-option").returncode == 2
    assert call_command("-m", "ner_mx", "no-such-verb").returncode == 2


@pytest.mark.parametrize("error, code, text", [
    (CorpusError("f.txt", 3, "expected x, found y"), 2, "error: f.txt:3: expected x, found y\n"),
    (OSError(28, "No space left on device", "f.npz"), 2,
     "error: f.npz: No space left on device; what was there before is unchanged\n"),
    (OSError(2, "No such file or directory", "f.txt"), 2, "error: f.txt: No such file or directory\n"),
])
def test_every_kind_of_error(error, code, text, capsys):
    def command(arguments):
        raise error

    with pytest.raises(SystemExit) as end:
        run_guarded(command, [])
    assert end.value.code == code
    assert capsys.readouterr().err == text


def test_defects_keep_their_traceback():
    def command(arguments):
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError):
        run_guarded(command, [])


def test_output_to_a_closed_pipe_has_no_traceback(root):
    done = subprocess.run(f"{sys.executable} -m ner_mx --help | true", shell=True, cwd=root,
                          capture_output=True, text=True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("error, line", [
    (type("MXNetError", (RuntimeError,), {})("Traceback\n  [bt] 0\nMXNetError: Failed to allocate"),
     "error: MXNet failed: MXNetError: Failed to allocate; is there enough memory?\n"),
    (MemoryError(), "error: expected enough memory, found too little; use smaller batches, or less text at a time\n")])
def test_an_error_of_mxnet_or_of_memory_is_one_line(capsys, error, line):
    def command(arguments):
        raise error

    with pytest.raises(SystemExit) as end:
        run_guarded(command, [])
    assert end.value.code == 3 and capsys.readouterr().err == line


def test_the_configuration_of_a_folder_does_not_say_how_other_files_are_read(tmp_path, run_command):
    """``init`` writes a configuration for one corpus; another one is still read by its content."""
    records = tmp_path / "mine.jsonl"
    records.write_text("".join(json.dumps({"text": "Ada left Rome.", "label": [[0, 3, "PER"], [9, 13, "LOC"]]}) + "\n"
                               for _ in range(4)))
    (tmp_path / "config.yaml").write_text("corpus: {path: mine.jsonl, reader: doccano}\n")
    columns = tmp_path / "columns.conll"
    columns.write_text("Ada\tB-PER\nleft\tO\nRome\tB-LOC\n\n" * 3)
    done = run_command("-m", "ner_mx", "convert", columns, tmp_path / "out.jsonl", cwd=tmp_path)
    assert done.returncode == 0 and "3 sentences" in done.stdout, done.stderr
    done = run_command("-m", "ner_mx", "convert", records, tmp_path / "out.conll", cwd=tmp_path)
    assert done.returncode == 0 and "Ada _ B-PER" in (tmp_path / "out.conll").read_text()


def test_what_could_not_be_written_is_said_before_anything_is_computed(tmp_path, call_command):
    (tmp_path / "file").write_text("")
    done = call_command("-m", "ner_mx", "baseline", "majority", "--save", tmp_path / "file")
    assert done.returncode == 2 and "expected a folder for records, found a file" in done.stderr
    (tmp_path / "records").mkdir()
    (tmp_path / "records/sample-majority.json").write_text("mine")
    done = call_command("-m", "ner_mx", "baseline", "majority", "--save", tmp_path / "records")
    assert done.returncode == 2 and "sample-majority.json: exists already; choose another folder" in done.stderr
    assert (tmp_path / "records/sample-majority.json").read_text() == "mine"
    done = call_command("-m", "ner_mx", "compare", tmp_path / "records/sample-majority.json", "--plot", tmp_path / "x")
    assert done.returncode == 2 and "expected runs, bundles or fitted systems, whose speed is measured" in done.stderr
    done = call_command("-m", "ner_mx", "compare", tmp_path / "file", "--no-speed", "--plot", tmp_path / "x.png")
    assert done.returncode == 2 and "--plot: expected the speeds that it shows" in done.stderr


def test_the_records_of_a_summary_replace_none_unasked(tmp_path, call_command, root):
    records = sorted((root / "reports/accuracy").glob("un-?.json"))
    (tmp_path / "un-3.json").write_text("mine")
    done = call_command("-m", "ner_mx", "summary", *records, "--save", tmp_path)
    assert done.returncode == 2 and "un-3.json: exists already; choose another folder" in done.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"un-3.json": "mine"}
    assert call_command("-m", "ner_mx", "summary", *records, "--save", tmp_path, "--overwrite").returncode == 0
    assert [(tmp_path / path.name).read_bytes() == path.read_bytes() for path in records] == [True] * len(records)


def test_a_bundle_where_a_run_is_asked_for(bundle, tmp_path, call_command):
    for command in (("evaluate", bundle), ("export", bundle, tmp_path / "x"), ("train", "--resume", bundle),
                    ("train", "--finish", bundle)):
        done = call_command("-m", "ner_mx", *command)
        assert done.returncode == 2 and "expected the folder of a run, found a bundle" in done.stderr


def test_a_file_in_another_format_than_the_corpus_of_the_run(monkeypatch, tmp_path, call_command):
    def cannot(*arguments):
        raise CorpusError("c.conll", 1, "expected JSON, found text")

    monkeypatch.setattr("ner_mx.training.run_folder.read_run_config",
                        lambda run: Config().updated({"corpus.reader": "doccano"}))
    monkeypatch.setattr("ner_mx.training.run_evaluation.score_run", cannot)
    done = call_command("-m", "ner_mx", "evaluate", tmp_path, "c.conll")
    assert done.returncode == 2
    assert "c.conll:1: expected JSON, found text; it was read as doccano, like the corpus of the run" in done.stderr
    done = call_command("-m", "ner_mx", "evaluate", tmp_path, "c.conll", "--set", "corpus.reader=conll")
    assert done.returncode == 2 and "it was read as" not in done.stderr
