"""Callbacks of the training loop, one per file.

To add one, put a module into this package (or load one of your own) with a
subclass of :class:`Callback` under ``@register.callback("name")``, and name it
in ``training.callbacks``; or give an instance to :func:`ner_mx.train`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, List, NamedTuple, Optional, Sequence, Type

from ner_mx.config import CallbackSettings, Config
from ner_mx.errors import first_line
from ner_mx.untyped import Trainer, Values

if TYPE_CHECKING:
    from ner_mx.training.averaging import MovingAverage
    from ner_mx.training.checkpoints import State
    from ner_mx.training.task import Task
    from ner_mx.training.trainable import Trainable

log = logging.getLogger(__name__)


class Step(NamedTuple):
    """One update.

    number : from 1 within the epoch.  steps : of the epoch.  tokens, loss : of the epoch so far,
        the loss per token.
    """

    epoch: int
    number: int
    steps: int
    tokens: int
    loss: float


@dataclass
class TrainingRun:
    """What callbacks see of a training.

    folder : of the run, or of a tagger inside it.
    average : of the parameters; what it holds is judged, and written if it is the best so far.
    state : after the last complete epoch.
    should_stop : set it to stop after the current epoch.
    """

    folder: Path
    config: Config
    task: Task
    model: Trainable
    trainer: Trainer
    average: MovingAverage
    state: State
    should_stop: bool = False


class Callback:
    """Does something at the events of a training; each method does nothing by default.

    Attributes
    ----------
    Settings : the section ``training.callbacks.NAME`` of the configuration.
    essential : whether an error of the callback ends the training.  An error of any other
        callback is logged with its name, the callback is not called again, and training continues.
    """

    name: ClassVar[str] = ""
    Settings: ClassVar[Type[CallbackSettings]] = CallbackSettings
    essential: ClassVar[bool] = False

    def __init__(self, settings: Optional[CallbackSettings] = None):
        self.settings: Any = settings or self.Settings()

    def on_start(self, run: TrainingRun) -> None:
        """Training starts, or resumes after ``run.state.epoch`` epochs."""

    def on_step(self, run: TrainingRun, step: Step) -> None:
        """The parameters were updated."""

    def on_epoch(self, run: TrainingRun, record: Values) -> None:
        """An epoch is complete.

        Parameters
        ----------
        record : epoch, loss (per token), score (on dev), seconds, tokens_per_second, learning_rate.
        """

    def on_checkpoint(self, run: TrainingRun, path: Path) -> None:
        """The state of the last epoch was written."""

    def on_end(self, run: TrainingRun) -> None:
        """Training is complete; the model has the best parameters."""

    def on_results(self, folder: Path, metrics: Values) -> None:
        """The best network was scored, and everything but the report is in the folder of the run.

        Parameters
        ----------
        metrics : the content of ``metrics.json``.
        """

    def on_failure(self, run: TrainingRun, error: BaseException) -> None:
        """Training ended with an error or an interrupt."""


class Callbacks:
    """Several callbacks, called in order."""

    def __init__(self, callbacks: Sequence[Callback]):
        self._callbacks: List[Callback] = list(callbacks)

    def call(self, event: str, *arguments: Any) -> None:
        """Call the method ``event`` of every callback that has not failed before."""
        for callback in list(self._callbacks):
            try:
                getattr(callback, event)(*arguments)
            except Exception as error:
                if callback.essential:
                    raise
                self._callbacks.remove(callback)
                log.warning("callback %s failed in %s: %s: %s; training continues without it",
                            callback.name or type(callback).__name__, event, type(error).__name__,
                            first_line(error))
