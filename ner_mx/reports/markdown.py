"""Tables and figures in the form that all reports share."""

from __future__ import annotations

import statistics
from typing import Any, List, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], text: int = 1) -> List[str]:
    """A Markdown table; the first ``text`` columns are text, the others are numbers."""
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * text}{' ---: |' * (len(header) - text)}"]
    return [*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows), ""]


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Mean ± standard deviation of a sample; a single value alone."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean
