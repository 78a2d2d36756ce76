"""Finished runs in small form: what a report needs, without the paths of the machine they ran on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from ner_mx.config import Config, difference, differences, read_yaml, validate
from ner_mx.errors import RunError, repeated
from ner_mx.files import read_json, write_json

# What the note of a run that diverged is called, behind the run's name.
FAILED = ".failed.json"


class Record(NamedTuple):
    """A run in small form.

    config : resolved, through the schema, so that a key which is younger than
        the run has its default.
    history : (epoch, loss a token, dev score, seconds of the epoch).
    """

    name: str
    config: Dict[str, Any]
    metrics: Dict[str, Any]
    environment: Dict[str, Any]
    history: List[List[float]] = []

    @property
    def experiment(self) -> str:
        """What made the run apart from its seed, name, device and threads, as a key: the
        configuration and the hashes of the data."""
        return json.dumps([_making(self.config), self.metrics["data"]], sort_keys=True)

    def differs(self, config: Config) -> str:
        """The first key in which a configuration would make another run than this; "" if none."""
        wanted = portable(config)
        return (difference({**_making(self.config), "seed": self.config["run"]["seed"]},
                           {**_making(wanted), "seed": wanted["run"]["seed"]}) or "")


class Failure(NamedTuple):
    """A run whose training diverged: the configuration that made it, and what was said."""

    name: str
    config: Dict[str, Any]
    reason: str


def departures(made: Dict[str, Any], other: Dict[str, Any]) -> List[str]:
    """Every key, seed apart, in which what one portable configuration makes departs from another."""
    return list(differences(_making(made), _making(other)))


def row_name(run: str) -> str:
    """What a run is called but for its seed.

    >>> row_name("conll2003-paper-12")
    'conll2003-paper'
    """
    return re.sub(r"-\d+$", "", run)


def portable(config: Config) -> Dict[str, Any]:
    """A configuration without the folders of one machine."""
    result = config.model_dump(mode="json")
    for section, key in (("run", "directory"), ("corpus", "path"), ("corpus", "processed")):
        del result[section][key]
    vectors = result["features"]["vectors"]
    if vectors["path"]:
        vectors["path"] = Path(vectors["path"]).name
    for lexicon in result["features"]["lexicons"].values():
        lexicon["path"] = Path(lexicon["path"]).name
    return result


def from_portable(values: Dict[str, Any], source: str) -> Config:
    """The configuration that :func:`portable` made small; its folders are empty.

    Raises
    ------
    ConfigError : a key or value is none of the schema's; ``source`` stands in the error.
    KeyError : a section is missing.
    """
    return validate({**values, "corpus": {**values["corpus"], "path": "", "processed": ""}}, source)


def _making(config: Dict[str, Any]) -> Dict[str, Any]:
    """What of a portable configuration decides a run's result, its seed apart."""
    corpus = {key: value for key, value in config["corpus"].items() if key != "name"}
    network = dict(config["network"])
    if config["features"]["vectors"]["path"]:
        del network["word_dimension"]  # that of the vectors, whatever stands here
    return {**config, "run": {}, "corpus": corpus, "network": network}


def read_run_config(folder: Path) -> Config:
    """The configuration that a run was made with.

    Raises
    ------
    RunError : the folder is no run.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise RunError(f"{folder}: expected a run folder, found no config.yaml in it")
    return validate(read_yaml(path), str(path))


def read_record(path: Path) -> Record:
    """Read a finished run folder, or a record that :func:`write_record` wrote.

    Raises
    ------
    RunError : it is neither, or damaged.
    """
    if path.is_file():
        try:
            record = Record(**read_json(path))
            record = record._replace(config=portable(from_portable(record.config, str(path))))
        except (TypeError, KeyError):
            raise RunError(f"{path}: expected the record of a run, found other keys") from None
        return _whole(record, path)
    if not (path / "metrics.json").is_file():
        raise RunError(f"{path}: expected a finished run, found no metrics.json in it")
    return _whole(Record(path.name, portable(read_run_config(path)), read_json(path / "metrics.json"),
                         read_json(path / "environment.json"), _history(path / "history.jsonl")), path)


def _whole(record: Record, path: Path) -> Record:
    """The record, if it has the figures that every finished run has.

    Raises
    ------
    RunError
    """
    try:
        for part in ("dev", "test"):
            if not isinstance(record.metrics[part]["entity"]["micro"]["f1"], float):
                raise TypeError
        record.metrics["train"]["seconds"], record.metrics["data"].items()
    except (KeyError, TypeError, AttributeError):
        raise RunError(f"{path}: expected the figures of a finished run, found others; remove it, and run it "
                       "again") from None
    return record


def _history(path: Path) -> List[List[float]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [[record["epoch"], round(record["loss"], 5), round(record["score"], 5),
                 round(record["seconds"], 1)] for record in map(json.loads, lines)]
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path}: expected a line of JSON an epoch, found damage ({error}); train again with "
                       "--overwrite") from None


def read_records(paths: Sequence[Path]) -> List[Record]:
    """Read several runs, each counted once; the log and the configuration beside a run are passed over.

    Raises
    ------
    RunError : one is no run, or two have one name.
    """
    records = [read_record(path) for path in dict.fromkeys(path.resolve() for path in paths)
               if not (path.suffix in (".log", ".yaml") and path.with_suffix("").is_dir())]
    twice = repeated(record.name for record in records)
    if twice:
        raise RunError(f"{twice}: expected runs of different names, found two of this one")
    return records


def write_record(record: Record, folder: Path) -> None:
    """Write a run in small form as ``NAME.json``, in the place of an earlier failure."""
    write_json(folder / f"{record.name}.json", record._asdict())
    _failure(folder, record.name).unlink(missing_ok=True)


def write_failure(name: str, config: Config, reason: str, folder: Path) -> None:
    """Note a run whose training diverged, as ``NAME.failed.json``."""
    write_json(_failure(folder, name), {"reason": reason, "config": portable(config)})


def read_failure(name: str, config: Config, folder: Path) -> Optional[str]:
    """Why the run that a configuration makes diverged; None if it is not noted.

    Raises
    ------
    RunError : the note is damaged, or of another configuration.
    """
    path = _failure(folder, name)
    if not path.is_file():
        return None
    note = read_note(path)
    differs = Record(name, note.config, {}, {}).differs(config)
    if differs:
        raise RunError(f"{path}: expected the run of the plan, found one with another configuration: "
                       f"{differs} now; give the group a name, or remove the note")
    return note.reason


def read_note(path: Path) -> Failure:
    """Read what :func:`write_failure` wrote.

    Raises
    ------
    RunError : it is damaged.
    """
    note = read_json(path)
    try:
        config = portable(from_portable(note["config"], str(path)))
        return Failure(path.name[:-len(FAILED)], config, str(note["reason"]))
    except (TypeError, KeyError):
        raise RunError(f"{path}: expected why a run failed and its configuration, found other keys; "
                       "remove it") from None


def _failure(folder: Path, name: str) -> Path:
    return folder / f"{name}{FAILED}"
