"""Values against the schema: the first problem in one sentence, with the nearest valid key."""

from __future__ import annotations

import difflib
from typing import Any, Dict, Iterable, List, get_args

from pydantic import ValidationError

from ner_mx.config.schema import Config
from ner_mx.errors import ConfigError, shown


def validate(values: Dict[str, Any], source: str) -> Config:
    """Check ``values`` against the schema; the first problem is the error, under ``source``."""
    check(values, source)
    return Config.model_validate(values)


def check(values: Dict[str, Any], source: str, together: bool = True) -> None:
    """Raise the first problem; ``together`` asks whether the keys fit each other, too."""
    try:
        Config.model_validate(values)
    except ValidationError as error:
        problems = [problem for problem in error.errors() if together or not (
            problem["type"] == "value_error" and problem["loc"][-1:] != ("weights",))]
        # A key spelt wrong comes first: the one that misses is often the one that was meant.
        problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")
        if problems:
            raise ConfigError(f"{source}: {_explained(problems[0], values)}") from None
    except RecursionError:
        raise ConfigError(f"{source}: expected plain values, found one that holds itself") from None


def _explained(problem: Dict[str, Any], values: Dict[str, Any]) -> str:
    """One sentence for pydantic's report of one problem."""
    # pydantic adds the branch of a union to the path; only the user's own keys are shown.
    keys: List[str] = []
    node: Any = values
    for part in problem["loc"]:
        if not isinstance(node, dict) or part not in node:
            break
        keys.append(str(part))
        node = node[part]
    where = ".".join(keys) or "the whole"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(keys[:-1])
        return f"{where}: unknown key" + (
            nearest(keys[-1], known) or f"; the keys here are {', '.join(known)}")
    message = problem["msg"].replace("Value error, ", "").replace("Input should", "should")
    if isinstance(node, dict) and problem["type"] == "value_error":
        return f"{where}: {message}" if keys else message
    return f"{where}: {message}, found {shown(repr(node))}"


def _known_keys(parents: List[str]) -> List[str]:
    section: Any = Config
    for part in parents:
        # A table of sections (features.lexicons) has names of the user's own between.
        section = (section.model_fields[part].annotation if hasattr(section, "model_fields") else
                   get_args(section)[1])
    return list(section.model_fields)


def nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
