"""Records of many runs as rows: the runs of one name without the seed, each counted once."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Union

from ner_mx.config import differences
from ner_mx.errors import RunError
from ner_mx.experiments.records import (
    FAILED,
    Failure,
    Record,
    read_failure_note,
    read_record,
    row_name,
)
from ner_mx.reports.paper import CORPORA


class ReportRow(NamedTuple):
    """The runs of one name, without the seed.

    records : of finished runs.  diverged : those whose loss exploded; they have no figures.
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
        """The beginning of the name of the corpus: a key of :data:`CORPORA`, or something else."""
        name = self.records[0].settings.corpus if self.records else self.name
        return name.partition("-")[0]

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
        """Runs that diverged and, after a plus, finished runs that the paper's rule leaves out.

        A question mark stands for records that are older than the measure.
        """
        measured = all(self._judged(record) is not None for record in self.records)
        return f"{len(self.diverged)} + {len(self.records) - len(self.successful) if measured else '?'}"

    def _judged(self, record: Record) -> Optional[float]:
        """The F1 by which the paper decides that a run has failed: on something that it was trained on."""
        train = record.metrics["train"]
        if self.corpus == "conll2003" and train.get("use_dev"):
            f1: float = record.metrics["dev"]["entity"]["micro"]["f1"]
            return f1
        fitted: Optional[float] = train.get("fitted_f1")
        return fitted


def read_rows(folder: Path) -> Dict[str, ReportRow]:
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
            failure = read_failure_note(path)
            diverged.setdefault(row_name(failure.name), []).append(failure)
            continue
        record = read_record(path)
        if path.stem != record.name:
            raise RunError(f"{path}: expected a record of that name, found {record.name}; remove one")
        group = groups.setdefault(row_name(record.name), [])
        group.append(record)
        if record.experiment != group[0].experiment:
            differs = [*group[0].settings.departures(record.settings),
                       *differences(group[0].metrics["data"], record.metrics["data"], "data ")]
            raise _unlike(path, group[0].name, differs[0])
    if not groups and not diverged:
        raise RunError(f"{folder}: expected records of runs, found nothing; replicate a plan to make some")
    rows = {name: ReportRow(name, groups.get(name, []), diverged.get(name, []))
            for name in sorted({*groups, *diverged})}
    for row in rows.values():
        _check_seeds(folder, row)
    return rows


def _check_seeds(folder: Path, row: ReportRow) -> None:
    """Check that a row counts no seed twice, and no run that diverged with other settings.

    Raises
    ------
    RunError
    """
    runs: List[Union[Record, Failure]] = [*row.records, *row.diverged]
    for failure in row.diverged:
        differs = runs[0].settings.departures(failure.settings)
        if differs:
            raise _unlike(folder / f"{failure.name}{FAILED}", runs[0].name, differs[0])
    seen: Dict[int, str] = {}
    for run in runs:
        seed = run.settings.seed
        if seed in seen:
            raise RunError(f"{folder}: {run.name}: expected a seed of its own, found that of {seen[seed]}; "
                           "remove one")
        seen[seed] = run.name


def _unlike(path: Path, other: str, differs: str) -> RunError:
    return RunError(f"{path}: expected a run like {other} with another seed, found a different one: {differs} "
                    "here; give one of them another name")
