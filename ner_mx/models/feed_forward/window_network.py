"""The network: embedders, one hidden layer over a window, output."""

from __future__ import annotations

from typing import List, Sequence

from ner_mx.models.embedders import Embedder
from ner_mx.models.feed_forward import FeedForward
from ner_mx.models.layers.embedding_layer import EmbeddingLayer, linear
from ner_mx.models.layers.joining import dropped
from ner_mx.models.layers.window import WindowLayer
from ner_mx.untyped import Operators, Tensor


class WindowNetwork(EmbeddingLayer):
    """The FFNN of Chiu & Nichols 2016 over any features.

    Parameters
    ----------
    settings : the section ``model``.
    embedders : of the features that are read.
    classes : the number of classes.
    """

    def __init__(self, settings: FeedForward, embedders: Sequence[Embedder], classes: int):
        super().__init__(embedders, ["length"])
        self._input_dropout = settings.dropout.input
        self._output_dropout = settings.dropout.output
        with self.name_scope():
            self.window = WindowLayer(settings.width, settings.units, self.dimension)
            self.window_output = linear(settings.units, classes)

    def scores(self, F: Operators, vectors: Tensor, others: List[Tensor]) -> Tensor:
        """(T, N, dimension), [length] -> emissions (T, N, classes)."""
        hidden = self.window(dropped(F, vectors, self._input_dropout), others[0])
        return self.window_output(dropped(F, hidden, self._output_dropout))
