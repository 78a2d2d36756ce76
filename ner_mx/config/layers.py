"""A configuration is built in three layers, each saying only what differs.

``config.yaml``, a named experiment, ``--set`` arguments.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple, Union

from ner_mx.config.schema import Config
from ner_mx.config.validation import check, validate
from ner_mx.config.yaml_files import parse_yaml, read_yaml
from ner_mx.errors import ConfigError, nearest, shown

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
USERS_NAMES = ("lexicons", "files")


def _merged(base: Dict[str, Any], over: Dict[str, Any]) -> Dict[str, Any]:
    """``base`` with the keys of ``over`` laid on it, section by section.

    A table that is a value (loss.weights) is replaced, not merged.  Of tables
    whose names are the user's (features.lexicons) ``{}`` leaves nothing, and a
    name that is set to null is taken out.
    """
    result = dict(base)
    for key, value in over.items():
        if key in USERS_NAMES and value == {}:
            result[key] = {}
        elif isinstance(value, dict) and isinstance(result.get(key), dict) and key != "weights":
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
        if key in USERS_NAMES and isinstance(result[key], dict):
            result[key] = {name: entry for name, entry in result[key].items() if entry is not None}
    return result


def experiment_names() -> List[str]:
    """The named experiments that come with the package."""
    return sorted(path.stem for path in EXPERIMENTS.rglob("*.yaml"))


def _experiment_path(name: str) -> Optional[Path]:
    """The file of an experiment, in whichever folder it lies; None where there is none."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else next(
        (path for path in EXPERIMENTS.rglob("*.yaml") if path.stem == name), None)
    return path if path and path.is_file() else None


def read_experiment(name: str) -> Dict[str, Any]:
    """The settings of a named experiment, or of a YAML file that ``name`` points to.

    ``extends: other`` at its top lays it over another experiment.
    """
    chain: List[Dict[str, Any]] = []
    seen: List[str] = []
    while name:
        if name in seen:
            raise ConfigError(f"experiment {name}: extends itself: {' -> '.join(seen + [name])}")
        seen.append(name)
        path = _experiment_path(name)
        if path is None:
            raise ConfigError(f"experiment {shown(name)}: expected a YAML file or one of those that "
                              "ner-mx experiments lists, found neither" + nearest(name, experiment_names()))
        settings = read_yaml(path)
        name = settings.pop("extends", "")
        if not isinstance(name, str):
            raise ConfigError(f"experiment {path.stem}: extends: expected the name of an experiment, "
                              f"found {name!r}")
        chain.append(settings)
    result: Dict[str, Any] = {}
    for settings in reversed(chain):
        result = _merged(result, settings)
    return result


def _setting(argument: str) -> Dict[str, Any]:
    """``a.b=c`` as the nested mapping ``{a: {b: c}}``; c is read as YAML."""
    key, equals, value = argument.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {argument}: expected section.key=value")
    result: Any = parse_yaml(value, f"--set {key}")
    if result is None and value.strip().lower() not in ("", "~", "null"):
        result = value  # YAML takes it for a comment: corpus.comment=#
    for part in reversed(key.strip().split(".")):
        result = {part: result}
    return result


def parse_settings(arguments: Iterable[str]) -> Dict[str, Any]:
    """``section.key=value`` arguments as values by dotted key.

    Raises
    ------
    ConfigError : one is no key and value.
    """
    result = {}
    for argument in arguments:
        key, value = argument.partition("=")[0].strip(), _setting(argument)
        for part in key.split("."):
            value = value[part]
        result[key] = value
    return result


def as_arguments(settings: Dict[str, Any]) -> List[str]:
    """Values by dotted key as ``section.key=value`` arguments."""
    # JSON is YAML, and says plainly what is a number and what a string.
    return [f"{key}={json.dumps(value, default=str)}" for key, value in settings.items()]


def load_config(path: Optional[Union[str, Path]] = None, experiment: Optional[str] = None,
                settings: Iterable[str] = ()) -> Config:
    """Build the configuration of a command.

    Parameters
    ----------
    path : the user's configuration; None takes ``config.yaml`` of the working
        folder where there is one, else the defaults.
    experiment : a named experiment or a YAML file, laid over it.
    settings : ``section.key=value`` arguments, laid over both.

    Raises
    ------
    ConfigError : names the source, the key, the value and the nearest valid key.
    """
    if path is None and Path("config.yaml").is_file():
        path = "config.yaml"
    layers = [] if path is None else [(str(path), read_yaml(path))]
    if experiment:
        layers.append(_experiment_layer(experiment))
    return _resolved([*layers, *_setting_layers(settings)])


def load_experiment(experiment: str, settings: Iterable[str] = ()) -> Config:
    """An experiment by itself, over the defaults: no ``config.yaml`` of the working folder has a part in it.

    Raises
    ------
    ConfigError : as :func:`load_config`.
    """
    return _resolved([_experiment_layer(experiment), *_setting_layers(settings)])


def _experiment_layer(experiment: str) -> Tuple[str, Dict[str, Any]]:
    return f"experiment {experiment}", read_experiment(experiment)


def _setting_layers(settings: Iterable[str]) -> List[Tuple[str, Dict[str, Any]]]:
    return [(f"--set {argument}", _setting(argument)) for argument in settings]


def _resolved(layers: Sequence[Tuple[str, Dict[str, Any]]]) -> Config:
    """The layers, (source, values) each, one over the other and checked."""
    values: Dict[str, Any] = {}
    culprit: Optional[str] = None
    for source, layer in layers:
        values = _merged(values, layer)
        # Settings that only make sense together may come one by one.
        check(Config, values, source, together=False)
        culprit = None if _fits(values) else culprit or source
    return validate(values, culprit or "the configuration")


def _fits(values: Dict[str, Any]) -> bool:
    try:
        check(Config, values, "")
    except ConfigError:
        return False
    return True
