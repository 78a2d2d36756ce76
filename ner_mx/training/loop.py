"""The training loop."""

from __future__ import annotations

import math
import time
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np

from ner_mx.compat import mx, seed_everything
from ner_mx.config import Training
from ner_mx.errors import TrainingError
from ner_mx.features.batch import Batch, collate
from ner_mx.features.batching import plan_batches, within_limit
from ner_mx.features.encoded import Encoded
from ner_mx.features.feature import Noise
from ner_mx.training import interrupts
from ner_mx.training.averaging import MovingAverage
from ner_mx.training.callbacks import Step
from ner_mx.training.case_augmentation import CaseCopies
from ner_mx.training.distributed.workers import SINGLE, Workers
from ner_mx.training.task import Task
from ner_mx.training.trainable import Trainable
from ner_mx.training.trainer import clear_gradients, gradient_norm, spread_gradients, summed_gradients
from ner_mx.untyped import Trainer, Values

# A loss per token of this many times that of a uniform guess has diverged.
EXPLODED = 20.0


class TrainingSet(NamedTuple):
    """What a network is trained on, and judged by.

    train : the sentences.  copies : the same with copies in other cases, and their classes.
    dev : the sentences that judge.
    """

    train: Encoded
    copies: CaseCopies
    dev: Encoded


def epochs(model: Trainable, trainer: Trainer, task: Task, data: TrainingSet, seed: int, start: int = 0,
           on_step: Callable[[Step], None] = lambda step: None, average: Optional[MovingAverage] = None,
           workers: Workers = SINGLE) -> Iterator[Values]:
    """Train epoch by epoch.

    Everything random in an epoch follows from ``(seed, epoch)``: resuming after
    epoch ``start`` equals never having stopped.

    Parameters
    ----------
    on_step : called after each update.
    average : follows the parameters, and is what the score is of; None for the parameters themselves.
    workers : who computes the gradients of a batch, ``training.batch_size`` sentences each; the first one judges.

    Yields
    ------
    One record per epoch: epoch, loss (per token), score (on dev), seconds,
    tokens_per_second (of the training steps), learning_rate.

    Raises
    ------
    TrainingError : the loss is not a number, or explodes.
    """
    settings = model.config.training
    noises = [noise for feature in model.features for noise in [feature.noise(data.train)] if noise]
    average = average or MovingAverage({}, 0.0)
    for epoch in range(start + 1, settings.epochs + 1):
        seed_everything(seed, epoch, *workers.seeds)
        random = np.random.RandomState(np.random.SeedSequence((seed, epoch, 1)).generate_state(4))
        # What differs between workers is drawn from a stream of their own, so that their batches are the same.
        noise = random if workers.count == 1 else np.random.RandomState(
            np.random.SeedSequence((seed, epoch, 2, workers.rank)).generate_state(4))
        plan = within_limit(plan_batches(data.train.lengths, settings.sentences() * workers.count, settings.batches,
                                         random), data.train.lengths, settings.batch_tokens * workers.count)
        updates = [plan[start:start + settings.accumulate] for start in range(0, len(plan), settings.accumulate)]
        started = time.perf_counter()
        loss, tokens, rate = 0.0, 0, 0.0
        for number, parts in enumerate(updates):
            batches = [_with_noise(collate(model.features, data.copies.encoded, share, data.copies.targets,
                                           data.copies.soft), noises, noise)
                       for sentences in parts for share in divided(
                           workers.share(data.copies.drawn(sentences, random)), len(model.devices))]
            lengths = data.train.lengths[np.concatenate(parts)]
            rate = settings.optimizer.learning_rate * settings.schedule.factor_at(
                (epoch - 1) * len(updates) + number, len(updates), settings.epochs)
            trainer.set_learning_rate(rate)
            loss += _update(model, trainer, batches, settings, f"epoch {epoch}, step {number + 1}", lengths, workers)
            average.update()
            tokens += int(lengths.sum())
            interrupts.check()
            on_step(Step(epoch, number + 1, len(updates), tokens, loss / tokens))
        mx.nd.waitall()
        seconds = time.perf_counter() - started
        score = 0.0
        if not workers.rank:
            with average.applied():
                score = task.score("dev", model.predict(data.dev))
        yield {"epoch": epoch, "loss": loss / tokens, "score": score,
               "seconds": seconds, "tokens_per_second": tokens / seconds, "learning_rate": rate}


def divided(sentences: np.ndarray, devices: int) -> List[np.ndarray]:
    """The sentences of each device, in turn; none for a device if there are fewer sentences."""
    return [sentences[number::devices] for number in range(min(devices, len(sentences)))]


def divisor_of(lengths: np.ndarray, normalise: str) -> int:
    """What the summed loss of the sentences of an update, of these lengths, is divided by."""
    return {"tokens": int(lengths.sum()), "sentences": len(lengths), "sum": 1}[normalise]


def clipping_factor(norm: Optional[float], clip: Optional[float]) -> float:
    """What gradients of this norm are divided by; 1 if they are short enough, or are not clipped."""
    return max(1.0, norm / clip) if norm is not None and clip else 1.0


def _update(model: Trainable, trainer: Trainer, batches: Sequence[Batch], settings: Training, place: str,
            lengths: Optional[np.ndarray] = None, workers: Workers = SINGLE) -> float:
    """One update of the parameters; returns the loss of its batches, summed.

    Parameters
    ----------
    batches : of this worker.
    lengths : of the sentences of all workers; None for those of the batches.
    """
    norm = None
    if lengths is None:
        lengths = np.concatenate([batch.length for batch in batches])
    divisor, tokens = divisor_of(lengths, settings.normalise), int(lengths.sum())
    try:
        losses = []
        with summed_gradients(trainer, len(batches)) as add:
            for position, batch in enumerate(batches):
                number = position % len(model.devices)
                losses.append(model.backward(batch, divisor, number))
                add(number)
        if workers.count > 1:
            if not batches:
                clear_gradients(trainer)
            losses = [workers.add_gradients(trainer, math.fsum(map(_number, losses)))]
        if len(model.devices) > 1:
            spread_gradients(trainer)
        if settings.clip:
            norm = gradient_norm(trainer)
        value = math.fsum(map(_number, losses))
    except FloatingPointError:  # raised by the sum over tag sequences
        value = math.nan
    heaviest = max(1.0, model.loss.heaviest)
    limit = EXPLODED * tokens * math.log(max(2, len(model.classes))) * heaviest
    if not math.isfinite(value) or value > limit or (norm is not None and not math.isfinite(norm)):
        raise TrainingError(f"{place}: the loss is {value:.4g} for {tokens} tokens; "
                            "lower training.optimizer.learning_rate or set training.clip")
    # The trainer divides gradients by the number it is given.
    trainer.step(clipping_factor(norm, settings.clip))
    return value


def _number(loss: Any) -> float:
    return float(loss) if isinstance(loss, (int, float)) else float(loss.asscalar())


def _with_noise(batch: Batch, noises: List[Noise], random: np.random.RandomState) -> Batch:
    for noise in noises:
        batch = batch.with_arrays(noise(batch.arrays, random))
    return batch
