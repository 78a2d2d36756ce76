"""Tables of vectors."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from ner_mx.compat import mx
from ner_mx.features.words import WordSettings
from ner_mx.models.layers.device_arrays import first_copy
from ner_mx.untyped import Operators, Tensor


def embedding(size: int, dimension: int) -> Tensor:
    """A table that starts from N(0, 1)."""
    return mx.gluon.nn.Embedding(size, dimension, weight_initializer=mx.init.Normal(1.0))


class ConcatenatedEmbedding(mx.gluon.nn.Embedding):
    """Several lookups per token in one table, their vectors concatenated."""

    def __init__(self, size: int, dimension: int):
        super().__init__(size, dimension, weight_initializer=mx.init.Normal(1.0))

    def hybrid_forward(self, F: Operators, ids: Tensor, weight: Tensor) -> Tensor:
        """(T, N, columns) ids -> (T, N, columns * dimension)."""
        return super().hybrid_forward(F, ids, weight).reshape((0, 0, -1))


class WordEmbedding(mx.gluon.nn.Embedding):
    """The word table: row-sparse gradients, initial values and trainability as the settings say."""

    def __init__(self, size: int, dimension: int, settings: WordSettings):
        initial = (mx.init.Normal(1.0) if settings.initial == "normal" else
                   mx.init.Uniform((3.0 / dimension) ** 0.5))
        super().__init__(size, dimension, weight_initializer=initial, sparse_grad=settings.sparse_gradients)
        if not settings.trainable:
            self.weight.grad_req = "null"

    def set_pretrained(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Put pretrained vectors into the table.

        Parameters
        ----------
        arrays : ``matrix`` (rows, dimension), and ``known`` (rows,) bool, the rows that it fills.
        """
        table = first_copy(self.weight)
        values = table.asnumpy()
        values[arrays["known"]] = arrays["matrix"][arrays["known"]]
        self.weight.set_data(mx.nd.array(values, ctx=table.context))
