"""Optimisers, learning-rate schedules, clipping, and their state as plain arrays."""

from __future__ import annotations

import math
import os
from typing import Any, Callable, Dict, List

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import Optimizer, Schedule
from ner_mx.errors import RunError


class AdamW(mx.optimizer.Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    Rows of a row-sparse gradient decay when they are updated, others not.
    """

    def update(self, index, weight, grad, state):
        decay, self.wd = self.wd, 0.0
        if decay:
            if grad.stype == "row_sparse":
                # A gradient of zeros whose rows say where to decay.
                grad_rows = mx.nd.sparse.row_sparse_array(
                    (mx.nd.zeros_like(grad.data), grad.indices), shape=grad.shape)
                mx.nd.sparse.sgd_update(weight, grad_rows, out=weight, lr=self._get_lr(index), wd=decay)
            else:
                weight *= 1.0 - self._get_lr(index) * decay
        super().update(index, weight, grad, state)
        self.wd = decay


class SGD(mx.optimizer.SGD):
    """Stochastic gradient descent, one parameter at a time.

    MXNet's own calls the operator that updates several parameters even for
    one, which takes twice as long as the plain one on the CPU.
    """

    def __init__(self, **options):
        super().__init__(**options)
        self.aggregate_num = 0

    # What the updater calls; in ``mx.optimizer.SGD`` it goes past ``update``.
    def update_multi_precision(self, index, weight, grad, state):
        self._update_count(index)
        options = {"lr": self._get_lr(index), "wd": self._get_wd(index), "rescale_grad": self.rescale_grad,
                   "out": weight}
        if state is None:
            mx.nd.sgd_update(weight, grad, **options)
        else:
            mx.nd.sgd_mom_update(weight, grad, state, momentum=self.momentum, **options)


OPTIMIZERS = {"sgd": SGD, "adam": mx.optimizer.Adam, "adamw": AdamW}


def build_trainer(settings: Optimizer, parameters) -> Any:
    """A Gluon trainer for the parameters that learn.

    Its ``step`` is called with 1 (or a clipping factor): losses are normalised
    where they are computed.
    """
    options: Dict[str, Any] = {"learning_rate": settings.learning_rate, "wd": settings.weight_decay}
    if settings.name == "sgd":
        options["momentum"] = settings.momentum
    optimizer = OPTIMIZERS[settings.name](**options)
    if settings.sparse_words:
        _hear_lazy_note()
    learning = {name: parameter for name, parameter in parameters.items()
                if parameter.grad_req != "null"}
    return mx.gluon.Trainer(learning, optimizer, kvstore=None)


def _hear_lazy_note() -> None:
    """Have MXNet say now, to nobody, what it says once at the first lazy update.

    The note comes from C++ in the middle of the first epoch; our log and
    README say which updates run.
    """
    rows = mx.nd.sparse.row_sparse_array((mx.nd.ones((1, 1)), mx.nd.array([0])), shape=(1, 1))
    weight, mean, variance = (mx.nd.ones((1, 1)) for _ in range(3))
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nobody:
        try:
            os.dup2(nobody.fileno(), 2)
            mx.nd.sparse.adam_update(weight, rows, mean, variance, lr=0.0, out=weight)
            mx.nd.sparse.sgd_update(weight, rows, lr=0.0, out=weight)
            mx.nd.waitall()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


SCHEDULES: Dict[str, Callable[[Schedule, float, int], float]] = {
    "constant": lambda settings, done, epoch: 1.0,
    "linear": lambda settings, done, epoch: 1.0 - (1.0 - settings.final) * done,
    "cosine": lambda settings, done, epoch: (
        settings.final + (1.0 - settings.final) * 0.5 * (1.0 + math.cos(math.pi * done))),
    "inverse": lambda settings, done, epoch: 1.0 / (1.0 + settings.decay * epoch),
}


def rate_factor(settings: Schedule, step: int, steps_an_epoch: int, epochs: int) -> float:
    """What the learning rate is multiplied by at a step, counted from 0 over all epochs."""
    warm = min(1.0, (step + 1) / settings.warmup) if settings.warmup else 1.0
    total = steps_an_epoch * epochs
    return warm * SCHEDULES[settings.name](settings, min(1.0, step / total), step // steps_an_epoch)


def gradient_norm(trainer: Any) -> float:
    """The length of the whole gradient; waits for the backward pass."""
    squares = []
    # Row-sparse ones last: to ask for their rows is to wait, and the others can be queued before.
    gradients = sorted((parameter.list_grad()[0] for parameter in trainer._params),
                       key=lambda gradient: gradient.stype == "row_sparse")
    for gradient in gradients:
        values = gradient.data if gradient.stype == "row_sparse" else gradient
        if values.size:
            values = values.reshape((-1,))
            # A dot product is one BLAS call; the operator ``norm`` takes ten times as long.
            squares.append(mx.nd.dot(values, values))
    return float(mx.nd.add_n(*squares).asscalar()) ** 0.5


def optimizer_arrays(trainer: Any) -> Dict[str, np.ndarray]:
    """The optimiser's state as arrays (``Trainer.save_states`` would write a pickle)."""
    optimizer, updater = trainer._optimizer, trainer._updaters[0]
    arrays = {"updates": np.array([[index, count] for index, count
                                   in sorted(optimizer._index_update_count.items())], np.int64)}
    for index, state in updater.states.items():
        for position, part in enumerate(_parts(state)):
            arrays[f"{index}.{position}"] = part.asnumpy()
    return arrays


def restore_optimizer(trainer: Any, arrays: Dict[str, np.ndarray]) -> None:
    """The reverse of :func:`optimizer_arrays`.

    Raises
    ------
    RunError : the arrays are those of another network or optimiser.
    """
    optimizer, updater = trainer._optimizer, trainer._updaters[0]
    # In place: the optimiser keeps this table under a second name, by device.
    counts = optimizer._index_update_count
    counts.clear()
    counts.update((int(index), int(count)) for index, count in arrays["updates"].reshape(-1, 2))
    optimizer.num_update = max(counts.values(), default=0)
    try:
        for index, parameter in enumerate(trainer._params):
            if index not in counts:
                continue
            weight = parameter.data()
            state = optimizer.create_state_multi_precision(index, weight)
            for position, part in enumerate(_parts(state)):
                part[:] = mx.nd.array(arrays[f"{index}.{position}"], ctx=weight.context)
            updater.states[index] = state
            updater.states_synced[index] = True
    except (KeyError, ValueError, mx.MXNetError) as error:
        raise RunError(f"the optimiser's checkpoint does not fit this network ({error})") from None


def _parts(state: Any) -> List[Any]:
    if state is None:
        return []
    return list(state) if isinstance(state, (list, tuple)) else [state]
