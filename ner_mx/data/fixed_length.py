"""Sentences of one length: what others have published figures on, and what such figures leave out."""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence

from ner_mx.data.sentence import Sentence, Warnings

# The token that fills a sentence; it is no word, and its tag is O.
PAD = "[PAD]"

CUT, ADDED = "tokens beyond corpus.cut, left out with their entities", "tokens that are no words, added by corpus.pad"


def of_fixed_length(sentences: Sequence[Sentence], cut: Optional[int], pad: Optional[int],
                    warnings: Warnings) -> List[Sentence]:
    """Sentences without the tokens beyond ``cut``, followed by tokens without meaning up to ``pad``."""
    return list(_changed(sentences, cut, pad, warnings)) if cut or pad else list(sentences)


def _changed(sentences: Sequence[Sentence], cut: Optional[int], pad: Optional[int],
             warnings: Warnings) -> Iterator[Sentence]:
    for sentence in sentences:
        size = len(sentence.tokens)
        kept = min(size, cut or size)
        added = max(0, (pad or 0) - kept)
        warnings.add(CUT, sentence.place(), size - kept)
        warnings.add(ADDED, sentence.place(), added)
        yield sentence._replace(
            tokens=sentence.tokens[:kept] + (PAD,) * added, tags=sentence.gold[:kept] + ("O",) * added,
            pos=sentence.pos and sentence.pos[:kept] + (PAD,) * added, origin=None, offsets=())
