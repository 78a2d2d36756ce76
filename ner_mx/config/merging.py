"""Values of a configuration laid on others."""

from __future__ import annotations

from typing import Any, Optional, Tuple, Type, get_origin

from ner_mx.config.choices import Extended, OneOf, as_mapping
from ner_mx.config.schema import Config
from ner_mx.config.section import Section
from ner_mx.untyped import ReadOnlyValues, Values


def merged(base: ReadOnlyValues, over: ReadOnlyValues,
           schema: Optional[Type[Section]] = Config) -> Values:
    """``base`` with the keys of ``over`` laid on it, section by section.

    - Of a section that is one of several (``training.schedule``), another ``name`` keeps only
      the keys that the new kind has, too.
    - Of mappings with names of the user's own (``features.lexicons.sources``), ``{}`` leaves
      nothing, and a name that is set to null is removed.
    - A mapping that is a value (``loss.weights``) is replaced.
    """
    result = dict(base)
    for key, value in over.items():
        kind, below = schema_below(schema, key)
        earlier = result.get(key)
        if value is None and (isinstance(kind, OneOf) or below is not None):
            continue  # a section whose keys are all commented out
        if isinstance(kind, OneOf):
            result[key] = _merged_choice(earlier, value, kind)
        elif kind == "names":
            result[key] = _merged_names(earlier, value, below)
        elif isinstance(value, dict) and isinstance(earlier, dict) and kind != "value":
            result[key] = merged(earlier, value, below)
        elif isinstance(value, dict) and below is not None and earlier is None:
            result[key] = merged({}, value, below)
        else:
            result[key] = value
    return result


def schema_below(schema: Optional[Type[Section]], key: str) -> Tuple[Any, Optional[Type[Section]]]:
    """What a key of a schema holds: a :class:`OneOf`, ``"names"``, ``"section"`` or ``"value"``; the schema below."""
    field = schema.model_fields.get(key) if schema is not None else None
    if field is None:
        return "section", None
    for mark in field.metadata:
        if isinstance(mark, OneOf):
            return mark, None
        if isinstance(mark, Extended):
            return "section", mark.build()
    annotation: Any = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "section", annotation
    if get_origin(annotation) is dict:
        inside = annotation.__args__[1]
        return "names", inside if isinstance(inside, type) and issubclass(inside, Section) else None
    return "value", None


def _merged_choice(earlier: Any, value: Any, choice: OneOf) -> Any:
    before, after = as_mapping(earlier if earlier is not None else {}), as_mapping(value)
    if before is None or after is None:
        return value
    old = before.get("name", choice.default)
    new = after.get("name", old)
    if new not in choice.registry:
        return merged(before, after, None)  # the schema will refuse the name
    if new == old:
        return merged(before, after, choice.registry[new])
    kept = _of_schema(before, choice.registry[new])
    return merged({**kept, "name": new}, after, choice.registry[new])


def _of_schema(values: ReadOnlyValues, schema: Type[Section]) -> Values:
    """The values whose keys a schema has, section by section."""
    result: Values = {}
    for key, value in values.items():
        if key in schema.model_fields:
            below = schema_below(schema, key)[1]
            result[key] = _of_schema(value, below) if below and isinstance(value, dict) else value
    return result


def _merged_names(earlier: Any, value: Any, schema: Optional[Type[Section]]) -> Any:
    if not isinstance(value, dict):
        return value
    result = merged(earlier, value, None) if isinstance(earlier, dict) and value else dict(value)
    return {name: entry for name, entry in result.items() if entry is not None}
