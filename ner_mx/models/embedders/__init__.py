"""Features to vectors: how the arrays of a feature become one vector per token.

An embedder describes the block that does it, and builds it when MXNet is
there; those of single features are in modules of their own.  A
:class:`~ner_mx.features.feature.Lookup` gets :class:`LookupEmbedder` unless another
is registered under the name of the feature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Dict, List, Mapping, Sequence

import numpy as np

from ner_mx.errors import ConfigError
from ner_mx.features.batch import Batch
from ner_mx.features.feature import Feature, Lookup
from ner_mx.registry import register
from ner_mx.untyped import Block, Device

if TYPE_CHECKING:
    from ner_mx.models.layers.onnx_graph import Graph


class Embedder:
    """How a model reads a feature.

    Attributes
    ----------
    inputs : the arrays of a batch that the block is called with, in order.
    dimension : of the vector of a token.
    """

    name: ClassVar[str]

    def __init__(self, feature: Feature):
        self.feature = feature

    @property
    def inputs(self) -> List[str]:
        """The names of the arrays."""
        raise NotImplementedError

    @property
    def dimension(self) -> int:
        """Of the vector of a token."""
        raise NotImplementedError

    def block(self) -> Block:
        """A Gluon ``HybridBlock`` that turns the arrays into (T, N, dimension)."""
        raise NotImplementedError

    def computed(self, block: Block, batch: Batch, device: Device, exact: bool = False) -> Dict[str, Any]:
        """Arrays of ``inputs`` that are no arrays of the batch, but computed from them outside of the network.

        Parameters
        ----------
        exact : whether they are what a bundle computes; if not, what a cache of them holds.
        """
        return {}

    def export(self, graph: Graph, parameters: Mapping[str, np.ndarray]) -> str:
        """The same as nodes of an ONNX graph; returns the name of their output.

        Parameters
        ----------
        parameters : of the block, by name.
        """
        raise NotImplementedError


class LookupEmbedder(Embedder):
    """One table of vectors; a feature of several columns has their vectors concatenated."""

    feature: Lookup

    @property
    def inputs(self) -> List[str]:
        """The ids."""
        return [self.feature.name]

    @property
    def dimension(self) -> int:
        """That of the table, times the columns."""
        return self.feature.dimension * self.feature.columns

    def block(self) -> Block:
        """An embedding that starts from N(0, 1), as every lookup table of the paper does."""
        from ner_mx.models.layers.embeddings import ConcatenatedEmbedding, embedding

        if self.feature.columns != 1:
            return ConcatenatedEmbedding(self.feature.size, self.feature.dimension)
        return embedding(self.feature.size, self.feature.dimension)

    def export(self, graph: Graph, parameters: Mapping[str, np.ndarray]) -> str:
        """One lookup."""
        if self.feature.columns == 1:
            return graph.lookup(parameters["weight"], self.feature.name)
        vectors = graph.lookup(parameters["weight"], self.feature.name, ("T", "N", self.feature.columns))
        return graph.add("Reshape", vectors, graph.constant(np.array([0, 0, -1])))


def embedders_of(features: Sequence[Feature]) -> List[Embedder]:
    """The embedder of each feature.

    Raises
    ------
    ConfigError : a feature is not a lookup and has no embedder.
    """
    return [_embedder_of(feature) for feature in features]


def _embedder_of(feature: Feature) -> Embedder:
    if feature.name in register.embedder:
        chosen: Embedder = register.embedder[feature.name](feature)
        return chosen
    if isinstance(feature, Lookup):
        return LookupEmbedder(feature)
    raise ConfigError(f"features.{feature.name}: expected a lookup or a feature with an embedder, found "
                      f"neither; register one under the name {feature.name!r}")
