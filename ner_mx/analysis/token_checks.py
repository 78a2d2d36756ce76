"""Tokens that are probably not what their author wrote."""

from __future__ import annotations

import re
from typing import Callable, Dict, List, NamedTuple, Sequence

from ner_mx.data.sentence import Sentence
from ner_mx.data.unicode_text import INVISIBLE

# Longer words are addresses, or several words without a space.
LONGEST_WORD = 40

# UTF-8 that was decoded as Latin-1 or windows-1252: "Ã©" for "é", "â€™" for "’".
_MOJIBAKE = re.compile("[\u00c2\u00c3][\u0080-\u00bf\u0152-\u0192\u02c6-\u02dc\u2013-\u2122]"
                       "|\u00e2\u20ac[\u0080-\uffff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]{2,8});")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>")
_JOINED_SENTENCES = re.compile(r"[a-z]{2,}[.!?][A-Z][a-z]+")
_LATIN, _OTHER_LETTERS = re.compile("[A-Za-z]"), re.compile("[\u0370-\u03ff\u0400-\u04ff]")


# What can be wrong with a token, in the words of the report.
CHECKS: Dict[str, Callable[[str], object]] = {
    "replacement character, what a wrong encoding leaves": lambda word: "\ufffd" in word,
    "letters decoded in a wrong encoding": _MOJIBAKE.search,
    "control character": _CONTROL.search,
    "invisible character inside the word": lambda word: not word.isascii() and set(word[1:-1]) & set(INVISIBLE),
    "white space inside the token": lambda word: len(word.split()) > 1,
    "character reference of HTML": _ENTITY.search,
    "markup": _MARKUP.search,
    "two sentences without a space": _JOINED_SENTENCES.search,
    "Latin and Greek or Cyrillic letters in one word": lambda word: (
        not word.isascii() and _LATIN.search(word) and _OTHER_LETTERS.search(word)),
    f"longer than {LONGEST_WORD} characters": lambda word: len(word) > LONGEST_WORD,
}


class SuspiciousTokens(NamedTuple):
    """Tokens with the same fault.

    tokens : how many.
    examples : different ones, as ``repr`` would show what nobody sees.
    place : of the first.
    """

    fault: str
    tokens: int
    examples: List[str]
    place: str


def suspicious_tokens(sentences: Sequence[Sentence], examples: int = 5) -> List[SuspiciousTokens]:
    """The tokens that fail one of the :data:`CHECKS` or are tags of the corpus, the most frequent fault first."""
    tags = {tag for sentence in sentences for tag in sentence.gold} - {"O"}
    checks = {**CHECKS, "a tag in the place of a word": tags.__contains__}
    found: Dict[str, SuspiciousTokens] = {}
    faults: Dict[str, List[str]] = {}
    for sentence in sentences:
        for place, token in enumerate(sentence.tokens):
            if token not in faults:
                faults[token] = [fault for fault, check in checks.items() if check(token)]
            for fault in faults[token]:
                old = found.get(fault) or SuspiciousTokens(fault, 0, [], sentence.place(place))
                if len(old.examples) < examples and _shown(token) not in old.examples:
                    old.examples.append(_shown(token))
                found[fault] = old._replace(tokens=old.tokens + 1)
    return sorted(found.values(), key=lambda entry: -entry.tokens)


def _shown(token: str) -> str:
    """A token with escapes in the place of what nobody sees, cut if it is very long."""
    text = "".join(character if character.isprintable() and character not in INVISIBLE else ascii(character)[1:-1]
                   for character in token)
    return text if len(text) <= 80 else f"{text[:77]}…"
