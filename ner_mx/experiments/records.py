"""Records of finished runs: what a report needs, without the paths of the machine they ran on."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

from ner_mx.config import (
    Config,
    difference,
    differences,
    migrated,
    portable,
    result_fingerprint,
    validate,
)
from ner_mx.errors import RunError, first_duplicate
from ner_mx.files import read_json, write_json
from ner_mx.preprocessing.processed_corpus import with_resolved
from ner_mx.training.run_folder import finished_metrics, read_run_config
from ner_mx.untyped import ReadOnlyValues, Values

# The suffix of the note of a run that diverged.
FAILED = ".failed.json"

# The system of the records that this package's own models make.
OWN_SYSTEM = "ner_mx"


class Settings:
    """What made a run: the configuration of our own system, or the settings of another one.

    Parameters
    ----------
    values : as they are recorded.
    system : whose they are.
    source : for error messages.
    """

    def __init__(self, values: ReadOnlyValues, system: str = OWN_SYSTEM, source: str = "the record"):
        self._given, self.system, self._source = dict(values), system, source

    @cached_property
    def config(self) -> Optional[Config]:
        """The configuration, through today's schema; None for another system.

        Raises
        ------
        ConfigError : a key or value is not that of the schema.
        """
        if self.system != OWN_SYSTEM:
            return None
        values = migrated(self._given)
        return validate({**values, "corpus": {**values["corpus"], "path": "", "processed": ""}}, self._source)

    @cached_property
    def values(self) -> Values:
        """As JSON values; keys that are newer than the run have their defaults."""
        return portable(self.config) if self.config is not None else self._given

    @cached_property
    def deciding(self) -> Values:
        """The values that decide a result, without the seed."""
        if self.config is None:
            return {key: value for key, value in self._given.items() if key != "run"}
        return result_fingerprint(self.config)

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return int(self.values["run"]["seed"])

    @property
    def corpus(self) -> str:
        """The name of the processed corpus."""
        return str(self.values["corpus"]["name"])

    def departures(self, other: Settings) -> List[str]:
        """Every key, except the seed, in which these settings differ from others; the system alone if that differs."""
        if self.system != other.system:
            return list(differences({"system": self.system}, {"system": other.system}))
        return list(differences(self.deciding, other.found_like(self).deciding))

    def found_like(self, run: Settings) -> Settings:
        """These settings, with what a run found in its corpus where they leave it to the corpus."""
        if self.config is None or run.config is None:
            return self
        return Settings(portable(with_resolved(self.config, run.config)), self.system, self._source)

    def differs(self, config: Config) -> str:
        """The first key in which a configuration would make another run; "" if none."""
        wanted = Settings(portable(config))
        if self.system != wanted.system:
            return self.departures(wanted)[0]
        return difference({**self.deciding, "seed": self.seed},
                          {**wanted.found_like(self).deciding, "seed": wanted.seed}) or ""


class Record(NamedTuple):
    """A finished run.

    settings : what made it.
    metrics : as in ``metrics.json``.
    environment : as in ``environment.json``.
    history : (epoch, loss per token, dev score, seconds of the epoch) each.
    """

    name: str
    settings: Settings
    metrics: Values
    environment: Values
    history: Sequence[Sequence[float]] = ()

    @property
    def system(self) -> str:
        """Which system was trained."""
        return self.settings.system

    @property
    def experiment(self) -> str:
        """What made the run, without its seed, name, device and threads, as a key: the settings and
        the hashes of the data."""
        return json.dumps([self.system, self.settings.deciding, self.metrics["data"]], sort_keys=True)

    def to_json(self) -> Values:
        """As it is written."""
        system = {} if self.system == OWN_SYSTEM else {"system": self.system}
        return {"name": self.name, **system, "config": self.settings.values, "metrics": self.metrics,
                "environment": self.environment, "history": [list(entry) for entry in self.history]}


class Failure(NamedTuple):
    """A run whose training diverged: the settings that made it, and the message."""

    name: str
    settings: Settings
    reason: str


def row_name(run: str) -> str:
    """The name of a run without its seed.

    >>> row_name("conll2003-paper-12")
    'conll2003-paper'
    """
    return re.sub(r"-\d+$", "", run)


def read_record(path: Path) -> Record:
    """Read a finished run folder, or a record that :func:`write_record` wrote.

    Raises
    ------
    RunError : it is neither, or damaged.
    """
    if path.is_file():
        try:
            stored = read_json(path)
            settings = Settings(stored["config"], stored.get("system", OWN_SYSTEM), str(path))
            record = Record(stored["name"], settings, stored["metrics"], stored["environment"],
                            stored.get("history", ()))
            _ = settings.seed, settings.corpus  # damaged settings show here
            if not isinstance(record.name, str):
                raise TypeError
        except (TypeError, ValueError, KeyError, AttributeError):
            raise RunError(f"{path}: expected the record of a run, found other keys") from None
        return _complete(record, path)
    metrics = finished_metrics(path)
    settings = Settings(portable(read_run_config(path)), source=str(path))
    return _complete(Record(path.name, settings, metrics,
                            read_json(path / "environment.json"), _history(path / "history.jsonl")), path)


def _complete(record: Record, path: Path) -> Record:
    """The record, if it has the figures that every finished run has.

    Raises
    ------
    RunError
    """
    try:
        for split in ("dev", "test"):
            if not isinstance(record.metrics[split]["entity"]["micro"]["f1"], float):
                raise TypeError
        record.metrics["train"]["seconds"], record.metrics["data"].items()
    except (KeyError, TypeError, AttributeError):
        raise RunError(f"{path}: expected the figures of a finished run, found others; remove it and run it "
                       "again") from None
    return record


def _history(path: Path) -> List[List[float]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [[record["epoch"], round(record["loss"], 5), round(record["score"], 5),
                 round(record["seconds"], 1)] for record in map(json.loads, lines)]
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path}: expected one line of JSON per epoch, found a damaged file ({error}); train "
                       "again, replacing the run") from None


def read_records(paths: Sequence[Path]) -> List[Record]:
    """Read several runs, each counted once; the log and the configuration beside a run are skipped.

    Raises
    ------
    RunError : one is not a run, or two have one name.
    """
    records = [read_record(path) for path in dict.fromkeys(path.resolve() for path in paths)
               if not (path.suffix in (".log", ".yaml") and path.with_suffix("").is_dir())]
    duplicate = first_duplicate(record.name for record in records)
    if duplicate:
        raise RunError(f"{duplicate}: expected runs of different names, found two of this name")
    return records


def check_record_place(name: str, folder: Path, overwrite: bool) -> None:
    """Check that a record may be written, before hours are spent on it.

    Raises
    ------
    RunError : the folder is a file, or has a record of the name that may not be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: expected a folder for records, found a file")
    if not overwrite and (folder / f"{name}.json").exists():
        raise RunError(f"{folder / name}.json: exists already; choose another folder or run.name, or allow it with "
                       "--overwrite")


def write_record(record: Record, folder: Path) -> None:
    """Write a record as ``NAME.json``; the note of an earlier failure is removed."""
    write_json(folder / f"{record.name}.json", record.to_json())
    _failure_path(folder, record.name).unlink(missing_ok=True)


def write_failure(name: str, config: Config, reason: str, folder: Path) -> None:
    """Note a run whose training diverged, as ``NAME.failed.json``."""
    write_json(_failure_path(folder, name), {"reason": reason, "config": portable(config)})


def read_failure(name: str, config: Config, folder: Path) -> Optional[str]:
    """Why the run of a configuration diverged; None if there is no note of it.

    Raises
    ------
    RunError : the note is damaged, or of another configuration.
    """
    path = _failure_path(folder, name)
    if not path.is_file():
        return None
    failure = read_failure_note(path)
    differs = failure.settings.differs(config)
    if differs:
        raise RunError(f"{path}: expected the run of the plan, found one with another configuration: "
                       f"{differs} now; give the group a name, or remove the note")
    return failure.reason


def read_failure_note(path: Path) -> Failure:
    """Read what :func:`write_failure` wrote.

    Raises
    ------
    RunError : it is damaged.
    """
    note = read_json(path)
    try:
        settings = Settings(note["config"], source=str(path))
        _ = settings.seed
        return Failure(path.name[:-len(FAILED)], settings, str(note["reason"]))
    except (TypeError, ValueError, KeyError, AttributeError):
        raise RunError(f"{path}: expected why a run failed and its configuration, found other keys; "
                       "remove it") from None


def _failure_path(folder: Path, name: str) -> Path:
    return folder / f"{name}{FAILED}"
