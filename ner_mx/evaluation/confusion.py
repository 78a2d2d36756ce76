"""Which entities are confused with which, and where."""

from __future__ import annotations

from collections import Counter
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.data.spans import Span, spans_of

NOTHING = "(nothing)"


class Confusion(NamedTuple):
    """An error: a gold entity and what was predicted for it.

    gold, predicted : types, or ``(nothing)``.
    kind : ``type``, ``borders``, ``borders and type``, ``missed`` or ``invented``.
    text : the words of the gold entity, or of the invented one.
    sentence : the whole sentence.
    """

    gold: str
    predicted: str
    kind: str
    text: str
    sentence: str


def confusions(tokens: Sequence[Sequence[str]], gold: Sequence[Sequence[str]],
               predicted: Sequence[Sequence[str]]) -> List[Confusion]:
    """Every error in a set of sentences.

    A gold entity that was not found is paired with the first predicted entity
    that overlaps it; a predicted entity that overlaps none is invented.
    """
    result: List[Confusion] = []
    for words, gold_tags, predicted_tags in zip(tokens, gold, predicted):
        gold_spans, predicted_spans = spans_of(gold_tags), spans_of(predicted_tags)
        right = set(gold_spans) & set(predicted_spans)
        text = " ".join(words)
        for span in gold_spans:
            if span in right:
                continue
            other = next((predicted_span for predicted_span in predicted_spans
                          if _overlap(predicted_span, span)), None)
            result.append(Confusion(span.label, other.label if other else NOTHING,
                                    _kind(span, other), " ".join(words[span.start:span.end]), text))
        for span in predicted_spans:
            if not any(_overlap(gold_span, span) for gold_span in gold_spans):
                result.append(Confusion(NOTHING, span.label, "invented",
                                        " ".join(words[span.start:span.end]), text))
    return result


def _overlap(span: Span, other: Span) -> bool:
    return span.start < other.end and other.start < span.end


def _kind(gold: Span, predicted: Optional[Span]) -> str:
    if predicted is None:
        return "missed"
    borders = gold[:2] != predicted[:2]
    if gold.label == predicted.label:
        return "borders"
    return "borders and type" if borders else "type"


def matrix(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]],
           errors: Sequence[Confusion]) -> Tuple[List[str], Dict[Tuple[str, str], int]]:
    """The types in order, and how often each gold type was predicted as each.

    The diagonal counts entities found with the right type, whether or not the borders are right.
    """
    counts: Counter = Counter((error.gold, error.predicted) for error in errors)
    for gold_tags, predicted_tags in zip(gold, predicted):
        for span in set(spans_of(gold_tags)) & set(spans_of(predicted_tags)):
            counts[span.label, span.label] += 1
    labels = sorted({label for pair in counts for label in pair if label != NOTHING})
    return [*labels, NOTHING], dict(counts)
