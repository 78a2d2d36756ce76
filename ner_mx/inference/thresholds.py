"""The least probability that an entity must have, for all types or by type."""

from __future__ import annotations

from typing import Dict, Mapping, NamedTuple, Optional, Sequence, Union

from ner_mx.errors import UserError, nearest
from ner_mx.untyped import Json


class Thresholds(NamedTuple):
    """default : for types that are not named.  by_label : for those that are."""

    default: float = 0.0
    by_label: Mapping[str, float] = {}

    @classmethod
    def of(cls, value: Union[None, str, float, Mapping[str, float]], labels: Sequence[str]) -> Optional[Thresholds]:
        """Thresholds from a number, from numbers by type, or from text: ``0.5``, ``PER=0.9,LOC=0.8``, ``0.5,PER=0.9``.

        Parameters
        ----------
        labels : the entity types of the model.

        Raises
        ------
        UserError : a number is not between 0 and 1, or a type is unknown.
        """
        if value is None:
            return None
        default, by_label = 0.0, {}
        for label, number in _parts(value):
            score = _probability(number)
            if not label:
                default = score
            elif label in labels:
                by_label[label] = score
            else:
                raise UserError(f"min_score: expected a type among {', '.join(labels)}, found {label!r}"
                                + nearest(label, labels))
        return cls(default, by_label)

    def keeps(self, label: str, score: float) -> bool:
        """Whether an entity is likely enough."""
        return score >= self.by_label.get(label, self.default)

    def to_json(self) -> Json:
        """As JSON values."""
        return {"default": self.default, "by_label": dict(self.by_label)}


def _parts(value: Union[str, float, Mapping[str, float]]) -> list[tuple[str, object]]:
    """Pairs of a type, ``""`` for all types, and its number."""
    if isinstance(value, Mapping):
        return list(value.items())
    if not isinstance(value, str):
        return [("", value)]
    result: Dict[str, object] = {}
    for part in value.split(","):
        label, equals, number = part.rpartition("=")
        result[label.strip()] = number.strip()
    return list(result.items())


def _probability(number: object) -> float:
    try:
        value = float(number)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = -1.0
    if not 0 <= value <= 1:
        raise UserError(f"min_score: expected a number from 0 to 1, found {number!r}")
    return value
