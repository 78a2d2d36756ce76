"""Stops after some epochs without a better score on dev."""

from __future__ import annotations

from ner_mx.registry import register
from ner_mx.training.callbacks import Callback, TrainingRun
from ner_mx.untyped import Values


@register.callback("early-stopping")
class EarlyStopping(Callback):
    """Reads ``training.patience``."""

    essential = True

    def on_start(self, run: TrainingRun) -> None:
        """A run may be resumed after it has stopped."""
        self._check(run)

    def on_epoch(self, run: TrainingRun, record: Values) -> None:
        """Compare the epochs since the best one with the patience."""
        self._check(run)

    @staticmethod
    def _check(run: TrainingRun) -> None:
        patience = run.config.training.patience
        if patience and run.state.epoch - run.state.best_epoch >= patience:
            run.should_stop = True
