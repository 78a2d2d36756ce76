"""Small operations on arrays of shape (T, N, C)."""

from __future__ import annotations

from ner_mx.untyped import Operators, Tensor


def concatenated(F: Operators, *arrays: Tensor) -> Tensor:
    """Concatenate (T, N, C) arrays along their last axis.

    ``concat`` walks the last axis element by element; two transpositions and a
    concatenation along the first axis take a fifth of its time.
    """
    if len(arrays) == 1:
        return arrays[0]
    flat = [F.transpose(array.reshape((-3, 0))) for array in arrays]  # (C, T * N)
    joined = F.transpose(F.concat(*flat, dim=0))
    return F.reshape_like(joined, arrays[0], lhs_begin=0, lhs_end=1, rhs_begin=0, rhs_end=2)


def dropped(F: Operators, vectors: Tensor, rate: float) -> Tensor:
    """Dropout, while training; ``rate`` is the probability of dropping."""
    return F.Dropout(vectors, p=rate) if rate else vectors


def dropped_dimensions(F: Operators, vectors: Tensor, rate: float) -> Tensor:
    """Dropout of whole dimensions for all tokens of a sentence, while training (Tompson et al. 2015)."""
    return F.Dropout(vectors, p=rate, axes=(0,)) if rate else vectors


def with_margins(F: Operators, array: Tensor, before: int, after: int) -> Tensor:
    """An array with zeros before and after, along its first axis."""
    if not before and not after:
        return array
    zeros = F.zeros_like(F.slice_axis(array, axis=0, begin=0, end=1))
    return F.concat(*[zeros] * before, array, *[zeros] * after, dim=0)
