"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ner_mx.config import OptimizerSettings
from ner_mx.registry import register


@register.optimizer("sgd")
class SGD(OptimizerSettings):
    """Plain, or with momentum."""

    momentum: float = Field(0.0, ge=0, lt=1)

    def build(self) -> Any:
        """The optimizer in MXNet."""
        from ner_mx.training.mxnet_optimizers import PlainSGD

        return PlainSGD(learning_rate=self.learning_rate, wd=self.weight_decay, momentum=self.momentum)
