"""How near training comes to the speed of the matrix products that it consists of."""

from __future__ import annotations

import time
from typing import Any, Optional

import numpy as np

from ner_mx.compat import mx
from ner_mx.training.trainable import Trainable
from ner_mx.untyped import Device, Values

# The side of the matrices that are multiplied, and how often.
SIDE, REPEATS = 1024, 5


def roofline(model: Trainable, tokens_per_second: float) -> Values:
    """The floating-point operations of training beside those of the machine, under Williams et al. 2009's name.

    Only what grows with the tokens is counted: the matrices between the vectors of words and the scores, 2 operations
    for each weight forward and 4 backward.  Embedders are left out, which compute distinct words, or look them up.

    Returns
    -------
    ``gflops``, ``matrix_gflops`` : 10^9 operations per second of training, and of products of large matrices alone.
    ``share`` : of the one in the other.  All are None where an encoder does most of the work.
    """
    weights = token_weights(model)
    if weights is None:
        return {"gflops": None, "matrix_gflops": None, "share": None}
    reached, possible = 6e-9 * weights * tokens_per_second, matrix_gflops(model.device)
    return {"gflops": reached, "matrix_gflops": possible, "share": reached / possible}


def token_weights(model: Trainable) -> Optional[int]:
    """The weights that each token is multiplied with once, biases included; None with an encoder."""
    if any(feature.name == "transformer" for feature in model.features):
        return None
    embedders = {name for embedder in model.embedders
                 for name in model.network.block(embedder).collect_params()}
    return sum(_size(parameter) for name, parameter in model.network.collect_params().items()
               if name not in embedders and parameter.grad_req != "null")


def matrix_gflops(device: Device) -> float:
    """The best of several products of large matrices on a device, in 10^9 operations per second."""
    matrix = mx.nd.ones((SIDE, SIDE), ctx=device)
    seconds = []
    for _ in range(REPEATS + 1):  # the first one allocates
        mx.nd.waitall()
        started = time.perf_counter()
        mx.nd.FullyConnected(matrix, matrix, num_hidden=SIDE, no_bias=True).wait_to_read()
        seconds.append(time.perf_counter() - started)
    return float(2e-9 * SIDE ** 3 / min(seconds[1:]))


def _size(parameter: Any) -> int:
    return int(np.prod(parameter.shape))
