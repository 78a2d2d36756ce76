"""A moving average of the parameters, which is judged and kept in place of the last ones (Polyak & Juditsky 1992)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Dict, Iterator, Mapping

import numpy as np

from ner_mx.compat import mx
from ner_mx.errors import RunError
from ner_mx.models.layers.device_arrays import first_copy
from ner_mx.untyped import ReadOnlyValues, Tensor

# After the first updates, the average changes only every few of them: a change reads every parameter, the whole word
# table included.
FIRST, INTERVAL = 200, 4


class MovingAverage:
    """The exponential moving average of the trainable parameters over the updates.

    The first updates count less than the decay says, ``min(decay, (1 + n) / (10 + n))`` after n of them, so that
    the average soon forgets the initial parameters.

    Parameters
    ----------
    parameters : by name, initialized.
    decay : for one update; 0 keeps no average.

    Attributes
    ----------
    updates : of the parameters so far.
    """

    def __init__(self, parameters: ReadOnlyValues, decay: float):
        self._decay, self.updates = decay, 0
        self._parameters = {name: parameter for name, parameter in parameters.items()
                            if decay and parameter.grad_req != "null"}
        self._values: Dict[str, Tensor] = {name: first_copy(parameter).copy()
                                           for name, parameter in self._parameters.items()}

    def update(self) -> None:
        """Follow the parameters after one of their updates."""
        self.updates += 1
        interval = 1 if self.updates <= FIRST else INTERVAL
        if not self._values or self.updates % interval:
            return
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates)) ** interval
        for name, parameter in self._parameters.items():
            value = self._values[name]
            value *= decay
            value += first_copy(parameter) * (1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages into the network; the parameters are back when the context ends."""
        kept = {name: first_copy(parameter).copy() for name, parameter in self._parameters.items()}
        try:
            self._write(self._values)
            yield
        finally:
            self._write(kept)

    def _write(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._parameters[name].set_data(value)

    def arrays(self) -> Dict[str, np.ndarray]:
        """The averages, and the number of updates, for a checkpoint."""
        if not self._values:
            return {}
        return {"updates": np.array(self.updates), **{name: value.asnumpy() for name, value in self._values.items()}}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """The reverse of :meth:`arrays`.

        Raises
        ------
        RunError : they are those of another network.
        """
        if not self._values:
            return
        if set(arrays) != {"updates", *self._values} or any(
                arrays[name].shape != value.shape for name, value in self._values.items()):
            raise RunError("expected averages of the parameters of this network in the checkpoint, found others")
        self.updates = int(arrays["updates"])
        for name, value in self._values.items():
            value[:] = mx.nd.array(arrays[name], ctx=value.context)
