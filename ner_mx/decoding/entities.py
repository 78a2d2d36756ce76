"""Raw text to entities with their offsets, whatever tags the tokens."""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.data.tokenizers import Token
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.decoding.recognizer import described_type

# How many tokens are tagged together, whole sentences.
GROUP = 1 << 14


class Entity(NamedTuple):
    """An entity in a text: ``text[start:end]``, in characters.

    score : the probability of exactly this entity under the model.
    """

    start: int
    end: int
    label: str
    text: str
    score: float


def checked_texts(texts: Iterable[str]) -> Iterator[str]:
    """The texts one after the other.

    Raises
    ------
    TypeError : they are a single string or a mapping, or one of them is not a string.
    """
    if isinstance(texts, (str, bytes, Mapping)) or not isinstance(texts, Iterable):
        raise TypeError(f"expected several texts, found {described_type(texts)}; predict() takes one text, tag() "
                        "tokens")
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"expected each text as a string, found {described_type(text)}; tag() takes tokens")
        yield text


TagBatch = Callable[[Sequence[Sequence[str]]], List[List[ScoredSpan]]]


def find_entities(texts: Iterable[str], tokenizer: TokenizerSettings, tag_batch: TagBatch) -> List[List[Entity]]:
    """The entities of each text in order, found sentence by sentence.

    Raises
    ------
    TypeError : see :func:`checked_texts`.
    """
    texts = list(checked_texts(texts))
    result: List[List[Entity]] = [[] for _ in texts]
    for group in _groups(texts, tokenizer):
        for (number, tokens), spans in zip(group, tag_batch([[token.text for token in tokens] for _, tokens in group])):
            result[number] += located_entities(texts[number], tokens, spans)
    return result


def located_entities(text: str, tokens: Sequence[Token], spans: Sequence[ScoredSpan]) -> List[Entity]:
    """Spans of tokens as entities in the text that the tokens are from."""
    entities = []
    for span, probability in spans:
        start, end = tokens[span.start].start, tokens[span.end - 1].end
        entities.append(Entity(start, end, span.label, text[start:end], probability))
    return entities


def _groups(texts: Sequence[str], tokenizer: TokenizerSettings) -> Iterator[List[Tuple[int, List[Token]]]]:
    """Sentences with the numbers of their texts, so many at a time that they take little memory."""
    group: List[Tuple[int, List[Token]]] = []
    size = 0
    for number, text in enumerate(texts):
        for tokens in tokenizer.iter_sentences(text):
            group.append((number, tokens))
            size += len(tokens)
            if size >= GROUP:
                yield group
                group, size = [], 0
    if group:
        yield group
