"""A feed-forward layer over a window of words."""

from __future__ import annotations

from ner_mx.compat import mx
from ner_mx.models.layers.joining import with_margins
from ner_mx.untyped import Operators, Tensor


class WindowLayer(mx.gluon.HybridBlock):
    """One hidden layer with a hard tanh over the words around each word.

    Collobert et al. 2011, section 3.3.1; the FFNN of Chiu & Nichols 2016.
    Positions outside the sentence are vectors of zeros, whether or not the batch
    has padding there.

    A layer over concatenated vectors is a sum of layers, one for each position
    in the window, so nothing is copied.

    Parameters
    ----------
    width : words that the window holds; odd.
    units : of the layer.
    inputs : the dimension of an input vector.
    """

    def __init__(self, width: int, units: int, inputs: int):
        super().__init__()
        self._width, self._units = width, units
        with self.name_scope():
            self.kernel = self.params.get("kernel", shape=(width * units, inputs), init=mx.init.Xavier())
            self.bias = self.params.get("bias", shape=(units,), init=mx.init.Zero())

    def hybrid_forward(self, F: Operators, vectors: Tensor, length: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        """(T, N, inputs), (N,) float lengths -> (T, N, units)."""
        side = self._width // 2
        real = with_margins(F, F.SequenceMask(vectors, length, use_sequence_length=True), side, side)
        hidden = None
        for place in range(self._width):
            shifted = F.slice_axis(real, axis=0, begin=place, end=(place - self._width + 1) or None)
            weight = F.slice_axis(kernel, axis=0, begin=place * self._units, end=(place + 1) * self._units)
            part = F.FullyConnected(shifted, weight, no_bias=True, num_hidden=self._units, flatten=False)
            hidden = part if hidden is None else hidden + part
        return F.clip(F.broadcast_add(hidden, bias.reshape((1, 1, -1))), -1.0, 1.0)
