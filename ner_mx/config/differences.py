"""What differs between two configurations."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, Optional


def differences(one: Dict[str, Any], other: Dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The keys in which two configurations differ, with both values."""
    for key in [*one, *(key for key in other if key not in one)]:
        mine, theirs = one.get(key), other.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            yield from differences(mine, theirs, f"{prefix}{key}.")
        elif mine != theirs:
            yield f"{prefix}{key}: {json.dumps(mine)} against {json.dumps(theirs)}"


def difference(one: Dict[str, Any], other: Dict[str, Any]) -> Optional[str]:
    """The first of the :func:`differences`; None if there is none."""
    return next(differences(one, other), None)
