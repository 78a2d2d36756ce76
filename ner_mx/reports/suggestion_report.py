"""What ``ner-mx suggest`` writes for people: the chosen sentences with what the model reads and doubts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List, Sequence

from ner_mx.files import write_text
from ner_mx.reports.html_page import html_page
from ner_mx.reports.markdown import marked_words, plain, table
from ner_mx.untyped import ReadOnlyValues


def write_suggestion_report(values: ReadOnlyValues, folder: Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``suggestions.json``; returns the page."""
    text = suggestion_report(values)
    write_text(folder / "suggestions.json", json.dumps(values, ensure_ascii=False, indent=1) + "\n")
    write_text(folder / "report.md", text)
    write_text(folder / "report.html", html_page(text, "What to annotate next"))
    return folder / "report.html"


def suggestion_report(values: ReadOnlyValues) -> str:
    """The chosen sentences in Markdown."""
    lines = ["# What to annotate next", "",
             f"{len(values['chosen']):,} of {values['candidates']:,} different sentences, by the strategy "
             f"`{values['strategy']}`; {values['tokens']:,} tokens with {values['expected_errors']:.0f} entities that "
             "the model probably gets wrong or misses. *Gain* is what a sentence teaches for its cost, when those "
             "above it are annotated.", ""]
    rows = [[str(number), marked_words(entry["tokens"], entry["entities"]), _doubts(entry["doubts"]),
             plain(entry["place"]), f"{entry['expected_errors']:.2f}", f"{1000 * entry['gain']:.1f}"]
            for number, entry in enumerate(values["chosen"], start=1)]
    return "\n".join([*lines, *table(("", "what the model reads", "doubts", "place", "expected errors", "gain × 1,000"),
                                     rows, 4)])


def _doubts(doubts: Sequence[Sequence[Any]]) -> str:
    listed: List[str] = [f"{plain(words)}: {plain(label)} {probability:.2f}" for words, label, probability in doubts]
    return "<br>".join(listed)
