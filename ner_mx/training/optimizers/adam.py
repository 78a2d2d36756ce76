"""Adam (Kingma & Ba 2015)."""

from __future__ import annotations

from typing import Any

from ner_mx.config import OptimizerSettings
from ner_mx.registry import register


@register.optimizer("adam")
class Adam(OptimizerSettings):
    """With row-sparse gradients, it is the lazy kind: rows without a gradient keep their moments."""

    def build(self) -> Any:
        """The optimizer in MXNet."""
        from ner_mx.compat import mx

        return mx.optimizer.Adam(learning_rate=self.learning_rate, wd=self.weight_decay)
