"""The character CNN: a vector for each distinct word of a batch."""

from __future__ import annotations

from typing import List, Optional, Tuple

from ner_mx.compat import mx
from ner_mx.features.characters import CHARACTER_TYPES, LENGTH_STEP, CharacterSettings
from ner_mx.models.layers.joining import with_margins
from ner_mx.untyped import Operators, Tensor

# The value of windows after the end of a word, before the maximum.
MASKED = -1e9


class CharacterCNN(mx.gluon.HybridBlock):
    """Characters to a vector: lookup, convolution, maximum over the word.

    Chiu & Nichols 2016, sections 2.2.1 and 2.5, figure 2.  The vector of a word
    does not depend on the other words of the batch: windows that begin after
    its last character are masked before the maximum.

    A convolution over looked-up vectors is a sum of lookups in projected
    tables, one for each position in the window.  Projecting some hundred
    characters, instead of every one in the batch, takes a third of the time of
    the convolution operator.

    Parameters
    ----------
    settings : dimensions, width, activation, and whether types are read.
    characters : the number of character ids.
    """

    def __init__(self, settings: CharacterSettings, characters: int):
        super().__init__()
        self._width, self._filters = settings.width, settings.filters
        self._activation, self._split = settings.activation, settings.dimension
        dimension = settings.dimension
        with self.name_scope():
            # Uniform in [-0.5, 0.5] as in the paper.
            self.table = self.params.get("table", shape=(characters, dimension),
                                         init=mx.init.Uniform(0.5))
            if settings.types:
                self.type_table = self.params.get(
                    "type_table", shape=(len(CHARACTER_TYPES), settings.type_dimension),
                    init=mx.init.Normal(1.0))
                dimension += settings.type_dimension
            self.kernel = self.params.get("kernel", shape=(self._width, self._filters, dimension),
                                          init=WindowXavier())
            self.bias = self.params.get("bias", shape=(self._filters,), init=mx.init.Zero())

    def hybrid_forward(self, F: Operators, characters: Tensor, *others: Tensor, table: Tensor, kernel: Tensor,
                       bias: Tensor, type_table: Tensor = None) -> Tensor:
        """(L, U) ids, [their types,] (U,) float lengths, (T, N) indices of words -> (T, N, filters)."""
        *types, length, word_types = others
        tables: List[Tuple[Tensor, Tensor, int, Optional[int]]] = [(characters, table, 0, self._split)]
        if types:
            tables.append((types[0], type_table, self._split, None))
        windows: List[Tensor] = []  # (L, U, filters)
        left = (self._width - 1) // 2
        for ids, vectors, begin, end in tables:
            ids = with_margins(F, ids, left, self._width - 1 - left)
            weights = F.slice_axis(kernel, axis=2, begin=begin, end=end)
            for place in range(self._width):
                projected = F.FullyConnected(
                    vectors, F.slice_axis(weights, axis=0, begin=place, end=place + 1).reshape((-3, 0)),
                    no_bias=True, num_hidden=self._filters)
                last = place - self._width + 1
                windows.append(F.take(projected, F.slice_axis(ids, axis=0, begin=place, end=last or None)))
        best = self._maximum(F, _sum(windows), length)
        # The bias and a monotonic activation commute with the maximum; after it there is less to compute.
        best = F.broadcast_add(best, bias.reshape((1, -1)))
        if self._activation != "none":
            best = F.Activation(best, act_type=self._activation)
        return F.take(best, word_types)

    def _maximum(self, F: Operators, windows: Tensor, length: Tensor) -> Tensor:
        """The maximum over the characters of each word, (U, filters)."""
        windows = F.SequenceMask(windows, length, use_sequence_length=True, value=MASKED)
        # Halving takes far less time than the reduction operator, which walks element by element.
        parts = list(F.SliceChannel(windows, num_outputs=LENGTH_STEP, axis=0))
        while len(parts) > 1:
            parts = [F.maximum(first, second) for first, second in zip(parts[::2], parts[1::2])]
        return parts[0].max(axis=0)


def _sum(arrays: List[Tensor]) -> Tensor:
    total = arrays[0]
    for array in arrays[1:]:
        total = total + array
    return total


class WindowXavier(mx.init.Initializer):
    """Glorot's uniform initialization of a (width, filters, dimension) kernel."""

    def _init_weight(self, _: Tensor, array: Tensor) -> None:
        width, filters, dimension = array.shape
        bound = (6.0 / (width * (dimension + filters))) ** 0.5
        mx.random.uniform(-bound, bound, out=array)
