"""Sentences of which something is hidden from a network: words, characters, or what one feature says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ner_mx.decoding.recognizer import Recognizer
from ner_mx.features.encoded import Encoded, Ragged, TypeArray, bounds_of
from ner_mx.features.feature import Feature

# In the place of a hidden word: a character that no training data has, which is unknown to every feature.
HIDDEN = "\ufffd"
# A longer name of a word type is not kept by caches of vectors, see ner_mx.inference.type_vectors.
LONG_NAME = 80


class Change(NamedTuple):
    """What some features read at a token in the place of what is there.

    token : of the sentence.
    word : as which its features read it.
    features : their names; those of the whole word if empty.
    """

    token: int
    word: str
    features: Tuple[str, ...] = ()


Variant = Sequence[Change]


def encode_variants(recognizer: Recognizer, tokens: Sequence[str], variants: Sequence[Variant]) -> Encoded:
    """A sentence with each of several sets of changes.

    A word that changes as a whole is another word for every feature, and for what is predicted and matched around it.
    A feature that changes alone reads at its token what it would read there if the word changed as a whole.
    """
    words = [_with_words(tokens, variant) for variant in variants]
    single = sorted({(change.token, change.word) for variant in variants for change in variant if change.features})
    others = [_with_words(tokens, [Change(*entry)]) for entry in single]
    encoded = recognizer.encode_tokens([*words, *others])
    place_of_other = {entry: len(words) + number for number, entry in enumerate(single)}
    mixer = _Mixer(encoded, recognizer.encoder.features, len(tokens))
    for number, variant in enumerate(variants):
        for change in variant:
            if change.features:
                mixer.take(number, place_of_other[change.token, change.word], change.token, change.features)
    return mixer.result(len(words))


def _with_words(tokens: Sequence[str], variant: Variant) -> List[str]:
    """The tokens with the words that change as a whole."""
    words = list(tokens)
    for change in variant:
        if not change.features:
            words[change.token] = change.word
    return words


class _Mixer:
    """Sentences of the same length, in which features of single tokens are taken from another sentence."""

    def __init__(self, encoded: Encoded, features: Sequence[Feature], size: int):
        self._encoded, self._size = encoded, size
        self._features = {feature.name: feature for feature in features}
        self._word_type = encoded.word_type.copy()
        self._by_token = {name: array.copy() for name, array in encoded.by_token.items()}
        # The new word types: for each array by type, the old type that its row is from.
        self._rows: List[Dict[str, int]] = []
        self._first = len(encoded.text.bounds) - 1

    def take(self, sentence: int, other: int, token: int, features: Sequence[str]) -> None:
        """Let features read at a token of a sentence what they read there in another sentence."""
        here, there = sentence * self._size + token, other * self._size + token
        names = {name for feature in features for name in self._features[feature].by_type}
        if names:
            rows = self._rows_of(int(self._word_type[here]))
            rows.update(dict.fromkeys(names, int(self._encoded.word_type[there])))
            self._word_type[here] = self._first + len(self._rows)
            self._rows.append(rows)
        for feature in features:
            for name in self._features[feature].by_token:
                self._by_token[name][here] = self._encoded.by_token[name][there]

    def _rows_of(self, word_type: int) -> Dict[str, int]:
        if word_type >= self._first:  # changed before
            return dict(self._rows[word_type - self._first])
        return dict.fromkeys(self._encoded.by_type, word_type)

    def result(self, sentences: int) -> Encoded:
        """The first sentences, with what they took."""
        tokens = sentences * self._size
        by_type = {name: _with_rows(array, [rows[name] for rows in self._rows])
                   for name, array in self._encoded.by_type.items()}
        names = [f"{number}".rjust(LONG_NAME, "-").encode() for number in range(len(self._rows))]
        text = self._encoded.text.followed_by(Ragged(np.frombuffer(b"".join(names), np.uint8),
                                                     bounds_of([len(name) for name in names])))
        return replace(self._encoded, text=text, word_type=self._word_type[:tokens], by_type=by_type,
                       bounds=self._encoded.bounds[:sentences + 1], tags=self._encoded.tags[:tokens],
                       by_token={name: array[:tokens] for name, array in self._by_token.items()})


def _with_rows(array: TypeArray, rows: Sequence[int]) -> TypeArray:
    """An array by type, followed by copies of some of its rows."""
    if isinstance(array, Ragged):
        return array.followed_by(Ragged.of([array.values[array.bounds[row]:array.bounds[row + 1]].tolist()
                                            for row in rows], array.values.dtype.type))
    return np.concatenate([array, array[list(rows)]])
