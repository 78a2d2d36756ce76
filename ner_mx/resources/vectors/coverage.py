"""How tokens find their word vectors."""

from __future__ import annotations

from collections import Counter
from typing import Callable, Dict, Iterable, Optional

from ner_mx.data.normalization import fold_digits

# How the vector of a token was found.
MATCHES = ("exact", "lower-cased", "digits folded", "missing")


def match_of(token: str, word: Optional[str]) -> str:
    """How a token matches ``word`` of the file, one of :data:`MATCHES`; None is no match."""
    if word is None:
        return "missing"
    return "exact" if word == token else "lower-cased" if word.lower() == token.lower() else "digits folded"


def find_word(rows: Dict[str, int], word: str) -> int:
    """The row of ``word`` as it is, lower-cased, or with its digits folded; -1 if it is missing."""
    lower = word.lower()
    for form in (word, lower, fold_digits(word, "run"), fold_digits(lower, "run"),
                 fold_digits(word, "each"), fold_digits(lower, "each")):
        if form in rows:
            return rows[form]
    return -1


def coverage(tokens: Iterable[str], word_of: Callable[[str], Optional[str]]) -> Dict[str, float]:
    """The share of tokens by how their vector is found, for each of :data:`MATCHES`.

    Parameters
    ----------
    word_of : the word of the file whose vector a token gets; None if there is none.
    """
    counts: Counter[str] = Counter()
    for token, count in Counter(tokens).items():
        counts[match_of(token, word_of(token))] += count
    return {match: counts[match] / sum(counts.values()) for match in MATCHES}
