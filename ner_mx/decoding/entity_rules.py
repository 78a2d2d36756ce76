"""Entities by lists and patterns: rules that add to what a network finds, forbid it, or take its place.

The format is that of spaCy's EntityRuler, one JSON object per line::

    {"label": "ORG", "pattern": "Acme Corp."}
    {"label": "LOC", "pattern": [{"LOWER": "lake"}, {"IS_TITLE": true, "OP": "+"}], "action": "override"}

``action`` is ours.  In the order of their precedence:

forbid : no entity of the network has exactly these tokens; of the type of the rule, or of any if its label is ``*``.
override : the entity is there, and entities of the network that overlap it are not.
add : the entity is there unless it overlaps another one; the default.

Of rules of one action that overlap, the longest match counts, then the first in the text, then the first in the file.
The score of an entity by a rule is 1.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.data.spans import Span
from ner_mx.data.unicode_text import composed
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.errors import UserError, first_line, nearest, shown

ACTIONS = ("add", "override", "forbid")
ANY = "*"
# Limits of a file that comes from anybody: patterns are tried at every token.
MOST_RULES, MOST_TOKENS = 200_000, 40
MOST_PATTERNS = 2_000
LONGEST_LABEL = 200

Test = Callable[[str], bool]


@lru_cache(maxsize=1 << 14)
def shape(word: str) -> str:
    """The shape of a word: ``Xxxx-dd``, with at most four of a kind in a row, as spaCy writes it.

    >>> shape("Florence-12345")
    'Xxxxx-dddd'
    """
    kinds = ["X" if sign.isalpha() and sign.isupper() else "x" if sign.isalpha() else "d" if sign.isdigit() else sign
             for sign in word]
    kept = [kind for place, kind in enumerate(kinds) if kinds[max(0, place - 4):place] != [kind] * 4]
    return "".join(kept)


# What a pattern can ask of a token: of its text, or whether it is of a kind.
TEXTS: Dict[str, Callable[[str], str]] = {"TEXT": str, "ORTH": str, "LOWER": str.lower, "SHAPE": shape}
FLAGS: Dict[str, Test] = {
    "IS_ALPHA": str.isalpha, "IS_ASCII": str.isascii, "IS_DIGIT": str.isdigit, "IS_LOWER": str.islower,
    "IS_UPPER": str.isupper, "IS_TITLE": str.istitle,
    "IS_PUNCT": lambda word: not any(sign.isalnum() or sign.isspace() for sign in word)}
OPERATORS = ("1", "?", "*", "+")
KEYS = [*TEXTS, *FLAGS, "LENGTH", "OP"]


class _Atom(NamedTuple):
    """A token of a pattern: what it must fulfil, and how often it occurs.

    words : the words in lower case among which its text must be; None for any.
    """

    tests: Tuple[Test, ...]
    optional: bool
    repeated: bool
    words: Optional[FrozenSet[str]]

    def matches(self, word: str) -> bool:
        """Whether a word is such a token."""
        return all(test(word) for test in self.tests)


class _Rule(NamedTuple):
    number: int
    label: str
    action: str


_Pattern = Tuple[Tuple[_Atom, ...], _Rule]


class _Match(NamedTuple):
    start: int
    end: int
    rule: _Rule


class EntityRules:
    """Rules in memory.

    Parameters
    ----------
    content : the file, UTF-8.
    tokenizer : of phrases.
    place : the name of the file, for messages.

    Raises
    ------
    UserError : a line is no rule, with its number and what was expected.
    """

    def __init__(self, content: bytes, tokenizer: TokenizerSettings, place: str):
        self.content = content
        self._phrases: Dict[str, List[Tuple[Tuple[str, ...], _Rule]]] = {}
        # Patterns by the word in lower case with which they must begin, and those that may begin with any.
        self._by_word: Dict[str, List[_Pattern]] = {}
        self._patterns: List[_Pattern] = []
        self._count = 0
        self.labels: List[str] = []
        try:
            lines = content.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise UserError(f"{place}: expected UTF-8, found byte {content[error.start]:#04x}; save it as "
                            "UTF-8") from None
        for number, line in enumerate(lines, start=1):
            if line.strip():
                self._add(line, _Reader(f"{place}:{number}"), number, tokenizer)
        self.labels = sorted(set(self.labels))

    def _add(self, line: str, reader: _Reader, number: int, tokenizer: TokenizerSettings) -> None:
        label, pattern, action = reader.rule(line)
        rule = _Rule(number, label, action)
        if action != "forbid":
            self.labels.append(label)
        if isinstance(pattern, str):
            words = tuple(composed(token.text) for sentence in tokenizer.sentences(pattern) for token in sentence)
            if not words or len(words) > MOST_TOKENS:
                raise reader.error(f"a phrase of 1 to {MOST_TOKENS} tokens", shown(pattern))
            self._phrases.setdefault(words[0], []).append((words, rule))
        else:
            atoms = reader.atoms(pattern)
            if atoms[0].optional or atoms[0].words is None:
                self._patterns.append((atoms, rule))
            else:
                for word in atoms[0].words:
                    self._by_word.setdefault(word, []).append((atoms, rule))
        self._count += 1
        if self._count > MOST_RULES or len(self._patterns) > MOST_PATTERNS:
            raise reader.error(f"at most {MOST_RULES:,} rules, {MOST_PATTERNS:,} of them patterns that may begin with "
                               "any word", "more")

    def applied(self, tokens: Sequence[str], found: Sequence[ScoredSpan]) -> List[ScoredSpan]:
        """The entities of a sentence after the rules: those of the network in, those of the whole system out."""
        matches = self._matches([composed(token) for token in tokens])
        if not matches:
            return list(found)
        forbidden = {(match.start, match.end, match.rule.label) for match in matches if match.rule.action == "forbid"}
        kept = [entry for entry in found if entry.span not in forbidden
                and (entry.span.start, entry.span.end, ANY) not in forbidden]
        for action in ("override", "add"):
            chosen = _without_overlaps([match for match in matches if match.rule.action == action])
            if action == "override":
                kept = [entry for entry in kept if not any(_overlap(entry.span, match) for match in chosen)]
            kept += [ScoredSpan(Span(match.start, match.end, match.rule.label), 1.0) for match in chosen
                     if not any(_overlap(entry.span, match) for entry in kept)]
        return sorted(kept)

    def _matches(self, words: Sequence[str]) -> List[_Match]:
        matches = []
        for start, word in enumerate(words):
            for phrase, rule in self._phrases.get(word, ()):
                if tuple(words[start:start + len(phrase)]) == phrase:
                    matches.append(_Match(start, start + len(phrase), rule))
            for atoms, rule in (*self._by_word.get(word.lower(), ()), *self._patterns):
                end = _longest_match(atoms, words, start)
                if end is not None:
                    matches.append(_Match(start, end, rule))
        return matches


def _overlap(span: Span, match: _Match) -> bool:
    return span.start < match.end and match.start < span.end


def _without_overlaps(matches: Sequence[_Match]) -> List[_Match]:
    """The longest matches, the first of those of one length, without any that overlaps a better one."""
    chosen: List[_Match] = []
    for match in sorted(matches, key=lambda match: (match.start - match.end, match.start, match.rule.number)):
        if all(match.end <= other.start or other.end <= match.start for other in chosen):
            chosen.append(match)
    return chosen


def _longest_match(atoms: Sequence[_Atom], words: Sequence[str], start: int) -> Optional[int]:
    """Where the longest match of a pattern ends; None without a match.

    All ways to read the tokens are followed at once, so that no pattern takes more than its length for each token.
    """
    states: FrozenSet[int] = _closure(atoms, frozenset([0]))
    longest = None
    for place in range(start, len(words)):
        following = set()
        for state in states:
            if state < len(atoms) and atoms[state].matches(words[place]):
                following.add(state + 1)
                if atoms[state].repeated:
                    following.add(state)
        if not following:
            break
        states = _closure(atoms, frozenset(following))
        if len(atoms) in states:
            longest = place + 1
    return longest


def _closure(atoms: Sequence[_Atom], states: FrozenSet[int]) -> FrozenSet[int]:
    """The states that are reached without a token: over those that are optional."""
    result = set(states)
    waiting = list(states)
    while waiting:
        state = waiting.pop()
        if state < len(atoms) and atoms[state].optional and state + 1 not in result:
            result.add(state + 1)
            waiting.append(state + 1)
    return frozenset(result)


class _Reader:
    """Reads the lines of a file, and says what is wrong with them."""

    def __init__(self, place: str):
        self._place = place

    def error(self, expected: str, found: str) -> UserError:
        """An error of one line."""
        return UserError(f"{self._place}: expected {expected}, found {found}")

    def rule(self, line: str) -> Tuple[str, Any, str]:
        """Label, pattern and action of a line."""
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self.error("a rule as JSON", first_line(error, 60)) from None
        if not isinstance(values, dict):
            raise self.error('an object such as {"label": "ORG", "pattern": "Acme"}', shown(line))
        unknown = sorted(set(values) - {"label", "pattern", "action", "id"})
        if unknown:
            raise self.error("the keys label, pattern, action and id", shown(unknown[0]))
        label, action = values.get("label"), values.get("action", "add")
        if action not in ACTIONS:
            raise self.error(f"one of the actions {', '.join(ACTIONS)}", f"{shown(str(action))}"
                             + nearest(str(action), ACTIONS))
        if (not isinstance(label, str) or label.split() != [label] or not label.isprintable()
                or len(label) > LONGEST_LABEL):
            raise self.error("a label without white space", shown(json.dumps(label)))
        if label == ANY and action != "forbid":
            raise self.error(f"a type to {action}, since {ANY} is for what is forbidden", ANY)
        pattern = values.get("pattern")
        if not isinstance(pattern, (str, list)):
            raise self.error("a phrase or a list of tokens under pattern", shown(json.dumps(pattern)))
        return label, pattern, action

    def atoms(self, pattern: List[Any]) -> Tuple[_Atom, ...]:
        """The tokens of a pattern."""
        atoms = tuple(self._atom(token) for token in pattern)
        if not 0 < len(atoms) <= MOST_TOKENS or all(atom.optional for atom in atoms):
            raise self.error(f"a pattern of 1 to {MOST_TOKENS} tokens, one of which must be there",
                             shown(json.dumps(pattern)))
        return atoms

    def _atom(self, token: Any) -> _Atom:
        if not isinstance(token, dict):
            raise self.error('a token such as {"LOWER": "lake"}', shown(json.dumps(token)))
        tests: List[Test] = []
        words = None
        for key, value in token.items():
            name = key.upper()
            if name in TEXTS:
                test, allowed = self._text_test(name, value)
                tests.append(test)
                words = words if allowed is None else allowed
            elif name in FLAGS and isinstance(value, bool):
                tests.append(_flag_test(FLAGS[name], value))
            elif name == "LENGTH" and isinstance(value, int) and not isinstance(value, bool):
                tests.append(_length_test(value))
            elif name != "OP":
                raise self.error(f"tokens with the keys {', '.join(KEYS)}, which need no other annotation than words",
                                 f"{shown(key)}: {shown(json.dumps(value))}" + nearest(name, KEYS))
        operator = str(token.get("OP", token.get("op", "1")))
        if operator not in OPERATORS:
            raise self.error(f"one of the operators {', '.join(OPERATORS)}", shown(operator))
        return _Atom(tuple(tests), operator in "?*", operator in "*+", words)

    def _text_test(self, name: str, value: Any) -> Tuple[Test, Optional[FrozenSet[str]]]:
        """A test of the text, and the words in lower case that can pass it, if they are known."""
        values = {"IN": [value]} if isinstance(value, str) else value
        if isinstance(values, dict) and len(values) == 1 and next(iter(values)) in ("IN", "NOT_IN"):
            (key, words), = values.items()
            if isinstance(words, list) and all(isinstance(word, str) for word in words):
                listed = frozenset(map(composed, words))
                is_known = key == "IN" and name != "SHAPE"
                return (_equality_test(TEXTS[name], listed, key == "IN"),
                        frozenset(word.lower() for word in listed) if is_known else None)
        raise self.error(f'{name} with text, or {{"IN": [...]}} or {{"NOT_IN": [...]}}', shown(json.dumps(value)))


def _equality_test(form: Callable[[str], str], words: FrozenSet[str], wanted: bool) -> Test:
    return lambda word: (form(word) in words) is wanted


def _flag_test(flag: Test, wanted: bool) -> Test:
    return lambda word: flag(word) is wanted


def _length_test(length: int) -> Test:
    return lambda word: len(word) == length
