"""A comparison as Markdown tables, and as a picture of F1 against speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Sequence

from ner_mx.reports.markdown import table
from ner_mx.reports.plots import speed_scatter

COLUMNS = ("system", "F1", "precision", "recall", "macro F1", "raw text F1", "p", "MB", "parameters", "minutes",
           "words/s", "ms/sentence", "memory, MB")


def comparison_table(rows: Sequence[Any]) -> str:
    """All figures of each row, and the F1 of each type; see :class:`ner_mx.inference.comparison.ComparedSystem`."""
    lines = table(COLUMNS, [[
        row.name, *(_percent(value) for value in (row.f1, row.precision, row.recall, row.macro_f1, row.raw_f1)),
        _number(row.p, ".4f"), _number(None if row.bytes is None else row.bytes / 1e6, ".1f"),
        _number(row.parameters, ",d"), _number(row.minutes, ".1f"),
        *(_number(value, form) for value, form in zip(row.speed or (None,) * 3, (",.0f", ".2f", ",.0f")))]
        for row in rows])
    types = sorted({label for row in rows for label in row.types})
    lines += table(("F1 by type", *types), [
        [row.name, *(_percent(row.types.get(label)) for label in types)] for row in rows])
    return "\n".join(lines)


def plot_comparison(rows: Sequence[Any], path: Path) -> bool:
    """Plot F1 against words per second, with the systems that no other beats in both; False without matplotlib."""
    points = [(row.name, row.speed.words_per_second, 100 * row.f1) for row in rows if row.speed is not None]
    return bool(points) and speed_scatter(points, path)


def _percent(value: Optional[float]) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _number(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)
