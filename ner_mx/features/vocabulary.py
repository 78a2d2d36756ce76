"""Strings to ids."""

from __future__ import annotations

from typing import Any, Counter, Dict, Iterable, List, Optional, Sequence

from ner_mx.errors import RunError


class Vocabulary:
    """An ordered set of strings; id 0 is padding, id 1 every unknown string.

    The order is that of gluonnlp's ``Vocab``: the most frequent first, equal
    counts in alphabetical order.  It is a class of its own because features
    must not import MXNet, as gluonnlp does (a test compares the two).

    Parameters
    ----------
    items : the strings of the ids 2, 3, ...
    """

    PADDING, UNKNOWN = "<pad>", "<unk>"
    UNKNOWN_ID = 1

    def __init__(self, items: Iterable[str]):
        self.items: List[str] = [self.PADDING, self.UNKNOWN, *items]
        # A corpus may contain the word "<unk>": ids 0 and 1 belong to no string.
        self._ids: Dict[str, int] = {item: index for index, item in enumerate(self.items) if index > 1}
        if len(self._ids) != len(self.items) - 2:
            raise ValueError("an item is duplicated")

    @classmethod
    def counted(cls, counts: Counter[str], minimum: int = 1, most: Optional[int] = None) -> Vocabulary:
        """The strings seen at least ``minimum`` times, the most frequent first; at most ``most`` of them."""
        kept = [item for item, count in counts.items() if count >= minimum]
        return cls(sorted(kept, key=lambda item: (-counts[item], item))[:most])

    def extended(self, items: Iterable[str]) -> Vocabulary:
        """The same strings, followed by those of ``items`` that are new."""
        return Vocabulary([*self.items[2:], *(item for item in dict.fromkeys(items) if item not in self._ids)])

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, item: str) -> bool:
        return item in self._ids

    def id(self, item: str) -> int:
        """The id of ``item``, 1 if it is unknown."""
        return self._ids.get(item, self.UNKNOWN_ID)

    def ids(self, items: Sequence[str]) -> List[int]:
        """The ids of many strings."""
        get = self._ids.get
        return [get(item, self.UNKNOWN_ID) for item in items]

    def known(self) -> Dict[str, int]:
        """Every string with its id."""
        return dict(self._ids)

    def to_json(self) -> List[str]:
        """The strings from id 2 on."""
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
            raise RunError("vocab.json: expected a vocabulary as a list of distinct strings, found something else; "
                           "preprocess again")
        return cls(value)
