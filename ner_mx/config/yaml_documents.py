"""YAML by the rules of version 1.2, read and written: ``no`` is a string, ``010`` is ten, ``1e-3`` a number.

PyYAML follows version 1.1; only what it makes of plain scalars differs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Set, Union

import yaml

from ner_mx.errors import ConfigError, first_line, shown
from ner_mx.untyped import Values

# The core schema of YAML 1.2.2, section 10.3.2, by the characters with which a scalar may begin.
_RULES = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
     list("-+.0123456789")),
)


# How many keys a mapping may get from others.
MOST_MERGED = 10_000


class _Loader(yaml.SafeLoader):
    """YAML 1.2 in which a duplicated key is an error."""

    yaml_implicit_resolvers: Values = {}

    def __init__(self, stream: Any):
        super().__init__(stream)
        self._checked: Set[int] = set()

    def flatten_mapping(self, node: Any) -> None:
        # Keys that a merge (<<) brings in may be overridden; keys of the mapping itself may not repeat.
        # A mapping that others merge may be flattened before it is constructed: it is checked once.
        if id(node) not in self._checked:
            self._checked.add(id(node))
            self._check_keys(node)
        own = len(node.value)
        super().flatten_mapping(node)
        # Merges of merges grow by a power of their depth.
        if len(node.value) > own + MOST_MERGED:
            raise yaml.constructor.ConstructorError(
                None, None, "a mapping that merges too many others", node.start_mark)

    def _check_keys(self, node: Any) -> None:
        own: Set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            try:
                duplicated = key in own
                own.add(key)
            except TypeError:
                raise yaml.constructor.ConstructorError(
                    None, None, "expected a plain key, found a list or mapping", key_node.start_mark) from None
            if duplicated:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is duplicated", key_node.start_mark)

    def construct_yaml_int(self, node: Any) -> int:
        text = str(self.construct_scalar(node))
        if len(text) > 4000:  # Python refuses to convert longer ones
            raise yaml.constructor.ConstructorError(None, None, "a number of too many digits", node.start_mark)
        return int(text, 8 if text.startswith("0o") else 16) if text[:2] in ("0o", "0x") else int(text)

    def construct_merge(self, node: Any) -> str:
        # << that is not a key.
        return str(self.construct_scalar(node))


class _Dumper(yaml.SafeDumper):
    """Quotes what :class:`_Loader` would take for something else than a string."""

    yaml_implicit_resolvers: Values = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> Any:
        # In other styles, PyYAML reads these line ends back as spaces.
        style = '"' if any(end in data for end in "\x85\u2028\u2029") else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


for _class in (_Loader, _Dumper):
    for _tag, _pattern, _first in _RULES:
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)
    _class.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^(?:<<)$"), ["<"])
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Dumper.add_representer(str, _Dumper.represent_str)
_Loader.add_constructor("tag:yaml.org,2002:merge", _Loader.construct_merge)


def parse_yaml(text: str, name: str) -> Any:
    """Parse one YAML document; ``name`` is used in the error.

    Raises
    ------
    ConfigError : the text is not YAML, or a key is duplicated.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or first_line(error)
        raise ConfigError(f"{name}{line}: expected YAML, found: {problem}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{name}: expected YAML, found: {first_line(error)}") from None


def dump_yaml(values: Any) -> str:
    """Values as YAML that :func:`parse_yaml` reads back as the same values."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def read_yaml(path: Union[str, Path]) -> Values:
    """Read a YAML file that holds one mapping (or nothing).

    Raises
    ------
    ConfigError : the file is missing, is not UTF-8, is not YAML or holds no mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable file, found: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8, found byte {error.object[error.start]:#04x} "
                          f"at {error.start}; save the file as UTF-8") from None
    except ValueError as error:  # a NUL in the path
        raise ConfigError(f"{shown(str(path))}: expected a path, found: {error}") from None
    values = parse_yaml(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected 'key: value' lines, found a {type(values).__name__}")
    return values
