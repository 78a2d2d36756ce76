"""Trains one network in a folder, from its last complete epoch on."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np

from ner_mx.compat import seed_everything
from ner_mx.config import Config
from ner_mx.errors import ConfigError, RunError
from ner_mx.features.encoded import Encoded
from ner_mx.preprocessing.processed_corpus import ProcessedCorpus
from ner_mx.registry import register
from ner_mx.training.averaging import MovingAverage
from ner_mx.training.callbacks import Callback, Callbacks, TrainingRun
from ner_mx.training.callbacks.checkpointing import BEST, LAST
from ner_mx.training.case_augmentation import with_case_copies
from ner_mx.training.checkpoints import State, load_state
from ner_mx.training.distributed.shared_state import shared_state
from ner_mx.training.distributed.workers import SINGLE, Workers
from ner_mx.training.loop import TrainingSet, epochs
from ner_mx.training.task import Task
from ner_mx.training.trainable import Trainable
from ner_mx.training.trainer import build_trainer
from ner_mx.untyped import Device

# The callbacks that every training has, in the order in which they are called.
BUILT_IN = ("checkpointing", "history", "epoch-log", "early-stopping", "progress-bar")


def built_in_callbacks() -> List[Callback]:
    """New instances of the callbacks that every training has."""
    return [register.callback[name]() for name in BUILT_IN]


def configured_callbacks(config: Config) -> List[Callback]:
    """The callbacks that ``training.callbacks`` names, beside those that every training has."""
    result: List[Callback] = []
    for name, settings in config.training.callbacks.items():
        if name in BUILT_IN:
            continue
        callback = register.callback[name]
        result.append(callback(callback.Settings.model_validate(settings)))
    return result


def build_model(task: Task, corpus: ProcessedCorpus, device: Device) -> Trainable:
    """The network of a task, not initialized.

    Raises
    ------
    ConfigError : loss.weights names a class that does not exist.
    """
    targets = task.targets["train"]
    counts = np.bincount(targets[targets >= 0], minlength=len(task.classes))
    return Trainable(task.config, corpus.encoder, task.classes, device, task.encoding, counts)


def training_split(corpus: ProcessedCorpus, use_dev: bool) -> Encoded:
    """The sentences that a network is trained on: those of train, and those of dev if the settings say so."""
    splits = corpus.splits
    return splits["train"].followed_by(splits["dev"]) if use_dev else splits["train"]


def training_set(task: Task, corpus: ProcessedCorpus) -> TrainingSet:
    """The sentences and targets of a task."""
    use_dev = task.config.training.use_dev
    targets = [task.targets["train"], *([task.targets["dev"]] if use_dev else [])]
    train = training_split(corpus, use_dev)
    copies = with_case_copies(corpus.encoder, train, np.concatenate(targets), task.config.training.case_augmentation,
                              soft_targets(task.config, corpus))
    return TrainingSet(train, copies, corpus.splits["dev"])


def soft_targets(config: Config, corpus: ProcessedCorpus) -> Optional[np.ndarray]:
    """What teachers say of the training sentences, (tokens, K), if the loss learns from it.

    Raises
    ------
    ConfigError : the loss learns from teachers, and the corpus has none; or dev is to be trained on, too.
    """
    if not config.loss.learns_from_teachers:
        return None
    if corpus.soft is None:
        raise ConfigError(f"loss.name: {config.loss.name} learns from the probabilities of teachers, which "
                          f"{corpus.folder} lacks; make the corpus with ner-mx distill")
    if config.training.use_dev:
        raise ConfigError("training.use_dev: teachers did not read dev; set it to false")
    return corpus.soft


def fit(folder: Path, task: Task, corpus: ProcessedCorpus, devices: Sequence[Device],
        callbacks: Callbacks, finish: bool = False,
        initial: Optional[Callable[[Trainable], None]] = None, workers: Workers = SINGLE) -> Tuple[Trainable, State]:
    """Train one network in a folder of its own, from its last complete epoch on.

    Parameters
    ----------
    devices : that divide each batch; the first computes everything else.
    finish : train no further epoch.
    initial : changes the initial parameters of a network that is not resumed.
    workers : who trains; all but the first read and write nothing in the folder, and return the last parameters.

    Returns
    -------
    The network with the best parameters, and the state at the end.
    """
    config = task.config
    seed_everything(config.run.seed)
    data = training_set(task, corpus)
    model = build_model(task, corpus, devices[0])
    model.initialize(devices)
    for feature, arrays in corpus.pretrained.items():
        if feature in config.features.active():
            model.network.set_pretrained(feature, arrays)
    if initial is not None:
        initial(model)
    trainer = build_trainer(config.training.optimizer, model.parameters())
    is_resumed = not workers.rank and (folder / LAST / "state.json").exists()
    average = MovingAverage(model.parameters(), 0.0 if workers.rank else config.training.average)
    state = load_state(folder / LAST, model, trainer, average) if is_resumed else State()
    state = shared_state(workers, state, model, trainer)
    run = TrainingRun(folder, config, task, model, trainer, average, state)
    if finish and not state.epoch:
        raise RunError(f"{folder}: expected at least one complete epoch to finish with, found nothing; resume the run")
    run.should_stop = finish
    try:
        callbacks.call("on_start", run)
        if not workers.all_told(run.should_stop):
            _train(run, data, callbacks, workers)
        if workers.rank:
            return model, run.state
        model.load(folder / BEST)
        callbacks.call("on_end", run)
    except BaseException as error:
        callbacks.call("on_failure", run, error)
        raise
    return model, run.state


def _train(run: TrainingRun, data: TrainingSet, callbacks: Callbacks, workers: Workers) -> None:
    config = run.config
    for record in epochs(run.model, run.trainer, run.task, data, config.run.seed, run.state.epoch,
                         lambda step: callbacks.call("on_step", run, step), run.average, workers):
        run.state = run.state.after(record, last_is_best=config.training.use_dev)
        callbacks.call("on_epoch", run, record)
        callbacks.call("on_checkpoint", run, run.folder / LAST)
        if workers.all_told(run.should_stop):
            break
