"""Sentences that are too long to train on at once, in pieces."""

from __future__ import annotations

from typing import Iterator, List, Sequence

from ner_mx.data.sentence import Sentence, Warnings

# A network's states for so many tokens take some hundred megabytes.
LONGEST = 1000

DIVIDED = f"training sentences of more than {LONGEST:,} tokens, divided for training"


def without_long_sentences(sentences: Sequence[Sentence], warnings: Warnings) -> List[Sentence]:
    """The sentences, the long ones in pieces of at most ``LONGEST`` tokens; no entity is divided that fits."""
    result: List[Sentence] = []
    for sentence in sentences:
        if len(sentence.tokens) <= LONGEST:
            result.append(sentence)
        else:
            warnings.add(DIVIDED, sentence.place())
            result += _pieces(sentence)
    return result


def _pieces(sentence: Sentence) -> Iterator[Sentence]:
    tags = sentence.gold
    start = 0
    while start < len(tags):
        end = min(start + LONGEST, len(tags))
        border = end
        # Back to a token outside of entities, if there is one.
        while end < len(tags) and border > start + 1 and tags[border] != "O":
            border -= 1
        end = border if border > start + 1 else end
        yield sentence._replace(
            tokens=sentence.tokens[start:end], tags=None if sentence.tags is None else tags[start:end],
            pos=sentence.pos and sentence.pos[start:end], offsets=sentence.offsets[start:end])
        start = end
