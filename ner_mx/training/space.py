"""What a search draws from: ranges and choices of settings, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Union

from pydantic import Discriminator, Field, Tag, model_validator

from ner_mx.config import Config, Section, as_arguments, load_experiment, read_yaml, validated
from ner_mx.errors import ConfigError

SPACES = Path(__file__).parent.parent / "spaces"

# Sections of which every run of a search has the same.
OF_ALL = ("run", "corpus", "features")


class Range(Section):
    """Numbers from ``low`` to ``high``, both included."""

    low: float
    high: float
    whole: bool = False
    step: Optional[int] = Field(None, ge=1)
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and (self.low <= 0 or self.step):
            raise ValueError("log needs a low above 0 and no step")
        return self


class Choice(Section):
    """One of several values."""

    among: List[Union[bool, int, float, str]] = Field(min_length=2)


class Same(Section):
    """The value of another key: one setting that stands in two places."""

    same_as: str


def _kind(values: Any) -> str:
    given = values if isinstance(values, dict) else getattr(type(values), "model_fields", ())
    return "choice" if "among" in given else "same" if "same_as" in given else "range"


# By their keys, so that a mistake is told of the one that was meant.
Drawn = Annotated[Union[Annotated[Range, Tag("range")], Annotated[Choice, Tag("choice")],
                        Annotated[Same, Tag("same")]], Discriminator(_kind)]


class Space(Section):
    """What ``ner-mx search`` reads.

    trials : how many, pruned ones counted.  random : the first so many drawn blindly.
    prune_after : epochs that every trial is given before it may be pruned.
    set : settings of every run.  shortened : settings of the trials alone, which save time.
    again : the best so many are trained again, without ``shortened``, with ``seeds``.
    """

    experiment: str
    directory: str = "runs/search"
    trials: int = Field(60, ge=1)
    random: int = Field(20, ge=1)
    prune_after: int = Field(2, ge=1)
    seed: int = Field(1, ge=0)
    set: Dict[str, Any] = {}
    shortened: Dict[str, Any] = {}
    again: int = Field(5, ge=0)
    seeds: List[int] = Field([1, 2, 3], min_length=1)
    space: Dict[str, Drawn] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> Space:
        elsewhere = next((key for key in self.shortened if key.split(".")[0] in OF_ALL), None)
        if elsewhere:
            raise ValueError(f"shortened.{elsewhere} must stand under set, for every run")
        for key, values in self.space.items():
            if isinstance(values, Same) and isinstance(self.space.get(values.same_as), (Same, type(None))):
                raise ValueError(f"space.{key}.same_as must be a key with a range or a choice of its own")
        return self


def read_space(name: str, changes: Dict[str, Any]) -> Space:
    """Read a space, by name or as a YAML file, with settings laid over it.

    Raises
    ------
    ConfigError : there is none, a key is unknown, or a range makes no valid configuration.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else SPACES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(space.stem for space in SPACES.glob("*.yaml")))
        raise ConfigError(f"space {name!r}: expected one of {known} or a YAML file")
    space = validated(Space, read_yaml(path), str(path))
    space.set.update(changes)
    for settings in (space.set, {**space.set, **space.shortened}):
        try:
            config = load_experiment(space.experiment, as_arguments(settings))
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
        if config.training.use_dev:
            raise ConfigError(f"{path}: expected dev to judge by, found it among what is learnt; set "
                              "training.use_dev: false under set")
    for key, values in space.space.items():
        if key.split(".")[0] in OF_ALL:
            raise ConfigError(f"{path}: space.{key}: expected a key of network, loss, decoding or training; "
                              "every trial reads one processed corpus")
        for end in _ends(space.space[values.same_as] if isinstance(values, Same) else values):
            try:
                load_experiment(space.experiment, as_arguments({**space.set, **space.shortened, key: end}))
            except ConfigError as error:
                raise ConfigError(f"{path}: space: {error}") from None
    return space


def draw(space: Space, trial) -> Dict[str, Any]:
    """The settings that an Optuna trial proposes, in the space's order."""
    return settings_of(space, {key: _drawn(trial, key, values) for key, values in space.space.items()
                               if not isinstance(values, Same)})


def settings_of(space: Space, drawn: Dict[str, Any]) -> Dict[str, Any]:
    """What was drawn, with the keys that follow another."""
    return {key: drawn[values.same_as if isinstance(values, Same) else key]
            for key, values in space.space.items() if key in drawn or isinstance(values, Same)}


def own_values(space: Space, config: Config) -> Optional[Dict[str, Any]]:
    """What the experiment itself has for the keys that are drawn; None where a range does not hold it.

    A key that follows another does so here too.
    """
    values = {key: _value_of(config, key) for key, among in space.space.items()
              if not isinstance(among, Same)}
    return values if all(_holds(space.space[key], value) for key, value in values.items()) else None


def _drawn(trial, key: str, values: Union[Range, Choice]) -> Any:
    if isinstance(values, Choice):
        return trial.suggest_categorical(key, values.among)
    if values.whole:
        return trial.suggest_int(key, int(values.low), int(values.high), step=values.step or 1,
                                 log=values.log)
    return trial.suggest_float(key, values.low, values.high, log=values.log)


def _value_of(config: Config, key: str) -> Any:
    value: Any = config.model_dump()
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _holds(values: Union[Range, Choice], value: Any) -> bool:
    if isinstance(values, Choice):
        return value in values.among
    return (value is not None and values.low <= value <= values.high
            and not (values.whole and (value - values.low) % (values.step or 1)))


def _ends(values: Union[Range, Choice]) -> List[Any]:
    """The values that must make a valid configuration if all between them are to."""
    if isinstance(values, Choice):
        return values.among
    return [int(end) if values.whole else end for end in (values.low, values.high)]
