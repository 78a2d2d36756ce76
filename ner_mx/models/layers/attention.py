"""Attention: scores of queries and keys, their softmax over the real pieces, dropout, and the sum of values."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np

from ner_mx.compat import mx
from ner_mx.models.layers.custom_operators import NumpyOperator, blocks, dropout_mask, register_operator
from ner_mx.untyped import Operators, Tensor

OPERATOR, RELATIVE_OPERATOR = "ner_mx_attention", "ner_mx_relative_attention"
# The score of padding: its weight is 0.
MASKED = np.float32(-1e9)
# A row whose largest weight is smaller, before normalization, loses precision.
SMALLEST = 1e-20


class Attention(mx.gluon.HybridBlock):
    """Scaled dot-product attention of several heads (Vaswani et al. 2017, section 3.2); padding has no weight.

    On the CPU it is one operator in numpy: MXNet computes the products of small
    matrices one after the other on one thread, in twice numpy's time, and
    softmax and dropout in three times.

    Parameters
    ----------
    heads : of the attention.
    rate : of dropout.
    """

    def __init__(self, heads: int, rate: float):
        super().__init__()
        self._heads, self._rate = heads, rate
        self._on_cpu = mx.context.current_context().device_type == "cpu"

    def hybrid_forward(self, F: Operators, vectors: Tensor, length: Tensor,
                       relative: Optional[Tensor] = None) -> Tensor:
        """W windows of P pieces -> their contexts, (P, W, units).

        Parameters
        ----------
        vectors : (P, W, 3 * units), the queries, keys and values of each head, one head after the other.
        length : (W,) float, pieces per window.
        relative : (1, heads, P, P), added to the scores.
        """
        if self._on_cpu:
            options = {"heads": self._heads, "rate": self._rate}
            if relative is None:
                return F.Custom(vectors, length, op_type=OPERATOR, **options)
            return F.Custom(vectors, relative, length, op_type=RELATIVE_OPERATOR, **options)
        scores = F.contrib.interleaved_matmul_selfatt_qk(vectors, heads=self._heads)  # (W * heads, P, P)
        if relative is not None:
            scores = F.broadcast_add(scores.reshape((-4, -1, self._heads, 0, 0)), relative).reshape((-3, 0, 0))
        by_row = F.zeros_like(F.slice_axis(scores, axis=2, begin=0, end=1)).reshape((-4, -1, self._heads, 0, 0))
        lengths = F.broadcast_add(by_row, length.reshape((-1, 1, 1, 1))).reshape((-3, 0)).astype("int32")
        weights = F.softmax(scores, length=lengths, use_length=True, axis=-1)
        weights = F.Dropout(weights, p=self._rate) if self._rate else weights
        return F.contrib.interleaved_matmul_selfatt_valatt(vectors, weights, heads=self._heads)


Shape = Sequence[int]


def _context_shape(vectors: Shape) -> List[int]:
    return [*vectors[:2], vectors[2] // 3]


@register_operator(OPERATOR, ["vectors", "length"], lambda shapes: shapes, _context_shape)
class _Attention(NumpyOperator):
    differentiable = 1

    def __init__(self, heads: float, rate: float):
        super().__init__()
        self._heads, self._rate = int(heads), rate

    def compute(self, is_train: bool, inputs: List[np.ndarray], output: np.ndarray) -> None:
        vectors, *relative, length = inputs
        pieces, windows, _ = vectors.shape
        shape = windows, self._heads, pieces, pieces
        kept = np.empty(shape, np.float32) if is_train else None
        mask = dropout_mask(shape, self._rate) if is_train and self._rate else None
        for block in blocks(windows, self._heads * pieces * pieces):
            queries, keys, values = self._separated(vectors[:, block])
            scores = np.matmul(queries, keys.swapaxes(2, 3), out=None if kept is None else kept[block])
            for added in relative:
                scores += added
            shares = _softmax(scores, length[block])
            shares = shares if mask is None else shares * mask[block]
            self._by_head(output[:, block])[:] = np.matmul(shares, values)
        if kept is not None:
            self._weights, self._mask = kept, mask

    def gradients(self, gradient: np.ndarray, inputs: List[np.ndarray], results: List[np.ndarray]) -> None:
        vectors, weights, mask = inputs[0], self._weights, self._mask
        of_vectors, *of_relative = results
        for total in of_relative:
            total[:] = 0
        for block in blocks(len(weights), weights[0].size):
            queries, keys, values = self._separated(vectors[:, block])
            of_queries, of_keys, of_values = self._parts(of_vectors[:, block])
            of_context = np.ascontiguousarray(self._by_head(gradient[:, block]))
            shares = weights[block] if mask is None else weights[block] * mask[block]
            of_values[:] = np.matmul(shares.swapaxes(2, 3), of_context)
            of_scores = np.matmul(of_context, values.swapaxes(2, 3))
            if mask is not None:
                of_scores *= mask[block]
            of_scores -= np.einsum("...i,...i->...", of_scores, weights[block])[..., None]
            of_scores *= weights[block]
            for total in of_relative:
                total += of_scores.sum(axis=0)
            of_keys[:] = np.matmul(of_scores.swapaxes(2, 3), queries)
            np.multiply(np.matmul(of_scores, keys), _scale(queries), out=of_queries)
        del self._weights, self._mask

    def _by_head(self, vectors: np.ndarray) -> np.ndarray:
        """(P, W, heads * size) as a view (W, heads, P, size)."""
        return vectors.reshape(*vectors.shape[:2], self._heads, -1).transpose(1, 2, 0, 3)

    def _parts(self, vectors: np.ndarray) -> np.ndarray:
        """(P, W, heads * 3 * size) as a view (3, W, heads, P, size): queries, keys and values."""
        return vectors.reshape(*vectors.shape[:2], self._heads, 3, -1).transpose(3, 1, 2, 0, 4)

    def _separated(self, vectors: np.ndarray) -> List[np.ndarray]:
        """Contiguous copies of queries with the scale of the scores, keys and values, (W, heads, P, size) each."""
        queries, keys, values = (np.ascontiguousarray(part) for part in self._parts(vectors))
        queries *= _scale(queries)
        return [queries, keys, values]


@register_operator(RELATIVE_OPERATOR, ["vectors", "relative", "length"], lambda shapes: shapes, _context_shape)
class _RelativeAttention(_Attention):
    differentiable = 2


def _scale(queries: np.ndarray) -> np.float32:
    return np.float32(queries.shape[-1] ** -0.5)


def _softmax(scores: np.ndarray, length: np.ndarray) -> np.ndarray:
    """(W, heads, P, P) scores become weights, in their own memory; rows sum to 1 over the pieces of a window."""
    for window in np.flatnonzero(length < scores.shape[-1]):
        scores[window, :, :, int(length[window]):] = MASKED
    # One maximum for the scores of a head is found in a tenth of the time of one per row; it serves unless
    # it is so far above a row that all of the row would underflow.
    shifted = scores - _maximum(scores, (2, 3))
    np.exp(shifted, out=shifted)
    total = np.einsum("...i->...", shifted)
    if total.min() <= SMALLEST:
        np.exp(scores - _maximum(scores, (3,)), out=shifted)
        total = np.einsum("...i->...", shifted)
    result: np.ndarray = np.divide(shifted, total[..., None], out=scores)
    return result


def _maximum(scores: np.ndarray, axes: Tuple[int, ...]) -> np.ndarray:
    """The maximum over some of the last axes, which are kept."""
    size = int(np.prod([scores.shape[axis] for axis in axes]))
    return scores.reshape(-1, size).max(axis=1).reshape([
        1 if axis in axes else length for axis, length in enumerate(scores.shape)])
