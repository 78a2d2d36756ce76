"""One layer of an encoder: attention, and two feed-forward layers, each followed by a normalized sum."""

from __future__ import annotations

from typing import Optional

from ner_mx.compat import mx
from ner_mx.models.layers.attention import Attention
from ner_mx.models.layers.embedding_layer import linear
from ner_mx.models.layers.residual_norm import ResidualNorm
from ner_mx.resources.checkpoints import Architecture
from ner_mx.untyped import Operators, Tensor


class EncoderLayer(mx.gluon.HybridBlock):
    """A layer of Devlin et al. 2019, after Vaswani et al. 2017, section 3.1.

    Queries, keys and values come from one matrix whose rows are ordered by
    head, as MXNet's operators of attention want them: gluonnlp's layer has three
    and joins them on every call.

    Parameters
    ----------
    architecture : the sizes.
    dropout, attention_dropout : their rates.
    """

    def __init__(self, architecture: Architecture, dropout: float, attention_dropout: float):
        super().__init__()
        self._activation = architecture.activation
        units, epsilon = architecture.units, architecture.epsilon
        with self.name_scope():
            self.attention = linear(units, 3 * units)
            self.context = Attention(architecture.heads, attention_dropout)
            self.attended = linear(units, units)
            self.attended_norm = ResidualNorm(units, epsilon, dropout)
            self.inner = linear(units, architecture.hidden)
            self.outer = linear(architecture.hidden, units)
            self.outer_norm = ResidualNorm(units, epsilon, dropout)

    def hybrid_forward(self, F: Operators, vectors: Tensor, length: Tensor,
                       relative: Optional[Tensor] = None) -> Tensor:
        """One layer over W windows of P pieces.

        Parameters
        ----------
        vectors : (P, W, units).
        length : (W,) float, pieces per window.
        relative : (1, heads, P, P), added to the scores.

        Returns
        -------
        (P, W, units); values in padding mean nothing.
        """
        distances = [] if relative is None else [relative]
        context = self.context(self.attention(vectors), length, *distances)
        vectors = self.attended_norm(self.attended(context), vectors)
        hidden = self.inner(vectors)
        hidden = F.LeakyReLU(hidden, act_type="gelu") if self._activation == "gelu" else F.relu(hidden)
        return self.outer_norm(self.outer(hidden), vectors)
