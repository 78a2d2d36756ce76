"""Spans as people have them, to spans that a tagger can learn: in characters, on words, without overlaps."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from ner_mx.data.cleaning import COMPOSED, EDGES
from ner_mx.data.documents import Document, TextSpan
from ner_mx.data.sentence import Warnings
from ner_mx.data.unicode_text import composed, edge_characters, grapheme_borders, trimmed
from ner_mx.errors import CorpusError, shown

MERGED = "spans that repeat another exactly, merged"
TRIMMED = "spans with white space or invisible characters at their edges, trimmed"
BLANK = "spans over white space alone, left out"
OVERLAPPING = "overlapping spans, left out: the {} is kept"
OTHER_UNIT = "texts whose offsets count {}, converted to characters"


def _utf16_units(text: str) -> List[int]:
    return [1 + (character > "\uffff") for character in text]


def _utf8_bytes(text: str) -> List[int]:
    return [len(character.encode("utf-8", "surrogatepass")) for character in text]


def _graphemes(text: str) -> List[int]:
    borders = set(grapheme_borders(text))
    return [int(index + 1 in borders) for index in range(len(text))]


# How many units each character of a text has.
UNITS: Dict[str, Callable[[str], List[int]]] = {
    "UTF-16 code units": _utf16_units, "bytes of UTF-8": _utf8_bytes, "grapheme clusters": _graphemes}


class SpanChecker:
    """Checks the spans of the documents of one file.

    Parameters
    ----------
    policy : ``corpus.overlaps``: ``error``, or which of overlapping spans is kept.
    warnings : receives the counts of what was repaired or left out.
    """

    def __init__(self, policy: str, warnings: Warnings):
        self._policy, self.warnings = policy, warnings
        self._overlaps = 0
        self._first = ""

    def checked(self, document: Document) -> Document:
        """The document with its spans in characters and in order, none overlapping another.

        Raises
        ------
        CorpusError : an offset is outside the text, or a span is not of the words that the file gives.
        """
        spans = self._in_characters(document)
        kept: List[TextSpan] = []
        visible = _VisiblePlaces(document.text)
        for span in spans:
            if not 0 <= span.start < span.end <= len(document.text):
                raise CorpusError(document.place(span), None, (
                    f"expected offsets inside the text of {len(document.text)} characters, "
                    f"found {span.start} to {span.end}"))
            inner = self._trimmed(document, self._with_clean_label(document, span), visible)
            if inner is not None:
                kept.append(inner)
        distinct = list({(span.start, span.end, span.label): span for span in reversed(kept)}.values())[::-1]
        self.warnings.add(MERGED, document.place(), len(kept) - len(distinct))
        return document._replace(spans=self.without_overlaps(document, distinct))

    def without_overlaps(self, document: Document, spans: Sequence[TextSpan],
                         text: Optional[Callable[[TextSpan], str]] = None) -> List[TextSpan]:
        """The spans that the policy keeps, in order; what is left out is counted.

        Parameters
        ----------
        spans : in characters, or in tokens of a sentence of the document.
        text : of a span, for messages.
        """
        kept: List[TextSpan] = []
        for span in sorted(spans, key=self._preference(spans)):
            rival = next((other for other in _near(kept, span) if span.start < other.end and other.start < span.end),
                         None)
            if rival is None:
                _insert(kept, span)
            elif self._policy == "error":
                words = text or (lambda span: document.text[span.start:span.end])
                first, second = sorted((rival, span))
                self._overlaps += 1
                self._first = self._first or (
                    f"{document.place(second)}: expected spans that do not overlap, found "
                    f"{shown(words(first), 30)} ({first.label}) and {shown(words(second), 30)} ({second.label})")
            else:
                self.warnings.add(OVERLAPPING.format(self._policy), document.place(span))
        return kept

    def finish(self) -> None:
        """Report the overlaps of all documents at once.

        Raises
        ------
        CorpusError : there are some, and ``corpus.overlaps`` is ``error``.
        """
        if self._overlaps:
            raise CorpusError(None, None, (
                f"{self._first}; {self._overlaps} spans overlap another: keep one of each, or set corpus.overlaps to "
                "longest, first or outermost"))

    def _preference(self, spans: Sequence[TextSpan]) -> Callable[[TextSpan], Any]:
        """The order in which spans are taken; what overlaps one that is taken is left out."""
        if self._policy == "longest":
            return lambda span: (span.start - span.end, span.start)
        if self._policy == "outermost":
            inside = _contained(spans)
            return lambda span: (span in inside, span.start - span.end, span.start)
        return lambda span: span.start

    def _in_characters(self, document: Document) -> Sequence[TextSpan]:
        """The spans, converted if their offsets count something else than characters."""
        wrong = next((span for span in document.spans if not _fits(document.text, span)), None)
        if wrong is None:
            return document.spans
        for unit, sizes in UNITS.items():
            positions = {units: index for index, units in
                         reversed(list(enumerate(accumulate(sizes(document.text), initial=0))))}
            converted = [span._replace(start=positions.get(span.start, -1), end=positions.get(span.end, -1))
                         for span in document.spans]
            if all(_fits(document.text, span) for span in converted):
                self.warnings.add(OTHER_UNIT.format(unit), document.place())
                return converted
        found = document.text[max(0, wrong.start):max(0, wrong.end)]
        raise CorpusError(document.place(wrong), None, (
            f"expected {shown(wrong.surface or '', 30)} at {wrong.start} as the file says, found {shown(found, 30)}; "
            "was the text changed after its annotation?"))

    def _with_clean_label(self, document: Document, span: TextSpan) -> TextSpan:
        label = trimmed(composed(span.label))
        if label != span.label:
            self.warnings.add(COMPOSED if composed(span.label) == label else EDGES.format("labels"),
                              document.place(span))
        return span._replace(label=label)

    def _trimmed(self, document: Document, span: TextSpan, visible: _VisiblePlaces) -> Optional[TextSpan]:
        edges = edge_characters()
        if document.text[span.start] not in edges and document.text[span.end - 1] not in edges:
            return span
        inner = visible.between(span.start, span.end)
        self.warnings.add(TRIMMED if inner else BLANK, document.place(span))
        return span._replace(start=inner[0], end=inner[1]) if inner else None


class _VisiblePlaces:
    """The places of a text that are not white space and not invisible, found when they are first needed."""

    def __init__(self, text: str):
        self._text = text
        self._places: Optional[List[int]] = None

    def between(self, start: int, end: int) -> Optional[Tuple[int, int]]:
        """The stretch from the first to the last of them, both within two offsets; None if all are invisible."""
        if self._places is None:
            edges = frozenset(edge_characters())
            self._places = [place for place, character in enumerate(self._text) if character not in edges]
        first, last = bisect_left(self._places, start), bisect_left(self._places, end) - 1
        return (self._places[first], self._places[last] + 1) if first <= last else None


def _fits(text: str, span: TextSpan) -> bool:
    """Whether the words at the offsets are those that the file gives, but for white space; True if it gives none."""
    if span.surface is None:
        return True
    if span.end - span.start > 100 * (len(span.surface) + 10):
        return False  # without a look at a long stretch for each of many spans
    return 0 <= span.start <= span.end and span.surface.split() == text[span.start:span.end].split()


def _contained(spans: Iterable[TextSpan]) -> set[TextSpan]:
    """The spans inside a longer one."""
    result, end = set(), -1
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.end <= end:
            result.add(span)
        end = max(end, span.end)
    return result


def _near(kept: List[TextSpan], span: TextSpan) -> List[TextSpan]:
    """The spans around the place of another, of a list that is ordered and without overlaps."""
    place = _place(kept, span)
    return kept[max(0, place - 1):place + 1]


def _insert(kept: List[TextSpan], span: TextSpan) -> None:
    kept.insert(_place(kept, span), span)


def _place(kept: List[TextSpan], span: TextSpan) -> int:
    """The index of the first span that does not begin before another."""
    return bisect_left(kept, TextSpan(span.start, 0, ""))
