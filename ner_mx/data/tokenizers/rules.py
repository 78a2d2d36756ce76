"""The tokenizer of this package: rules in the manner of the Penn Treebank, with abbreviations by language."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import FrozenSet, Iterable, List, NamedTuple, Set, Tuple

from ner_mx.config.section import Section
from ner_mx.config.yaml_documents import read_yaml
from ner_mx.data.tokenizers import Token, Tokenizer
from ner_mx.data.unicode_text import (
    EMOJI_EXTENDERS,
    INVISIBLE,
    JOINERS,
    ZERO_WIDTH_JOINER,
    grapheme_borders,
    has_clusters,
    marks,
)
from ner_mx.registry import register

LANGUAGES = Path(__file__).parent / "languages"

_SEPARABLE = frozenset(INVISIBLE) - frozenset(JOINERS)

# Longer tokens (base64, a damaged file) are split into pieces of this many characters.
LONGEST = 1000


class Language(Section):
    """What a file of ``languages/`` says.

    abbreviations : keep their full stop, as written or in capitals.
    before_numbers : the same, but only before a number: ``No. 5``.
    starters : words that begin a sentence if they follow an abbreviation with a capital letter.
    elisions : are tokens with their apostrophe: ``l'``.
    ordinals : whether ``3.`` before a word is a token, as in German.
    contractions : whether ``n't`` and ``'s`` are tokens, as in English.
    """

    abbreviations: List[str] = []
    before_numbers: List[str] = []
    starters: List[str] = []
    elisions: List[str] = []
    ordinals: bool = False
    contractions: bool = False


@register.tokenizer("rules")
class Rules(Tokenizer):
    """Rules, for any language; those of ``languages/`` have lists of abbreviations."""

    def tokens(self, text: str) -> List[Token]:
        """The tokens; a combining mark or an invisible character stays in its word."""
        patterns = _patterns(self.language)
        if text.isascii():
            matches = [match.span() for match in patterns.ascii.finditer(text)]
        else:
            matches = [match.span() for match in patterns.unicode.finditer(text)]
            if has_clusters(text):
                matches = _joined_in_clusters(matches, set(grapheme_borders(text)))
            matches = [_visible(text, *match) for match in matches]
        return [Token(start, end, text[start:end]) for match in matches for start, end in _pieces(text, *match)]

    def starters(self) -> FrozenSet[str]:
        """Those of the language."""
        return _patterns(self.language).starters


def _joined_in_clusters(matches: List[Tuple[int, int]], borders: Set[int]) -> List[Tuple[int, int]]:
    """Tokens joined with the next one where they meet inside a grapheme cluster."""
    result: List[Tuple[int, int]] = []
    for start, end in matches:
        if result and start not in borders and result[-1][1] == start:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def _visible(text: str, start: int, end: int) -> Tuple[int, int]:
    """A token without invisible characters at its edges, joiners aside, which belong to the character before."""
    while start < end and text[end - 1] in _SEPARABLE:
        end -= 1
    while start < end and text[start] in _SEPARABLE:
        start += 1
    return start, end


def _pieces(text: str, start: int, end: int) -> Iterable[Tuple[int, int]]:
    """A token, in pieces if it is too long; no piece begins with a mark."""
    while end - start > LONGEST:
        border = start + LONGEST
        while border > start + LONGEST // 2 and _EXTENDER.match(text, border):
            border -= 1
        yield start, border
        start = border
    if start < end:
        yield start, end


class _Patterns(NamedTuple):
    """The pattern of a token, in text with and without other characters than ASCII; the starters."""

    ascii: re.Pattern[str]
    unicode: re.Pattern[str]
    starters: FrozenSet[str]


def language_names() -> List[str]:
    """The languages with a file of their own."""
    return sorted(path.stem for path in LANGUAGES.glob("*.yaml"))


@cache
def _patterns(name: str) -> _Patterns:
    path = LANGUAGES / f"{name}.yaml"
    language = Language.model_validate(read_yaml(path)) if path.is_file() else Language()
    return _Patterns(_pattern(language, ""), _pattern(language, marks()), frozenset(language.starters))


_EXTENDER = re.compile(f"[{marks()}{EMOJI_EXTENDERS}]")


def _pattern(language: Language, extra: str) -> re.Pattern[str]:
    """The alternatives of a token, the first that matches counts.

    Parameters
    ----------
    extra : characters that belong to words beside those of ``\\w``, as the content of a character class.
    """
    word = rf"[\w{extra}]"
    letter = rf"(?:[^\W\d_][{extra}]*)" if extra else r"[^\W\d_]"
    apostrophe = "['’]"
    contraction = rf"{apostrophe}(?:s|S|re|RE|ve|VE|ll|LL|d|D|m|M)\b" if language.contractions else r"(?!)"
    negation = rf"(?:n{apostrophe}t|N{apostrophe}T)\b" if language.contractions else r"(?!)"
    dashed = rf"(?:-{word}+(?:\.(?=-))?)*"      # U.S.-led, Ill.-based, anti-U.S.-policy
    alternatives = [
        # addresses of the net and of persons; closing punctuation is not part of them
        r"(?:https?|ftp)://[^\s<>\"]*[^\s<>\".,;:!?)\]}'’”»]",
        rf"www\.{word}[^\s<>\"]*[^\s<>\".,;:!?)\]}}'’”»]",
        # (bounded, and not from inside a run of such characters, or it would be read again from each of them)
        rf"(?<![\w.+-])[\w.+-]{{0,63}}\w@\w[\w-]{{0,63}}(?:\.{word}{{1,63}}){{1,10}}",
        rf"(?<![\w&])[@#](?=[^\W\d_]){word}+",
        # U.S. and U.S.-led, anti-U.S., Ph.D.
        rf"(?:{word}+-)*(?:{letter}\.){{2,}}{dashed}",
        rf"\b[A-Z][a-z]{{0,2}}\.(?:[A-Z]\.)+{dashed}",
        rf"\b[A-Z]\.(?=\s+[^\W\d_a-z]|-{word})(?:-{letter}(?:\.|\b))*",
        rf"\b(?:{_choice(language.abbreviations)})\.(?:-{word}+)*",
        rf"\b(?:{_choice(language.before_numbers)})\.(?=\s*\d)",
        # US$, C$
        r"\b(?:US|NZ|HK|NT|[ACHMNRSTZ])\$(?=\s*\d|\s|$)",
        # the number of an item of a list; 3. Oktober
        r"^\d{1,3}\.(?=[ \t]+[^\W\d_])",
        r"\b\d{1,2}\.(?=\s+[^\W\d_])" if language.ordinals else r"(?!)",
        # numbers with punctuation inside (3.5, 1,000, 12:30, 1996-08-22, +44, .500), which words may follow
        # (17-member, 21st-century, 1990s, 4x4)
        rf"(?:(?<![\w.])[+.])?\d+(?:[.,:/-]\d+)*{word}*(?:-{word}+(?:[.,:/]\d+)*)*",
        # did|n't, it|'s
        rf"{word}+(?={negation})|{negation}|{contraction}",
        *([rf"\b(?:{_choice(language.elisions)}){apostrophe}(?={word})"] if language.elisions else []),
        # words with hyphens, ampersands, slashes and apostrophes inside; a hyphen that stands for a part of the next
        # word (oil- and gas) stays with its word
        (rf"{word}+(?:[-&/]{word}+)*(?:{apostrophe}(?!(?:s|S|re|RE|ve|VE|ll|LL|d|D|m|M)\b){word}+(?:-{word}+)*)*"
         if language.contractions else rf"{word}+(?:[-&/'’]{word}+)*") + r"(?:-(?=[\s,]))?",
        r"-{2,}|\.{2,}|…|``|''|\*{2,}",
        _symbol(extra),
    ]
    return re.compile("|".join(alternatives), re.MULTILINE)


def _symbol(extra: str) -> str:
    """Any other character with its marks; flags, and emoji that are joined, are one."""
    if not extra:
        return r"\S"
    extended = rf"\S[{extra}{EMOJI_EXTENDERS}]*"
    return (rf"[\U0001f1e6-\U0001f1ff]{{2}}|{extended}(?:(?<={ZERO_WIDTH_JOINER})[^\s\w]"
            rf"[{extra}{EMOJI_EXTENDERS}]*)*")


def _choice(words: List[str]) -> str:
    """Alternatives for words without their full stop, as written and in capitals; nothing for none."""
    forms = {form for word in words for stem in [word.rstrip(".'")] for form in (stem, stem.upper())}
    return "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))) or "(?!)"
