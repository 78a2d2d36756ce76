"""Several runs to one table: mean and standard deviation over seeds, every run counted."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

from ner_mx.config import read_yaml, validate
from ner_mx.errors import RunError
from ner_mx.files import read_json, write_json
from ner_mx.reports.plots import score_bars
from ner_mx.reports.run_report import table


class Record(NamedTuple):
    """A run in small form: what a report needs, without the paths of the machine it ran on."""

    name: str
    config: Dict[str, Any]
    metrics: Dict[str, Any]
    environment: Dict[str, Any]

    @property
    def experiment(self) -> str:
        """The run's configuration apart from its seed, name, device and threads, as a key."""
        config = {**self.config, "run": {}}
        return json.dumps(config, sort_keys=True)


def read_record(path: Path) -> Record:
    """Read a finished run folder, or a record that :func:`write_record` wrote.

    Raises
    ------
    RunError : it is neither, or damaged.
    """
    if path.is_file():
        try:
            return Record(**read_json(path))
        except TypeError:
            raise RunError(f"{path}: expected the record of a run, found other keys") from None
    if not (path / "metrics.json").is_file():
        raise RunError(f"{path}: expected a finished run, found no metrics.json in it")
    # Through the schema, so that a key which is younger than the run has its default.
    config = validate(read_yaml(path / "config.yaml"), str(path / "config.yaml")).model_dump(mode="json")
    for section, key in (("run", "directory"), ("corpus", "path"), ("corpus", "processed")):
        del config[section][key]
    vectors = config["features"]["vectors"]
    if vectors["path"]:
        vectors["path"] = Path(vectors["path"]).name
    for lexicon in config["features"]["lexicons"]:
        del lexicon["path"]
    return Record(path.name, config, read_json(path / "metrics.json"), read_json(path / "environment.json"))


def read_records(paths: Sequence[Path]) -> List[Record]:
    """Read several runs, each counted once.

    Raises
    ------
    RunError : one is no run, or two have one name.
    """
    records = [read_record(path) for path in dict.fromkeys(path.resolve() for path in paths)]
    names = [record.name for record in records]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise RunError(f"{twice}: expected runs of different names, found two of this one")
    return records


def write_record(record: Record, folder: Path) -> None:
    """Write a run in small form as ``NAME.json``."""
    write_json(folder / f"{record.name}.json", record._asdict())


COLUMNS = ("experiment", "seeds", "test F1", "precision", "recall", "dev F1", "minutes", "tokens/s")


class Row(NamedTuple):
    """The runs of one experiment, read with one kind of parts of speech."""

    name: str
    records: List[Record]
    test: str
    dev: str

    def scores(self, part: str, figure: str = "f1") -> List[float]:
        """A micro figure of every run, in per cent."""
        return [100 * record.metrics[part]["entity"]["micro"][figure] for record in self.records]


def rows(records: Sequence[Record]) -> List[Row]:
    """Group runs that differ in seed and name alone.

    A network that reads parts of speech has two rows: with the corpus' own,
    and with predicted ones.
    """
    groups: Dict[str, List[Record]] = {}
    for record in records:
        groups.setdefault(record.experiment, []).append(record)
    result = []
    for group in groups.values():
        name = _common_name([record.name for record in group])
        result.append(Row(name, group, "test", "dev"))
        if "test_with_predicted_POS" in group[0].metrics:
            result.append(Row(f"{name}, predicted POS", group, "test_with_predicted_POS",
                              "dev_with_predicted_POS"))
    return result


def summary(lines: Sequence[Row]) -> str:
    """A Markdown table: mean ± standard deviation (of a sample, n - 1) over the runs of each row."""
    cells = []
    for row in lines:
        train = [record.metrics["train"] for record in row.records]
        cells.append([
            row.name, len(row.records), *(_spread(row.scores(row.test, figure))
                                          for figure in ("f1", "precision", "recall")),
            _spread(row.scores(row.dev)), _spread([one["seconds"] / 60 for one in train], 1),
            f"{statistics.mean(one['tokens_per_second'] for one in train):,.0f}"])
    return "\n".join(table(COLUMNS, cells))


def plot(lines: Sequence[Row], path: Path) -> bool:
    """Plot the test F1 of each row; False where there is no matplotlib."""
    return score_bars([(row.name, row.scores(row.test)) for row in lines], path)


def _spread(values: List[float], digits: int = 2) -> str:
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def _common_name(names: List[str]) -> str:
    """What the names of runs share at their beginning, without the sign before the seed."""
    shared = names[0]
    for name in names[1:]:
        while not name.startswith(shared):
            shared = shared[:-1]
    return shared.rstrip("-_.") if len(names) > 1 and shared else names[0]
