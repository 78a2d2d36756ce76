"""The training loop."""

from __future__ import annotations

import math
import time
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np

from ner_mx.compat import mx, seed_everything
from ner_mx.config import Training
from ner_mx.errors import TrainingError
from ner_mx.features.batch import Batch, collate
from ner_mx.features.batching import plan_batches, within_limit
from ner_mx.features.encoded import Encoded
from ner_mx.features.feature import Noise
from ner_mx.training import interrupts
from ner_mx.training.callbacks import Step
from ner_mx.training.case_augmentation import CaseCopies
from ner_mx.training.task import Task
from ner_mx.training.trainable import Trainable
from ner_mx.training.trainer import gradient_norm, summed_gradients
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
           on_step: Callable[[Step], None] = lambda step: None) -> Iterator[Values]:
    """Train epoch by epoch.

    Everything random in an epoch follows from ``(seed, epoch)``: resuming after
    epoch ``start`` equals never having stopped.

    Parameters
    ----------
    on_step : called after each update.

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
    for epoch in range(start + 1, settings.epochs + 1):
        seed_everything(seed, epoch)
        random = np.random.RandomState(np.random.SeedSequence((seed, epoch, 1)).generate_state(4))
        plan = within_limit(plan_batches(data.train.lengths, settings.batch_size, settings.batches, random),
                            data.train.lengths, settings.batch_tokens)
        updates = [plan[start:start + settings.accumulate] for start in range(0, len(plan), settings.accumulate)]
        started = time.perf_counter()
        loss, tokens, rate = 0.0, 0, 0.0
        for number, parts in enumerate(updates):
            batches = [_with_noise(collate(
                model.features, data.copies.encoded, data.copies.drawn(sentences, random), data.copies.targets,
                data.copies.soft), noises, random) for sentences in parts]
            rate = settings.optimizer.learning_rate * settings.schedule.factor_at(
                (epoch - 1) * len(updates) + number, len(updates), settings.epochs)
            trainer.set_learning_rate(rate)
            loss += _update(model, trainer, batches, settings, f"epoch {epoch}, step {number + 1}")
            tokens += sum(batch.tokens for batch in batches)
            interrupts.check()
            on_step(Step(epoch, number + 1, len(updates), tokens, loss / tokens))
        mx.nd.waitall()
        seconds = time.perf_counter() - started
        yield {"epoch": epoch, "loss": loss / tokens, "score": task.score("dev", model.predict(data.dev)),
               "seconds": seconds, "tokens_per_second": tokens / seconds, "learning_rate": rate}


def divisor_of(batches: Sequence[Batch], normalise: str) -> int:
    """What the summed loss of the batches of an update is divided by."""
    return {"tokens": sum(batch.tokens for batch in batches), "sentences": sum(len(batch.length) for batch in batches),
            "sum": 1}[normalise]


def clipping_factor(norm: Optional[float], clip: Optional[float]) -> float:
    """What gradients of this norm are divided by; 1 if they are short enough, or are not clipped."""
    return max(1.0, norm / clip) if norm is not None and clip else 1.0


def _update(model: Trainable, trainer: Trainer, batches: Sequence[Batch], settings: Training, place: str) -> float:
    """One update of the parameters; returns the loss of its batches, summed."""
    norm = None
    divisor, tokens = divisor_of(batches, settings.normalise), divisor_of(batches, "tokens")
    try:
        losses = []
        with summed_gradients(trainer, len(batches)) as add:
            for batch in batches:
                losses.append(model.backward(batch, divisor))
                add()
        if settings.clip:
            norm = gradient_norm(trainer)
        value = math.fsum(loss if isinstance(loss, float) else float(loss.asscalar()) for loss in losses)
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


def _with_noise(batch: Batch, noises: List[Noise], random: np.random.RandomState) -> Batch:
    for noise in noises:
        batch = batch.with_arrays(noise(batch.arrays, random))
    return batch
