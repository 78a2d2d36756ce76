"""Weighted cross-entropy per token."""

from __future__ import annotations

from typing import Dict, Literal, Sequence, Union

import numpy as np
from pydantic import Field, field_validator

from ner_mx.config import LossSettings
from ner_mx.errors import ConfigError
from ner_mx.registry import register
from ner_mx.untyped import Block

Weights = Union[Literal["none", "balanced"], float, Dict[str, float]]


@register.loss("cross-entropy")
class CrossEntropy(LossSettings):
    """The negative log-probability of the gold tag of each token.

    weights : none; ``balanced``; a number, the weight of O; or a table by tag or type, such
        as ``{ORG: 2.0}``.
    smoothing : the share of the loss that is the mean over all tags (Szegedy et al. 2016, section 7).
    """

    weights: Weights = "none"
    smoothing: float = Field(0.0, ge=0, lt=1)

    @field_validator("weights")
    @classmethod
    def _not_negative(cls, weights: Weights) -> Weights:
        values = weights.values() if isinstance(weights, dict) else [weights]
        if any(isinstance(value, float) and not 0 <= value < float("inf") for value in values):
            raise ValueError("every weight must be 0 or more")
        return weights

    def build(self, classes: Sequence[str], counts: np.ndarray) -> Block:
        """The loss in Gluon.

        Raises
        ------
        ConfigError : the weights name a tag or type that does not exist.
        """
        from ner_mx.models.layers.loss_blocks import CrossEntropyBlock

        return CrossEntropyBlock(class_weights(self.weights, classes, counts), self.smoothing)


def class_weights(weights: Weights, classes: Sequence[str], counts: np.ndarray) -> np.ndarray:
    """The weight of each class, (K,) float32.

    ``balanced`` is scikit-learn's n / (K * count) over the classes that occur;
    classes that never occur have the weight 1.  A number is the weight of O.  A
    table names tags (``B-PER``) or types (``PER``, for all of its tags); the
    others have the weight 1.

    Raises
    ------
    ConfigError : the table names a tag or type that does not exist.
    """
    result = np.ones(len(classes), np.float32)
    if weights == "balanced":
        from sklearn.utils.class_weight import compute_class_weight

        present = np.flatnonzero(counts)
        labels = np.repeat(present, counts[present])
        result[present] = compute_class_weight("balanced", classes=present, y=labels)
    elif isinstance(weights, float):
        result[[index for index, name in enumerate(classes) if name == "O"]] = weights
    elif isinstance(weights, dict):
        for name, weight in weights.items():
            chosen = [index for index, tag in enumerate(classes) if name in (tag, tag.partition("-")[2])]
            if not chosen:
                raise ConfigError(f"loss.weights: expected tags or types of the corpus "
                                  f"({', '.join(classes)}), found {name!r}")
            result[chosen] = weight
    if not result.any():
        raise ConfigError("loss.weights: expected a weight above 0 for some class, found 0 for all of them")
    return result
