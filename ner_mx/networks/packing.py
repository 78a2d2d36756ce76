"""The one long vector in which the recurrent operator wants the weights of a stack of LSTM layers."""

from __future__ import annotations

import numpy as np


def packed_size(inputs: int, units: int, layers: int) -> int:
    """How many numbers the recurrent operator wants for a stack of one direction."""
    return sum(4 * units * ((inputs if layer == 0 else units) + units + 2) for layer in range(layers))


def unpacked(parameter: np.ndarray, inputs: int, units: int, layers: int):
    """The views on a packed parameter, layer by layer.

    Returns
    -------
    A list of (input weights (4 * units, inputs), recurrent weights
    (4 * units, units), input biases (4 * units,), recurrent biases), gates in
    the order input, forget, cell, output.
    """
    weights, biases, position = [], [], 0

    def take(*shape):
        nonlocal position
        size = int(np.prod(shape))
        position += size
        return parameter[position - size:position].reshape(shape)

    for layer in range(layers):
        weights.append((take(4 * units, inputs if layer == 0 else units), take(4 * units, units)))
    for _ in range(layers):
        biases.append((take(4 * units), take(4 * units)))
    return [weight + bias for weight, bias in zip(weights, biases)]


def inputs_of(size: int, units: int, layers: int) -> int:
    """The size of an input vector, from :func:`packed_size`."""
    return size // (4 * units) - (units + 2) - (layers - 1) * (2 * units + 2)
