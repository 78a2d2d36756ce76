"""Scores that count partial matches, as SemEval-2013 task 9.1 defined them (Segura-Bedmar et al. 2013, section 4).

Each predicted entity is compared with the gold entities that it overlaps and that no earlier one has taken.
"""

from __future__ import annotations

from collections import Counter
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

from ner_mx.data.spans import Span, spans_of
from ner_mx.evaluation.scores import Tags
from ner_mx.untyped import Values


class MatchCounts(NamedTuple):
    """Entities by how they match: gold ones are missed, predicted ones spurious, the others are pairs."""

    correct: int = 0
    incorrect: int = 0
    partial: int = 0
    missed: int = 0
    spurious: int = 0

    @property
    def precision(self) -> float:
        """A partial match counts as half a correct one."""
        return self._share(self.spurious)

    @property
    def recall(self) -> float:
        """A partial match counts as half a correct one."""
        return self._share(self.missed)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.precision else 0.0

    def _share(self, others: int) -> float:
        total = self.correct + self.incorrect + self.partial + others
        return (self.correct + 0.5 * self.partial) / total if total else 0.0

    def to_json(self) -> Values:
        """Fractions and counts."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1, **self._asdict()}


# (predicted, gold) -> whether the pair is correct.
Correct = Callable[[Span, Span], bool]


def _strict(found: Span, gold: Span) -> bool:
    return found == gold


def _exact(found: Span, gold: Span) -> bool:
    return found[:2] == gold[:2]


def _same_type(found: Span, gold: Span) -> bool:
    return found.label == gold.label


# By schema: what is correct, and what another overlap is.
SCHEMAS: Dict[str, Tuple[Correct, str]] = {
    "strict": (_strict, "incorrect"),      # borders and type
    "exact": (_exact, "incorrect"),        # borders, whatever the type
    "partial": (_exact, "partial"),        # some overlap, whatever the type
    "type": (_same_type, "incorrect"),     # some overlap and the type
}


def count_matches(gold: Tags, predicted: Tags) -> Dict[str, MatchCounts]:
    """The counts of each of the :data:`SCHEMAS`."""
    counts: Dict[str, Counter[str]] = {name: Counter() for name in SCHEMAS}
    for gold_tags, predicted_tags in zip(gold, predicted):
        expected, found = spans_of(gold_tags), spans_of(predicted_tags)
        for name, (correct, otherwise) in SCHEMAS.items():
            counts[name].update(_matches(expected, found, correct, otherwise))
    return {name: MatchCounts(**count) for name, count in counts.items()}


def _matches(gold: Sequence[Span], found: Sequence[Span], correct: Correct, otherwise: str) -> List[str]:
    """How each predicted entity of a sentence matches, and the gold entities that are left."""
    free = list(gold)
    kinds = []
    for span in found:
        overlapping = [other for other in free if other.start < span.end and span.start < other.end]
        right = [other for other in overlapping if correct(span, other)]
        if right:
            nearest = min(right, key=lambda other: abs(other.start - span.start) + abs(other.end - span.end))
            free.remove(nearest)
            kinds.append("correct")
        elif overlapping:
            free.remove(overlapping[0])
            kinds.append(otherwise)
        else:
            kinds.append("spurious")
    return [*kinds, *["missed"] * len(free)]
