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

    Each layer of a direction holds one packed parameter, which the operator
    takes as it is; the layer of gluon would concatenate its parameters on every
    call.  The operator is called for each layer: several at once would be no
    faster, and on the CPU it ignores its dropout between them without a word.

    Parameters
    ----------
    settings : ``lstm_units`` a direction, ``lstm_layers``, ``dropout.layers``, and
        ``lstm_directions``: ``separate`` stacks meet only at the output (Chiu &
        Nichols 2016, figure 1), ``joined`` ones after every layer.
    inputs : the size of an input vector.
    """

    def __init__(self, settings: Network, inputs: int, **kwargs):
        super().__init__(**kwargs)
        self._units, self._layers = settings.lstm_units, settings.lstm_layers
        self._joined = settings.lstm_directions == "joined"
        self._dropout = settings.dropout.layers
        between = 2 * self._units if self._joined else self._units
        with self.name_scope():
            for layer in range(self._layers):
                size = between if layer else inputs
                for direction in ("forward", "backward"):
                    name = f"{direction}{layer}"
                    setattr(self, name, self.params.get(
                        name, shape=(packed_size(size, self._units),),
                        init=PackedLSTM(self._units, settings.lstm_initial, settings.lstm_forget_bias)))

    def hybrid_forward(self, F, vectors, reverse, **parameters):
        """(T, N, inputs), (T, N) rows of the flattened tokens -> forward and backward, (T, N, units)."""
        # What goes backward stays turned from the first layer to the last.
        ahead, behind = vectors, _turned(F, vectors, reverse)
        for layer in range(self._layers):
            if layer and self._joined:
                ahead = self._dropped(F, side_by_side(F, ahead, _turned(F, behind, reverse)))
                behind = _turned(F, ahead, reverse)
            elif layer:
                ahead, behind = self._dropped(F, ahead), self._dropped(F, behind)
            ahead = self._read(F, ahead, parameters[f"forward{layer}"])
            behind = self._read(F, behind, parameters[f"backward{layer}"])
        return ahead, _turned(F, behind, reverse)

    def _dropped(self, F, vectors):
        return F.Dropout(vectors, p=self._dropout) if self._dropout else vectors

    def _read(self, F, vectors, parameter):
        """One layer over (T, N, C), from a state of zeros."""
        state = F.broadcast_like(F.zeros((1, 1, self._units)), vectors, lhs_axes=(1,), rhs_axes=(1,))
        return F.RNN(vectors, parameter, state, state, state_size=self._units, num_layers=1, mode="lstm")


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

    def __init__(self, units: int, how: str, forget_bias: float):
        super().__init__(units=units, how=how, forget_bias=forget_bias)
        self._units, self._how, self._forget_bias = units, how, forget_bias

    def _init_weight(self, _, array):
        units = self._units
        values = np.zeros(array.shape, np.float32)
        into, recurrent, bias, recurrent_bias = unpacked(values, units)
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
