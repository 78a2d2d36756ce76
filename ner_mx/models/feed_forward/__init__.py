"""A feed-forward network over a window of words: what the paper compares its BLSTM with."""

from __future__ import annotations

from typing import Any, Dict, Sequence

import numpy as np
from pydantic import Field, field_validator

from ner_mx.config import ModelSettings, Section
from ner_mx.models.embedders import Embedder
from ner_mx.registry import register
from ner_mx.untyped import Block


class WindowDropout(Section):
    """Probabilities of dropping: on the concatenated vectors, and on the hidden layer."""

    input: float = Field(0.25, ge=0, lt=1)
    output: float = Field(0.5, ge=0, lt=1)


@register.model("feed-forward")
class FeedForward(ModelSettings):
    """One hidden layer over the words around each word.

    width : words that the window holds; odd.
    units : of the hidden layer, Collobert's number.
    """

    width: int = Field(5, ge=1)
    units: int = Field(300, ge=1)
    dropout: WindowDropout = WindowDropout()

    @field_validator("width")
    @classmethod
    def _odd(cls, width: int) -> int:
        if width % 2 == 0:
            raise ValueError("must be odd: as many words before a word as after it")
        return width

    def network(self, embedders: Sequence[Embedder], classes: int) -> Block:
        """The network in Gluon."""
        from ner_mx.models.feed_forward.window_network import WindowNetwork

        return WindowNetwork(self, embedders, classes)

    def export(self, embedders: Sequence[Embedder], parameters: Dict[str, np.ndarray]) -> Any:
        """The network in ONNX."""
        from ner_mx.models.feed_forward.window_graph import window_graph

        return window_graph(self, embedders, parameters)
