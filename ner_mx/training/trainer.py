"""A Gluon trainer, the norm of its gradient, and the state of its optimizer as plain arrays."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import OptimizerSettings
from ner_mx.errors import RunError
from ner_mx.untyped import ReadOnlyValues, Trainer


def build_trainer(settings: OptimizerSettings, parameters: ReadOnlyValues) -> Any:
    """A Gluon trainer for the trainable parameters.

    Its ``step`` is called with 1 (or a clipping factor): losses are normalized
    where they are computed.
    """
    trainable = {name: parameter for name, parameter in parameters.items() if parameter.grad_req != "null"}
    if any(parameter._grad_stype == "row_sparse" for parameter in trainable.values()):
        _silence_lazy_note()
    return mx.gluon.Trainer(trainable, settings.build(), kvstore=None)


def _silence_lazy_note() -> None:
    """Trigger, unseen, the note that MXNet prints once at the first lazy update.

    It would come from C++ in the middle of the first epoch; our log and README
    say which updates run.
    """
    rows = mx.nd.sparse.row_sparse_array((mx.nd.ones((1, 1)), mx.nd.array([0])), shape=(1, 1))
    weight, mean, variance = (mx.nd.ones((1, 1)) for _ in range(3))
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        try:
            os.dup2(nowhere.fileno(), 2)
            mx.nd.sparse.adam_update(weight, rows, mean, variance, lr=0.0, out=weight)
            mx.nd.sparse.sgd_update(weight, rows, lr=0.0, out=weight)
            mx.nd.waitall()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def gradient_norm(trainer: Trainer) -> float:
    """The Euclidean norm of the whole gradient; waits for the backward pass."""
    squares = []
    # Row-sparse ones last: asking for their rows waits, and the others can be queued before.
    gradients = sorted((parameter.list_grad()[0] for parameter in trainer._params),
                       key=lambda gradient: gradient.stype == "row_sparse")
    for gradient in gradients:
        values = gradient.data if gradient.stype == "row_sparse" else gradient
        if values.size:
            values = values.reshape((-1,))
            # A dot product is one BLAS call; the operator ``norm`` takes ten times as long.
            squares.append(mx.nd.dot(values, values))
    return float(mx.nd.add_n(*squares).asscalar()) ** 0.5


def clear_gradients(trainer: Trainer) -> None:
    """Set every gradient to zero."""
    for parameter in trainer._params:
        parameter.zero_grad()


@contextmanager
def summed_gradients(trainer: Trainer, count: int) -> Iterator[Callable[[int], None]]:
    """Let the gradients of several backward passes add up on the first device.

    MXNet's own way, ``grad_req="add"``, does not work for row-sparse gradients.

    Parameters
    ----------
    count : of passes.

    Yields
    ------
    A function to call after each pass, with the number of its device; when the context ends, the gradients of the
    first device are the sums.
    """
    sums: List[Any] = []

    def add(number: int) -> None:
        if count > 1:
            gradients = [parameter.list_grad()[number].as_in_context(parameter.list_ctx()[0])
                         for parameter in trainer._params]
            sums[:] = [total + gradient for total, gradient in zip(sums, gradients)] if sums else [
                gradient.copy() for gradient in gradients]

    yield add
    for parameter, total in zip(trainer._params if sums else [], sums):
        total.copyto(parameter.list_grad()[0])


def spread_gradients(trainer: Trainer) -> None:
    """Give every device the gradients of the first; all then make the same update."""
    for parameter in trainer._params:
        first, *others = parameter.list_grad()
        for gradient in others:
            first.copyto(gradient)
        for values in parameter.list_data():  # even of a device that has computed nothing
            values._fresh_grad = True


def optimizer_arrays(trainer: Trainer) -> Dict[str, np.ndarray]:
    """The state of the optimizer as arrays (``Trainer.save_states`` would write a pickle)."""
    optimizer, updater = trainer._optimizer, trainer._updaters[0]
    arrays = {"updates": np.array([[index, count] for index, count
                                   in sorted(optimizer._index_update_count.items())], np.int64)}
    for index, state in updater.states.items():
        for position, part in enumerate(_parts(state)):
            arrays[f"{index}.{position}"] = part.asnumpy()
    return arrays


def restore_optimizer(trainer: Trainer, arrays: Mapping[str, np.ndarray]) -> None:
    """The reverse of :func:`optimizer_arrays`.

    Raises
    ------
    RunError : the arrays are those of another network or optimizer.
    """
    optimizer = trainer._optimizer
    updates = {int(index): int(count) for index, count in arrays["updates"].reshape(-1, 2)}
    # In place: the optimizer keeps these tables, one for each device, under a second name.
    for device in trainer._contexts:
        counts = optimizer._all_index_update_counts.setdefault(device.device_id, {})
        counts.clear()
        counts.update(updates)
    optimizer.num_update = max(updates.values(), default=0)
    try:
        for index, parameter in enumerate(trainer._params):
            if index not in updates:
                continue
            for weight, updater in zip(parameter.list_data(), trainer._updaters):
                state = optimizer.create_state_multi_precision(index, weight)
                for position, part in enumerate(_parts(state)):
                    part[:] = mx.nd.array(arrays[f"{index}.{position}"], ctx=weight.context)
                updater.states[index] = state
                updater.states_synced[index] = True
    except (KeyError, ValueError, mx.MXNetError) as error:
        raise RunError(f"expected the state of this optimizer in the checkpoint, found another ({error})") from None


def _parts(state: Any) -> List[Any]:
    if state is None:
        return []
    return list(state) if isinstance(state, (list, tuple)) else [state]
