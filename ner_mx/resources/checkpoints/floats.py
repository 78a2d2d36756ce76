"""Floats of any width."""

from __future__ import annotations

import numpy as np


def as_float32(data: np.ndarray, is_bfloat16: bool) -> np.ndarray:
    """Floats of any width as float32."""
    if is_bfloat16:
        return (data.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return data.astype(np.float32, copy=False)
