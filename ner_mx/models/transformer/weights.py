"""The weights of a checkpoint under the names of the network's parameters, and back."""

from __future__ import annotations

from typing import Dict, List, Mapping

import numpy as np

from ner_mx.resources.checkpoints import Architecture

TABLES = {"pieces": "piece_table", "positions": "position_table", "relative": "relative_table"}
PARTS = ("attended", "attended_norm", "inner", "outer", "outer_norm")
PROJECTIONS = ("query", "key", "value")


def network_weights(weights: Mapping[str, np.ndarray], architecture: Architecture) -> Dict[str, np.ndarray]:
    """The parameters of an :class:`~ner_mx.models.transformer.encoder_network.EncoderNetwork` by name."""
    result = {TABLES[name]: values for name, values in weights.items() if name in TABLES}
    for kind in ("weight", "bias"):
        result[f"norm.{kind}"] = weights[f"norm.{kind}"]
        for layer in range(architecture.layers):
            result[f"layer{layer}.attention.{kind}"] = _interleaved(
                [weights[f"{layer}.{name}.{kind}"] for name in PROJECTIONS], architecture.heads)
            for part in PARTS:
                result[f"layer{layer}.{part}.{kind}"] = weights[f"{layer}.{part}.{kind}"]
    return result


def _interleaved(parts: List[np.ndarray], heads: int) -> np.ndarray:
    """Queries, keys and values as one array whose rows are ordered by head, then by part."""
    by_head = np.stack([part.reshape(heads, -1, *part.shape[1:]) for part in parts], axis=1)
    return by_head.reshape(-1, *parts[0].shape[1:])


def separated(values: np.ndarray, heads: int) -> List[np.ndarray]:
    """The reverse: queries, keys and values, each (units, ...)."""
    by_head = values.reshape(heads, 3, -1, *values.shape[1:])
    return [by_head[:, part].reshape(-1, *values.shape[1:]) for part in range(3)]
