"""What ``ner-mx audit`` writes: suspects for people, for annotation tools and for programs."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any, List, Sequence

from ner_mx.files import write_text
from ner_mx.reports.markdown import marked_words, plain, table
from ner_mx.untyped import ReadOnlyValues

STATIC = Path(__file__).parent / "static"
# How many suspects report.md lists.
LISTED = 50


def write_audit_report(values: ReadOnlyValues, folder: Path) -> Path:
    """Write ``report.html`` to go through the suspects, ``report.md``, and ``suspects.json``.

    Parameters
    ----------
    values : of :func:`ner_mx.analysis.audit.audit`.

    Returns
    -------
    The page.
    """
    write_text(folder / "suspects.json", json.dumps(values, ensure_ascii=False, indent=1) + "\n")
    write_text(folder / "report.md", audit_report(values))
    write_text(folder / "report.html", audit_page(values))
    return folder / "report.html"


def audit_page(values: ReadOnlyValues) -> str:
    """A page that needs nothing beside it, with a card for each suspect."""
    # Inside a script element, end tags and comments have a meaning.
    data = json.dumps(values, ensure_ascii=False).replace("<", "\\u003c")
    return Template((STATIC / "audit.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"Audit of {values['corpus']}"), summary=escape(_summary(values)), data=data,
        style=(STATIC / "audit.css").read_text(encoding="utf-8"),
        script=(STATIC / "audit.js").read_text(encoding="utf-8"))


def _summary(values: ReadOnlyValues) -> str:
    confident = sum(kind["confident"] for kind in values["kinds"].values())
    return (f"{values['listed']:,} suspects of {values['sentences']:,} sentences with {values['entities']:,} entities; "
            f"by confident learning, about {confident:,} annotations are wrong.")


def audit_report(values: ReadOnlyValues) -> str:
    """The counts and the first suspects in Markdown."""
    rows = [[kind, f"{counts['suspects']:,}", f"{counts['confident']:,}"] for kind, counts in values["kinds"].items()]
    lines = [f"# Audit of {plain(values['corpus'])}", "", _summary(values), "",
             *table(("kind", "suspects", "wrong by confident learning"), rows),
             f"## The first {min(LISTED, values['listed'])} suspects", ""]
    rows = [[str(suspect["id"]), suspect["kind"], _marked(suspect, suspect["entities"]),
             _marked(suspect, proposal(suspect)), plain(suspect["place"]), f"{suspect['score']:.2f}"]
            for suspect in values["suspects"][:LISTED]]
    return "\n".join([*lines, *table(("", "kind", "annotated", "suggested", "place", "score"), rows, 5)])


def proposal(suspect: ReadOnlyValues) -> List[Sequence[Any]]:
    """The entities of the sentence of a suspect if the suggestion is accepted."""
    new = suspect["suggested"]
    kept = [span for span in suspect["entities"] if span not in suspect["annotated"]
            and (new is None or span[1] <= new[0] or new[1] <= span[0])]
    return sorted([*kept, *([] if new is None else [new])])


def _marked(suspect: ReadOnlyValues, entities: Sequence[Sequence[Any]], width: int = 10) -> str:
    """The words around what a suspect is about."""
    about = [*suspect["annotated"], *([suspect["suggested"]] if suspect["suggested"] else [])]
    first = max(0, min(span[0] for span in about) - width)
    last = min(len(suspect["tokens"]), max(span[1] for span in about) + width)
    shown = [[max(0, start - first), min(end, last) - first, label] for start, end, label in entities
             if end > first and start < last]
    return marked_words(suspect["tokens"][first:last], shown, (first > 0, last < len(suspect["tokens"])))
