"""Tokens, tags and parts of speech without what nobody sees at their edges.

``B-LOC`` with a no-break space behind it would be a type of its own, and ``Rome`` with a
zero-width space an unknown word.
"""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterable, Optional, Sequence, Tuple

from ner_mx.data.sentence import Offsets, Reading, Sentence, Warnings
from ner_mx.data.unicode_text import composed, has_surrogates, trimmed
from ner_mx.errors import CorpusError

EDGES = "{} with white space or invisible characters at their edges, removed"
COMPOSED = "labels in another Unicode form, composed (NFC)"
LANGUAGE = "tokens after the language that each of them repeats ({}), which was removed"
# WikiANN writes en:Rome (Pan et al. 2017); a corpus of fewer tokens may have a prefix by chance.
LANGUAGE_PREFIX = re.compile(r"[a-z]{2,3}(-[a-z]{2,12})*:(?=.)")
LEAST_TOKENS = 20


def cleaned(reading: Reading) -> Reading:
    """The sentences with clean tokens, tags and parts of speech; what was changed is counted.

    Raises
    ------
    CorpusError : there is half of a surrogate pair, which no encoding can write.
    """
    reading = _without_language(reading)
    sentences = reading.sentences
    _check_characters(sentences)
    words = _changes(trimmed, (sentence.tokens for sentence in sentences))
    tags = _changes(clean_tag, (sentence.tags for sentence in sentences if sentence.tags))
    pos = _changes(trimmed, (sentence.pos for sentence in sentences if sentence.pos))
    if not (words or tags or pos):
        return reading
    warnings = reading.warnings.copy()
    return reading._replace(warnings=warnings, sentences=[
        _cleaned_sentence(sentence, words, tags, pos, warnings) for sentence in sentences])


def _without_language(reading: Reading) -> Reading:
    """The sentences without a language before each token, if all of them have the same."""
    sentences = reading.sentences
    prefix = LANGUAGE_PREFIX.match(sentences[0].tokens[0]) if sentences and sentences[0].tokens else None
    if prefix is None or any(sentence.offsets or not all(
            token.startswith(prefix[0]) and len(token) > len(prefix[0]) for token in sentence.tokens)
            for sentence in sentences):
        return reading
    count = sum(len(sentence.tokens) for sentence in sentences)
    if count < LEAST_TOKENS:
        return reading
    warnings = reading.warnings.copy()
    warnings.add(LANGUAGE.format(prefix[0]), sentences[0].place(), count)
    return reading._replace(warnings=warnings, sentences=[
        sentence._replace(tokens=tuple(token[len(prefix[0]):] for token in sentence.tokens))
        for sentence in sentences])


def _check_characters(sentences: Sequence[Sentence]) -> None:
    for sentence in sentences:
        for column in (sentence.tokens, sentence.tags or (), sentence.pos or ()):
            if has_surrogates(" ".join(column)):
                raise CorpusError(sentence.source, sentence.line or None,
                                  "expected text, found half of a surrogate pair")


def clean_tag(tag: str) -> str:
    """A tag with clean edges and, behind its prefix, a clean label."""
    prefix, dash, label = trimmed(composed(tag)).partition("-")
    return f"{prefix}-{trimmed(label)}" if dash and len(prefix) == 1 else prefix + dash + label


def _changes(clean: Callable[[str], str], columns: Iterable[Tuple[str, ...]]) -> Dict[str, str]:
    """The clean form of each string that has another one."""
    distinct = {text for column in columns for text in column}
    return {text: new for text in distinct for new in [clean(text)] if new != text}


def _cleaned_sentence(sentence: Sentence, words: Dict[str, str], tags: Dict[str, str], pos: Dict[str, str],
                      warnings: Warnings) -> Sentence:
    for what, column, changes in (("tokens", sentence.tokens, words), ("tags", sentence.tags, tags),
                                  ("parts of speech", sentence.pos, pos)):
        for place, text in enumerate(column or ()):
            if text in changes:
                is_form = what == "tags" and trimmed(text) == text and clean_tag(composed(text)) == composed(text)
                warnings.add(COMPOSED if is_form else EDGES.format(what), sentence.place(place))
    return sentence._replace(
        tokens=_replaced(sentence.tokens, words) or (), tags=_replaced(sentence.tags, tags),
        pos=_replaced(sentence.pos, pos), offsets=_inner_offsets(sentence, words))


def _replaced(column: Optional[Tuple[str, ...]], changes: Dict[str, str]) -> Optional[Tuple[str, ...]]:
    return column and tuple(changes.get(text, text) for text in column)


def _inner_offsets(sentence: Sentence, words: Dict[str, str]) -> Tuple[Offsets, ...]:
    """The offsets of the tokens without their edges."""
    result = []
    for token, (start, end) in zip(sentence.tokens, sentence.offsets):
        inner = words.get(token, token)
        if inner != token and end - start == len(token):
            start += token.index(inner)
            end = start + len(inner)
        result.append((start, end))
    return tuple(result)
