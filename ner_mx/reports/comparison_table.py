"""A comparison as Markdown tables, and as a picture of F1 against speed."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Dict, List, Optional, Sequence

from ner_mx.reports.markdown import table
from ner_mx.reports.plots import speed_scatter

COLUMNS = ("system", "dev F1", "F1", "precision", "recall", "macro F1", "token F1", "raw text F1", "p", "MB",
           "parameters", "minutes", "words/s", "ms/sentence", "memory, MB")
# What a seed changes, and its factor in a table.
FIGURES = {"dev F1": ("dev_f1", 100), "F1": ("f1", 100), "precision": ("precision", 100), "recall": ("recall", 100),
           "macro F1": ("macro_f1", 100), "token F1": ("token_f1", 100), "raw text F1": ("raw_f1", 100),
           "minutes": ("minutes", 1)}
_SEED = re.compile(r"-\d{1,3}$")


def comparison_table(rows: Sequence[Any]) -> str:
    """The means over seeds, all figures of each row, and the F1 of each type.

    Rows are :class:`~ner_mx.inference.comparison.ComparedSystem`; those whose names differ in the number at their end
    are seeds.
    """
    lines = _means(rows)
    lines += table(COLUMNS, [[
        row.name, *map(_percent, (row.dev_f1, row.f1, row.precision, row.recall, row.macro_f1, row.token_f1,
                                  row.raw_f1)),
        _number(row.p, ".4f"), _number(None if row.bytes is None else row.bytes / 1e6, ".1f"),
        _number(row.parameters, ",d"), _number(row.minutes, ".1f"),
        *(_number(value, form) for value, form in zip(row.speed or (None,) * 3, (",.0f", ".2f", ",.0f")))]
        for row in rows])
    types = sorted({label for row in rows for label in row.types})
    lines += table(("F1 by type", *types), [
        [row.name, *(_percent(row.types.get(label)) for label in types)] for row in rows])
    return "\n".join(lines)


def _means(rows: Sequence[Any]) -> List[str]:
    """Mean ± standard deviation of the sample, for systems with several seeds; nothing if there are none."""
    groups: Dict[str, List[Any]] = defaultdict(list)
    for row in rows:
        if _SEED.search(row.name):
            groups[_SEED.sub("", row.name)].append(row)
    lines = [[name, str(len(seeds)), *(_mean([getattr(row, key) for row in seeds], factor)
                                       for key, factor in FIGURES.values())]
             for name, seeds in groups.items() if len(seeds) > 1]
    return table(("mean ± sd", "seeds", *FIGURES), lines) if lines else []


def _mean(values: Sequence[Optional[float]], factor: int) -> str:
    known = [factor * value for value in values if value is not None]
    return f"{mean(known):.2f} ± {stdev(known):.2f}" if len(known) == len(values) else ""


def plot_comparison(rows: Sequence[Any], path: Path) -> bool:
    """Plot F1 against words per second, with the systems that no other beats in both; False without matplotlib."""
    points = [(row.name, row.speed.words_per_second, 100 * row.f1) for row in rows if row.speed is not None]
    return bool(points) and speed_scatter(points, path)


def _percent(value: Optional[float]) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _number(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)
