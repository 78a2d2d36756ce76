"""The outputs of an encoder as one vector per word."""

from __future__ import annotations

from typing import Mapping, Optional, Union

import numpy as np

from ner_mx.compat import mx
from ner_mx.features.transformer import TransformerSettings
from ner_mx.models.transformer.encoder_network import EncoderNetwork
from ner_mx.resources.checkpoints import Architecture
from ner_mx.untyped import Operators, Tensor, Values

HALF_MAX = float(np.finfo(np.float16).max)


class LayerMix(mx.gluon.HybridBlock):
    """The layers of an encoder as one: the last, the mean of the last ones, or a learned mix.

    Parameters
    ----------
    count : of the layers, with the embeddings.
    kind : see ``layers`` in :class:`~ner_mx.features.transformer.TransformerSettings`.

    Attributes
    ----------
    first : of the layers that are read.
    """

    def __init__(self, count: int, kind: Union[str, int]):
        super().__init__()
        self.is_learned = kind == "mix"
        self.first = 0 if self.is_learned else count - 1 if kind == "last" else count - int(kind)
        if self.is_learned:
            with self.name_scope():
                # Peters et al. 2018, equation 1; the softmax of zeros is the mean.
                self.weights = self.params.get("weights", shape=(count,), init=mx.init.Zero())
                self.scale = self.params.get("scale", shape=(1,), init=mx.init.One())

    def hybrid_forward(self, F: Operators, *layers: Tensor, weights: Optional[Tensor] = None,
                       scale: Optional[Tensor] = None) -> Tensor:
        """Arrays of one shape, from ``first`` on -> another of the shape."""
        if not self.is_learned:
            return F.add_n(*layers) / len(layers) if len(layers) > 1 else layers[0]
        shares = F.broadcast_mul(F.softmax(weights), scale).reshape((-1, 1, 1))
        total = None
        for number, layer in enumerate(layers):
            part = F.broadcast_mul(layer, F.slice_axis(shares, axis=0, begin=number, end=number + 1))
            total = part if total is None else total + part
        return total


class EncodedWords(mx.gluon.HybridBlock):
    """An encoder, a mix of its layers, and the vectors at the pieces of each word.

    Parameters
    ----------
    architecture : of the encoder.
    settings : which layers and pieces are taken.
    """

    def __init__(self, architecture: Architecture, settings: TransformerSettings):
        super().__init__()
        self._mean = settings.pooling == "mean"
        with self.name_scope():
            self.encoder = EncoderNetwork(architecture, settings)
            self.mix = LayerMix(architecture.layers + 1, settings.layers)

    def hybrid_forward(self, F: Operators, pieces: Tensor, length: Tensor, places: Tensor) -> Tensor:
        """(P, W) ids, (W,) float lengths, (T, N) or (T, N, M) indices of the P * W pieces -> (T, N, units)."""
        return at_words(F, self.mix(*self.encoder(pieces, length)[self.mix.first:]), places, self._mean)

    def set_pretrained(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Start from the weights of a checkpoint."""
        self.encoder.load(arrays)


def at_words(F: Operators, vectors: Tensor, places: Tensor, mean: bool) -> Tensor:
    """(P, W, units), indices of the P * W -> (T, N, units): a word's first piece, or the mean over its pieces."""
    vectors = vectors.reshape((-3, 0))  # (P * W, units)
    if not mean:
        return F.take(vectors, places)
    # Index P * W stands for no piece: its vector is zero.
    none = F.zeros_like(F.slice_axis(vectors, axis=0, begin=0, end=1))
    total = F.take(F.concat(vectors, none, dim=0), places).sum(axis=2)
    size = F.slice_axis(F.shape_array(vectors), axis=0, begin=0, end=1).astype("int32")
    count = F.broadcast_lesser(places, size.reshape((1, 1, 1))).astype("float32").sum(axis=2, keepdims=True)
    return F.broadcast_div(total, count)


class FrozenWords(mx.gluon.HybridBlock):
    """The same of an encoder of which nothing is trained: the network reads its outputs.

    The encoder is no child of the block, whose computation has no part in it;
    its parameters are saved with the others.

    Parameters
    ----------
    architecture : of the encoder.
    settings : which layers and pieces are taken.

    Attributes
    ----------
    outputs : the block that computes them, outside of the network.
    """

    def __init__(self, architecture: Architecture, settings: TransformerSettings):
        super().__init__()
        self._count = architecture.layers + 1
        with self.name_scope():
            self.mix = LayerMix(self._count, settings.layers)
            self.outputs = FrozenOutputs(EncoderNetwork(architecture, settings), self.mix, settings)

    def _collect_params_with_prefix(self, prefix: str = "") -> Values:
        encoder = self.outputs.encoder._collect_params_with_prefix(f"{prefix}.encoder" if prefix else "encoder")
        return {**super()._collect_params_with_prefix(prefix), **encoder}

    def hybrid_forward(self, F: Operators, outputs: Tensor) -> Tensor:
        """(T, N, units), or (T, N, layers * units) if they are mixed -> (T, N, units)."""
        if not self.mix.is_learned:
            return outputs
        return self.mix(*F.SliceChannel(outputs, num_outputs=self._count, axis=2))

    def set_pretrained(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Start from the weights of a checkpoint."""
        self.outputs.encoder.load(arrays)


class FrozenOutputs:
    """What a network reads of an encoder of which nothing is trained."""

    def __init__(self, encoder: EncoderNetwork, mix: LayerMix, settings: TransformerSettings):
        self.encoder, self._mix, self._settings = encoder, mix, settings
        encoder.initialize(mx.init.Zero(), ctx=mx.context.current_context())
        encoder.hybridize()

    def __call__(self, pieces: Tensor, length: Tensor, places: Tensor) -> np.ndarray:
        """(T, N, units), or (T, N, layers * units) if layers are mixed."""
        layers = self.encoder(pieces, length)
        layers = layers if self._mix.is_learned else [self._mix(*layers[self._mix.first:])]
        words = [at_words(mx.nd, layer, places, self._settings.pooling == "mean").asnumpy() for layer in layers]
        return np.concatenate(words, axis=2)


def half(outputs: np.ndarray) -> np.ndarray:
    """Outputs in the precision in which they are cached."""
    with np.errstate(over="ignore"):
        return np.clip(outputs, -HALF_MAX, HALF_MAX).astype(np.float16)
