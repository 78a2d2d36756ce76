"""The network: embedders, a projection, dilated convolutions with residuals, output."""

from __future__ import annotations

from typing import List, Sequence

from ner_mx.compat import mx
from ner_mx.models.dilated_cnn import DilatedCNN
from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.embedding_layer import EmbeddingLayer, linear
from ner_mx.models.layers.joining import dropped, with_margins
from ner_mx.untyped import Operators, Tensor


class DilatedNetwork(EmbeddingLayer):
    """Dilated convolutions over any features.

    Parameters
    ----------
    settings : the section ``model``.
    embedders : of the features that are read.
    classes : the number of classes.
    """

    def __init__(self, settings: DilatedCNN, embedders: Sequence[Embedder], classes: int):
        super().__init__(embedders, ["length"])
        self._dropout = settings.dropout
        self._layers: List[DilatedLayer] = []
        with self.name_scope():
            self.projection = linear(self.dimension, settings.units)
            for number, dilation in enumerate(settings.dilations):
                self._layers.append(DilatedLayer(settings.units, dilation))
                self.register_child(self._layers[-1], f"layer{number}")
            self.output = linear(settings.units, classes)

    def scores(self, F: Operators, vectors: Tensor, others: List[Tensor]) -> Tensor:
        """(T, N, dimension), [length] -> emissions (T, N, classes)."""
        hidden = F.relu(self.projection(dropped(F, vectors, self._dropout.input)))
        for layer in self._layers:
            hidden = hidden + layer(dropped(F, hidden, self._dropout.layers), others[0])
        return self.output(dropped(F, hidden, self._dropout.output))


class DilatedLayer(mx.gluon.HybridBlock):
    """A convolution of width three over words that are ``dilation`` apart, and a rectifier.

    Positions outside the sentence are vectors of zeros, whether or not the batch
    has padding there.

    Parameters
    ----------
    units : of its input and output.
    dilation : the distance of the words.
    """

    def __init__(self, units: int, dilation: int):
        super().__init__()
        self._units, self._dilation = units, dilation
        with self.name_scope():
            self.kernel = self.params.get("kernel", shape=(3 * units, units),
                                          init=mx.init.Xavier(factor_type="in", magnitude=2))
            self.bias = self.params.get("bias", shape=(units,), init=mx.init.Zero())

    def hybrid_forward(self, F: Operators, vectors: Tensor, length: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        """(T, N, units), (N,) float lengths -> (T, N, units)."""
        step = self._dilation
        real = with_margins(F, F.SequenceMask(vectors, length, use_sequence_length=True), step, step)
        total = None
        for place in range(3):
            shifted = F.slice_axis(real, axis=0, begin=place * step, end=(place - 2) * step or None)
            weight = F.slice_axis(kernel, axis=0, begin=place * self._units, end=(place + 1) * self._units)
            part = F.FullyConnected(shifted, weight, no_bias=True, num_hidden=self._units, flatten=False)
            total = part if total is None else total + part
        return F.relu(F.broadcast_add(total, bias.reshape((1, 1, -1))))
