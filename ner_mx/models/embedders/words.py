"""The word table."""

from __future__ import annotations

from ner_mx.features.words import Words
from ner_mx.models.embedders import LookupEmbedder
from ner_mx.registry import register
from ner_mx.untyped import Block


@register.embedder("words")
class WordEmbedder(LookupEmbedder):
    """The word table, which may start from pretrained vectors."""

    feature: Words

    def block(self) -> Block:
        """An embedding with the initial values and gradients of the settings."""
        from ner_mx.models.layers.embeddings import WordEmbedding

        return WordEmbedding(self.feature.size, self.feature.dimension, self.feature.settings)
