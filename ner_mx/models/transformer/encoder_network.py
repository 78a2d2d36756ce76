"""A pretrained encoder in Gluon."""

from __future__ import annotations

from typing import List, Mapping, Optional

import numpy as np

from ner_mx.compat import mx
from ner_mx.features.transformer import TransformerSettings
from ner_mx.models.layers.residual_norm import ResidualNorm
from ner_mx.models.transformer.encoder_layer import EncoderLayer
from ner_mx.models.transformer.relative_positions import FARTHEST, distance_buckets
from ner_mx.models.transformer.weights import network_weights
from ner_mx.resources.checkpoints import Architecture
from ner_mx.untyped import Operators, Tensor


class EncoderNetwork(mx.gluon.HybridBlock):
    """Pieces to vectors.

    Parameters
    ----------
    architecture : of the checkpoint.
    settings : dropout, and which layers are trained.
    """

    def __init__(self, architecture: Architecture, settings: TransformerSettings):
        super().__init__()
        self._architecture = architecture
        pretrained = architecture.dropout, architecture.attention_dropout
        dropout, attention_dropout = (pretrained if settings.dropout is None
                                      else (settings.dropout, settings.dropout))
        frozen = architecture.layers if settings.frozen == "all" else int(settings.frozen)
        self._dropout = dropout if not frozen else 0.0
        units = architecture.units
        with self.name_scope():
            self.piece_table = self.params.get("piece_table", shape=(architecture.pieces, units),
                                               grad_stype="row_sparse", init=mx.init.Normal(0.02))
            self.position_table = self.params.get("position_table", shape=(architecture.positions, units),
                                                  init=mx.init.Normal(0.02))
            if architecture.relative_buckets:
                self.relative_table = self.params.get(
                    "relative_table", shape=(architecture.relative_buckets, architecture.heads), init=mx.init.Zero())
                self.distances = self.params.get_constant(
                    "distances", mx.nd.array(distance_buckets(architecture.relative_buckets)))
            self.norm = ResidualNorm(units, architecture.epsilon)
            self.layers: List[EncoderLayer] = []
            for number in range(architecture.layers):
                rates = (dropout, attention_dropout) if number >= frozen else (0.0, 0.0)
                self.layers.append(EncoderLayer(architecture, *rates))
                self.register_child(self.layers[-1], f"layer{number}")
        self._set_rates(settings, frozen)

    def _set_rates(self, settings: TransformerSettings, frozen: int) -> None:
        """Learning rates by layer, no decay of offsets and scales, and no gradients of frozen layers."""
        below = [*self._reg_params.values(), *self.norm.collect_params().values()]
        groups = [below, *(layer.collect_params().values() for layer in self.layers)]
        for level, group in enumerate(groups):
            for parameter in group:
                parameter.lr_mult = settings.rate * settings.layer_decay ** (len(self.layers) - level)
                # Devlin et al. 2019 decay matrices alone; scales and offsets are vectors.
                parameter.wd_mult = 1.0 if len(parameter.shape) > 1 else 0.0
                if frozen and level <= frozen:
                    parameter.grad_req = "null"

    def hybrid_forward(self, F: Operators, pieces: Tensor, length: Tensor, piece_table: Tensor,
                       position_table: Tensor, relative_table: Optional[Tensor] = None,
                       distances: Optional[Tensor] = None) -> List[Tensor]:
        """(P, W) ids, (W,) float lengths -> (P, W, units) by layer, the embeddings first."""
        vectors = F.Embedding(pieces, piece_table, input_dim=self._architecture.pieces,
                              output_dim=self._architecture.units, sparse_grad=True)
        steps = F.contrib.arange_like(pieces, axis=0).astype("float32")  # (P,)
        positions = F.expand_dims(F.take(position_table, steps), axis=1)
        vectors = self.norm(vectors, F.broadcast_like(positions, vectors, lhs_axes=(1,), rhs_axes=(1,)))
        if self._dropout:
            vectors = F.Dropout(vectors, p=self._dropout)
        relative = None
        if relative_table is not None:
            distance = F.broadcast_sub(steps.reshape((1, -1)), steps.reshape((-1, 1)))  # (P, P)
            bucket = F.take(distances, F.clip(distance, -FARTHEST, FARTHEST) + FARTHEST)
            relative = F.expand_dims(F.transpose(F.take(relative_table, bucket), axes=(2, 0, 1)), axis=0)
        outputs = [vectors]
        for layer in self.layers:
            outputs.append(layer(outputs[-1], length, *([relative] if relative is not None else [])))
        return outputs

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Set the parameters to those of a checkpoint, see :class:`~ner_mx.resources.checkpoints.Checkpoint`."""
        parameters = self._collect_params_with_prefix()
        for name, values in network_weights(weights, self._architecture).items():
            parameter = parameters[name]
            parameter.set_data(mx.nd.from_numpy(np.ascontiguousarray(values)).as_in_context(parameter.list_ctx()[0]))
