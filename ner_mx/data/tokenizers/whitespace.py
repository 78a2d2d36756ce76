"""Text that is tokenized already: white space separates the tokens."""

from __future__ import annotations

import re
from typing import List

from ner_mx.data.tokenizers import Token, Tokenizer
from ner_mx.registry import register

_TOKEN = re.compile(r"\S+")


@register.tokenizer("whitespace")
class Whitespace(Tokenizer):
    """Nothing but white space separates tokens."""

    def tokens(self, text: str) -> List[Token]:
        """What stands between white space."""
        return [Token(*match.span(), match.group()) for match in _TOKEN.finditer(text)]
