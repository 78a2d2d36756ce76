"""Raw text in, entities with their places in it out; whatever tags the tokens."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Sequence

from ner_mx.corpora.tokenizer import sentences
from ner_mx.decoding.decoder import ScoredSpan


class Entity(NamedTuple):
    """An entity in a text: ``text[start:end]``, in characters.

    score : the probability of exactly this entity under the model.
    """

    start: int
    end: int
    label: str
    text: str
    score: float


TagBatch = Callable[[Sequence[Sequence[str]]], List[List[ScoredSpan]]]


def find_entities(text: str, tag_batch: TagBatch) -> List[Entity]:
    """The entities of ``text`` in order, found sentence by sentence."""
    parts = sentences(text)
    found = tag_batch([[token.text for token in tokens] for tokens in parts]) if parts else []
    result = []
    for tokens, spans in zip(parts, found):
        for span, probability in spans:
            start, end = tokens[span.start].start, tokens[span.end - 1].end
            result.append(Entity(start, end, span.label, text[start:end], probability))
    return result
