"""The differences of two configurations."""

from __future__ import annotations

import json
from typing import Iterator, Optional

from ner_mx.untyped import Values


def differences(one: Values, other: Values, prefix: str = "") -> Iterator[str]:
    """The keys in which two configurations (as JSON values) differ, with both values."""
    for key in [*one, *(key for key in other if key not in one)]:
        mine, theirs = one.get(key), other.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            yield from differences(mine, theirs, f"{prefix}{key}.")
        elif mine != theirs:
            yield f"{prefix}{key}: {json.dumps(mine)} against {json.dumps(theirs)}"


def difference(one: Values, other: Values) -> Optional[str]:
    """The first of the :func:`differences`; None if the two are equal."""
    return next(differences(one, other), None)
