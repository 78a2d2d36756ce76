"""The characters of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Mapping

import numpy as np

from ner_mx.features.characters import Characters
from ner_mx.models.embedders import Embedder
from ner_mx.registry import register
from ner_mx.untyped import Block

if TYPE_CHECKING:
    from ner_mx.models.layers.onnx_graph import Graph


@register.embedder("characters")
class CharacterEmbedder(Embedder):
    """The character CNN of Chiu & Nichols 2016, figure 2."""

    feature: Characters

    @property
    def inputs(self) -> List[str]:
        """Characters, their types if they are read, lengths, and the word of each token."""
        return [*self.feature.by_type, "character_length", "word_types"]

    @property
    def dimension(self) -> int:
        """The filters of the convolution."""
        return int(self.feature.settings.filters)

    def block(self) -> Block:
        """The convolution over the distinct words of a batch, and a lookup of them."""
        from ner_mx.models.layers.character_cnn import CharacterCNN

        return CharacterCNN(self.feature.settings, len(self.feature.vocabulary))

    def export(self, graph: Graph, parameters: Mapping[str, np.ndarray]) -> str:
        """The same."""
        from ner_mx.models.layers.onnx_layers import character_cnn

        return character_cnn(graph, self.feature.settings, parameters)
