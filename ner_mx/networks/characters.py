"""The character CNN: a vector for each distinct form of a batch."""

from __future__ import annotations

from ner_mx.compat import mx
from ner_mx.config import Network
from ner_mx.features.batching import LENGTH_STEP

# What stands in place of the windows behind a word's end, before the maximum.
FAR_BELOW = -1e9


class CharacterCNN(mx.gluon.HybridBlock):
    """Characters to a vector: lookup, convolution, maximum over the word.

    Chiu & Nichols 2016, sections 2.2.1 and 2.5, figure 2.  A form is the same
    vector whatever stands beside it in the batch: windows that begin behind
    its last character are masked before the maximum.

    A convolution over looked-up vectors is a sum of lookups in projected
    tables, one for each place in the window.  With some hundred characters to
    project, instead of each of the batch, this takes a third of the time of
    the convolution operator.

    Parameters
    ----------
    settings : dimensions, width, activation.
    characters, types : rows of the two tables; ``types`` 0 leaves the types out.
    """

    def __init__(self, settings: Network, characters: int, types: int = 0, **kwargs):
        super().__init__(**kwargs)
        self._width, self._filters = settings.character_width, settings.character_filters
        self._activation, self._typed = settings.character_activation, types > 0
        self.inputs = (["characters", "character_types", "character_length"] if types else
                       ["characters", "character_length"])
        dimension = settings.character_dimension
        with self.name_scope():
            # Uniform in [-0.5, 0.5] as in the paper.
            self.table = self.params.get("table", shape=(characters, dimension),
                                         init=mx.init.Uniform(0.5))
            if types:
                self.type_table = self.params.get(
                    "type_table", shape=(types, settings.character_type_dimension),
                    init=mx.init.Normal(1.0))
                dimension += settings.character_type_dimension
            self.kernel = self.params.get("kernel", shape=(self._width, self._filters, dimension),
                                          init=WindowXavier())
            self.bias = self.params.get("bias", shape=(self._filters,), init=mx.init.Zero())
        self._split = settings.character_dimension

    def hybrid_forward(self, F, characters, *types_and_length, table, kernel, bias, type_table=None):
        """(L + width - 1, U) rows, [their types,] (U,) float lengths -> (U, filters)."""
        *types, length = types_and_length
        tables = [(characters, table, 0, self._split)]
        if types:
            tables.append((types[0], type_table, self._split, None))
        windows = None  # (L, U, filters)
        for rows, vectors, begin, end in tables:
            weights = F.slice_axis(kernel, axis=2, begin=begin, end=end)
            for place in range(self._width):
                projected = F.FullyConnected(
                    vectors, F.slice_axis(weights, axis=0, begin=place, end=place + 1).reshape((-3, 0)),
                    no_bias=True, num_hidden=self._filters)
                last = place - self._width + 1
                part = F.take(projected, F.slice_axis(rows, axis=0, begin=place, end=last or None))
                windows = part if windows is None else windows + part
        windows = F.SequenceMask(windows, length, use_sequence_length=True, value=FAR_BELOW)
        # Halving costs far less than the reduction operator, which walks element by element.
        parts = list(F.SliceChannel(windows, num_outputs=LENGTH_STEP, axis=0))
        while len(parts) > 1:
            parts = [F.maximum(one, two) for one, two in zip(parts[::2], parts[1::2])]
        # Bias and a rising activation commute with the maximum; behind it there is less to compute.
        best = F.broadcast_add(parts[0].max(axis=0), bias.reshape((1, -1)))
        return best if self._activation == "none" else F.Activation(best, act_type=self._activation)


class WindowXavier(mx.init.Initializer):
    """Glorot's uniform initialisation of a (width, filters, dimension) kernel."""

    def _init_weight(self, _, array):
        width, filters, dimension = array.shape
        bound = (6.0 / (width * (dimension + filters))) ** 0.5
        mx.random.uniform(-bound, bound, out=array)
