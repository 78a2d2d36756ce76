"""Characters that belong to the word before them, and characters that nobody sees.

Python's ``\\w`` leaves out combining marks (categories Mn, Mc, Me), which would split ``München``
in decomposed form, or Hindi at every vowel sign.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Iterable, List

# Format characters without a shape of their own (default ignorable code points, Unicode 15, section 5.21):
# soft hyphen, zero-width space, joiners, direction marks, word joiner, byte-order mark.
INVISIBLE = ("\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062"
             "\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\ufeff")
JOINERS = "\u200c\u200d"
# Normalization takes quadratic time for runs of combining marks.
LONGEST_COMPOSED = 2000
_DROPPED = dict.fromkeys(map(ord, INVISIBLE))

ZERO_WIDTH_JOINER = "\u200d"
# Modifiers of the skin colour, and the letters of flags such as Scotland's.
EMOJI_EXTENDERS = "\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"


@cache
def edge_characters() -> str:
    """White space and invisible characters, which say nothing at the edge of a token or label."""
    # All white space is in the first plane.
    return "".join(filter(str.isspace, map(chr, range(1 << 16)))) + INVISIBLE


@cache
def marks() -> str:
    """Combining marks and invisible characters as the content of a character class ``[...]`` of ``re``."""
    return _ranges(sorted([*_mark_codes(), *map(ord, INVISIBLE)]))


@cache
def _mark_codes() -> List[int]:
    # There are marks in the first two planes, and variation selectors in the fifteenth: the others need no look.
    planes = [*range(1 << 17), *range(0xE0000, 0xE0200)]
    return [code for code in planes if unicodedata.category(chr(code)).startswith("M")]


def _ranges(codes: Iterable[int]) -> str:
    """Code points in order as ranges of a character class."""
    ranges: List[List[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


def has_surrogates(text: str) -> bool:
    """Whether there is half of a surrogate pair in a text, which no encoding can write."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def trimmed(text: str) -> str:
    """Text without white space and invisible characters at its edges; unchanged if nothing else is in it.

    >>> trimmed("B-LOC\\u00a0\\u200b")
    'B-LOC'
    """
    if text.isascii() and not (text[:1].isspace() or text[-1:].isspace()):
        return text
    return text.strip(edge_characters()) or text


def composed(text: str) -> str:
    """Text in Unicode's normal form C; very long text, which is no word and no label, is unchanged."""
    return text if text.isascii() or len(text) > LONGEST_COMPOSED else unicodedata.normalize("NFC", text)


def visible(text: str) -> str:
    """The form in which words are looked up: composed, without invisible characters.

    A word of invisible characters alone is unchanged.

    >>> visible("Ger\\u00admany")
    'Germany'
    """
    if text.isascii():
        return text
    return composed(text.translate(_DROPPED)) or text


def grapheme_borders(text: str) -> List[int]:
    """The ends of the grapheme clusters of a text: what a reader sees as one character.

    The rules are those of Unicode Annex 29, without conjuncts of Indic scripts (GB9c) and prepended marks.

    >>> grapheme_borders("e\\u0301a")
    [2, 3]
    """
    return [match.end() for match in _grapheme().finditer(text)]


def cluster_border(text: str, first: int, last: int) -> int:
    """The last place from ``first`` to ``last`` that is inside no grapheme cluster; ``last`` if there is none."""
    for place in range(last, first, -1):
        if not (_joining().match(text[place:place + 1]) or _joining().match(text[place - 1])):
            return place
    return last


def has_clusters(text: str) -> bool:
    """Whether a text may have grapheme clusters of several characters."""
    return not text.isascii() and _joining().search(text) is not None


@cache
def _extend() -> str:
    """What extends the cluster before it, as the content of a character class."""
    # The vowels "am" of Thai and Lao are letters, but extend what is before them.
    return _ranges(_mark_codes()) + "\u0e33\u0eb3" + JOINERS + EMOJI_EXTENDERS


@cache
def _joining() -> re.Pattern[str]:
    return re.compile(rf"[{_extend()}{_FLAGS}{_JAMO}]")


_FLAGS = "\U0001f1e6-\U0001f1ff"
_JAMO = "\u1100-\u11ff"
_PICTURES = "\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"


@cache
def _grapheme() -> re.Pattern[str]:
    extend = f"[{_extend()}]"
    open_syllables = "".join(map(chr, range(0xAC00, 0xD7A4, 28)))
    leading, vowels, trailing = "[\u1100-\u115f]", "[\u1160-\u11a7]", "[\u11a8-\u11ff]"
    syllable = (f"{leading}*(?:[{open_syllables}]{vowels}*{trailing}*|{vowels}+{trailing}*|[\uac00-\ud7a3]{trailing}*)"
                f"|{leading}+|{trailing}+")
    control = r"\r\n|[\x00-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
    picture = f"[{_PICTURES}]{extend}*(?:(?<={ZERO_WIDTH_JOINER})[{_PICTURES}]{extend}*)*"
    return re.compile(f"{control}|[{_FLAGS}]{{2}}{extend}*|(?:{syllable}){extend}*|{picture}|(?s:.){extend}*")
