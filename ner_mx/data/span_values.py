"""A span of a JSON record, in any of the shapes that annotation tools give it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

from ner_mx.data.documents import TextSpan
from ner_mx.data.sentence import Warnings
from ner_mx.errors import CorpusError, shown
from ner_mx.untyped import Json

CONVERTED = "offsets that were strings or had decimal places, read as whole numbers"
FIRST_LABEL = "spans with several labels, of which the first was read"


def span_of(given: Json, path: Path, line: int, warnings: Warnings) -> TextSpan:
    """``[start, end, label]``, or an object with these under the keys of doccano, Prodigy, spaCy and Label Studio.

    Raises
    ------
    CorpusError : it is neither.
    """
    start, end, label, surface = _parts(given)
    if isinstance(label, list) and label and all(isinstance(name, str) for name in label):
        warnings.add(FIRST_LABEL, f"{path}:{line}", int(len(label) > 1))
        label = label[0]
    offsets = [whole_number(value) for value in (start, end)]
    if None in offsets or not isinstance(label, str) or not label.strip():
        raise CorpusError(path, line, f"expected [start, end, label], found {shown(json.dumps(given))}")
    warnings.add(CONVERTED, f"{path}:{line}", sum(type(value) is not int for value in (start, end)))
    first, last = offsets
    assert first is not None and last is not None
    return TextSpan(first, last, label, surface if isinstance(surface, str) else None)


def _parts(given: Json) -> tuple[Any, Any, Any, Any]:
    """start, end, label and words of a span; None for what is missing."""
    if isinstance(given, list):
        return (*given, None) if len(given) == 3 else (None, None, None, None)
    if not isinstance(given, dict):
        return None, None, None, None
    values = given["value"] if isinstance(given.get("value"), dict) else given

    def first(*keys: str) -> Any:
        return next((values[key] for key in keys if values.get(key) is not None), None)

    return (first("start", "start_offset", "begin", "start_char"), first("end", "end_offset", "end_char"),
            first("label", "labels", "type", "entity_group", "entity"), first("text", "word", "surface"))


def whole_number(value: Json) -> Optional[int]:
    """A whole number that may be written as text or with decimal places; None for anything else.

    >>> whole_number("12"), whole_number(12.0), whole_number("12.5"), whole_number(True)
    (12, 12, None, None)
    """
    if type(value) is int:
        return value
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 20:
            return None
        try:
            value = float(text)
        except ValueError:
            return None
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else None
