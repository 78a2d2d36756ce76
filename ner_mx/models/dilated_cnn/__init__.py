"""Dilated convolutions over the sentence: a wide context at a fraction of the time of a recurrent layer."""

from __future__ import annotations

from typing import Annotated, Any, Dict, List, Sequence

import numpy as np
from pydantic import Field

from ner_mx.config import ModelSettings, Section
from ner_mx.models.embedders import Embedder
from ner_mx.registry import register
from ner_mx.untyped import Block


class DilatedDropout(Section):
    """Probabilities of dropping.

    input : on the concatenated vectors of the features.  layers : before each convolution.
    output : before the output layer.
    """

    input: float = Field(0.25, ge=0, lt=1)
    layers: float = Field(0.0, ge=0, lt=1)
    output: float = Field(0.5, ge=0, lt=1)


@register.model("dilated-cnn")
class DilatedCNN(ModelSettings):
    """Convolutions of width three, each with a wider step (Strubell et al. 2017, sections 3 and 4), and residuals.

    units : of every layer.
    dilations : the step of each convolution; with 1, 2, 4, 1, a word sees eight words on either side.
    """

    units: int = Field(128, ge=1)
    dilations: List[Annotated[int, Field(ge=1, le=64)]] = Field([1, 2, 4, 1], min_length=1, max_length=32)
    dropout: DilatedDropout = DilatedDropout()

    def network(self, embedders: Sequence[Embedder], classes: int) -> Block:
        """The network in Gluon."""
        from ner_mx.models.dilated_cnn.dilated_network import DilatedNetwork

        return DilatedNetwork(self, embedders, classes)

    def export(self, embedders: Sequence[Embedder], parameters: Dict[str, np.ndarray]) -> Any:
        """The network in ONNX."""
        from ner_mx.models.dilated_cnn.dilated_graph import dilated_graph

        return dilated_graph(self, embedders, parameters)

    def auxiliary(self, units: int) -> ModelSettings:
        """The same with other units."""
        return self.model_copy(update={"units": units})
