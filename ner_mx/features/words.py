"""What the network sees of a word: its normal form, its casing, its characters' types."""

from __future__ import annotations

import re
import unicodedata

from ner_mx.config import Features

# The paper's five classes of capitalisation (Chiu & Nichols 2016).
CASINGS = ("noinfo", "lowercase", "allCaps", "upperInitial", "mixedCaps")

# The paper's four character types.
CHARACTER_TYPES = ("other", "upper", "lower", "punctuation")

_DIGITS = {"run": re.compile(r"\d+"), "each": re.compile(r"\d")}


def fold_digits(word: str, how: str) -> str:
    """``word`` with every run of digits (or each digit) as one ``0``.

    >>> fold_digits("1996-08-22", "run"), fold_digits("1996-08-22", "each")
    ('0-0-0', '0000-00-00')
    """
    return word if how == "keep" else _DIGITS[how].sub("0", word)


def normal_form(word: str, features: Features) -> str:
    """The form under which the word table knows ``word``."""
    word = fold_digits(word, features.digits)
    return word.lower() if features.words.lower else word


def casing(word: str) -> int:
    """The index in :data:`CASINGS` of a word's capitalisation.

    >>> [CASINGS[casing(word)] for word in ("NATO", "Rome", "the", "McVeigh", "1996", "A")]
    ['allCaps', 'upperInitial', 'lowercase', 'mixedCaps', 'noinfo', 'allCaps']
    """
    if word.islower():
        return 1
    if word.isupper():
        return 2
    lower = word.lower()
    if lower == word.upper():
        return 0
    if word[0].isupper() and word[1:] == lower[1:]:
        return 3
    return 4


def character_type(character: str) -> int:
    """The index in :data:`CHARACTER_TYPES` of one character."""
    if character.isupper():
        return 1
    if character.islower():
        return 2
    return 3 if unicodedata.category(character)[0] in "PS" else 0
