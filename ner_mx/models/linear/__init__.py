"""One linear layer over the vectors of the features: what fine-tuning an encoder takes."""

from __future__ import annotations

from typing import Any, Dict, Sequence

import numpy as np
from pydantic import Field

from ner_mx.config import ModelSettings, Section
from ner_mx.models.embedders import Embedder
from ner_mx.registry import register
from ner_mx.untyped import Block


class LinearDropout(Section):
    """The probability of dropping, on the concatenated vectors of the features."""

    input: float = Field(0.25, ge=0, lt=1)


@register.model("linear")
class Linear(ModelSettings):
    """Scores that are linear in the vector of a word (Devlin et al. 2019, section 5.3)."""

    dropout: LinearDropout = LinearDropout()

    def network(self, embedders: Sequence[Embedder], classes: int) -> Block:
        """The network in Gluon."""
        from ner_mx.models.linear.linear_network import LinearNetwork

        return LinearNetwork(self, embedders, classes)

    def export(self, embedders: Sequence[Embedder], parameters: Dict[str, np.ndarray]) -> Any:
        """The network in ONNX."""
        from ner_mx.models.linear.linear_graph import linear_graph

        return linear_graph(embedders, parameters)
