"""The buckets into which MPNet divides the distances between pieces (Song et al. 2020, after Raffel et al. 2020)."""

from __future__ import annotations

import numpy as np

# Of farther pieces, attention knows no more than the direction.
FARTHEST = 128


def distance_buckets(buckets: int) -> np.ndarray:
    """(2 * FARTHEST + 1,) int32: the bucket of each distance from -FARTHEST to FARTHEST.

    Half of the buckets are for pieces that follow.  Of each half, one half is
    for single distances, and the other divides the rest logarithmically.
    """
    distance = np.arange(-FARTHEST, FARTHEST + 1)
    half = buckets // 2
    exact = half // 2
    size = np.abs(distance)
    with np.errstate(divide="ignore"):
        ratio = np.log(size.astype(np.float32) / np.float32(exact)) / np.float32(np.log(FARTHEST / exact))
    far = np.minimum(half - 1, exact + (np.maximum(ratio, 0) * np.float32(half - exact)).astype(np.int64))
    return (np.where(distance > 0, half, 0) + np.where(size < exact, size, far)).astype(np.int32)
