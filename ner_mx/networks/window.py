"""A feed-forward network over a window of words: what the paper measures its BLSTM against."""

from __future__ import annotations

from ner_mx.compat import mx
from ner_mx.config import Network


class WindowNetwork(mx.gluon.HybridBlock):
    """One hidden layer with a hard tanh over the words around each word.

    Collobert et al. 2011, section 3.3.1; the FFNN of Chiu & Nichols 2016.
    What lies outside the sentence is a vector of zeros, whether the batch
    pads there or not.

    A layer over joined vectors is a sum of layers, one for each place in the
    window, so nothing is copied side by side.

    Parameters
    ----------
    settings : ``window`` words at once (odd), ``window_units``.
    inputs : the size of an input vector.
    """

    def __init__(self, settings: Network, inputs: int, **kwargs):
        super().__init__(**kwargs)
        self._width, self._units = settings.window, settings.window_units
        with self.name_scope():
            self.kernel = self.params.get("kernel", shape=(self._width * self._units, inputs),
                                          init=mx.init.Xavier())
            self.bias = self.params.get("bias", shape=(self._units,), init=mx.init.Zero())

    def hybrid_forward(self, F, vectors, length, kernel, bias):
        """(T, N, inputs), (N,) float lengths -> (T, N, units)."""
        side = self._width // 2
        real = F.SequenceMask(vectors, length, use_sequence_length=True)
        if side:
            outside = F.zeros_like(F.slice_axis(real, axis=0, begin=0, end=1))
            real = F.concat(*[outside] * side, real, *[outside] * side, dim=0)
        hidden = None
        for place in range(self._width):
            shifted = F.slice_axis(real, axis=0, begin=place, end=(place - self._width + 1) or None)
            weight = F.slice_axis(kernel, axis=0, begin=place * self._units, end=(place + 1) * self._units)
            part = F.FullyConnected(shifted, weight, no_bias=True, num_hidden=self._units, flatten=False)
            hidden = part if hidden is None else hidden + part
        return F.clip(F.broadcast_add(hidden, bias.reshape((1, 1, -1))), -1.0, 1.0)
