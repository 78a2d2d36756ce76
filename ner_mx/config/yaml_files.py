"""YAML as people write it: floats without a dot are numbers, a key that stands twice is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Union

import yaml

from ner_mx.errors import ConfigError, shown


class _Loader(yaml.SafeLoader):
    """YAML that reads 1e-3 as a number and refuses a key that stands twice."""

    def construct_mapping(self, node, deep=False):
        self.flatten_mapping(node)
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


# YAML 1.1 takes 1e-3 for a string, because it has no dot.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789"))


def parse_yaml(text: str, name: str) -> Any:
    """Parse one YAML document; ``name`` stands in the error."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{name}{line}: expected YAML, found: {problem}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{name}: expected YAML, found: {error}") from None


def read_yaml(path: Union[str, Path]) -> Dict[str, Any]:
    """Read a YAML file that holds one mapping (or nothing).

    Raises
    ------
    ConfigError : the file is missing, is not UTF-8, is no YAML or holds no mapping.
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
