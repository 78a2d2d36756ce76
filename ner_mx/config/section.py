"""The strict mapping that every part of a configuration is, and what its keys declare of themselves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Collection, Dict, Optional

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from ner_mx.errors import nearest

UNKNOWN_KEY = "unknown_key"


@dataclass(frozen=True)
class Kind:
    """What a key declares: what its value decides, and whether it is a path.

    decides : ``"features"`` (the processed corpus, and so the result), ``"result"`` (the
        result alone), ``"seed"``, or ``"nothing"``; None takes that of the section.
    is_path : the value depends on the machine; its content is compared by SHA-256.
    """

    decides: Optional[str] = None
    is_path: bool = False


# For annotations: ``seed: Annotated[int, SEED] = 1``.
FEATURES = Kind("features")
RESULT = Kind("result")
SEED = Kind("seed")
PLACE = Kind("nothing")                       # a name or a setting of the machine
LOCATION = Kind("nothing", is_path=True)      # a folder to write to, or one that is known by its files
RULES = Kind("result", is_path=True)          # a file that changes what a network finds
INPUT = Kind("features", is_path=True)        # a file that goes in


class Section(BaseModel):
    """A strict, frozen mapping: unknown keys and wrong types are errors.

    Attributes
    ----------
    decides : what the keys of the section decide unless they say otherwise, see :class:`Kind`;
        None takes that of the section around it.
    unknown_hint : the end of the message for an unknown key.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True,
                              allow_inf_nan=False)

    decides: ClassVar[Optional[str]] = None
    unknown_hint: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_key(cls, values: Any) -> Any:
        for key in values if isinstance(values, dict) else ():
            if key not in cls.model_fields:
                keys = ", ".join(cls.model_fields)
                raise unknown_key(key, (nearest(str(key), cls.model_fields)
                                        or (f"; the keys here are {keys}" if keys else "; there are no keys here"))
                                  + cls.unknown_hint)
        return values

    @model_validator(mode="before")
    @classmethod
    def _expanded_paths(cls, values: Any) -> Any:
        """Paths with ``~`` and environment variables as a shell would read them."""
        for key, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(key)
            if isinstance(value, str) and field and any(
                    isinstance(mark, Kind) and mark.is_path for mark in field.metadata):
                values = {**values, key: os.path.expanduser(os.path.expandvars(value))}
        return values

    def input_files(self, name: str) -> Optional[Dict[str, Path]]:
        """The files that the section called ``name`` refers to, by the name under which they are recorded.

        None leaves it to the keys that are marked as :data:`INPUT`.
        """
        return None

    def irrelevant(self) -> Collection[str]:
        """The keys whose values do not matter, given the others."""
        return ()


def default_section() -> Any:
    """The default of a key that is a section with its own defaults.

    It is validated when it is needed: registries are empty while modules are imported.
    """
    return Field(default_factory=dict)


def unknown_key(key: object, hint: str) -> PydanticCustomError:
    """The error for a key that a section does not have."""
    return PydanticCustomError(UNKNOWN_KEY, "{key}: unknown key{hint}", {"key": str(key), "hint": hint})


def located_below(error: ValidationError, key: str) -> ValidationError:
    """The same problems, of a section that is found below ``key``."""
    return ValidationError.from_exception_data(error.title, [
        {"type": PydanticCustomError(problem["type"], problem["msg"], problem.get("ctx")),
         "loc": (key, *problem["loc"]), "input": problem["input"]} for problem in error.errors()])
