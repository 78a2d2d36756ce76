"""What a configuration decides: which of its keys make a processed corpus, a result, a portable record.

Nothing here lists keys: each declares what it decides in the schema, see
:class:`~ner_mx.config.section.Kind`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional

from ner_mx.config.schema import Config
from ner_mx.config.section import Kind, Section
from ner_mx.untyped import Values

Keep = Callable[[Kind], bool]


def kind_of(section: Section, name: str, decides: str) -> Kind:
    """What a key of a section declares; ``decides`` is inherited where the key says nothing."""
    field = type(section).model_fields[name]
    kind = next((mark for mark in field.metadata if isinstance(mark, Kind)), Kind())
    return Kind(kind.decides or decides, kind.is_path)


def features_fingerprint(config: Config) -> Values:
    """The keys that decide what is in a processed corpus; input files by name, since hashes tell their content."""
    return _selected(config, lambda kind: kind.decides == "features")


def result_fingerprint(config: Config, seed: bool = False) -> Values:
    """The keys that decide the result of a run; with or without the seed."""
    return _selected(config, lambda kind: kind.decides in ("features", "result")
                     or (seed and kind.decides == "seed"), relevant=True)


def portable(config: Config) -> Values:
    """The configuration without the folders of one machine; input files by name."""
    return _selected(config, lambda kind: not (kind.is_path and kind.decides == "nothing"))


def decides(config: Config, key: str) -> Optional[str]:
    """What a dotted key of a configuration decides, see :class:`Kind`; None if there is no such key."""
    section: Any = config
    decided: Optional[str] = None
    inherited = config.decides or "result"
    for part in key.split("."):
        if not isinstance(section, Section):
            return decided  # below a mapping, everything decides what the mapping does
        inherited = section.decides or inherited
        if part not in type(section).model_fields:
            return inherited if part == "name" and _chosen_name(section) else None
        decided = kind_of(section, part, inherited).decides
        section, inherited = getattr(section, part), decided or inherited
        if isinstance(section, Section):
            decided = inherited = section.decides or inherited
    return decided


def _selected(section: Section, keep: Keep, decides: str = "result", relevant: bool = False) -> Values:
    """The keys of a section that ``keep`` accepts, as JSON values."""
    decides = section.decides or decides
    dumped = section.model_dump(mode="json")
    result: Values = {}
    chosen = _chosen_name(section)
    if chosen and keep(Kind(decides)):
        result["name"] = chosen
    ignored = section.irrelevant() if relevant else ()
    for name, value in section:
        kind = kind_of(section, name, decides)
        inherited = kind.decides or decides
        if name in ignored or name not in dumped:
            continue
        if isinstance(value, Section):
            # Another kind of section may have other sections in it: one of which nothing is kept leaves no trace.
            selected = _selected(value, keep, inherited, relevant)
            result.update({name: selected} if selected else {})
        elif isinstance(value, dict) and any(isinstance(entry, Section) for entry in value.values()):
            result[name] = {key: _selected(entry, keep, inherited, relevant) for key, entry in value.items()}
        elif keep(kind):
            result[name] = Path(value).name if kind.is_path and isinstance(value, str) else dumped[name]
    return result


def _chosen_name(section: Section) -> Optional[str]:
    """The name under which a section that is one of several kinds is registered; None for another section."""
    name = getattr(type(section), "name", None)
    return name if isinstance(name, str) and "name" not in type(section).model_fields else None
