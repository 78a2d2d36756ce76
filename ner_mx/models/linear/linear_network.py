"""The network: embedders, output."""

from __future__ import annotations

from typing import List, Sequence

from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.embedding_layer import EmbeddingLayer, linear
from ner_mx.models.layers.joining import dropped
from ner_mx.models.linear import Linear
from ner_mx.untyped import Operators, Tensor


class LinearNetwork(EmbeddingLayer):
    """A linear layer over any features.

    Parameters
    ----------
    settings : the section ``model``.
    embedders : of the features that are read.
    classes : the number of classes.
    """

    def __init__(self, settings: Linear, embedders: Sequence[Embedder], classes: int):
        super().__init__(embedders, [])
        self._dropout = settings.dropout.input
        with self.name_scope():
            self.output = linear(self.dimension, classes)

    def scores(self, F: Operators, vectors: Tensor, others: List[Tensor]) -> Tensor:
        """(T, N, dimension), [] -> emissions (T, N, classes)."""
        return self.output(dropped(F, vectors, self._dropout))
