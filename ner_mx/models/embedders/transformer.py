"""The vectors of a pretrained encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping

import numpy as np

from ner_mx.features.batch import Batch
from ner_mx.features.transformer import OUTPUTS, Transformer
from ner_mx.models.embedders import Embedder
from ner_mx.registry import register
from ner_mx.untyped import Block, Device

if TYPE_CHECKING:
    from ner_mx.models.layers.onnx_graph import Graph

PIECES = ["pieces", "piece_length", "piece_places"]


@register.embedder("transformer")
class TransformerEmbedder(Embedder):
    """The output of the encoder at the pieces of each word."""

    feature: Transformer

    @property
    def inputs(self) -> List[str]:
        """The windows of pieces, their lengths, and where words are in them; or the outputs of the encoder."""
        return [OUTPUTS] if self._is_frozen else PIECES

    @property
    def dimension(self) -> int:
        """That of the encoder."""
        return self.feature.architecture.units

    def block(self) -> Block:
        """The encoder, and a lookup of its outputs."""
        from ner_mx.models.transformer.word_vectors import EncodedWords, FrozenWords

        kind = FrozenWords if self._is_frozen else EncodedWords
        return kind(self.feature.architecture, self.feature.settings)

    @property
    def _is_frozen(self) -> bool:
        return bool(self.feature.settings.frozen == "all")

    def computed(self, block: Block, batch: Batch, device: Device, exact: bool = False) -> Dict[str, Any]:
        """The outputs of an encoder of which nothing is trained, unless the batch has them from a cache."""
        if not self._is_frozen or OUTPUTS in batch.arrays:
            return {}
        from ner_mx.models.layers.device_arrays import network_inputs
        from ner_mx.models.transformer.word_vectors import half

        outputs = block.outputs(*network_inputs(batch, PIECES, device))
        return {OUTPUTS: outputs if exact else half(outputs).astype(np.float32)}

    def export(self, graph: Graph, parameters: Mapping[str, np.ndarray]) -> str:
        """The same."""
        from ner_mx.models.transformer.encoder_graph import encoded_words

        return encoded_words(graph, self.feature.architecture, self.feature.settings, parameters)
