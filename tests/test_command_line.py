"""The command line: one line and exit code 2 for a user's mistake, and no MXNet where none is needed."""

import subprocess
import sys

import pytest

from ner_mx.cli import guarded
from ner_mx.errors import CorpusError


def failing(run_command, *arguments, **options):
    done = run_command(*arguments, **options)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and lines[-1].startswith("error: ") and len(lines) == 1
    return lines[-1]


def test_mistakes_are_one_line(run_command, tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("EU NNP B-ORG\nrejects VBZ\n")
    assert "corpus.path" in failing(run_command, "preprocess.py", "--set", "corpus.path=/no/where")
    assert f"{bad}:2: expected 3 columns" in failing(
        run_command, "preprocess.py", "--set", f"corpus.path={bad}")
    assert "run.seeed: unknown key; did you mean seed" in failing(
        run_command, "train.py", "--set", "run.seeed=3")
    assert "did you mean gmb" in failing(run_command, "preprocess.py", "--experiment", "gbm")
    assert "run preprocess.py" in failing(run_command, "train.py", "--set", f"run.directory={tmp_path}",
                                          "--set", f"corpus.processed={tmp_path}")
    assert "expected a run folder" in failing(run_command, "-m", "ner_mx", "evaluate", tmp_path)
    assert failing(run_command, "-m", "ner_mx", "score", tmp_path / "none").endswith("a file, found none")
    bad.write_bytes(b"caf\xe9 O O\n")
    assert "found byte 0xe9; convert it to utf-8" in failing(run_command, "-m", "ner_mx", "score", bad)
    assert "no.conll: expected an annotated corpus, found none" in failing(
        run_command, "-m", "ner_mx", "convert", tmp_path / "no.conll", tmp_path / "o.jsonl")
    assert "expected a bundle or the folder of a run" in failing(
        run_command, "-m", "ner_mx", "predict", tmp_path, "Ada left.")
    assert "found both" in failing(run_command, "-m", "ner_mx", "predict", tmp_path, "Ada.", "--file", bad)


def test_a_python_without_the_libraries_is_told_so(root):
    done = subprocess.run([sys.executable, "-c", "import sys; sys.modules['typer'] = None\n"
                           "exec(open('preprocess.py').read())"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "has no typer; README.md says how to install" in done.stderr


def test_wrong_arguments_are_exit_code_2(run_command):
    assert run_command("preprocess.py", "--no-such-option").returncode == 2
    assert run_command("-m", "ner_mx", "no-such-verb").returncode == 2


@pytest.mark.parametrize("error, code, text", [
    (CorpusError("f.txt", 3, "expected x, found y"), 2, "error: f.txt:3: expected x, found y\n"),
    (OSError(28, "No space left on device", "f.npz"), 2,
     "error: f.npz: No space left on device; what was there before is untouched\n"),
    (OSError(2, "No such file or directory", "f.txt"), 2, "error: f.txt: No such file or directory\n"),
])
def test_every_kind_of_error(error, code, text, capsys):
    def command():
        raise error

    with pytest.raises(SystemExit) as ended:
        guarded(command)
    assert ended.value.code == code
    assert capsys.readouterr().err == text


def test_defects_keep_their_traceback():
    def command():
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError):
        guarded(command)


def test_what_needs_no_mxnet_does_not_import_it(root):
    code = ("import sys\nimport ner_mx.cli, ner_mx.config, ner_mx.features.preprocessing\n"
            "import ner_mx.runtime.text, ner_mx.evaluation.files, ner_mx.reports.run_report\n"
            "print('mxnet' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_output_to_a_closed_pipe_is_no_traceback(root):
    done = subprocess.run(f"{sys.executable} -m ner_mx --help | true", shell=True, cwd=root,
                          capture_output=True, text=True)
    assert "Traceback" not in done.stderr
