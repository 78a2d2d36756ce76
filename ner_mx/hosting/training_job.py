"""``train`` in a container: hyperparameters and channels in, a bundle out."""

from __future__ import annotations

import logging
import shutil
import tempfile
import traceback
from pathlib import Path

from ner_mx import compat
from ner_mx.config import Config, load_experiment
from ner_mx.errors import RunError, UserError, described_failure, first_line, shown
from ner_mx.files import write_text
from ner_mx.hosting.layout import Layout, as_settings, corpus_settings, hyperparameters
from ner_mx.untyped import Values

log = logging.getLogger(__name__)

BUNDLE, RUN = "bundle", "run"
# Hyperparameters that are no keys of a configuration.
EXPERIMENT, PRECISION = "experiment", "precision"
# Keys whose values are the container's.
PLACES = ("corpus.name", "run.name", "corpus.processed", "run.directory")
# What hosts show of the reason of a failure.
LONGEST = 1024


def train(layout: Layout) -> int:
    """Train, and write the bundle to ``model/bundle`` and the figures to ``output/data``.

    Hyperparameters are keys of the configuration, ``experiment`` (a named one) and ``precision`` (of the bundle).
    Training goes on from a checkpoint in ``checkpoints``.  After SIGTERM, the best epoch so far becomes the bundle.

    Returns
    -------
    The exit code; if it is not 0, the reason is in ``output/failure``.
    """
    try:
        _train(layout)
        return 0
    except KeyboardInterrupt:
        message, code = "stopped before the first epoch was complete", 1
    except Exception as error:
        message, code = described_failure(error) or (  # a defect of this package
            f"{type(error).__name__}: {first_line(error)}\n{traceback.format_exc()}", 1)
    log.error("%s", message)
    try:
        write_text(layout.failure, message[:LONGEST] + "\n")
    except OSError as error:
        log.error("%s: %s", layout.failure, error.strerror)
    return code


def _check_places(layout: Layout) -> None:
    """Check that what a training ends with can be written, before it begins.

    Raises
    ------
    UserError : a folder is a file, or may not be written to.
    """
    for folder in (layout.checkpoints, layout.model, layout.output):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise UserError(f"{folder}: expected a folder that this user may write to, found: "
                            f"{error.strerror}") from None


def _train(layout: Layout) -> None:
    from ner_mx.inference.exporting import PRECISIONS, export_run

    _check_places(layout)
    layout.failure.unlink(missing_ok=True)
    values = hyperparameters(layout)
    experiment, precision = values.pop(EXPERIMENT, None), values.pop(PRECISION, "float32")
    if precision not in PRECISIONS:
        raise UserError(f"precision: expected one of {', '.join(PRECISIONS)}, found {shown(precision)}")
    placed = next((key for key in PLACES if key in values), None)
    if placed:
        raise UserError(f"{placed}: expected no place for results, which a container has its own for; leave it out")
    settings: Values = {
        **corpus_settings(layout), **as_settings(values), **dict(zip(PLACES, (
            "corpus", RUN, str(layout.checkpoints / "processed"), str(layout.checkpoints))))}
    config = load_experiment(experiment, settings) if experiment else Config().updated(settings)
    run = _trained(config, layout.checkpoints / RUN)
    export_run(run, layout.model / BUNDLE, precision, overwrite=True)
    for name in ("metrics.json", "report.md", "history.jsonl", "config.yaml"):
        shutil.copyfile(run / name, layout.output / name)


def _trained(config: Config, folder: Path) -> Path:
    """The folder of the finished run."""
    compat.tune_process(config.run.threads)
    from ner_mx.preprocessing.pipeline import process
    from ner_mx.reports.run_report import write_report
    from ner_mx.training.interrupts import Stopped
    from ner_mx.training.run import train_run

    corpus = process(config)
    resume = folder if (folder / "last/state.json").is_file() else None
    try:
        train_run(corpus, config, resume, overwrite=resume is None)
    except RunError as error:
        if resume:
            raise RunError(f"{error}; or empty {folder.parent}, which has the checkpoint of another training") from None
        raise
    except Stopped:
        log.info("stopped; the best epoch so far becomes the model")
        train_run(corpus, config, folder, finish=True)
    write_report(folder)
    return folder
