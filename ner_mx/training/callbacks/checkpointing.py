"""Writes the parameters of the best epoch, and the state of the last for resuming."""

from __future__ import annotations

from ner_mx.registry import register
from ner_mx.training.callbacks import Callback, TrainingRun
from ner_mx.untyped import Values

BEST, LAST = "best.params", "last"


@register.callback("checkpointing")
class Checkpointing(Callback):
    """``best.params`` and ``last/`` in the folder of the run."""

    essential = True

    def on_start(self, run: TrainingRun) -> None:
        """Write the initial state, so that a run can be resumed from its first step."""
        if run.state.epoch == 0:
            self._save(run)

    def on_epoch(self, run: TrainingRun, record: Values) -> None:
        """Write the parameters if they are the best so far, and the state; their figures come at the end."""
        if run.state.best_epoch == run.state.epoch:
            # Figures of a run that was finished early, and now goes on, are those of other parameters.
            (run.folder / "metrics.json").unlink(missing_ok=True)
            with run.average.applied():
                run.model.save(run.folder / BEST)
        self._save(run)

    @staticmethod
    def _save(run: TrainingRun) -> None:
        from ner_mx.training.checkpoints import save_state

        save_state(run.folder / LAST, run.state, run.model, run.trainer, run.average)
