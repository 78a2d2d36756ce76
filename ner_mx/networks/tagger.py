"""The whole network: lookups, character CNN, BiLSTM, output."""

from __future__ import annotations

from typing import List, NamedTuple, Sequence

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import Features, Network
from ner_mx.features.encoder import Encoder
from ner_mx.features.lexicon import POSITIONS
from ner_mx.features.words import CASINGS, CHARACTER_TYPES
from ner_mx.networks.bilstm import BiLSTM, side_by_side
from ner_mx.networks.characters import CharacterCNN
from ner_mx.networks.window import WindowNetwork


class Sizes(NamedTuple):
    """Rows of each table, 0 for a feature that is off, and the number of classes."""

    words: int
    characters: int
    character_types: int
    casing: int
    pos: int
    lexicons: int
    classes: int

    @classmethod
    def of(cls, features: Features, encoder: Encoder, classes: int) -> Sizes:
        """The sizes that go with an encoder's tables."""
        return cls(len(encoder.words) if features.words.use else 0,
                   len(encoder.characters) if features.characters.use else 0,
                   len(CHARACTER_TYPES) if features.characters.use and features.characters.types else 0,
                   len(CASINGS) if features.casing.use else 0,
                   len(encoder.pos) if features.pos.use else 0,
                   len(encoder.lexicons) * len(POSITIONS), classes)


class BiLSTMCNN(mx.gluon.HybridBlock):
    """The BLSTM-CNN of Chiu & Nichols 2016 (figure 1), with the parts that are on.

    A feed-forward network over a window stands in the BiLSTM's place where the
    settings say so: the paper's FFNN.

    Parameters
    ----------
    settings : the dimensions and choices.
    sizes : rows of the tables.
    sparse_words : give the word table row-sparse gradients.

    Attributes
    ----------
    inputs : the arrays of a :class:`~ner_mx.features.batching.Batch` that a call
        takes, in order; features that are off are not among them.
    """

    def __init__(self, settings: Network, sizes: Sizes, sparse_words: bool = True, **kwargs):
        super().__init__(**kwargs)
        self._sizes, self._summed = sizes, settings.output == "summed"
        self._recurrent = settings.context == "lstm"
        self._input_dropout = settings.dropout.input
        self._output_dropout = settings.dropout.output
        nn, dimension = mx.gluon.nn, 0
        with self.name_scope():
            if sizes.words:
                initial = (mx.init.Normal(1.0) if settings.word_initial == "normal" else
                           mx.init.Uniform((3.0 / settings.word_dimension) ** 0.5))
                self.words = nn.Embedding(sizes.words, settings.word_dimension,
                                          weight_initializer=initial, sparse_grad=sparse_words)
                if not settings.word_trainable:
                    self.words.weight.grad_req = "null"
                dimension += settings.word_dimension
            if sizes.characters:
                self.characters = CharacterCNN(settings, sizes.characters, sizes.character_types)
                dimension += settings.character_filters
            for name, rows, size in (("casing", sizes.casing, settings.casing_dimension),
                                     ("pos", sizes.pos, settings.pos_dimension),
                                     ("lexicon", sizes.lexicons, settings.lexicon_dimension)):
                if rows:
                    setattr(self, name, nn.Embedding(rows, size, weight_initializer=mx.init.Normal(1.0)))
                    dimension += size * (rows // len(POSITIONS) if name == "lexicon" else 1)
            inputs = {"words": sizes.words, "casing": sizes.casing, "pos": sizes.pos,
                      "lexicon": sizes.lexicons, "forms": sizes.characters}
            self.inputs = [name for name, rows in inputs.items() if rows]
            if sizes.characters:
                self.inputs += self.characters.inputs
            self.inputs.append("reverse" if self._recurrent else "length")

            def linear(inputs: int, use_bias: bool = True):
                return nn.Dense(sizes.classes, flatten=False, in_units=inputs, use_bias=use_bias,
                                weight_initializer=mx.init.Xavier())

            if self._recurrent:
                self.bilstm = BiLSTM(settings, dimension)
                self.forward_output = linear(settings.lstm_units)
                self.backward_output = linear(settings.lstm_units, use_bias=self._summed)
            else:
                self.window = WindowNetwork(settings, dimension)
                self.window_output = linear(settings.window_units)

    def hybrid_forward(self, F, *values):
        """The arrays that ``inputs`` names -> emissions (T, N, classes)."""
        batch = dict(zip(self.inputs, values))
        parts = []
        if self._sizes.words:
            parts.append(self.words(batch["words"]))  # (T, N, word dimension)
        if self._sizes.characters:
            vectors = self.characters(*(batch[name] for name in self.characters.inputs))  # (U, filters)
            parts.append(F.take(vectors, batch["forms"]))  # (T, N, filters)
        if self._sizes.casing:
            parts.append(self.casing(batch["casing"]))
        if self._sizes.pos:
            parts.append(self.pos(batch["pos"]))
        if self._sizes.lexicons:
            parts.append(self.lexicon(batch["lexicon"]).reshape((0, 0, -1)))
        vectors = self._dropped(F, side_by_side(F, *parts), self._input_dropout)
        if not self._recurrent:
            hidden = self.window(vectors, batch["length"])
            return self.window_output(self._dropped(F, hidden, self._output_dropout))
        ahead, behind = self.bilstm(vectors, batch["reverse"])
        scores = [self.forward_output(self._dropped(F, ahead, self._output_dropout)),
                  self.backward_output(self._dropped(F, behind, self._output_dropout))]
        if self._summed:
            # The paper adds the log-probabilities and does not renormalise.
            scores = [F.log_softmax(score) for score in scores]
        # The sum of two linear layers is one linear layer over both directions.
        return scores[0] + scores[1]

    @staticmethod
    def _dropped(F, vectors, rate: float):
        return F.Dropout(vectors, p=rate) if rate else vectors

    def set_vectors(self, vectors: np.ndarray, known: np.ndarray) -> None:
        """Put pretrained vectors into the word table, in the rows that ``known`` marks."""
        table = self.words.weight.data()
        values = table.asnumpy()
        values[known] = vectors[known]
        self.words.weight.set_data(mx.nd.array(values, ctx=table.context))


def to_device(values: np.ndarray, dtype: str, device) -> mx.nd.NDArray:
    """A numpy array as MXNet's, without a copy on the CPU (``nd.array`` takes ten times as long)."""
    array = mx.nd.from_numpy(np.ascontiguousarray(values, dtype))
    return array if device.device_type == "cpu" else array.as_in_context(device)


def network_inputs(batch, names: Sequence[str], device) -> List[mx.nd.NDArray]:
    """The arrays of a batch that a network takes, on a device."""
    # Lengths are compared with float arrays inside the operators.
    return [to_device(getattr(batch, name), "float32" if "length" in name else "int32", device)
            for name in names]
