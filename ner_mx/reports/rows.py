"""Records of many runs to rows: the runs of one name, their seeds apart, each counted once."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional

from ner_mx.config import differences
from ner_mx.errors import RunError
from ner_mx.reports.paper import CORPORA
from ner_mx.training.records import (
    FAILED,
    Failure,
    Record,
    departures,
    read_note,
    read_record,
    row_name,
)


class Row(NamedTuple):
    """The runs of one name, seeds apart.

    records : of finished runs.  diverged : those whose loss left every bound; they have no figures.
    """

    name: str
    records: List[Record]
    diverged: List[Failure]

    def scores(self, figure: str = "f1", records: Optional[Iterable[Record]] = None) -> List[float]:
        """A test figure of each finished run, in per cent."""
        return [100 * record.metrics["test"]["entity"]["micro"][figure]
                for record in (self.records if records is None else records)]

    @property
    def corpus(self) -> str:
        """How the name of the corpus begins: a key of :data:`CORPORA`, or something else."""
        named = self.records[0].config["corpus"]["name"] if self.records else self.name
        return named.partition("-")[0]

    @property
    def entities(self) -> Optional[int]:
        """How many entities the test set has."""
        return self.records[0].metrics["test"]["entity"]["micro"].get("gold")

    @property
    def successful(self) -> List[Record]:
        """The runs that the paper would have counted."""
        limit = CORPORA[self.corpus].failed_below if self.corpus in CORPORA else 0.0
        judged = [(record, self._judged(record)) for record in self.records]
        return [record for record, f1 in judged if f1 is None or f1 >= limit]

    @property
    def failures(self) -> str:
        """Runs that diverged and, behind a plus, finished runs that the paper's rule leaves out.

        A question mark stands for records that are older than the measure.
        """
        asked = all(self._judged(record) is not None for record in self.records)
        return f"{len(self.diverged)} + {len(self.records) - len(self.successful) if asked else '?'}"

    def _judged(self, record: Record) -> Optional[float]:
        """The F1 by which the paper tells that a run has failed: on something that it has learnt."""
        train = record.metrics["train"]
        if self.corpus == "conll2003" and train.get("use_dev"):
            return record.metrics["dev"]["entity"]["micro"]["f1"]
        return train.get("fitted_f1")


def read_rows(folder: Path) -> Dict[str, Row]:
    """The rows among the records of a folder, by name.

    Raises
    ------
    RunError : the folder has none, one is damaged, or two of one name differ in
        more than the seed.
    """
    groups: Dict[str, List[Record]] = {}
    diverged: Dict[str, List[Failure]] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith(FAILED):
            note = read_note(path)
            diverged.setdefault(row_name(note.name), []).append(note)
            continue
        record = read_record(path)
        if path.stem != record.name:
            raise RunError(f"{path}: expected a record of that name, found {record.name}; remove one")
        group = groups.setdefault(row_name(record.name), [])
        group.append(record)
        if record.experiment != group[0].experiment:
            differs = [*departures(group[0].config, record.config),
                       *differences(group[0].metrics["data"], record.metrics["data"], "data ")]
            raise _unlike(path, group[0].name, differs[0])
    if not groups and not diverged:
        raise RunError(f"{folder}: expected records of runs, found none; see ner-mx replicate")
    rows = {name: Row(name, groups.get(name, []), diverged.get(name, []))
            for name in sorted({*groups, *diverged})}
    for row in rows.values():
        _check_one_a_seed(folder, row)
    return rows


def _check_one_a_seed(folder: Path, row: Row) -> None:
    """Refuse a row that counts a seed twice, or a run that diverged under other settings."""
    runs = [*row.records, *row.diverged]
    for note in row.diverged:
        differs = departures(runs[0].config, note.config)
        if differs:
            raise _unlike(folder / f"{note.name}{FAILED}", runs[0].name, differs[0])
    seen: Dict[int, str] = {}
    for run in runs:
        seed = run.config["run"]["seed"]
        if seed in seen:
            raise RunError(f"{folder}: {run.name}: expected a seed of its own, found that of {seen[seed]}; "
                           "remove one")
        seen[seed] = run.name


def _unlike(path: Path, other: str, differs: str) -> RunError:
    return RunError(f"{path}: expected a run like {other}, seed apart, found another: {differs} here; give "
                    "one of them another name")
