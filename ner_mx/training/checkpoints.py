"""What a run needs to resume: parameters, optimizer, history, the best epoch so far.

``last/state.json`` names the files that belong together, with their SHA-256,
and is replaced last; whenever a process is killed, the folder holds one
complete state.
"""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple

from ner_mx.array_files import read_arrays, write_arrays
from ner_mx.errors import RunError
from ner_mx.files import read_json, sha256, write_json
from ner_mx.training.averaging import MovingAverage
from ner_mx.training.trainable import Trainable
from ner_mx.training.trainer import optimizer_arrays, restore_optimizer
from ner_mx.untyped import Trainer, Values

Record = Values

# What the names of averages begin with, beside the state of the optimizer.
AVERAGE = "average."


class State(NamedTuple):
    """Where a run is after ``epoch`` epochs (0: before the first).

    history : one record per epoch.  best_epoch : 0 if there is none yet.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = -1.0
    history: List[Record] = []

    def after(self, record: Record, last_is_best: bool) -> State:
        """The state after another epoch.

        Parameters
        ----------
        last_is_best : whether the last epoch counts, since there is no dev set to choose by.
        """
        better = last_is_best or record["score"] > self.best_score
        return State(record["epoch"], record["epoch"] if better else self.best_epoch,
                     record["score"] if better else self.best_score, [*self.history, record])


def save_state(folder: Path, state: State, model: Trainable, trainer: Trainer, average: MovingAverage) -> None:
    """Write a state under names of its own, commit it, and remove the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters, optimizer = f"epoch-{state.epoch:04}.params", f"epoch-{state.epoch:04}.npz"
    model.save(folder / parameters)
    write_arrays(folder / optimizer, {**optimizer_arrays(trainer), **{
        AVERAGE + name: values for name, values in average.arrays().items()}})
    write_json(folder / "state.json", {
        **state._asdict(),
        "files": {name: sha256(folder / name) for name in (parameters, optimizer)}})
    for path in folder.glob("epoch-*"):
        if path.name not in (parameters, optimizer):
            path.unlink()


def load_state(folder: Path, model: Trainable, trainer: Trainer, average: MovingAverage) -> State:
    """Restore the last complete state.

    Raises
    ------
    RunError : there is none, or one of its files is damaged.
    """
    record = read_json(folder / "state.json")
    try:
        for name, digest in record["files"].items():
            if not (folder / name).is_file() or sha256(folder / name) != digest:
                raise RunError(f"{folder / name}: expected the checkpoint of epoch {record['epoch']}, "
                               "found a damaged file; train again, replacing the run")
        parameters, optimizer = record["files"]
        state = State(**{name: record[name] for name in State._fields})
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder / 'state.json'}: expected the state of a checkpoint, found a damaged file "
                       f"({error}); train again, replacing the run") from None
    model.load(folder / parameters)
    arrays = read_arrays(folder / optimizer)
    restore_optimizer(trainer, {name: values for name, values in arrays.items() if not name.startswith(AVERAGE)})
    average.restore({name[len(AVERAGE):]: values for name, values in arrays.items() if name.startswith(AVERAGE)})
    return state
