"""Systems that can be compared: this package's own models, and others under the same protocol.

To add one, put a module into this package (or load one of your own) with a
subclass of :class:`System` under ``@register.system("name")``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar, List, Mapping, Sequence, Tuple

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.errors import ConfigError, UserError, nearest
from ner_mx.untyped import ReadOnlyValues, Values


class System:
    """Something that learns from annotated sentences and tags others.

    Parameters
    ----------
    settings : of the system, by name; an unknown one is an error.
    seed : everything random follows from it.
    """

    name: ClassVar[str] = ""

    def __init__(self, settings: ReadOnlyValues, seed: int = 1):
        self.settings, self.seed = dict(settings), seed

    def fit(self, train: Sequence[Sentence], dev: Sequence[Sentence]) -> None:
        """Learn from ``train``; choose by ``dev``, if there is anything to choose."""
        raise NotImplementedError

    def tag(self, sentences: Sequence[Sentence]) -> List[List[str]]:
        """The IOB2 tags of sentences, whose own tags must not be read."""
        raise NotImplementedError

    def tag_batch(self, sentences: Sequence[Sequence[str]]) -> List[List[ScoredSpan]]:
        """The entities of tokenized sentences, as a tagger gives them; each has the probability 1."""
        tagged = self.tag([Sentence(tuple(tokens)) for tokens in sentences])
        return [[ScoredSpan(span, 1.0) for span in spans_of(tags)] for tags in tagged]

    def describe(self) -> Values:
        """What the system is, as JSON values: versions, sizes."""
        return {}

    def save(self, folder: Path) -> None:
        """Write what :meth:`tag` needs into a folder that exists.

        Raises
        ------
        UserError : the system has no form on disk.
        """
        raise UserError(f"{self.name}: expected a system that can be saved, found one without a form on disk")

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote, instead of fitting.

        Raises
        ------
        UserError : it is damaged.
        """
        raise UserError(f"{self.name}: expected a system that can be saved, found one without a form on disk")


def checked_settings(system: str, settings: ReadOnlyValues, defaults: ReadOnlyValues,
                     limits: Mapping[str, Tuple[float, float]] = {}) -> Values:
    """The settings of a system, with the defaults of those that are not given.

    Parameters
    ----------
    limits : the least and the largest value of numbers, by key.

    Raises
    ------
    ConfigError : one is unknown, has a value of another type than its default, or exceeds its limits.
    """
    for key, value in settings.items():
        if key not in defaults:
            expected = f"one of {', '.join(defaults)}" if defaults else "no settings"
            raise ConfigError(f"{system}: expected {expected}, found {key}{nearest(key, defaults)}")
        default = defaults[key]
        fits = isinstance(value, bool) == isinstance(default, bool) and isinstance(
            value, (int, float) if isinstance(default, float) else (str, type(None)) if default is None else
            type(default))
        if not fits:
            expected = "text" if default is None or isinstance(default, str) else f"a value like {default!r}"
            raise ConfigError(f"{system}: {key}: expected {expected}, found {value!r}")
        least, most = limits.get(key, (-math.inf, math.inf))
        if isinstance(value, (int, float)) and not least <= value <= most:  # true for NaN, too
            raise ConfigError(f"{system}: {key}: expected a number from {least:g} to {most:g}, found {value!r}")
    return {**defaults, **settings}
