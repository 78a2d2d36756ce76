"""A progress bar on stderr, if that is a terminal."""

from __future__ import annotations

from typing import Any, Optional

from ner_mx.registry import register
from ner_mx.training.callbacks import Callback, Step, TrainingRun


@register.callback("progress-bar")
class ProgressBar(Callback):
    """Steps of the whole training, with loss, speed and the time left."""

    def __init__(self, settings: Any = None):
        super().__init__(settings)
        self._bar: Any = None
        self._redirect: Any = None

    def on_start(self, run: TrainingRun) -> None:
        """Log lines appear above the bar instead of tearing it."""
        from tqdm.contrib.logging import logging_redirect_tqdm

        self._redirect = logging_redirect_tqdm()
        self._redirect.__enter__()

    def on_step(self, run: TrainingRun, step: Step) -> None:
        """Move the bar."""
        from tqdm import tqdm

        if self._bar is None:
            epochs = run.config.training.epochs - run.state.epoch
            self._bar = tqdm(total=epochs * step.steps, unit="step", disable=None, leave=False,
                             dynamic_ncols=True)
        self._bar.update()
        if not self._bar.disable:
            rate = self._bar.format_dict["rate"] or 0.0
            self._bar.set_postfix_str(f"loss {step.loss:.4f}, {rate * step.tokens / step.number:,.0f} tokens/s",
                                      refresh=False)

    def on_end(self, run: TrainingRun) -> None:
        """Remove the bar."""
        self._close()

    def on_failure(self, run: TrainingRun, error: BaseException) -> None:
        """Remove the bar."""
        self._close(error)

    def _close(self, error: Optional[BaseException] = None) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self._redirect is not None:
            self._redirect.__exit__(None, None, None)
            self._redirect = None
