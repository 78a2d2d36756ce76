"""Encoded sentences to batches of rectangular arrays."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional

import numpy as np

from ner_mx.features.encoder import Encoded
from ner_mx.features.lexicon import POSITIONS

# Distinct forms and their longest length are rounded up to multiples of these.
ROW_STEP, LENGTH_STEP = 16, 8


class Batch(NamedTuple):
    """N sentences of at most T tokens, with U distinct forms of at most L characters.

    Time comes first, as the recurrent operator wants it; padding is 0.

    sentence : (N,) int64, which sentences of the part these are.
    words, casing, pos : (T, N) int32, rows of the tables.
    lexicon : (T, N, lexicon features) int32, rows of one table for all features.
    forms : (T, N) int32, rows of ``characters``.
    characters, character_types : (L + width - 1, U) int32, rows of the tables,
        with the margin on both sides that a convolution of ``width`` needs.
    character_length : (U,) int32, characters a form, margins not counted.
    length : (N,) int32, tokens a sentence.
    reverse : (T, N) int32, rows of the T * N flattened tokens that turn each
        sentence round within its own length; padding stays where it is.
    tags : (T, N) int32, the classes to learn; -1 in padding.
    """

    sentence: np.ndarray
    words: np.ndarray
    casing: np.ndarray
    pos: np.ndarray
    lexicon: np.ndarray
    forms: np.ndarray
    characters: np.ndarray
    character_types: np.ndarray
    character_length: np.ndarray
    length: np.ndarray
    reverse: np.ndarray
    tags: np.ndarray

    @property
    def tokens(self) -> int:
        """The number of real tokens."""
        return int(self.length.sum())


def _sorted(lengths: np.ndarray, size: int, random: Optional[np.random.RandomState]) -> List[np.ndarray]:
    """Sentences of like length together, so that little is padded; the last batch may be small."""
    order = np.arange(len(lengths)) if random is None else random.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    return [order[start:start + size] for start in range(0, len(order), size)]


def _exact(lengths: np.ndarray, size: int, random: Optional[np.random.RandomState]) -> List[np.ndarray]:
    """Sentences of one length together, as in the paper; rare lengths make small batches."""
    order = np.arange(len(lengths)) if random is None else random.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1)
    return [group[start:start + size] for group in groups for start in range(0, len(group), size)]


PLANS: Dict[str, Callable[..., List[np.ndarray]]] = {"sorted": _sorted, "exact": _exact}


def plan(lengths: np.ndarray, size: int, how: str,
         random: Optional[np.random.RandomState] = None) -> List[np.ndarray]:
    """Divide sentences into batches.

    Parameters
    ----------
    lengths : (S,) tokens a sentence.
    size : sentences a batch.
    how : ``sorted`` or ``exact``.
    random : shuffles equals among themselves and the batches; None keeps the order of length.

    Returns
    -------
    Arrays of sentence numbers; every sentence stands in exactly one.
    """
    if not len(lengths):
        return []
    batches = PLANS[how](lengths, size, random)
    if random is not None:
        random.shuffle(batches)
    return batches


def collate(encoded: Encoded, sentence: np.ndarray, width: int = 3,
            labels: Optional[np.ndarray] = None) -> Batch:
    """Lay the chosen sentences side by side.

    Parameters
    ----------
    sentence : (N,) numbers of the sentences.
    width : of the character convolution; each form gets a margin of
        ``(width - 1) // 2`` paddings on its left and the rest on its right.
    labels : (tokens,) the classes to learn; None takes the tags.

    U and L are rounded up: MXNet plans memory for every new shape, and the
    character CNN halves L three times.
    """
    count = len(sentence)
    starts, length = encoded.bounds[sentence], encoded.lengths[sentence]
    steps = np.arange(length.max())[:, None]
    real = steps < length  # (T, N)
    token = np.where(real, starts + steps, 0)
    form = encoded.form[token]
    distinct, local = np.unique(form[real], return_inverse=True)
    forms = np.zeros(real.shape, np.int32)
    forms[real] = local
    characters, types, character_length = _characters(encoded, distinct, width)
    labels = encoded.tag if labels is None else labels

    def laid_out(values: np.ndarray, padding: int = 0) -> np.ndarray:
        return np.where(real, values, padding).astype(np.int32)

    # Each feature has its own rows in the table.
    first_row = np.arange(encoded.lexicon.shape[1]) * len(POSITIONS)
    lexicon = np.where(real[:, :, None], encoded.lexicon[token] + first_row, 0)
    turned = np.where(real, length - 1 - steps, steps) * count + np.arange(count)
    return Batch(sentence, laid_out(encoded.word[form]), laid_out(encoded.casing[form]),
                 laid_out(encoded.pos[token]), lexicon.astype(np.int32), forms, characters, types,
                 character_length, length.astype(np.int32), turned.astype(np.int32),
                 laid_out(labels[token], -1))


def _characters(encoded: Encoded, distinct: np.ndarray, width: int):
    starts = encoded.character_bounds[distinct]
    length = encoded.character_bounds[distinct + 1] - starts
    rows = -(-len(distinct) // ROW_STEP) * ROW_STEP
    columns = -(-int(length.max()) // LENGTH_STEP) * LENGTH_STEP
    place = np.arange(columns)[:, None]
    real = place < length  # (L, U)
    position = (starts + place)[real]
    left = (width - 1) // 2
    tables = []
    for values in (encoded.characters, encoded.character_types):
        table = np.zeros((columns + width - 1, rows), np.int32)
        table[left:left + columns, :len(distinct)][real] = values[position]
        tables.append(table)
    # A row that only fills up the table has one character, so that its maximum is over something.
    full = np.ones(rows, np.int32)
    full[:len(distinct)] = length
    return tables[0], tables[1], full
