"""Values against a schema: the first problem in one sentence, with the nearest valid key."""

from __future__ import annotations

from typing import Any, Dict, List, Type, TypeVar

from pydantic import ValidationError

from ner_mx.config.schema import UNKNOWN_KEY, Config, Section
from ner_mx.errors import ConfigError, shown

AnySection = TypeVar("AnySection", bound=Section)


def validate(values: Dict[str, Any], source: str) -> Config:
    """Check ``values`` against the schema; the first problem is the error, under ``source``."""
    return validated(Config, values, source)


def validated(schema: Type[AnySection], values: Dict[str, Any], source: str) -> AnySection:
    """The same for any schema."""
    check(schema, values, source)
    return schema.model_validate(values)


def check(schema: Type[Section], values: Dict[str, Any], source: str, together: bool = True) -> None:
    """Raise the first problem; ``together`` asks whether the keys fit each other, too.

    Raises
    ------
    ConfigError
    """
    try:
        schema.model_validate(values)
    except ValidationError as error:
        problems = [problem for problem in error.errors() if together or not (
            problem["type"] == "value_error" and problem["loc"][-1:] != ("weights",))]
        # A key spelt wrong comes first: the one that misses is often the one that was meant.
        problems.sort(key=lambda problem: problem["type"] != UNKNOWN_KEY)
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
        if isinstance(node, dict) and part in node or isinstance(node, list) and isinstance(part, int):
            keys.append(str(part))
            node = node[part]
    if problem["type"] == "missing":
        return f"{'.'.join([*keys, str(problem['loc'][-1])])}: expected a value, found none"
    if problem["type"] == UNKNOWN_KEY:
        return ".".join([*keys, problem["msg"]])
    where = ".".join(keys) or "the whole"
    message = problem["msg"].replace("Value error, ", "").replace("Input should", "should")
    if isinstance(node, dict) and problem["type"] == "value_error":
        return f"{where}: {message}" if keys else message
    return f"{where}: {message}, found {shown(repr(node))}"
