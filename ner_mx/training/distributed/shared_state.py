"""The state of the first worker, given to the others before they train on."""

from __future__ import annotations

import json
from typing import Any, Dict

import numpy as np

from ner_mx.compat import mx
from ner_mx.models.layers.device_arrays import first_copy
from ner_mx.training.checkpoints import State
from ner_mx.training.distributed.workers import Workers
from ner_mx.training.trainable import Trainable
from ner_mx.training.trainer import optimizer_arrays, restore_optimizer
from ner_mx.untyped import Trainer


def shared_state(workers: Workers, state: State, model: Trainable, trainer: Trainer) -> State:
    """The state of the first worker, with its parameters and those of its optimizer in every network.

    In a new run, only the parameters travel: optimizers have no state yet.
    """
    if workers.count == 1:
        return state
    for parameter in model.parameters().values():
        value = first_copy(parameter)
        values = workers.total(value.asnumpy().ravel() * (workers.rank == 0)).reshape(value.shape)
        parameter.set_data(mx.nd.array(values, ctx=value.context))
    arrays = optimizer_arrays(trainer) if not workers.rank else {}
    updates = arrays.pop("updates", np.zeros((0, 2), np.int64))
    message: Dict[str, Any] = json.loads(workers.from_first(json.dumps({
        "state": state._asdict(), "updates": updates.tolist(),
        "shapes": {name: values.shape for name, values in arrays.items()}}).encode()))
    shared = {name: workers.total(arrays.get(name, np.zeros(shape, np.float32)).ravel()).reshape(shape)
              for name, shape in message["shapes"].items()}
    if workers.rank:
        restore_optimizer(trainer, {**shared, "updates": np.array(message["updates"], np.int64)})
    return State(**message["state"])
