"""Learning-rate schedules; each is a section of the configuration."""

from __future__ import annotations

import math

from pydantic import Field

from ner_mx.config import ScheduleSettings
from ner_mx.registry import register


@register.schedule("constant")
class Constant(ScheduleSettings):
    """Always 1."""

    depends_on_length = False

    def factor(self, done: float, epoch: int) -> float:
        """1."""
        return 1.0


@register.schedule("linear")
class Linear(ScheduleSettings):
    """From 1 to ``final`` in a straight line."""

    final: float = Field(0.05, ge=0, le=1)

    def factor(self, done: float, epoch: int) -> float:
        """By the share of steps that are done."""
        return 1.0 - (1.0 - self.final) * done


@register.schedule("cosine")
class Cosine(ScheduleSettings):
    """From 1 to ``final`` along half a cosine (Loshchilov & Hutter 2017, equation 5)."""

    final: float = Field(0.05, ge=0, le=1)

    def factor(self, done: float, epoch: int) -> float:
        """By the share of steps that are done."""
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * done))


@register.schedule("inverse")
class Inverse(ScheduleSettings):
    """1 / (1 + decay * epoch)."""

    depends_on_length = False

    decay: float = Field(0.05, ge=0)

    def factor(self, done: float, epoch: int) -> float:
        """By the complete epochs."""
        return 1.0 / (1.0 + self.decay * epoch)
