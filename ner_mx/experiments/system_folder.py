"""Fitted systems on disk, each in a folder of its own, for tagging and measuring in other processes."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

from ner_mx.errors import ConfigError, RunError, first_line
from ner_mx.experiments.records import Record, read_record, write_record
from ner_mx.files import read_json, replacing_folder, sha256, write_json
from ner_mx.registry import register
from ner_mx.systems import System

FORMAT, MANIFEST, RECORD = 1, "system.json", "record"


def is_system(folder: Path) -> bool:
    """Whether a folder holds a fitted system."""
    return (folder / MANIFEST).is_file()


def write_system(system: System, record: Record, folder: Path, overwrite: bool = False) -> None:
    """Write a fitted system with the record of its scores.

    Raises
    ------
    RunError : the folder holds something else, or a system that may not be replaced.
    UserError : the system has no form on disk.
    """
    check_place(folder, overwrite)
    with replacing_folder(folder) as place:
        system.save(place)
        write_json(place / MANIFEST, {"format": FORMAT, "system": system.name, "settings": system.settings,
                                      "seed": system.seed, "files": _digests(place)})
        write_record(record._replace(name=RECORD), place)


def check_place(folder: Path, overwrite: bool) -> None:
    """Check that a system may be written to a folder.

    Raises
    ------
    RunError : it holds something else, or a system that may not be replaced, or lies in a system.
    """
    around = next((parent for parent in folder.resolve().parents if is_system(parent)), None)
    if around:
        raise RunError(f"{folder}: expected a place outside of the fitted system {around}; name another folder")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        if not is_system(folder):
            raise RunError(f"{folder}: expected a fitted system to replace, found other files")
        if not overwrite:
            raise RunError(f"{folder}: holds a fitted system already; name another folder, or allow it with "
                           "--overwrite")


def read_system(folder: Path) -> System:
    """Read what :func:`write_system` wrote.

    Raises
    ------
    RunError : the folder is not a fitted system, or is damaged.
    """
    if not is_system(folder):
        raise RunError(f"{folder}: expected a fitted system, found no {MANIFEST} in it")
    manifest = read_json(folder / MANIFEST)
    try:
        if manifest["format"] != FORMAT:
            raise ValueError(f"the format {manifest['format']} instead of {FORMAT}")
        # Readers of other libraries crash on damaged files.
        if manifest["files"] != _digests(folder):
            raise ValueError("files that are missing or changed")
        system: System = register.system[manifest["system"]](manifest["settings"], manifest["seed"])
        system.load(folder)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ConfigError) as error:
        raise RunError(f"{folder}: expected a fitted system, found: {first_line(error)}; fit it again") from None
    return system


def _digests(folder: Path) -> Dict[str, str]:
    """The SHA-256 of each file of a system by its path."""
    own = (MANIFEST, f"{RECORD}.json")
    return {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*"))
            if path.is_file() and path.relative_to(folder).as_posix() not in own}


def system_record(folder: Path) -> Record:
    """The record of a fitted system, under the name of its folder.

    Raises
    ------
    RunError : it is missing or damaged.
    """
    return read_record(folder / f"{RECORD}.json")._replace(name=folder.name)
