"""The least probability of entities that gives a wanted precision."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence

from ner_mx.data.spans import spans_of
from ner_mx.decoding.decoder import ScoredSpan


class ChosenThreshold(NamedTuple):
    """score : the threshold.  precision, recall : of the entities at or above it."""

    score: float
    precision: float
    recall: float


class _Answer(NamedTuple):
    probability: float
    is_correct: bool


def choose_thresholds(gold: Sequence[Sequence[str]], found: Sequence[Sequence[ScoredSpan]],
                      precision: float) -> Dict[str, Optional[ChosenThreshold]]:
    """For all types (``""``) and for each, the lowest threshold that gives a precision; None if none does.

    Parameters
    ----------
    gold : the tags of sentences that the model was not trained on.
    found : what it finds in them.
    """
    answers: Dict[str, List[_Answer]] = {"": []}
    counts: Dict[str, int] = {"": 0}
    for tags, spans in zip(gold, found):
        expected = set(spans_of(tags))
        for span in expected:
            for label in ("", span.label):
                counts[label] = counts.get(label, 0) + 1
        for span, probability in spans:
            for label in ("", span.label):
                answers.setdefault(label, []).append(_Answer(probability, span in expected))
    return {label: _lowest(answers.get(label, []), count, precision) for label, count in sorted(counts.items())}


def _lowest(answers: Sequence[_Answer], gold: int, wanted: float) -> Optional[ChosenThreshold]:
    ordered = sorted(answers, key=lambda answer: -answer.probability)
    chosen = None
    correct = 0
    for count, answer in enumerate(ordered, start=1):
        correct += answer.is_correct
        # Equal probabilities stand or fall together.
        is_last = count == len(ordered) or ordered[count].probability < answer.probability
        if is_last and correct / count >= wanted:
            chosen = ChosenThreshold(answer.probability, correct / count, correct / max(1, gold))
    return chosen
