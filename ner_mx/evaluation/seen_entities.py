"""The scores of entities whose words and type occur in the training data, and of those that are new."""

from __future__ import annotations

from collections import Counter
from typing import Dict, FrozenSet, Iterable, Sequence, Set, Tuple

from ner_mx.data.spans import Span, spans_of
from ner_mx.evaluation.scores import Score

# The words of an entity and its type.
Name = Tuple[Tuple[str, ...], str]


def names_in(tokens: Iterable[Sequence[str]], tags: Iterable[Sequence[str]]) -> FrozenSet[Name]:
    """The names in annotated sentences."""
    return frozenset(_name(words, span) for words, sentence in zip(tokens, tags) for span in spans_of(sentence))


def by_novelty(known: FrozenSet[Name], tokens: Iterable[Sequence[str]], gold: Iterable[Sequence[str]],
               predicted: Iterable[Sequence[str]]) -> Dict[str, Score]:
    """The scores of entities that are ``seen`` in the training data and ``unseen``.

    A predicted entity counts among the seen ones if its own words and type are seen.

    Parameters
    ----------
    known : the names of the training data.
    """
    counts: Dict[str, Counter[str]] = {"seen": Counter(), "unseen": Counter()}
    for words, gold_tags, tags in zip(tokens, gold, predicted):
        expected, found = set(spans_of(gold_tags)), set(spans_of(tags))
        for kind, spans in (("gold", expected), ("found", found), ("correct", expected & found)):
            _count(counts, kind, words, spans, known)
    return {name: Score(count["gold"], count["found"], count["correct"]) for name, count in counts.items()}


def _count(counts: Dict[str, Counter[str]], kind: str, words: Sequence[str], spans: Set[Span],
           known: FrozenSet[Name]) -> None:
    for span in spans:
        counts["seen" if _name(words, span) in known else "unseen"][kind] += 1


def _name(words: Sequence[str], span: Span) -> Name:
    return tuple(words[span.start:span.end]), span.label
