"""An LSTM that reads forward only: each token knows what comes before it, and nothing of what follows."""

from __future__ import annotations

from typing import Any, Dict, Literal, Sequence

import numpy as np
from pydantic import Field

from ner_mx.config import ModelSettings, Section
from ner_mx.models.embedders import Embedder
from ner_mx.registry import register
from ner_mx.untyped import Block


class LSTMDropout(Section):
    """Probabilities of dropping.

    input : on the concatenated vectors of the features.  layers : between layers of the LSTM.
    output : on the outputs of the LSTM.
    """

    input: float = Field(0.25, ge=0, lt=1)
    layers: float = Field(0.0, ge=0, lt=1)
    output: float = Field(0.5, ge=0, lt=1)


@register.model("lstm")
class LSTM(ModelSettings):
    """Layers of a forward LSTM over the vectors of the features.

    units : of every layer.
    initial : of the recurrent matrices.
    """

    units: int = Field(256, ge=1)
    layers: int = Field(1, ge=1)
    forget_bias: float = 1.0
    initial: Literal["orthogonal", "xavier", "uniform"] = "orthogonal"
    dropout: LSTMDropout = LSTMDropout()

    def network(self, embedders: Sequence[Embedder], classes: int) -> Block:
        """The network in Gluon."""
        from ner_mx.models.lstm.lstm_network import LSTMNetwork

        return LSTMNetwork(self, embedders, classes)

    def export(self, embedders: Sequence[Embedder], parameters: Dict[str, np.ndarray]) -> Any:
        """The network in ONNX."""
        from ner_mx.models.lstm.lstm_graph import lstm_graph

        return lstm_graph(self, embedders, parameters)

    def auxiliary(self, units: int) -> ModelSettings:
        """The same with other units."""
        return self.model_copy(update={"units": units})
