"""Parts of speech from the annotation of the corpus; raw text gets them from a tagger."""

from __future__ import annotations

from typing import Annotated, Literal, Sequence, Tuple, Union

import numpy as np
from pydantic import Field

from ner_mx.config import RESULT, Features, LookupSettings, Section
from ner_mx.data.sentence import Sentence
from ner_mx.errors import ConfigError, CorpusError
from ner_mx.features.feature import TokenLookup
from ner_mx.registry import register


class PosTagger(Section):
    """The tagger that is trained for raw text: its epochs, and its units per direction."""

    decides = "result"

    epochs: int = Field(5, ge=1)
    units: int = Field(100, ge=1)


class PosSettings(LookupSettings):
    """The section ``features.pos``.

    use : ``auto`` if the corpus has parts of speech.
    """

    use: Union[bool, Literal["auto"]] = "auto"
    dimension: Annotated[int, RESULT] = Field(16, ge=1)
    tagger: Annotated[PosTagger, RESULT] = PosTagger()


@register.feature("pos")
class PartOfSpeech(TokenLookup):
    """The part-of-speech tag of a token; id -1 where there is no annotation."""

    Settings = PosSettings
    rank = 40
    on_by_default = True
    predicted_as = "POS"
    unit = "POS tags"

    @classmethod
    def is_possible(cls, sentences: Sequence[Sentence]) -> bool:
        """Whether every sentence has parts of speech."""
        return all(sentence.pos is not None for sentence in sentences)

    @classmethod
    def check(cls, features: Features, sentences: Sequence[Sentence], path: str) -> None:
        """Every sentence needs parts of speech."""
        if not cls.is_possible(sentences):
            raise ConfigError("features.pos.use: expected a corpus with POS tags, found sentences without in "
                              f"{path}; set features.pos.use to false, or corpus.columns.pos")

    def values(self, sentence: Sentence) -> Sequence[str]:
        """The tags of a sentence."""
        return sentence.pos or ()

    def encode_tokens(self, sentences: Sequence[Sentence]) -> Tuple[np.ndarray, ...]:
        """(tokens,) int32 ids; -1 if no sentence is annotated.

        Raises
        ------
        CorpusError : some sentences are annotated and others are not.
        """
        if not any(sentence.pos for sentence in sentences):
            return (np.full(sum(len(sentence.tokens) for sentence in sentences), -1, np.int32),)
        for sentence in sentences:
            if sentence.pos is None:
                raise CorpusError(sentence.source, sentence.line or None,
                                  "expected POS tags as in the other sentences, found nothing")
        return super().encode_tokens(sentences)
