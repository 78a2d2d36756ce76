"""Tracks a run with MLflow."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Dict, List, Optional

from ner_mx.config import CallbackSettings
from ner_mx.errors import ConfigError, install
from ner_mx.files import read_json, write_json
from ner_mx.registry import register
from ner_mx.training.callbacks import Callback, TrainingRun
from ner_mx.training.tracked_values import curve_values, result_files, result_values, settings_of
from ner_mx.untyped import Values

# Where the folder of a run notes its id, so that a resumed run goes on in the same one.
NOTE = "mlflow.json"
# The longest value of a parameter, and how many are sent at once.
LONGEST, TOGETHER = 500, 100
# A server that is down must not hold up training for minutes, as the defaults of MLflow would.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


class MlflowSettings(CallbackSettings):
    """uri : of the tracking server; None takes a SQLite store beside the runs.  experiment : its name there.

    files : whether configuration, figures and predictions are kept there, too.
    """

    uri: Optional[str] = None
    experiment: str = "ner_mx"
    files: bool = True


@register.callback("mlflow")
class Mlflow(Callback):
    """Settings, curves, scores by type and files of a run; without MLflow's global state.

    Raises
    ------
    ConfigError : mlflow is not installed.
    """

    Settings = MlflowSettings

    def __init__(self, settings: Optional[CallbackSettings] = None):
        super().__init__(settings)
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow.tracking import MlflowClient
        except ImportError:
            raise ConfigError(f'training.callbacks.mlflow needs mlflow: {install("tracking")}') from None
        for name in ("mlflow", "alembic"):  # every new store would be announced in twenty lines
            logging.getLogger(name).setLevel(logging.WARNING)
        self._new_client = MlflowClient
        self._client: Any = None
        self._run = ""

    def on_start(self, run: TrainingRun) -> None:
        """Begin a run of this name, or go on with that of a resumed one."""
        store = run.folder.parent.resolve()
        uri = self.settings.uri or f"sqlite:///{store / 'mlflow.db'}"
        self._client = self._new_client(tracking_uri=uri)
        note = run.folder / NOTE
        if run.state.epoch and note.is_file():
            self._run = read_json(note)["run"]
            self._client.update_run(self._run, status="RUNNING")
            return
        self._run = self._client.create_run(self._experiment(store), run_name=run.config.run.name).info.run_id
        write_json(note, {"uri": uri, "run": self._run})
        self._log(params=settings_of(run.config))

    def _experiment(self, store: Path) -> str:
        """The id of the experiment, made if there is none; files lie beside a local store."""
        name = self.settings.experiment
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        place = None if self.settings.uri else (store / "mlflow-files").as_uri()
        return str(self._client.create_experiment(name, artifact_location=place))

    def on_epoch(self, run: TrainingRun, record: Values) -> None:
        """The figures of the epoch."""
        self._log(curve_values(record), record["epoch"])

    def on_results(self, folder: Path, metrics: Values) -> None:
        """The scores and the files; the run is finished."""
        self._log(result_values(metrics), metrics["train"]["best_epoch"])
        for path in result_files(folder) if self.settings.files else ():
            below = path.parent.relative_to(folder).as_posix()
            self._client.log_artifact(self._run, str(path), None if below == "." else below)
        self._client.set_terminated(self._run, "FINISHED")

    def on_failure(self, run: TrainingRun, error: BaseException) -> None:
        """The run was stopped, or has failed."""
        if self._run:
            self._client.set_terminated(self._run, "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")

    def _log(self, values: Optional[Dict[str, float]] = None, step: int = 0,
             params: Optional[Dict[str, str]] = None) -> None:
        import time

        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value in (values or {}).items()]
        listed: List[Any] = [Param(key, value[:LONGEST]) for key, value in (params or {}).items()]
        if metrics:
            self._client.log_batch(self._run, metrics=metrics)
        for start in range(0, len(listed), TOGETHER):
            self._client.log_batch(self._run, params=listed[start:start + TOGETHER])
