"""The tokenizer of spaCy for a language."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, List

from ner_mx.data.tokenizers import Token, Tokenizer
from ner_mx.errors import ConfigError, UserError, install
from ner_mx.registry import register

# spaCy refuses longer texts; nothing but its memory grows with the length.
LONGEST_TEXT = 100_000_000


@register.tokenizer("spacy")
class SpacyRules(Tokenizer):
    """The rules of ``spacy.blank(language)``; sentences are split by the rules of this package."""

    def tokens(self, text: str) -> List[Token]:
        """spaCy's tokens without those of white space.

        Raises
        ------
        UserError : spaCy is not installed.
        ConfigError : it does not know the language.
        """
        return [Token(token.idx, token.idx + len(token), token.text)
                for token in _pipeline(self.language).make_doc(text) if not token.is_space]


@lru_cache(maxsize=8)
def _pipeline(language: str) -> Any:
    try:
        import spacy
    except ImportError:
        raise UserError(f'corpus.tokenizer.name spacy needs spaCy: {install("spacy")}') from None
    try:
        pipeline = spacy.blank(language)
    except ImportError:
        raise ConfigError(f"corpus.tokenizer.language: expected a language of spaCy, found {language!r}") from None
    pipeline.max_length = LONGEST_TEXT
    return pipeline
