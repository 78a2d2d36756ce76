"""Files that are wholly there or not at all."""

import os
from pathlib import Path

import pytest

from ner_mx.errors import RunError
from ner_mx.files import locked, replacing, replacing_folder, write_text


def test_the_folder_that_one_stands_in_can_be_named(tmp_path, monkeypatch):
    (tmp_path / "here/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here/deep")
    for place in (".", "", ".."):
        with (locked(place, "x"),
              pytest.raises(RunError, match="another process is at work on it; later"),
              locked(place, "later")):
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


def test_an_error_leaves_what_stood_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a"
    write_text(path, "before")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
