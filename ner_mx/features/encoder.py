"""Sentences to flat integer arrays.

A corpus of a million tokens has some tens of thousands of distinct forms.
Everything that depends on the form alone (word row, casing, characters) is
found once per form; a token is then the number of its form.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import chain
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np

from ner_mx.config import Features
from ner_mx.corpora.schemes import convert
from ner_mx.corpora.sentence import Sentence
from ner_mx.corpora.tokenizer import LONGEST
from ner_mx.errors import CorpusError, RunError
from ner_mx.features.lexicon_files import Category, known_form
from ner_mx.features.vocabulary import Vocabulary, rows_of
from ner_mx.features.words import casing, character_type, fold_digits, normal_form

# So many forms are kept with what was found for them, some 10 MB.
REMEMBERED = 1 << 14


class Form(NamedTuple):
    """What depends on a form alone; ``text`` is UTF-8, the numbers are rows of the tables."""

    text: bytes
    word: int
    casing: int
    characters: List[int]
    types: List[int]


@dataclass(frozen=True)
class Encoded:
    """One part of a corpus as arrays; F forms, S sentences, N tokens.

    text : (bytes,) uint8, the forms in UTF-8, one after the other.
    text_bounds : (F + 1,) int64, where each form begins in ``text``.
    word, casing : (F,) int32, rows of the word and casing tables.
    characters, character_types : (all characters,) int32, rows, form by form.
    character_bounds : (F + 1,) int64, where each form begins in them.
    form : (N,) int32, the form of each token.
    pos, tag : (N,) int32, rows of the POS and tag tables; -1 where unannotated.
    lexicon : (N, lexicon features) int32, the position of each token in the entry
        that it matches, an index of :data:`~ner_mx.features.lexicon.POSITIONS`.
    bounds : (S + 1,) int64, where each sentence begins among the tokens.
    """

    text: np.ndarray
    text_bounds: np.ndarray
    word: np.ndarray
    casing: np.ndarray
    characters: np.ndarray
    character_types: np.ndarray
    character_bounds: np.ndarray
    form: np.ndarray
    pos: np.ndarray
    tag: np.ndarray
    lexicon: np.ndarray
    bounds: np.ndarray

    def __len__(self) -> int:
        """The number of sentences."""
        return len(self.bounds) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(S,) int64, tokens a sentence."""
        return np.diff(self.bounds)

    def forms(self) -> List[str]:
        """The F forms as strings."""
        text = self.text.tobytes()
        return [text[start:end].decode("utf-8", "surrogatepass")
                for start, end in zip(self.text_bounds[:-1], self.text_bounds[1:])]

    def tokens(self) -> List[List[str]]:
        """The tokens of each sentence as strings."""
        forms = self.forms()
        flat = [forms[form] for form in self.form]
        return [flat[start:end] for start, end in zip(self.bounds[:-1], self.bounds[1:])]

    def longest_forms(self) -> np.ndarray:
        """(S,) int64, the characters of the longest token of each sentence; no sentence is empty."""
        if not len(self):
            return np.zeros(0, np.int64)
        return np.maximum.reduceat(np.diff(self.character_bounds)[self.form], self.bounds[:-1])

    def last(self, count: int) -> Encoded:
        """The last so many sentences."""
        first = max(0, len(self) - count)
        start = self.bounds[first]
        return self.replaced(form=self.form[start:], pos=self.pos[start:], tag=self.tag[start:],
                             lexicon=self.lexicon[start:], bounds=self.bounds[first:] - start)

    def replaced(self, **arrays: np.ndarray) -> Encoded:
        """The same sentences with other values in the arrays named."""
        return replace(self, **arrays)

    def arrays(self) -> Dict[str, np.ndarray]:
        """The arrays by name, as they are written."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def joined(one: Encoded, two: Encoded) -> Encoded:
    """Two parts as one, the sentences of ``two`` behind those of ``one``."""
    arrays = {name: np.concatenate([getattr(one, name), getattr(two, name)])
              for name in one.arrays() if "bounds" not in name and name != "form"}
    for name in ("text_bounds", "character_bounds", "bounds"):
        first, second = getattr(one, name), getattr(two, name)
        arrays[name] = np.concatenate([first, second[1:] + first[-1]])
    arrays["form"] = np.concatenate([one.form, two.form + len(one.word)]).astype(np.int32)
    return Encoded(**arrays)


class Encoder:
    """The tables that turn sentences into :class:`Encoded`, learnt from training data alone.

    Parameters
    ----------
    features : which features there are and how words are normalised.
    words, characters, pos : tables of strings.
    tags : BILOU tags, O first; a row is an index in this list.
    lexicons : the known names that are looked up.
    """

    def __init__(self, features: Features, words: Vocabulary, characters: Vocabulary,
                 pos: Vocabulary, tags: Sequence[str], lexicons: Sequence[Category] = ()):
        self.lexicons = list(lexicons)
        self.features, self.words, self.characters, self.pos = features, words, characters, pos
        self.tags: List[str] = list(tags)
        self._tag_rows = {tag: row for row, tag in enumerate(self.tags)}
        # Text that comes bit by bit brings the same forms again and again.
        self._form = lru_cache(maxsize=REMEMBERED)(self._new_form)

    @classmethod
    def learnt(cls, features: Features, sentences: Sequence[Sentence],
               extra_words: Sequence[str] = (), lexicons: Sequence[Category] = ()) -> Encoder:
        """Build the tables from training sentences.

        extra_words : words of a vectors file; they join the word table behind
            those of the training data.
        """
        forms: Counter = Counter()
        pos: Counter = Counter()
        labels = set()
        for sentence in sentences:
            forms.update(sentence.tokens)
            if sentence.pos:
                pos.update(sentence.pos)
            labels.update(tag.partition("-")[2] for tag in set(sentence.tags or ()) if tag != "O")
        words: Counter = Counter()
        characters: Counter = Counter()
        for form, count in forms.items():
            words[normal_form(form, features)] += count
            for character in fold_digits(form, features.digits):
                characters[character] += count
        vocabulary = Vocabulary.counted(words, features.words.min_count)
        extra = dict.fromkeys(normal_form(word, features) for word in extra_words)
        if extra:
            vocabulary = Vocabulary([*vocabulary.to_json(),
                                     *(word for word in extra if word not in vocabulary)])
        tags = ["O"] + [f"{prefix}-{label}" for label in sorted(labels) for prefix in "BILU"]
        return cls(features, vocabulary, Vocabulary.counted(characters),
                   Vocabulary.counted(pos), tags, lexicons)

    def encode(self, sentences: Sequence[Sentence]) -> Encoded:
        """Turn sentences into arrays.

        Tags are brought to BILOU by way of their spans.  A type that training
        never showed has no row; it is encoded as O (callers count it) and
        scoring works on the strings, so it stays in the gold.
        """
        numbers: Dict[str, int] = {}
        form = np.fromiter((numbers.setdefault(token, len(numbers))
                            for sentence in sentences for token in sentence.tokens), np.int32)
        forms = [self._form(word) for word in numbers]
        return Encoded(
            text=np.frombuffer(b"".join([one.text for one in forms]), np.uint8),
            text_bounds=_bounds([len(one.text) for one in forms]),
            word=np.array([one.word for one in forms], np.int32),
            casing=np.array([one.casing for one in forms], np.int32),
            characters=_flat([one.characters for one in forms]),
            character_types=_flat([one.types for one in forms]),
            character_bounds=_bounds([len(one.characters) for one in forms]),
            form=form,
            pos=self._pos_rows(sentences, len(form)),
            tag=self._tags(sentences, len(form)),
            lexicon=self._lexicon_rows(sentences, len(form)),
            bounds=_bounds([len(sentence.tokens) for sentence in sentences]))

    def _new_form(self, word: str) -> Form:
        # No more characters than the tokenizer leaves in a token: an endless one must not cost all memory.
        characters = fold_digits(word, self.features.digits)[:LONGEST]
        return Form(word.encode("utf-8", "surrogatepass"), self.words.row(normal_form(word, self.features)),
                    casing(word), [self.characters.row(character) for character in characters],
                    [character_type(character) for character in characters])

    def _pos_rows(self, sentences: Sequence[Sentence], count: int) -> np.ndarray:
        if not any(sentence.pos for sentence in sentences):
            return np.full(count, -1, np.int32)
        for sentence in sentences:
            if sentence.pos is None:
                raise CorpusError(sentence.source, sentence.line or None,
                                  "expected POS tags as in the other sentences, found none")
        return np.array(rows_of(self.pos, [tag for sentence in sentences
                                           for tag in sentence.pos or ()]), np.int32)

    def _tags(self, sentences: Sequence[Sentence], count: int) -> np.ndarray:
        rows = np.full(count, -1, np.int32)
        start = 0
        for sentence in sentences:
            if sentence.tags is not None:
                rows[start:start + len(sentence.tags)] = [
                    self._tag_rows.get(tag, 0) for tag in convert(sentence.tags, "BILOU")]
            start += len(sentence.tokens)
        return rows

    def _lexicon_rows(self, sentences: Sequence[Sentence], count: int) -> np.ndarray:
        rows = np.zeros((count, len(self.lexicons)), np.int32)
        kinds = {name: source.positions for name, source in self.features.lexicons.items()}
        if self.lexicons:
            words = [known_form(sentence.tokens, self.features) for sentence in sentences]
        for number, (source, _, lexicon) in enumerate(self.lexicons):
            rows[:, number] = lexicon.positions(words)
            if kinds[source] == "yes-no":
                rows[:, number] = rows[:, number] > 0
        return rows

    def to_json(self) -> Dict[str, Any]:
        """The tables as JSON values."""
        return {"words": self.words.to_json(), "characters": self.characters.to_json(),
                "pos": self.pos.to_json(), "tags": self.tags}

    @classmethod
    def from_json(cls, features: Features, value: Any, lexicons: Sequence[Category] = ()) -> Encoder:
        """The reverse of :meth:`to_json`; lexicons are kept apart.

        Raises
        ------
        RunError : a table is missing or damaged.
        """
        try:
            tables = [Vocabulary.from_json(value[name]) for name in ("words", "characters", "pos")]
            tags = Vocabulary.from_json(value["tags"]).to_json()
        except (KeyError, TypeError) as error:
            raise RunError(f"vocab.json: expected words, characters, pos and tags, found no {error}; "
                           "preprocess again") from None
        return cls(features, *tables, tags, lexicons)


def _bounds(lengths: Sequence[int]) -> np.ndarray:
    result = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=result[1:])
    return result


def _flat(lists: Sequence[List[int]]) -> np.ndarray:
    return np.fromiter(chain.from_iterable(lists), np.int32)
