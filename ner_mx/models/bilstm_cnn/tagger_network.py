"""The network: embedders, BiLSTM, output."""

from __future__ import annotations

from typing import List, Sequence

from ner_mx.models.bilstm_cnn import BiLSTMCNN
from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.bilstm import BiLSTM
from ner_mx.models.layers.embedding_layer import EmbeddingLayer, linear
from ner_mx.models.layers.joining import dropped, dropped_dimensions
from ner_mx.untyped import Operators, Tensor


class TaggerNetwork(EmbeddingLayer):
    """The BLSTM-CNN of Chiu & Nichols 2016 (figure 1) over any features.

    Parameters
    ----------
    settings : the section ``model``.
    embedders : of the features that are read.
    classes : the number of classes.
    """

    def __init__(self, settings: BiLSTMCNN, embedders: Sequence[Embedder], classes: int):
        super().__init__(embedders, ["reverse"])
        self._summed = settings.output == "summed"
        self._dropout = settings.dropout
        with self.name_scope():
            self.bilstm = BiLSTM(settings, self.dimension)
            self.forward_output = linear(settings.units, classes)
            self.backward_output = linear(settings.units, classes, use_bias=self._summed)

    def scores(self, F: Operators, vectors: Tensor, others: List[Tensor]) -> Tensor:
        """(T, N, dimension), [reverse] -> emissions (T, N, classes)."""
        vectors = dropped_dimensions(F, dropped(F, vectors, self._dropout.input), self._dropout.spatial)
        forward, backward = self.bilstm(vectors, others[0])
        scores = [self.forward_output(dropped(F, forward, self._dropout.output)),
                  self.backward_output(dropped(F, backward, self._dropout.output))]
        if self._summed:
            # The paper adds the log-probabilities and does not renormalize.
            scores = [F.log_softmax(score) for score in scores]
        # The sum of two linear layers is one linear layer over both directions.
        return scores[0] + scores[1]


