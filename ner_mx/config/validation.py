"""Values against a schema: the first problem as one sentence, with the nearest valid key."""

from __future__ import annotations

import re
import reprlib
from typing import Any, List, Mapping, Tuple, Type, TypeVar

from pydantic import ValidationError

from ner_mx.config.schema import Config
from ner_mx.config.section import UNKNOWN_KEY, Section
from ner_mx.errors import ConfigError, shown
from ner_mx.untyped import ReadOnlyValues, Values

AnySection = TypeVar("AnySection", bound=Section)


def validate(values: ReadOnlyValues, source: str) -> Config:
    """Check ``values`` against the schema of a configuration.

    Raises
    ------
    ConfigError : the first problem; ``source`` is the place it names.
    """
    return validate_as(Config, values, source)


def validate_as(schema: Type[AnySection], values: ReadOnlyValues, source: str) -> AnySection:
    """The same for any schema."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {explained(first_problem(error), values)}") from None
    except RecursionError:
        raise ConfigError(f"{source}: expected plain values, found one that contains itself") from None


def first_problem(error: ValidationError) -> Values:
    """The problem to report: a misspelt key comes first, since it is often the one that is missed."""
    problems: List[Any] = sorted(error.errors(), key=lambda problem: problem["type"] != UNKNOWN_KEY)
    return dict(problems[0])


def key_path(problem: ReadOnlyValues, values: Any) -> Tuple[List[str], Any]:
    """The keys of the user's own that lead to a problem, and the value there."""
    # pydantic adds the branch of a union to the path.
    keys: List[str] = []
    for part in problem["loc"]:
        if isinstance(values, Mapping) and part in values or isinstance(values, list) and isinstance(part, int):
            keys.append(str(part))
            values = values[part]
    return keys, values


def explained(problem: ReadOnlyValues, values: Any) -> str:
    """One sentence for pydantic's report of one problem."""
    keys, value = key_path(problem, values)
    if problem["type"] == "missing":
        return f"{'.'.join([*keys, str(problem['loc'][-1])])}: expected a value, found nothing"
    if problem["type"] in (UNKNOWN_KEY, "unknown_name"):
        return ".".join([*keys, problem["msg"]])
    where = ".".join(keys) or "the whole"
    message = re.sub(r"^(Value error, |(?:Input|String) (?=should))", "", problem["msg"])
    if problem["type"] == "value_error" and isinstance(value, Mapping):
        return f"{where}: {message}" if keys else message
    if "found" in message:
        return f"{where}: {message}"
    # YAML makes a number or a boolean of some words.
    remedy = "; put it in quotes" if problem["type"] == "string_type" and isinstance(value, (bool, int, float)) else ""
    return f"{where}: {message}, found {shown(value if isinstance(value, str) else _short(value))}{remedy}"


_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 80


def _short(value: Any) -> str:
    """A value as Python writes it, without more of it than is shown: aliases may make it larger than memory."""
    return _BRIEF.repr(value)
