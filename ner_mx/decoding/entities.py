"""Raw text to entities with their offsets, whatever tags the tokens."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Sequence

from ner_mx.data.tokenizer import split_sentences
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


def find_entities(texts: Sequence[str], tag_batch: TagBatch) -> List[List[Entity]]:
    """The entities of each text in order, found sentence by sentence.

    Raises
    ------
    TypeError : the texts are a single string, or one of them is not a string.
    """
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise TypeError("expected several texts, each a string; predict() takes one text, tag() tokens")
    split = [split_sentences(text) for text in texts]
    tagged = iter(tag_batch([[token.text for token in tokens] for sentences in split for tokens in sentences]))
    result: List[List[Entity]] = []
    for text, sentences in zip(texts, split):
        entities = []
        for tokens in sentences:
            for span, probability in next(tagged):
                start, end = tokens[span.start].start, tokens[span.end - 1].end
                entities.append(Entity(start, end, span.label, text[start:end], probability))
        result.append(entities)
    return result
