"""The form of a word under which tables and lists know it."""

from __future__ import annotations

import re

from ner_mx.data.unicode_text import visible

_DIGITS = {"run": re.compile(r"\d+"), "each": re.compile(r"\d")}


def fold_digits(word: str, how: str) -> str:
    """``word`` with every run of digits (``run``) or each digit (``each``) as one ``0``; ``keep`` keeps them.

    >>> fold_digits("1996-08-22", "run"), fold_digits("1996-08-22", "each")
    ('0-0-0', '0000-00-00')
    """
    return word if how == "keep" else _DIGITS[how].sub("0", word)


def normal_form(word: str, digits: str, lower: bool) -> str:
    """``word`` composed and without invisible characters, its digits folded and, if ``lower``, in lower case."""
    word = fold_digits(visible(word), digits)
    return word.lower() if lower else word
