"""Several runs to one table: mean and standard deviation over seeds, every run counted."""

from __future__ import annotations

import statistics
from os.path import commonprefix
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

from ner_mx.reports.markdown import spread, table
from ner_mx.reports.plots import score_bars
from ner_mx.training.records import Record, row_name

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
        learnt = any(one.get("use_dev") for one in train)
        cells.append([
            row.name, len(row.records), *(spread(row.scores(row.test, figure))
                                          for figure in ("f1", "precision", "recall")),
            "learnt" if learnt else spread(row.scores(row.dev)),
            spread([one["seconds"] / 60 for one in train], 1),
            f"{statistics.mean(one['tokens_per_second'] for one in train):,.0f}"])
    return "\n".join(table(COLUMNS, cells))


def plot(lines: Sequence[Row], path: Path) -> bool:
    """Plot the test F1 of each row; False where there is no matplotlib."""
    return score_bars([(row.name, row.scores(row.test)) for row in lines], path)


def _common_name(names: List[str]) -> str:
    """What runs are called but for their seeds, or how all their names begin."""
    rows = {row_name(name) for name in names}
    if len(names) == 1 or len(rows) > 1:
        return commonprefix(names).rstrip("-_.") or names[0]
    return rows.pop()
