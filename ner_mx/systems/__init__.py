"""Systems that can be compared: this package's own models, and others under the same protocol.

To add one, put a module into this package (or load one of your own) with a
subclass of :class:`System` under ``@register.system("name")``.
"""

from __future__ import annotations

from typing import ClassVar, List, Sequence

from ner_mx.data.sentence import Sentence
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

    def describe(self) -> Values:
        """What the system is, as JSON values: versions, sizes."""
        return {}
