"""Several runs as one table: mean and standard deviation over seeds, every run counted."""

from __future__ import annotations

import statistics
from os.path import commonprefix
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

from ner_mx.evaluation.conditions import Condition
from ner_mx.experiments.records import Record, row_name
from ner_mx.reports.markdown import spread, table
from ner_mx.reports.plots import score_bars

COLUMNS = ("experiment", "seeds", "test F1", "precision", "recall", "dev F1", "minutes", "tokens/s")


class SummaryRow(NamedTuple):
    """The runs of one experiment, under one condition."""

    name: str
    records: List[Record]
    predicted: str

    def scores(self, split: str, figure: str = "f1") -> List[float]:
        """A micro figure of every run, in per cent."""
        key = Condition(split, self.predicted).key
        return [100 * record.metrics[key]["entity"]["micro"][figure] for record in self.records]


def summary_rows(records: Sequence[Record]) -> List[SummaryRow]:
    """Group runs that differ only in seed and name.

    A model that reads an annotation has two rows: with that of the corpus, and
    with a predicted one.
    """
    groups: Dict[str, List[Record]] = {}
    for record in records:
        groups.setdefault(record.experiment, []).append(record)
    result = []
    for group in groups.values():
        name = _common_name([record.name for record in group])
        result.append(SummaryRow(name, group, ""))
        for key in group[0].metrics:
            condition = Condition.from_key(key)
            if condition.split == "test" and condition.predicted:
                result.append(SummaryRow(f"{name}, predicted {condition.predicted}", group,
                                         condition.predicted))
    return result


def summary_table(rows: Sequence[SummaryRow]) -> str:
    """A Markdown table: mean ± standard deviation (of a sample, n - 1) over the runs of each row."""
    cells = []
    for row in rows:
        train = [record.metrics["train"] for record in row.records]
        uses_dev = any(figures.get("use_dev") for figures in train)
        speeds = [figures["tokens_per_second"] for figures in train if "tokens_per_second" in figures]
        cells.append([
            row.name, len(row.records), *(spread(row.scores("test", figure))
                                          for figure in ("f1", "precision", "recall")),
            "trained on" if uses_dev else spread(row.scores("dev")),
            spread([figures["seconds"] / 60 for figures in train], 1),
            f"{statistics.mean(speeds):,.0f}" if speeds else ""])
    return "\n".join(table(COLUMNS, cells))


def plot_rows(rows: Sequence[SummaryRow], path: Path) -> bool:
    """Plot the test F1 of each row; False if matplotlib is not installed."""
    return score_bars([(row.name, row.scores("test")) for row in rows], path)


def _common_name(names: List[str]) -> str:
    """The name of runs without their seeds, or the beginning that their names share."""
    rows = {row_name(name) for name in names}
    if len(names) == 1 or len(rows) > 1:
        return commonprefix(names).rstrip("-_.") or names[0]
    return rows.pop()
