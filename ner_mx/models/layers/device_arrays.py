"""Arrays of a batch as MXNet's."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from ner_mx.compat import mx
from ner_mx.features.batch import Batch
from ner_mx.untyped import Tensor


def to_device(values: np.ndarray, dtype: str, device: Tensor) -> Tensor:
    """A numpy array as MXNet's, without a copy on the first CPU (``nd.array`` takes ten times as long)."""
    array = mx.nd.from_numpy(np.ascontiguousarray(values, dtype))
    return array.as_in_context(device)


def first_copy(parameter: Tensor) -> Tensor:
    """The values of a Gluon parameter on the first of its devices; those on the others are equal."""
    return parameter.list_data()[0]


def network_inputs(batch: Batch, names: Sequence[str], device: Tensor) -> List[Tensor]:
    """The arrays of a batch that a network takes, on a device.

    Arrays whose names end in ``length`` become float: operators compare them with float arrays.
    """
    return [to_device(batch[name], "float32" if name.endswith("length") or batch[name].dtype.kind == "f" else "int32",
                      device) for name in names]
