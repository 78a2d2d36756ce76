"""Two stacks of LSTM layers that read a sentence from both sides."""

from __future__ import annotations

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import Network
from ner_mx.networks.packing import packed_size, unpacked


class BiLSTM(mx.gluon.HybridBlock):
    """A bidirectional LSTM that is right for padded batches.

    ``gluon.rnn.LSTM(bidirectional=True, use_sequence_length=True)`` ignores
    the lengths on the CPU without a word (mxnet issue 19323).  Here each
    direction is a recurrent operator of its own, and the backward one reads
    each sentence reversed within its own length (by a gather: the operator
    ``SequenceReverse`` takes ten times as long).

    Each stack holds one packed parameter, which the operator takes as it is;
    the layer of gluon would concatenate its parameters on every call.

    Parameters
    ----------
    settings : ``lstm_units`` a direction, ``lstm_layers``, and
        ``lstm_directions``: ``separate`` stacks meet only at the output (Chiu &
        Nichols 2016, figure 1), ``joined`` ones after every layer.
    inputs : the size of an input vector.
    """

    def __init__(self, settings: Network, inputs: int, **kwargs):
        super().__init__(**kwargs)
        self._units, self._dropout = settings.lstm_units, settings.dropout.layers
        joined = settings.lstm_directions == "joined"
        # A stack is (inputs, layers); joined directions are stacks of one layer each.
        self._stacks = ([(inputs if layer == 0 else 2 * self._units, 1)
                         for layer in range(settings.lstm_layers)]
                        if joined else [(inputs, settings.lstm_layers)])
        with self.name_scope():
            for number, (size, layers) in enumerate(self._stacks):
                for direction in ("forward", "backward"):
                    name = f"{direction}{number}"
                    setattr(self, name, self.params.get(
                        name, shape=(packed_size(size, self._units, layers),),
                        init=PackedLSTM(size, self._units, layers, settings.lstm_initial,
                                        settings.lstm_forget_bias)))

    def hybrid_forward(self, F, vectors, reverse, **parameters):
        """(T, N, inputs), (T, N) rows of the flattened tokens -> forward and backward, (T, N, units)."""
        ahead = behind = None
        for number, (_, layers) in enumerate(self._stacks):
            if number:
                vectors = side_by_side(F, ahead, behind)
                if self._dropout:
                    vectors = F.Dropout(vectors, p=self._dropout)
            ahead = self._read(F, vectors, parameters[f"forward{number}"], layers)
            behind = self._read(F, _turned(F, vectors, reverse), parameters[f"backward{number}"], layers)
            behind = _turned(F, behind, reverse)
        return ahead, behind

    def _read(self, F, vectors, parameter, layers: int):
        """One stack over (T, N, C), from a state of zeros."""
        state = F.broadcast_like(F.zeros((layers, 1, self._units)), vectors, lhs_axes=(1,), rhs_axes=(1,))
        return F.RNN(vectors, parameter, state, state, state_size=self._units, num_layers=layers,
                     mode="lstm", p=self._dropout if layers > 1 else 0.0)


def _turned(F, vectors, reverse):
    return F.take(vectors.reshape((-3, 0)), reverse)


def side_by_side(F, *parts):
    """Join (T, N, C) arrays along their last axis.

    ``concat`` walks the last axis element by element; two transpositions and a
    join along the first axis take a fifth of its time.
    """
    if len(parts) == 1:
        return parts[0]
    flat = [F.transpose(part.reshape((-3, 0))) for part in parts]  # (C, T * N)
    joined = F.transpose(F.concat(*flat, dim=0))
    return F.reshape_like(joined, parts[0], lhs_begin=0, lhs_end=1, rhs_begin=0, rhs_end=2)


class PackedLSTM(mx.init.Initializer):
    """Fills a packed parameter: Xavier for the inputs, a chosen matrix for the recurrence.

    The paper is silent here.  ``orthogonal`` (Saxe et al. 2014) recurrent
    matrices and a forget bias of 1 (Jozefowicz et al. 2015) are the common
    choice; ``uniform`` is +-1/sqrt(units) throughout, as Torch does it.
    """

    def __init__(self, inputs: int, units: int, layers: int, how: str, forget_bias: float):
        super().__init__(inputs=inputs, units=units, layers=layers, how=how, forget_bias=forget_bias)
        self._shape = (inputs, units, layers)
        self._how, self._forget_bias = how, forget_bias

    def _init_weight(self, _, array):
        inputs, units, layers = self._shape
        values = np.zeros(array.shape, np.float32)
        for into, recurrent, bias, recurrent_bias in unpacked(values, inputs, units, layers):
            if self._how == "uniform":
                bound = units ** -0.5
                for part in (into, recurrent, bias, recurrent_bias):
                    part[:] = np.random.uniform(-bound, bound, part.shape)
            else:
                for gate in range(4):
                    rows = slice(gate * units, (gate + 1) * units)
                    into[rows] = _glorot(into[rows].shape)
                    recurrent[rows] = (_orthogonal(units) if self._how == "orthogonal"
                                       else _glorot((units, units)))
            bias[units:2 * units] += self._forget_bias
        array[:] = values


def _glorot(shape) -> np.ndarray:
    bound = np.sqrt(6.0 / sum(shape))
    return np.random.uniform(-bound, bound, shape)


def _orthogonal(size: int) -> np.ndarray:
    matrix, triangle = np.linalg.qr(np.random.normal(size=(size, size)))
    return matrix * np.sign(np.diag(triangle))
