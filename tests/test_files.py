"""Atomic files and folders: complete, or not there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ner_mx import files, temporary
from ner_mx.array_files import read_arrays, write_arrays
from ner_mx.errors import RunError
from ner_mx.files import locked, replacing, replacing_folder, write_text
from ner_mx.registry import register


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
    monkeypatch.setattr(files, "exchange", lambda one, two: False)  # as on file systems that cannot
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


def killed(root, code):
    """Run code in a process that kills itself, with ``kill()``, at some point."""
    done = subprocess.run([sys.executable, "-c", (
        "import os, signal, sys\nfrom ner_mx import files\nfrom pathlib import Path\n"
        "def kill(*_): os.kill(os.getpid(), signal.SIGKILL)\n" + code)], cwd=root, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def clean(monkeypatch):
    """As in a new process, which looks once through each folder that it writes into."""
    monkeypatch.setattr(temporary, "_cleaned", set())


@pytest.mark.parametrize("code", [
    "with files.replacing(folder / 'a') as new: new.write_text('half'); kill()",
    "with files.replacing_folder(folder / 'b') as new: (new / 'x').write_text('half'); kill()",
    "with files.locked(folder / 'c', ''), files.replacing(folder / 'a') as new: kill()",
    "os.replace = kill\nfiles.write_text(folder / 'a', 'text')"])
def test_what_a_killed_process_leaves_is_removed_by_the_next_one(root, tmp_path, monkeypatch, code):
    write_text(tmp_path / "a", "before")
    killed(root, f"folder = Path('{tmp_path}')\n{code}")
    assert (tmp_path / "a").read_text() == "before" and len(names(tmp_path)) > 1
    clean(monkeypatch)
    write_text(tmp_path / "a", "after")
    with locked(tmp_path / "c", ""):
        pass
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "after"


def test_what_a_living_process_owns_is_left_alone(root, tmp_path, monkeypatch):
    code = (f"from ner_mx import files; from pathlib import Path; folder = Path('{tmp_path}')\n"
            "with files.replacing(folder / 'a') as one, files.replacing_folder(folder / 'b') as two:\n"
            "    one.write_text('a'); (two / 'x').write_text('b')\n"
            "    print('ready', flush=True); input()")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stdin=pipe, stdout=pipe) as other:
        assert other.stdout.readline() == b"ready\n"
        clean(monkeypatch)
        write_text(tmp_path / "c", "mine")
        assert temporary.remove_abandoned(tmp_path) == []
        other.communicate(b"\n")
    assert other.returncode == 0 and names(tmp_path) == ["a", "b", "b/x", "c"]


@pytest.mark.parametrize("in_one_step", [True, False])
@pytest.mark.parametrize("moment", range(1, 5))
def test_a_folder_has_its_name_at_any_moment_or_after_the_next_call(root, tmp_path, monkeypatch, in_one_step, moment):
    folder = tmp_path / "a"
    with replacing_folder(folder) as new:
        write_text(new / "x", "before")
    code = (f"folder = Path('{folder}')\nmoment = {moment}\n"
            "def stepped(function):\n"
            "    def call(*arguments, **others):\n"
            "        global moment; moment -= 1\n"
            "        if moment == 0: kill()\n"
            "        return function(*arguments, **others)\n"
            "    return call\n"
            "os.replace = stepped(os.replace); import shutil; shutil.rmtree = stepped(shutil.rmtree)\n"
            + ("" if in_one_step else "files.exchange = lambda one, two: False\n") +
            "with files.replacing_folder(folder) as new: (new / 'x').write_text('after')\nkill()")
    killed(root, code)
    if in_one_step:
        assert (folder / "x").read_text() in ("before", "after")
    clean(monkeypatch)
    write_text(tmp_path / "b", "")
    assert (folder / "x").read_text() in ("before", "after") and names(tmp_path) == ["a", "a/x", "b"]


def test_the_command_clean_removes_what_nobody_owns_and_nothing_else(root, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "deep/er"
    folder.mkdir(parents=True)
    killed(root, f"folder = Path('{folder}')\n"
                 "with files.locked(folder / 'c', ''), files.replacing(folder / 'a'): kill()")
    for name, content in ((".r.made.json", '{"done": true}'), (".s.made.json", "{}")):
        (folder / name).write_text(content)
        (folder / f"{name[:2]}.parts").mkdir()
    kept = [".other.tmp", ".x.0123.tmp", ".foreign.lock", ".full.ner_mx.lock",
            ".s.parts", ".r.made.json", ".s.made.json"]
    for name in kept[:4]:
        (folder / name).write_text("" if name == ".foreign.lock" else "text")
    with locked(folder / "held", ""):
        monkeypatch.chdir(tmp_path)
        register.command["clean"]()
        assert sorted(names(folder)) == sorted([*kept, ".held.ner_mx.lock"])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3 and all(line.startswith("removed deep/er/.") for line in printed)


def test_the_lock_does_not_follow_or_truncate_a_link(tmp_path):
    target = tmp_path / "precious"
    target.write_text("text")
    (tmp_path / ".a.ner_mx.lock").symlink_to(target)
    with pytest.raises(OSError), locked(tmp_path / "a", ""):
        pass
    assert target.read_text() == "text"
    (tmp_path / ".a.ner_mx.lock").unlink()
    (tmp_path / ".a.ner_mx.lock").write_text("not truncated while it is locked")
    with locked(tmp_path / "a", ""):
        assert (tmp_path / ".a.ner_mx.lock").read_text() == "not truncated while it is locked"
    assert not (tmp_path / ".a.ner_mx.lock").exists()


def test_temporary_names_cannot_be_guessed_and_are_created_exclusively(tmp_path, monkeypatch):
    seen = set()
    for _ in range(20):
        with replacing(tmp_path / "a") as new:
            seen.add(new.name)
            new.write_text("x")
    assert len(seen) == 20
    target = tmp_path / "precious"
    target.write_text("text")
    (tmp_path / ".a.0000000000000000.tmp").symlink_to(target)
    monkeypatch.setattr(temporary.secrets, "token_hex", lambda size: "0" * 16)
    with pytest.raises(FileExistsError), replacing(tmp_path / "a") as new:
        pass
    assert target.read_text() == "text"


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere/f")
    (tmp_path / "folder").symlink_to(tmp_path / "elsewhere/d")
    for content in ("before", "after"):
        write_text(tmp_path / "file", content)
        with replacing_folder(tmp_path / "folder") as new:
            (new / "x").write_text(content)
    assert (tmp_path / "file").is_symlink() and (tmp_path / "folder").is_symlink()
    assert (tmp_path / "elsewhere/f").read_text() == (tmp_path / "elsewhere/d/x").read_text() == "after"
    assert names(tmp_path / "elsewhere") == ["d", "d/x", "f"]
    # Two names of one place have one lock.
    with locked(tmp_path / "file", ""), pytest.raises(RunError), locked(tmp_path / "elsewhere/f", ""):
        pass
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    with pytest.raises(OSError, match="itself"):
        write_text(tmp_path / "itself", "")


def test_devices_and_pipes_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(RunError, match="expected the name of a file, found a device or a pipe"):
            write_text(path, "x")
    assert not os.path.isfile("/dev/null") and not (tmp_path / "pipe").is_file()


def test_permissions_of_a_replaced_file_are_kept(tmp_path):
    write_text(tmp_path / "a", "before")
    os.chmod(tmp_path / "a", 0o640)
    write_text(tmp_path / "a", "after")
    assert os.stat(tmp_path / "a").st_mode & 0o777 == 0o640
