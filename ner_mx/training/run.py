"""From a processed corpus to a run folder: what ``train.py`` does."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ner_mx.compat import choose_devices
from ner_mx.config import Config, result_fingerprint
from ner_mx.errors import RunError
from ner_mx.evaluation.conditions import Condition
from ner_mx.evaluation.scores import Evaluation
from ner_mx.features.encoded import Encoded
from ner_mx.files import locked, read_json, write_json
from ner_mx.preprocessing.processed_corpus import ProcessedCorpus, as_resolved, check_current
from ner_mx.training import interrupts
from ner_mx.training.callbacks import Callback, Callbacks
from ner_mx.training.distributed.workers import SINGLE, Workers, check_equal, connect
from ner_mx.training.encoder_outputs import encoder_outputs
from ner_mx.training.fitting import build_model, built_in_callbacks, configured_callbacks, fit
from ner_mx.training.provenance import environment
from ner_mx.training.run_folder import check_resumable, complete_epochs, note_code, run_folder, start_run
from ner_mx.training.run_results import write_results
from ner_mx.training.starting_point import NOTE, StartingPoint, starting_point, starting_point_of
from ner_mx.training.task import Task, annotation_task, entity_task
from ner_mx.training.trainable import Prepare
from ner_mx.untyped import Device

log = logging.getLogger(__name__)


class TrainingResult(NamedTuple):
    """The folder of a finished run, and the scores of dev and test under each condition."""

    folder: Path
    scores: Dict[Condition, Evaluation]


def train_run(corpus: ProcessedCorpus, config: Config, resume: Optional[Path] = None, overwrite: bool = False,
              callbacks: Sequence[Callback] = (), finish: bool = False,
              start: Optional[Path] = None) -> TrainingResult:
    """Train, evaluate and write ``runs/<run.name>/``.

    Parameters
    ----------
    corpus : processed for ``config``.
    resume : a run folder to resume after its last complete epoch.
    overwrite : replace a run of this name, once configuration and corpus are checked.
    callbacks : beside those of the configuration.
    finish : of a run to resume: train no further epoch, but evaluate and write everything.
    start : a finished run whose network this one starts from; a resumed run knows it.

    Raises
    ------
    RunError : a run exists already, there is no run to resume, or it was started with another number of workers.
    TrainingError : the loss is not a number, or explodes.
    Stopped : the run was interrupted, and can be resumed.
    """
    folder = resume or run_folder(config)
    if not resume:  # a run is resumed with the corpus that it was started with
        check_current(corpus, config)
    # Training does not need the path of the corpus again; evaluating the run later does.
    config = as_resolved(config, corpus.meta).updated({
        "corpus.path": corpus.meta["path"], "corpus.processed": str(Path(config.corpus.processed).resolve())})
    devices = choose_devices(config.run.device)
    device = devices[0]
    workers = SINGLE if finish else connect(config, resume)  # what is only evaluated needs no others
    check_equal(workers, json.dumps([result_fingerprint(config, seed=True), corpus.meta["sources"]], sort_keys=True))
    point = _point(folder, corpus, config, start, resume)
    corpus = point.corpus if point else corpus
    task = entity_task(corpus, config)
    # Problems of the configuration show here, before anything is written.
    build_model(task, corpus, device)
    if workers.rank:
        _assist(folder, task, corpus, config, devices, workers)
        return TrainingResult(folder, {})
    every = Callbacks([*built_in_callbacks(), *configured_callbacks(config), *callbacks])
    with locked(folder, "wait for it, or set run.name"), interrupts.deferred():
        if resume:
            check_resumable(folder, config, corpus, None if finish else workers.count)
            note_code(folder)
        else:
            start_run(folder, config, corpus, {**environment(device), "workers": workers.count}, overwrite)
            if point:
                write_json(folder / NOTE, point.note)
        log.info("corpus %s; device %s; %s batches of %s", config.corpus.path, device,
                 config.training.batches, config.training.sentences() * workers.count)
        try:
            corpus, outputs = _with_encoder_outputs(corpus, config, device)
            inputs = _inputs(folder, corpus, config, devices)
            model, state = fit(folder, task, corpus, devices, every, finish, point.apply if point else None, workers)
            scores = write_results(folder, config, corpus, model, state, inputs, outputs,
                                   int(read_json(folder / "environment.json").get("workers", 1)))
            every.call("on_results", folder, read_json(folder / "metrics.json"))
            workers.finish()
            return TrainingResult(folder, scores)
        except KeyboardInterrupt:
            raise interrupts.Stopped(folder, complete_epochs(folder)) from None


def _point(folder: Path, corpus: ProcessedCorpus, config: Config, start: Optional[Path],
           resume: Optional[Path]) -> Optional[StartingPoint]:
    """What a run starts from, or has started from; None if from nothing."""
    if resume:
        return starting_point_of(resume, corpus, config) if (resume / NOTE).is_file() else None
    if start is None:
        return None
    if start.resolve() == folder.resolve():
        raise RunError(f"{folder}: expected another run.name for the new run, found that of the run it starts from")
    return starting_point(start, corpus, config)


def _with_encoder_outputs(corpus: ProcessedCorpus, config: Config,
                          device: Device) -> Tuple[ProcessedCorpus, Optional[Prepare]]:
    """The corpus with the outputs of an encoder that is not trained, and what adds them to other sentences."""
    outputs = encoder_outputs(corpus, config, device)
    if outputs is None:
        return corpus, None
    return corpus._replace(splits={name: outputs(split) for name, split in corpus.splits.items()}), outputs


def _assist(folder: Path, task: Task, corpus: ProcessedCorpus, config: Config, devices: Sequence[Device],
            workers: Workers) -> None:
    """Train with the first worker, which judges and writes everything."""
    with interrupts.deferred():
        try:
            corpus, _ = _with_encoder_outputs(corpus, config, devices[0])
            fit(folder, task, corpus, devices, Callbacks([]), workers=workers)
            workers.finish()
        except KeyboardInterrupt:
            raise interrupts.Stopped(folder, complete_epochs(folder), is_first=False) from None


def _inputs(folder: Path, corpus: ProcessedCorpus, config: Config,
            devices: Sequence[Device]) -> Dict[Condition, Encoded]:
    """dev and test under each condition; the taggers of annotation that raw text lacks are trained for it."""
    inputs = {Condition(split): corpus.splits[split] for split in ("dev", "test")}
    predicted = {split: corpus.splits[split] for split in ("dev", "test")}
    names = []
    for feature in corpus.encoder.predicted():
        task = annotation_task(corpus, config, feature)
        model, state = fit(folder / feature.name, task, corpus, devices, Callbacks(built_in_callbacks()))
        accuracy = {}
        for split in predicted:
            ids = model.predict(corpus.splits[split])
            accuracy[split] = task.score(split, ids)
            predicted[split] = predicted[split].with_token_array(
                feature.name, np.concatenate(ids).astype(np.int32))
        seconds = sum(record["seconds"] for record in state.history)
        write_json(folder / feature.name / "metrics.json", {"accuracy": accuracy, "seconds": seconds})
        log.info("%s tagger: accuracy %.4f on dev, %.4f on test", feature.predicted_as, accuracy["dev"],
                 accuracy["test"])
        names.append(feature.predicted_as)
    if names:
        inputs.update({Condition(split, " and ".join(names)): encoded for split, encoded in predicted.items()})
    return inputs
