"""A configuration is built in layers, each with only what differs.

``config.yaml``, a named experiment, single settings.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Iterable, List, Literal, Optional, Set, Tuple, Type, Union, get_args, get_origin

from pydantic import ValidationError

from ner_mx.config.choices import Extended, OneOf, as_mapping
from ner_mx.config.migration import find_moved
from ner_mx.config.schema import Config
from ner_mx.config.section import UNKNOWN_KEY, Section
from ner_mx.config.validation import explained, first_problem, key_path, validate
from ner_mx.config.yaml_documents import parse_yaml, read_yaml
from ner_mx.errors import ConfigError, nearest, shown
from ner_mx.untyped import ReadOnlyValues, Values

EXPERIMENTS = Path(__file__).parent.parent / "experiments" / "definitions"

# A layer: where it comes from, and its values, each laid on those before it.
Layer = Tuple[str, List[Values]]


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
        kind, below = _below(schema, key)
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


def _below(schema: Optional[Type[Section]], key: str) -> Tuple[Any, Optional[Type[Section]]]:
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
            below = _below(schema, key)[1]
            result[key] = _of_schema(value, below) if below and isinstance(value, dict) else value
    return result


def _merged_names(earlier: Any, value: Any, schema: Optional[Type[Section]]) -> Any:
    if not isinstance(value, dict):
        return value
    result = merged(earlier, value, None) if isinstance(earlier, dict) and value else dict(value)
    return {name: entry for name, entry in result.items() if entry is not None}


def experiment_names() -> List[str]:
    """The named experiments that come with the package."""
    return sorted(path.stem for path in EXPERIMENTS.rglob("*.yaml"))


def _experiment_path(name: str, beside: Optional[Path] = None) -> Optional[Path]:
    """The file of an experiment, in whichever folder it is; None if there is none.

    Parameters
    ----------
    beside : the folder of the file that names it, where a relative path is looked for first.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        return next((place for place in ([beside / path] if beside else []) + [path] if place.is_file()), None)
    return next((path for path in EXPERIMENTS.rglob("*.yaml") if path.stem == name), None)


def read_experiment(name: str, beside: Optional[Path] = None) -> Values:
    """The settings of a named experiment, or of a YAML file that ``name`` points to.

    ``extends: other`` at its top lays it over another experiment.

    Raises
    ------
    ConfigError : there is no such experiment, or it extends itself.
    """
    chain: List[Values] = []
    seen: List[str] = []
    while name:
        if name in seen:
            raise ConfigError(f"experiment {name}: extends itself: {' -> '.join([*seen, name])}")
        seen.append(name)
        path = _experiment_path(name, beside)
        if path is None:
            raise ConfigError(f"experiment {shown(name)}: expected a YAML file or one of the named "
                              "experiments, found neither" + nearest(name, experiment_names()))
        settings = read_yaml(path)
        name, beside = settings.pop("extends", ""), path.parent
        if not isinstance(name, str):
            raise ConfigError(f"experiment {path.stem}: extends: expected the name of an experiment, "
                              f"found {name!r}")
        chain.append(settings)
    result: Values = {}
    for settings in reversed(chain):
        result = merged(result, settings)
    return result


def parent_of(name: str) -> Optional[str]:
    """The experiment that another one extends; None if it extends none."""
    path = _experiment_path(name)
    parent = read_yaml(path).get("extends") if path else None
    return parent if isinstance(parent, str) else None


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
            raise ConfigError(f"{argument}: expected section.key=value")
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
            kind, inner = _below(schema, part)
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
                settings: Iterable[str] = ()) -> Config:
    """Build the configuration of a command.

    Parameters
    ----------
    path : the user's configuration; None takes ``config.yaml`` of the working
        folder if there is one, else the defaults.
    experiment : a named experiment or a YAML file, laid over it.
    settings : ``section.key=value`` arguments, laid over both.

    Raises
    ------
    ConfigError : names the source, the key, the value and the nearest valid key.
    """
    if path is None and Path("config.yaml").is_file():
        path = "config.yaml"
    layers: List[Layer] = [] if path is None else [(str(path), [read_yaml(path)])]
    if experiment:
        layers.append(_experiment_layer(experiment))
    return _resolved([*layers, *_setting_layers(parse_settings(settings))])


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
