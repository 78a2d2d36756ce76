"""The scores of what a tagger finds in raw text, by exact character spans.

The corpus' own tokens and sentences are a help that raw text does not give.
"""

from __future__ import annotations

from collections import Counter
from typing import Dict, NamedTuple, Sequence, Set

from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.data.raw_text import CharacterSpan, RawDocument, impossible_spans
from ner_mx.decoding.entities import TagBatch, find_entities
from ner_mx.evaluation.scores import Score
from ner_mx.untyped import Values


class RawEvaluation(NamedTuple):
    """The scores of entities found in raw text, by type, and how many cannot be found."""

    types: Dict[str, Score]
    impossible: int

    @property
    def micro(self) -> Score:
        """All entities together."""
        return Score(*(sum(column) for column in zip(*self.types.values()))) if self.types else Score(0, 0, 0)

    def to_json(self) -> Values:
        """Fractions and counts."""
        return {"micro": self.micro.to_json(), "types": {label: score.to_json() for label, score in self.types.items()},
                "impossible": self.impossible}


def evaluate_raw(documents: Sequence[RawDocument], tokenizer: TokenizerSettings, tag_batch: TagBatch) -> RawEvaluation:
    """Score what a tagger finds in raw text."""
    gold: Counter[str] = Counter()
    found: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    impossible = 0
    found_entities = find_entities([document.text for document in documents], tokenizer, tag_batch)
    for document, entities in zip(documents, found_entities):
        expected: Set[CharacterSpan] = set(document.spans)
        predicted = {(entity.start, entity.end, entity.label) for entity in entities}
        gold.update(label for *_, label in expected)
        found.update(label for *_, label in predicted)
        correct.update(label for *_, label in expected & predicted)
        impossible += impossible_spans(document, [[(token.start, token.end) for token in tokens]
                                             for tokens in tokenizer.sentences(document.text)])
    types = {label: Score(gold[label], found[label], correct[label]) for label in sorted({*gold, *found})}
    return RawEvaluation(types, impossible)
