"""Writes one JSON line per epoch."""

from __future__ import annotations

import json

from ner_mx.files import write_text
from ner_mx.registry import register
from ner_mx.training.callbacks import Callback, TrainingRun
from ner_mx.untyped import Values


@register.callback("history")
class History(Callback):
    """``history.jsonl`` in the folder of the run."""

    essential = True

    def on_start(self, run: TrainingRun) -> None:
        """Write the epochs up to the checkpoint."""
        self._write(run)

    def on_epoch(self, run: TrainingRun, record: Values) -> None:
        """Write all epochs."""
        self._write(run)

    @staticmethod
    def _write(run: TrainingRun) -> None:
        write_text(run.folder / "history.jsonl",
                   "".join(json.dumps(record) + "\n" for record in run.state.history))
