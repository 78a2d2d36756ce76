"""The network: embedders, forward LSTM, output."""

from __future__ import annotations

from typing import List, Sequence

from ner_mx.compat import mx
from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.bilstm import PackedLSTM, lstm_layer
from ner_mx.models.layers.embedding_layer import EmbeddingLayer, linear
from ner_mx.models.layers.joining import dropped
from ner_mx.models.layers.packed_lstm import packed_size
from ner_mx.models.lstm import LSTM
from ner_mx.untyped import Operators, Tensor


class LSTMNetwork(EmbeddingLayer):
    """A forward LSTM over any features.

    Parameters
    ----------
    settings : the section ``model``.
    embedders : of the features that are read.
    classes : the number of classes.
    """

    def __init__(self, settings: LSTM, embedders: Sequence[Embedder], classes: int):
        super().__init__(embedders, [])
        self._dropout = settings.dropout
        self._layers: List[ForwardLayer] = []
        with self.name_scope():
            for number in range(settings.layers):
                self._layers.append(ForwardLayer(settings, settings.units if number else self.dimension))
                self.register_child(self._layers[-1], f"layer{number}")
            self.output = linear(settings.units, classes)

    def scores(self, F: Operators, vectors: Tensor, others: List[Tensor]) -> Tensor:
        """(T, N, dimension) -> emissions (T, N, classes)."""
        hidden = dropped(F, vectors, self._dropout.input)
        for number, layer in enumerate(self._layers):
            hidden = layer(dropped(F, hidden, self._dropout.layers) if number else hidden)
        return self.output(dropped(F, hidden, self._dropout.output))


class ForwardLayer(mx.gluon.HybridBlock):
    """One layer; padding comes after all that a token knows."""

    def __init__(self, settings: LSTM, inputs: int):
        super().__init__()
        self._units = settings.units
        with self.name_scope():
            self.packed = self.params.get("packed", shape=(packed_size(inputs, settings.units),), init=PackedLSTM(
                settings.units, settings.initial, settings.forget_bias))

    def hybrid_forward(self, F: Operators, vectors: Tensor, packed: Tensor) -> Tensor:
        """(T, N, inputs) -> (T, N, units)."""
        return lstm_layer(F, vectors, packed, self._units)
