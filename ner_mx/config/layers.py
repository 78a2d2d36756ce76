"""A configuration is built in layers, each with only what differs.

``config.yaml``, a named experiment, single settings.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Iterable,
    List,
    Literal,
    Mapping,
    Optional,
    Set,
    Tuple,
    Type,
    Union,
    get_args,
    get_origin,
)

from pydantic import ValidationError

from ner_mx.config.choices import OneOf
from ner_mx.config.experiments import read_experiment
from ner_mx.config.merging import merged, schema_below
from ner_mx.config.migration import find_moved
from ner_mx.config.schema import Config
from ner_mx.config.section import UNKNOWN_KEY, Section
from ner_mx.config.validation import explained, first_problem, key_path, validate
from ner_mx.config.yaml_documents import parse_yaml, read_yaml
from ner_mx.errors import ConfigError
from ner_mx.untyped import ReadOnlyValues, Values

# A layer: where it comes from, and its values, each laid on those before it.
Layer = Tuple[str, List[Values]]


def nested(values: ReadOnlyValues) -> Values:
    """Values by dotted key as nested mappings.

    >>> nested({"a.b": 1, "a.c": 2})
    {'a': {'b': 1, 'c': 2}}
    """
    result: Values = {}
    for key, value in values.items():
        *sections, last = key.strip().split(".")
        section = result
        for part in sections:
            section = section.setdefault(part, {})
            if not isinstance(section, dict):
                raise ConfigError(f"{key}: expected a section at {part}, found a value")
        section[last] = deepcopy(value)  # a later key may be below it
    return result


def parse_settings(arguments: Iterable[str]) -> Values:
    """``section.key=value`` arguments as values by dotted key; a later one replaces an earlier one.

    Raises
    ------
    ConfigError : an argument has no key or no value.
    """
    result: Values = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        key = key.strip()
        if not equals or not key:
            raise ConfigError(f"{argument}: expected KEY=VALUE, found no value")
        result.pop(key, None)
        result[key] = _typed(key, text)
    return result


NULLS = ("", "~", "null", "Null", "NULL")


def _typed(key: str, text: str) -> Any:
    """The value of an argument: text as it stands for a key that takes text, else YAML."""
    types = _types_of(key)
    if str not in types or not types <= {str, list, type(None)}:
        value = parse_yaml(text, key)
        return text if value is None and text.strip() not in NULLS else value
    if type(None) in types and text in NULLS:
        return None
    if type(None) in types and text == "None":
        raise ConfigError(f"{key}: expected text or null, found None, which Python calls so; write null, or 'None' "
                          "in quotes")
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return parse_yaml(text, key) if is_quoted or (list in types and text[:1] == "[") else text


def _types_of(key: str) -> Set[Any]:
    """The types that a dotted key takes; a mapping or an unknown key has none."""
    schemas: List[Type[Section]] = [Config]
    *sections, last = key.split(".")
    for part in sections:
        below: List[Type[Section]] = []
        for schema in schemas:
            kind, inner = schema_below(schema, part)
            if isinstance(kind, OneOf):
                below += [kind.registry[name] for name in kind.registry.names()]
            elif inner is not None:
                below.append(inner)
        # Below names of the user's own, the part after the next is a key.
        schemas = below or schemas
    fields = [schema.model_fields[last] for schema in schemas if last in schema.model_fields]
    return {kind for field in fields for kind in _plain_types(field.annotation)}


def _plain_types(annotation: Any) -> Set[Any]:
    """The plain types in an annotation: of ``Optional[str]``, ``str`` and that of None."""
    origin = get_origin(annotation)
    if origin is Union:
        return {kind for part in get_args(annotation) for kind in _plain_types(part)}
    if origin is Annotated:
        return _plain_types(get_args(annotation)[0])
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    return {origin or annotation}


def load_config(path: Optional[Union[str, Path]] = None, experiment: Optional[str] = None,
                settings: Union[Iterable[str], ReadOnlyValues] = ()) -> Config:
    """Build the configuration of a command.

    Parameters
    ----------
    path : the user's configuration; None takes ``config.yaml`` of the working
        folder if there is one, else the defaults.
    experiment : a named experiment or a YAML file, laid over it.
    settings : ``section.key=value`` arguments, or values by dotted key, laid over both.

    Raises
    ------
    ConfigError : names the source, the key, the value and the nearest valid key.
    """
    if path is None and Path("config.yaml").is_file():
        path = "config.yaml"
    layers: List[Layer] = [] if path is None else [(str(path), [read_yaml(path)])]
    if experiment:
        layers.append(_experiment_layer(experiment))
    values = settings if isinstance(settings, Mapping) else parse_settings(settings)
    return _resolved([*layers, *_setting_layers(values)])


def load_experiment(experiment: str, settings: Optional[ReadOnlyValues] = None,
                    beside: Optional[Path] = None) -> Config:
    """An experiment by itself, over the defaults; ``config.yaml`` of the working folder has no effect.

    Parameters
    ----------
    settings : values by dotted key, laid over it.
    beside : the folder of the file that names the experiment, where its file is looked for first.

    Raises
    ------
    ConfigError : as :func:`load_config`.
    """
    return _resolved([_experiment_layer(experiment, beside), *_setting_layers(settings or {})])


def with_values(config: Config, values: ReadOnlyValues) -> Config:
    """A configuration with other values by dotted key.

    Raises
    ------
    ConfigError : a key is unknown or a value is not valid.
    """
    return _resolved([("the configuration", [config.model_dump(mode="json")]), *_setting_layers(values)])


def _experiment_layer(experiment: str, beside: Optional[Path] = None) -> Layer:
    return f"experiment {experiment}", [read_experiment(experiment, beside)]


def _setting_layers(settings: ReadOnlyValues) -> List[Layer]:
    """Settings may only make sense together, so they are one layer, in which the kind of a section comes first."""
    if not settings:
        return []
    nested(settings)  # checks that no key is below a value
    ordered = sorted(settings, key=lambda key: not key.endswith(".name"))
    return [(SETTINGS, [nested({key: settings[key]}) for key in ordered])]


# The source of single settings; a problem names the setting itself.
SETTINGS = "settings"


def _resolved(layers: List[Layer]) -> Config:
    """The layers, one over the other and checked."""
    values: Values = {}
    culprit: Optional[str] = None
    for source, layer in layers:
        for part in layer:
            values = merged(values, part)
        problem = _problem(values)
        if problem is not None and (problem["type"] != "value_error" or problem["loc"][-1:] == ("weights",)):
            raise ConfigError(_told(source, problem, values))
        # Settings that only make sense together may come in several layers.
        culprit = None if problem is None else culprit or source
    problem = _problem(values)
    if problem is not None:
        raise ConfigError(_told(culprit or "the configuration", problem, values))
    return validate(values, "the configuration")


def _problem(values: Values) -> Optional[Values]:
    try:
        Config.model_validate(values)
    except ValidationError as error:
        return first_problem(error)
    except RecursionError:
        raise ConfigError("expected plain values, found one that contains itself") from None
    return None


def _told(source: str, problem: Values, values: Values) -> str:
    """One sentence for a problem, with the file it comes from and where a renamed key has gone."""
    sentence = explained(problem, values)
    if problem["type"] == UNKNOWN_KEY:
        keys, section = key_path(problem, values)
        key = problem["ctx"]["key"]
        moved = find_moved(".".join([*keys, key]), section.get(key))
        if moved:
            sentence = f"{moved[0]}: unknown key; it is called {moved[1]} now"
    return sentence if source == SETTINGS else f"{source}: {sentence}"
