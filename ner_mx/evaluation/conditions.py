"""Under which conditions a split is tagged: with the annotation of the corpus, or with a predicted one."""

from __future__ import annotations

from typing import NamedTuple

_WITH, _PREDICTED = "with", "predicted"


class Condition(NamedTuple):
    """A split, and the annotation that was predicted for it.

    split : ``dev`` or ``test``, or the name of a file.
    predicted : what was predicted, such as ``POS``; ``""`` if everything is the corpus' own.

    Examples
    --------
    >>> condition = Condition("test", "POS")
    >>> condition.label, condition.key, condition.file_name
    ('test with predicted POS', 'test_with_predicted_POS', 'test-with-predicted-POS')
    """

    split: str
    predicted: str = ""

    @property
    def label(self) -> str:
        """For people."""
        return " ".join([self.split, _WITH, _PREDICTED, self.predicted]) if self.predicted else self.split

    @property
    def key(self) -> str:
        """In ``metrics.json``."""
        return self.label.replace(" ", "_")

    @property
    def file_name(self) -> str:
        """Of its predictions, without the suffix."""
        return self.label.replace(" ", "-")

    @classmethod
    def from_key(cls, key: str) -> Condition:
        """The reverse of :attr:`key`.

        >>> Condition.from_key("dev_with_predicted_POS")
        Condition(split='dev', predicted='POS')
        """
        split, separator, predicted = key.partition(f"_{_WITH}_{_PREDICTED}_")
        return cls(split, predicted if separator else "")
