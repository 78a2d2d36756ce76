"""Tables and figures in the form that all reports share."""

from __future__ import annotations

import statistics
from typing import Any, List, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], text: int = 1) -> List[str]:
    """A Markdown table; the first ``text`` columns are text, the others are numbers."""
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * text}{' ---: |' * (len(header) - text)}"]
    return [*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows), ""]


def plain(text: str) -> str:
    """Text of a corpus, without effect as Markdown or HTML.

    >>> plain("*R&D* | <b>")
    '&#42;R&amp;D&#42; &#124; &lt;b&gt;'
    """
    return "".join(_ENTITIES.get(character, character) for character in text.replace("\n", " "))


def marked_words(tokens: Sequence[str], entities: Sequence[Sequence[Any]], cut: Sequence[bool] = (False, False)) -> str:
    """Words of a corpus with entities, [start, end, type], in bold, each with its type.

    Parameters
    ----------
    cut : whether something is left out before and behind.

    >>> marked_words(["in", "New", "York"], [[1, 3, "LOC"]], [True, False])
    '… in **New York**<sub>LOC</sub>'
    """
    words = list(map(plain, tokens))
    for start, end, label in entities:
        words[start] = f"**{words[start]}"
        words[end - 1] = f"{words[end - 1]}**<sub>{plain(label)}</sub>"
    before, behind = cut
    return " ".join(["…"] * before + words + ["…"] * behind)


# What begins markup in either language; characters that Markdown escapes differ between its dialects.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", **{sign: f"&#{ord(sign)};" for sign in "*_`[]|\\~#$"}}


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Mean ± standard deviation of a sample; a single value alone."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean
