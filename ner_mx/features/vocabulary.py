"""Strings to rows of a table."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Iterable, List, Sequence

from ner_mx.errors import RunError


class Vocabulary:
    """An ordered set of strings; row 0 stands for padding, row 1 for every unknown string.

    Its order is that of gluonnlp's ``Vocab``: the most frequent first, equals in
    alphabetical order.  It is a class of our own because features
    must not import MXNet, which gluonnlp does (tests compare the two).

    Parameters
    ----------
    items : the strings of rows 2, 3, ...
    """

    PADDING, UNKNOWN = "<pad>", "<unk>"

    def __init__(self, items: Iterable[str]):
        self.items: List[str] = [self.PADDING, self.UNKNOWN, *items]
        # A corpus may hold the word "<unk>": rows 0 and 1 are no strings' rows.
        self.rows: Dict[str, int] = {item: row for row, item in enumerate(self.items) if row > 1}
        if len(self.rows) != len(self.items) - 2:
            raise ValueError("an item stands twice")

    @classmethod
    def counted(cls, counts: Counter, minimum: int = 1) -> Vocabulary:
        """The strings seen at least ``minimum`` times, the most frequent first."""
        kept = [item for item, count in counts.items() if count >= minimum]
        return cls(sorted(kept, key=lambda item: (-counts[item], item)))

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, item: str) -> bool:
        return item in self.rows

    def row(self, item: str) -> int:
        """The row of ``item``, 1 where it is unknown."""
        return self.rows.get(item, 1)

    def to_json(self) -> List[str]:
        """The strings from row 2 on."""
        return self.items[2:]

    @classmethod
    def from_json(cls, value: Any) -> Vocabulary:
        """The reverse of :meth:`to_json`.

        Raises
        ------
        RunError : not a list of distinct strings.
        """
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value) \
                or len(set(value)) != len(value):
            raise RunError("vocab.json: expected lists of distinct strings; preprocess again")
        return cls(value)


def rows_of(vocabulary: Vocabulary, items: Sequence[str]) -> List[int]:
    """The rows of many strings."""
    get = vocabulary.rows.get
    return [get(item, 1) for item in items]
