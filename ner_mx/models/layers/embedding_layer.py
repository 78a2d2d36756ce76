"""What most networks begin with: the vectors of all features, concatenated."""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence

import numpy as np

from ner_mx.compat import mx
from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.joining import concatenated
from ner_mx.untyped import Operators, Tensor


class EmbeddingLayer(mx.gluon.HybridBlock):
    """Embedders side by side; subclasses turn the concatenated vectors into scores.

    Parameters
    ----------
    embedders : in the order in which their vectors are concatenated; the block of each is a
        child under the name of its feature.
    others : the names of arrays that the network needs beside those of the embedders.

    Attributes
    ----------
    inputs : the arrays that a call takes, in order.
    dimension : of the concatenated vectors.
    """

    def __init__(self, embedders: Sequence[Embedder], others: Sequence[str]):
        super().__init__()
        self.dimension = sum(embedder.dimension for embedder in embedders)
        self._embedders = {embedder.feature.name: list(embedder.inputs) for embedder in embedders}
        self._others = list(others)
        names = [name for inputs in self._embedders.values() for name in inputs]
        self.inputs: List[str] = [*dict.fromkeys([*names, *others])]
        with self.name_scope():
            for embedder in embedders:
                self.register_child(embedder.block(), embedder.feature.name)

    def hybrid_forward(self, F: Operators, *values: Tensor) -> Tensor:
        """The arrays that ``inputs`` names -> emissions (T, N, classes)."""
        arrays: Dict[str, Tensor] = dict(zip(self.inputs, values))
        vectors = [self._children[feature](*(arrays[name] for name in inputs))
                   for feature, inputs in self._embedders.items()]
        return self.scores(F, concatenated(F, *vectors), [arrays[name] for name in self._others])

    def scores(self, F: Operators, vectors: Tensor, others: List[Tensor]) -> Tensor:
        """(T, N, dimension) and the other arrays -> emissions (T, N, classes)."""
        raise NotImplementedError

    def block(self, embedder: Embedder) -> Tensor:
        """The block of an embedder."""
        return self._children[embedder.feature.name]

    def set_pretrained(self, feature: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Start the block of a feature from what :meth:`ner_mx.features.feature.Feature.pretrained` gives."""
        self._children[feature].set_pretrained(arrays)


def linear(inputs: int, classes: int, use_bias: bool = True) -> Tensor:
    """An output layer."""
    return mx.gluon.nn.Dense(classes, flatten=False, in_units=inputs, use_bias=use_bias,
                             weight_initializer=mx.init.Xavier())
