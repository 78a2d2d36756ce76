"""Keys whose values are looked up in a registry when a configuration is validated.

The schema has no list of the names: what is registered is what is allowed.
"""

from __future__ import annotations

from typing import Any, Callable, Collection, Type

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ner_mx.config.section import Section, unknown_key
from ner_mx.errors import nearest
from ner_mx.registry import Registry
from ner_mx.untyped import Values


class OneOf:
    """Annotates a section that is one of the registered kinds; its key ``name`` says which.

    ``schedule: linear`` is short for ``schedule: {name: linear}``.

    Parameters
    ----------
    registry : its entries are subclasses of :class:`~ner_mx.config.section.Section`.
    default : the name that is taken if none is given.
    """

    def __init__(self, registry: Registry[Any], default: str):
        self.registry, self.default = registry, default

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validated, serialization=core_schema.plain_serializer_function_ser_schema(dumped_choice))

    def _validated(self, value: Any) -> Section:
        if isinstance(value, Section):
            return value
        values = as_mapping(value)
        if values is None:
            raise ValueError("expected a name, or a mapping with the key name")
        name = values.pop("name", self.default)
        if name not in self.registry:
            raise PydanticCustomError("unknown_name", "name: {problem}",
                                      {"problem": self.registry.unknown(name)})
        chosen: Type[Section] = self.registry[name]
        for key in values:
            if key not in chosen.model_fields:
                raise unknown_key(key, self._hint(key, name, chosen))
        return chosen.model_validate(values)

    def _hint(self, key: str, name: str, chosen: Type[Section]) -> str:
        owners = [other for other in self.registry.names() if key in self.registry[other].model_fields]
        if owners:
            return f" for {name}; it belongs to {' and '.join(owners)}"
        return nearest(str(key), chosen.model_fields) or (
            f" for {name}; the keys here are {', '.join(['name', *chosen.model_fields])}")


def as_mapping(value: Any) -> Any:
    """A choice as a mapping of its own; None if it is neither a name nor a mapping."""
    if isinstance(value, str):
        return {"name": value}
    return dict(value) if isinstance(value, dict) else None


def dumped_choice(section: Any) -> Values:
    """A chosen section as JSON values, with its name."""
    return {"name": type(section).name, **section.model_dump(mode="json")}


class NameIn:
    """Annotates a string that must be a registered name, or one of ``also``."""

    def __init__(self, registry: Registry[Any], also: Collection[str] = ()):
        self.registry, self.also = registry, also

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._registered, handler(source))

    def _registered(self, name: str) -> str:
        if name not in self.also and name not in self.registry:
            raise ValueError(self.registry.unknown(name, self.also))
        return name


class Extended:
    """Annotates a section whose class is built from a registry, see :func:`~ner_mx.config.schema.features_schema`."""

    def __init__(self, build: Callable[[], Type[Section]]):
        self.build = build

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda section: section.model_dump(mode="json")))

    def _validated(self, value: Any) -> Section:
        return value if isinstance(value, Section) else self.build().model_validate(value)
