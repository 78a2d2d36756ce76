"""What a run needs to go on: parameters, optimiser, history, the best so far.

``last/state.json`` names the files that belong together, with their SHA-256,
and is replaced last; whatever moment a process is killed at, the folder holds
one complete state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from ner_mx.errors import RunError
from ner_mx.files import read_arrays, read_json, sha256, write_arrays, write_json
from ner_mx.training.model import Model
from ner_mx.training.optimizers import optimizer_arrays, restore_optimizer


class State(NamedTuple):
    """Where a run stands after ``epoch`` epochs (0: before the first).

    history : one record an epoch.  best_epoch : 0 where there is none yet.
    """

    epoch: int
    best_epoch: int
    best_score: float
    history: List[Dict[str, Any]]


def save_state(folder: Path, state: State, model: Model, trainer: Any) -> None:
    """Write a state under names of its own, commit it, remove the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters, optimizer = f"epoch-{state.epoch:04}.params", f"epoch-{state.epoch:04}.npz"
    model.save(folder / parameters)
    write_arrays(folder / optimizer, optimizer_arrays(trainer))
    write_json(folder / "state.json", {
        **state._asdict(),
        "files": {name: sha256(folder / name) for name in (parameters, optimizer)}})
    for path in folder.glob("epoch-*"):
        if path.name not in (parameters, optimizer):
            path.unlink()


def load_state(folder: Path, model: Model, trainer: Any) -> State:
    """Restore the last state that was written whole.

    Raises
    ------
    RunError : there is none, or a file of it is damaged.
    """
    record = read_json(folder / "state.json")
    try:
        for name, digest in record["files"].items():
            if not (folder / name).is_file() or sha256(folder / name) != digest:
                raise RunError(f"{folder / name}: expected the checkpoint of epoch {record['epoch']}, "
                               "found damage; train again with --overwrite")
        parameters, optimizer = record["files"]
        state = State(**{name: record[name] for name in State._fields})
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder / 'state.json'}: expected a checkpoint's state, found damage "
                       f"({error}); train again with --overwrite") from None
    model.load(folder / parameters)
    restore_optimizer(trainer, read_arrays(folder / optimizer))
    return state
