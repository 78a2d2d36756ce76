"""Logs one line per epoch."""

from __future__ import annotations

import logging

from ner_mx.registry import register
from ner_mx.training.callbacks import Callback, TrainingRun
from ner_mx.untyped import Values

log = logging.getLogger(__name__)


@register.callback("epoch-log")
class EpochLog(Callback):
    """Loss, score and speed; a star marks the best epoch so far."""

    def on_start(self, run: TrainingRun) -> None:
        """Say where a resumed run is."""
        if run.state.epoch:
            log.info("%s: resuming after epoch %d", run.folder, run.state.epoch)

    def on_epoch(self, run: TrainingRun, record: Values) -> None:
        """One line."""
        training = run.config.training
        log.info("epoch %d/%d  loss %.4f  dev%s %s %.4f%s  %.0f tokens/s", record["epoch"], training.epochs,
                 record["loss"], " (trained on)" if training.use_dev else "", run.task.measure,
                 record["score"], " *" if run.state.best_epoch == record["epoch"] else "",
                 record["tokens_per_second"])
