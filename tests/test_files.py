"""Atomic files and folders: complete, or not there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ner_mx.array_files import read_arrays, write_arrays
from ner_mx.errors import RunError
from ner_mx.files import locked, replacing, replacing_folder, write_text


def test_the_working_folder_can_be_locked_and_replaced(tmp_path, monkeypatch):
    (tmp_path / "here/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here/deep")
    for folder in (".", "", ".."):
        with (locked(folder, "x"),
              pytest.raises(RunError, match="another process is using it; later"),
              locked(folder, "later")):
            pass
    with replacing_folder("..") as new:
        write_text(new / "a", "b")
    assert (tmp_path / "here/a").read_text() == "b"


def test_an_interrupt_between_two_renames_leaves_the_earlier_folder(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    with replacing_folder(folder) as new:
        write_text(new / "x", "before")
    rename, calls = os.replace, []

    def interrupted(source, target):
        if Path(source).is_dir():
            calls.append(target)
            if len(calls) == 2:
                raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), replacing_folder(folder) as new:
        write_text(new / "x", "after")
    assert (folder / "x").read_text() == "before" and list(tmp_path.iterdir()) == [folder]


def test_an_error_leaves_the_earlier_file_and_no_other(tmp_path):
    path = tmp_path / "a"
    write_text(path, "before")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_arrays_are_written_as_numpy_writes_them(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.int8).reshape(2, 3), "b": np.array(2.5), "c": np.zeros((0, 4))}
    write_arrays(tmp_path / "ours.npz", arrays)
    np.savez(tmp_path / "numpy.npz", **arrays)
    ours, expected = (dict(np.load(tmp_path / f"{name}.npz")) for name in ("ours", "numpy"))
    assert list(ours) == list(expected) == list(read_arrays(tmp_path / "ours.npz"))
    for name in arrays:
        assert ours[name].dtype == expected[name].dtype
        np.testing.assert_array_equal(ours[name], expected[name])


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path, root):
    """A limit on the size of files replaces the full disk."""
    code = ("import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
            "import numpy as np; from ner_mx.cli.main import run_guarded; from ner_mx.array_files import write_arrays\n"
            f"run_guarded(lambda _: write_arrays('{tmp_path}/a.npz', {{'a': np.zeros(99_999)}}), [])")
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2, f"error: {tmp_path}/a.npz: File too large; what was there before is unchanged\n")
    assert not list(tmp_path.iterdir())
