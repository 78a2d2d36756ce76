"""The BLSTM-CNN of Chiu & Nichols 2016, and the BiLSTM without characters."""

from __future__ import annotations

from typing import Any, Dict, Literal, Sequence

import numpy as np
from pydantic import Field

from ner_mx.config import ModelSettings, Section
from ner_mx.features.batch import Batch
from ner_mx.models.embedders import Embedder
from ner_mx.registry import register
from ner_mx.untyped import Block


class Dropout(Section):
    """Probabilities of dropping.

    input : on the concatenated vectors of the features.
    spatial : on the same, but on whole dimensions of them for all words of a sentence.
    recurrent : on the recurrent weights, the same ones for all words of a batch (Merity et al. 2018, section 2).
    layers : between layers of the LSTM.
    output : on the outputs of the LSTM, where the paper has it.
    """

    input: float = Field(0.25, ge=0, lt=1)
    spatial: float = Field(0.0, ge=0, lt=1)
    recurrent: float = Field(0.0, ge=0, lt=1)
    layers: float = Field(0.0, ge=0, lt=1)
    output: float = Field(0.5, ge=0, lt=1)


@register.model("bilstm-cnn")
class BiLSTMCNN(ModelSettings):
    """Two stacks of LSTM layers over the vectors of the features.

    units : of the LSTM per direction.
    directions : ``separate`` stacks meet only at the output, as in the paper; ``joined`` ones
        after every layer.
    initial : of the recurrent matrices.
    output : ``linear`` is one layer over both directions; ``summed`` is the paper's sum of two
        log-softmaxes.
    """

    units: int = Field(200, ge=1)
    layers: int = Field(1, ge=1)
    directions: Literal["separate", "joined"] = "separate"
    forget_bias: float = 1.0
    initial: Literal["orthogonal", "xavier", "uniform"] = "orthogonal"
    output: Literal["linear", "summed"] = "linear"
    dropout: Dropout = Dropout()

    def network(self, embedders: Sequence[Embedder], classes: int) -> Block:
        """The network in Gluon."""
        from ner_mx.models.bilstm_cnn.tagger_network import TaggerNetwork

        return TaggerNetwork(self, embedders, classes)

    def collate(self, batch: Batch) -> Dict[str, np.ndarray]:
        """``reverse``, (T, N) int32: indices of the T * N flattened tokens that reverse each sentence
        within its own length; padding stays where it is."""
        steps = np.arange(batch.length.max())[:, None]
        count = len(batch.length)
        length = batch.length.astype(np.int64)
        reverse = np.where(steps < length, length - 1 - steps, steps) * count + np.arange(count)
        return {"reverse": reverse.astype(np.int32)}

    def export(self, embedders: Sequence[Embedder], parameters: Dict[str, np.ndarray]) -> Any:
        """The network in ONNX."""
        from ner_mx.models.bilstm_cnn.tagger_graph import tagger_graph

        return tagger_graph(self, embedders, parameters)

    def auxiliary(self, units: int) -> ModelSettings:
        """The same with other units."""
        return self.model_copy(update={"units": units})
