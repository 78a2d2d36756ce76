"""The training loop: a generator of epochs, and nothing else."""

from __future__ import annotations

import logging
import math
import time
from typing import Any, Callable, Dict, Iterator, Optional

import numpy as np

from ner_mx.compat import mx, seed_everything
from ner_mx.config import Training
from ner_mx.errors import TrainingError
from ner_mx.features.batching import Batch, collate, plan
from ner_mx.features.encoder import Encoded
from ner_mx.training import interrupts
from ner_mx.training.model import Model
from ner_mx.training.optimizers import gradient_norm, rate_factor
from ner_mx.training.task import Task

log = logging.getLogger(__name__)

# A loss a token this many times that of a uniform guess has left every basin.
EXPLODED = 20.0

Report = Callable[[int, int, int, float], None]


def epochs(model: Model, trainer: Any, task: Task, parts: Dict[str, Encoded], seed: int,
           start: int = 0, report: Optional[Report] = None) -> Iterator[Dict[str, Any]]:
    """Train epoch by epoch.

    Everything random in an epoch follows from ``(seed, epoch)``: going on
    after epoch ``start`` is the same as never having stopped.

    Parameters
    ----------
    parts : the encoded corpus; ``train`` is learnt, ``dev`` judges.
    report : called after each step with (step, steps, tokens so far, loss a token).

    Yields
    ------
    One record an epoch: epoch, loss (a token), score (on dev), seconds,
    tokens_per_second (of the training steps), learning_rate.

    Raises
    ------
    TrainingError : the loss is no number or explodes.
    """
    settings = model.config.training
    train = parts["train"]
    unknown_rate = _unknown_rates(model, train)
    for epoch in range(start + 1, settings.epochs + 1):
        seed_everything(seed, epoch)
        random = np.random.RandomState(np.random.SeedSequence((seed, epoch, 1)).generate_state(4))
        batches = plan(train.lengths, settings.batch_size, settings.batches, random)
        started = time.perf_counter()
        loss_sum, tokens, rate = 0.0, 0, 0.0
        for number, sentences in enumerate(batches):
            batch = collate(train, sentences, model.width, task.labels["train"])
            if unknown_rate is not None:
                batch = _with_unknown(batch, unknown_rate, random)
            rate = settings.optimizer.learning_rate * rate_factor(
                settings.schedule, (epoch - 1) * len(batches) + number, len(batches), settings.epochs)
            trainer.set_learning_rate(rate)
            loss_sum += _step(model, trainer, batch, settings, epoch, number)
            tokens += batch.tokens
            interrupts.check()
            if report:
                report(number + 1, len(batches), tokens, loss_sum / tokens)
        mx.nd.waitall()
        seconds = time.perf_counter() - started
        score = task.score("dev", model.predict(parts["dev"]))
        yield {"epoch": epoch, "loss": loss_sum / tokens, "score": score,
               "seconds": seconds, "tokens_per_second": tokens / seconds, "learning_rate": rate}


def _step(model: Model, trainer: Any, batch: Batch, settings: Training,
          epoch: int, number: int) -> float:
    """One update; returns the loss of the batch, summed."""
    divisor = {"tokens": batch.tokens, "sentences": len(batch.length), "sum": 1}[settings.normalise]
    norm = None
    try:
        loss = model.backward(batch, divisor)
        if settings.optimizer.clip:
            norm = gradient_norm(trainer)
        value = loss if isinstance(loss, float) else float(loss.asscalar())
    except FloatingPointError:  # the sum over tag sequences
        value = math.nan
    limit = EXPLODED * batch.tokens * math.log(max(2, len(model.classes))) * model.heaviest
    if not math.isfinite(value) or value > limit or (norm is not None and not math.isfinite(norm)):
        raise TrainingError(
            f"epoch {epoch}, step {number + 1}: the loss is {value:.4g} for {batch.tokens} tokens; "
            "lower training.optimizer.learning_rate or set training.optimizer.clip")
    # The trainer divides gradients by the number it is given.
    trainer.step(max(1.0, norm / settings.optimizer.clip) if norm is not None else 1)
    return value


def _unknown_rates(model: Model, train: Encoded) -> Optional[np.ndarray]:
    """(words,) the probability with which each word is read as unknown while training.

    z / (z + count), after Kiperwasser & Goldberg 2016: it teaches the vector of
    unknown words on the words that are nearly that.
    """
    z = model.config.network.dropout.word
    if not z or not model.config.features.words.use:
        return None
    rows = train.word[train.form]
    counts = np.bincount(rows, minlength=int(rows.max()) + 1)
    return np.where(counts > 0, z / (z + counts), 0.0)


def _with_unknown(batch: Batch, rates: np.ndarray, random: np.random.RandomState) -> Batch:
    hidden = random.random_sample(batch.words.shape) < rates[batch.words]
    return batch._replace(words=np.where(hidden, 1, batch.words).astype(np.int32))
