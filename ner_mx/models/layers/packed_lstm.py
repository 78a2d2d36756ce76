"""The single vector in which the recurrent operator takes the weights of an LSTM layer."""

from __future__ import annotations

from typing import List

import numpy as np


def packed_size(inputs: int, units: int) -> int:
    """The size of the packed parameter for a layer of one direction."""
    return 4 * units * (inputs + units + 2)


def unpacked(parameter: np.ndarray, units: int) -> List[np.ndarray]:
    """Views of a packed parameter.

    Returns
    -------
    Input weights (4 * units, inputs), recurrent weights (4 * units, units),
    input biases (4 * units,), recurrent biases; gates in the order input,
    forget, cell, output.
    """
    rows = 4 * units
    inputs = parameter.size // rows - (units + 2)
    ends = np.cumsum([rows * inputs, rows * units, rows])
    into, recurrent, bias, recurrent_bias = np.split(parameter, ends)
    return [into.reshape(rows, inputs), recurrent.reshape(rows, units), bias, recurrent_bias]
