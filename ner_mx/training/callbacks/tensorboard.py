"""Writes the curves and scores of a run for TensorBoard."""

from __future__ import annotations

from typing import Any, Optional

from ner_mx.config import CallbackSettings
from ner_mx.errors import ConfigError, install
from ner_mx.registry import register
from ner_mx.training.callbacks import Callback, TrainingRun
from ner_mx.training.tracked_values import curve_values, result_values, settings_of
from ner_mx.untyped import Values


class TensorBoardSettings(CallbackSettings):
    """folder : below that of the run."""

    folder: str = "tensorboard"


@register.callback("tensorboard")
class TensorBoard(Callback):
    """Event files in the folder of the run: ``tensorboard --logdir runs`` shows all runs together.

    Raises
    ------
    ConfigError : tensorboardX is not installed.
    """

    Settings = TensorBoardSettings

    def __init__(self, settings: Optional[CallbackSettings] = None):
        super().__init__(settings)
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ConfigError(f'training.callbacks.tensorboard needs tensorboardX: {install("tracking")}') from None
        self._open = SummaryWriter
        self._writer: Any = None

    def on_start(self, run: TrainingRun) -> None:
        """Begin, or go on behind the epochs that there are."""
        self._writer = self._open(str(run.folder / self.settings.folder), purge_step=run.state.epoch + 1)
        rows = "\n".join(f"| {key} | {value} |" for key, value in settings_of(run.config).items())
        self._writer.add_text("settings", f"| key | value |\n| --- | --- |\n{rows}", 0)

    def on_epoch(self, run: TrainingRun, record: Values) -> None:
        """The figures of the epoch."""
        for name, value in curve_values(record).items():
            self._written().add_scalar(name, value, record["epoch"])
        self._written().flush()

    def on_results(self, folder: Any, metrics: Values) -> None:
        """The scores, at the best epoch."""
        for name, value in result_values(metrics).items():
            self._written().add_scalar(name, value, metrics["train"]["best_epoch"])
        self._written().close()

    def on_failure(self, run: TrainingRun, error: BaseException) -> None:
        """Write what there is."""
        if self._writer is not None:
            self._writer.close()

    def _written(self) -> Any:
        assert self._writer is not None, "on_start comes first"
        return self._writer
