"""Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

from __future__ import annotations

from typing import Any

from ner_mx.config import OptimizerSettings
from ner_mx.registry import register


@register.optimizer("adamw")
class AdamW(OptimizerSettings):
    """Weights decay by learning rate times decay at every step, beside the update of Adam."""

    def build(self) -> Any:
        """The optimizer in MXNet."""
        from ner_mx.training.mxnet_optimizers import DecoupledAdam

        return DecoupledAdam(learning_rate=self.learning_rate, wd=self.weight_decay)
