"""JSON that can be written again: finite numbers, and values that are not nested too deeply."""

from __future__ import annotations

import json
import math
from typing import Any, Union

from ner_mx.untyped import Json

# Deeper nesting could be read, but not written or sent to another process.
MAX_DEPTH = 100


def parse_json(content: Union[str, bytes]) -> Any:
    """Parse a JSON document.

    Raises
    ------
    ValueError : it is not JSON, holds NaN, an infinity or a fraction beyond the range of floats, or is nested more
        than ``MAX_DEPTH`` deep.
    """
    try:
        value = json.loads(content, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        value, nested = None, True
    else:
        brackets = ("[", "{") if isinstance(content, str) else (b"[", b"{")
        nested = sum(map(content.count, brackets)) > MAX_DEPTH and _is_too_deep(value)  # type: ignore[arg-type]
    if nested:
        raise ValueError(f"values nested more than {MAX_DEPTH} deep")
    return value


def _is_too_deep(value: Json) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level if isinstance(parent, (list, dict))
                 for child in (parent.values() if isinstance(parent, dict) else parent)]
    return bool(level)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number[:20]}, which JSON cannot represent")
    return value
