"""Two stacks of LSTM layers that read a sentence in both directions."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from ner_mx.compat import mx
from ner_mx.models.bilstm_cnn import BiLSTMCNN
from ner_mx.models.layers.joining import concatenated, dropped
from ner_mx.models.layers.packed_lstm import packed_size, unpacked
from ner_mx.untyped import Operators, Tensor


class BiLSTM(mx.gluon.HybridBlock):
    """A bidirectional LSTM that is correct for padded batches.

    ``gluon.rnn.LSTM(bidirectional=True, use_sequence_length=True)`` silently
    ignores the lengths on the CPU (mxnet issue 19323).  Here each direction
    is a recurrent operator of its own, and the backward one reads each
    sentence reversed within its own length (by a gather: the operator
    ``SequenceReverse`` takes ten times as long).

    Each layer of a direction has one packed parameter, which the operator
    takes as it is; gluon's layer concatenates its parameters on every call.
    The operator is called for each layer: several layers in one call are not
    faster, and on the CPU it silently ignores its dropout between them.

    Parameters
    ----------
    settings : ``units`` per direction, ``layers``, ``dropout.layers``, and ``directions``:
        ``separate`` stacks meet only at the output (Chiu & Nichols 2016, figure 1),
        ``joined`` ones after every layer.
    inputs : the dimension of an input vector.
    """

    def __init__(self, settings: BiLSTMCNN, inputs: int):
        super().__init__()
        self._units, self._layers = settings.units, settings.layers
        self._joined = settings.directions == "joined"
        self._dropout, self._weight_dropout = settings.dropout.layers, settings.dropout.recurrent
        between = 2 * self._units if self._joined else self._units
        with self.name_scope():
            for layer in range(self._layers):
                size = between if layer else inputs
                for direction in ("forward", "backward"):
                    name = f"{direction}{layer}"
                    setattr(self, name, self.params.get(
                        name, shape=(packed_size(size, self._units),),
                        init=PackedLSTM(self._units, settings.initial, settings.forget_bias)))

    def hybrid_forward(self, F: Operators, vectors: Tensor, reverse: Tensor,
                       **parameters: Tensor) -> Tuple[Tensor, Tensor]:
        """(T, N, inputs), (T, N) indices of the flattened tokens -> forward and backward, (T, N, units)."""
        # The backward direction stays reversed from the first layer to the last.
        forward, backward = vectors, _reversed(F, vectors, reverse)
        parameters = {name: self._with_weight_dropout(F, packed) for name, packed in parameters.items()}
        for layer in range(self._layers):
            if layer and self._joined:
                forward = dropped(F, concatenated(F, forward, _reversed(F, backward, reverse)), self._dropout)
                backward = _reversed(F, forward, reverse)
            elif layer:
                forward, backward = dropped(F, forward, self._dropout), dropped(F, backward, self._dropout)
            forward = lstm_layer(F, forward, parameters[f"forward{layer}"], self._units)
            backward = lstm_layer(F, backward, parameters[f"backward{layer}"], self._units)
        return forward, _reversed(F, backward, reverse)

    def _with_weight_dropout(self, F: Operators, packed: Tensor) -> Tensor:
        if not self._weight_dropout:
            return packed
        # Recurrent weights lie between the weights of the inputs and the biases.
        rows = 4 * self._units
        into, recurrent, biases = (F.slice_axis(packed, axis=0, begin=begin, end=end) for begin, end in (
            (0, -rows * (self._units + 2)), (-rows * (self._units + 2), -rows * 2), (-rows * 2, None)))
        return F.concat(into, dropped(F, recurrent, self._weight_dropout), biases, dim=0)


def lstm_layer(F: Operators, vectors: Tensor, packed: Tensor, units: int) -> Tensor:
    """One layer over (T, N, C), forward, from a state of zeros -> (T, N, units)."""
    state = F.broadcast_like(F.zeros((1, 1, units)), vectors, lhs_axes=(1,), rhs_axes=(1,))
    return F.RNN(vectors, packed, state, state, state_size=units, num_layers=1, mode="lstm")


def _reversed(F: Operators, vectors: Tensor, reverse: Tensor) -> Tensor:
    return F.take(vectors.reshape((-3, 0)), reverse)


class PackedLSTM(mx.init.Initializer):
    """Initializes a packed parameter: Xavier for the inputs, a chosen matrix for the recurrence.

    The paper does not say how.  ``orthogonal`` (Saxe et al. 2014) recurrent
    matrices and a forget bias of 1 (Jozefowicz et al. 2015) are the common
    choice; ``uniform`` is +-1/sqrt(units) throughout, as in Torch.
    """

    def __init__(self, units: int, method: str, forget_bias: float):
        super().__init__(units=units, method=method, forget_bias=forget_bias)
        self._units, self._method, self._forget_bias = units, method, forget_bias

    def _init_weight(self, _: Tensor, array: Tensor) -> None:
        units = self._units
        values = np.zeros(array.shape, np.float32)
        into, recurrent, bias, recurrent_bias = unpacked(values, units)
        if self._method == "uniform":
            bound = units ** -0.5
            for part in (into, recurrent, bias, recurrent_bias):
                part[:] = np.random.uniform(-bound, bound, part.shape)
        else:
            for gate in range(4):
                rows = slice(gate * units, (gate + 1) * units)
                into[rows] = _glorot(into[rows].shape)
                recurrent[rows] = (_orthogonal(units) if self._method == "orthogonal"
                                   else _glorot((units, units)))
        # The order of the gates is input, forget, cell, output.
        bias[units:2 * units] += self._forget_bias
        array[:] = values


def _glorot(shape: Tuple[int, ...]) -> np.ndarray:
    bound = np.sqrt(6.0 / sum(shape))
    return np.random.uniform(-bound, bound, shape)


def _orthogonal(size: int) -> np.ndarray:
    matrix, triangle = np.linalg.qr(np.random.normal(size=(size, size)))
    result: np.ndarray = matrix * np.sign(np.diag(triangle))
    return result
