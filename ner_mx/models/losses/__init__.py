"""Losses, one per file; each is a section of the configuration that builds a Gluon block.

The block has a method ``heads(emissions, targets) -> Heads``, which says where
the gradients enter the network.
"""

from __future__ import annotations

from typing import Any, List, NamedTuple

import numpy as np


class Heads(NamedTuple):
    """A loss, and where its gradient enters the network.

    loss : summed over the batch; a number, or an MXNet scalar that may not be computed yet.
    arrays : recorded by MXNet.  gradients : of the loss with respect to each of them.
    """

    loss: Any
    arrays: List[Any]
    gradients: List[np.ndarray]
