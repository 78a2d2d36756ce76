"""What a search draws from: ranges and choices of settings, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Union

from pydantic import Discriminator, Field, Tag, model_validator

from ner_mx.config import Config, Section, load_experiment, read_yaml, validate_as
from ner_mx.config.fingerprints import decides
from ner_mx.errors import ConfigError
from ner_mx.untyped import ReadOnlyValues, Values

OptunaTrial = Any

SPACES = Path(__file__).parent / "search_spaces"


class Range(Section):
    """Numbers from ``low`` to ``high``, both included.

    integer : only whole numbers.  step : of an integer.  log : draw the logarithm uniformly.
    """

    low: float
    high: float
    integer: bool = False
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

    choices: List[Union[bool, int, float, str, None]] = Field(min_length=2)


class SameAs(Section):
    """The value of another key: one setting that is used in two places."""

    same_as: str


def _kind(values: Any) -> str:
    given = values if isinstance(values, dict) else getattr(type(values), "model_fields", ())
    return "choice" if "choices" in given else "same" if "same_as" in given else "range"


# By their keys, so that an error is about the kind that was meant.
Drawn = Annotated[Union[Annotated[Range, Tag("range")], Annotated[Choice, Tag("choice")],
                        Annotated[SameAs, Tag("same")]], Discriminator(_kind)]


class SearchSpace(Section):
    """What ``ner-mx search`` reads.

    trials : how many, including pruned ones.  startup_trials : the first so many are drawn at random.
    prune_after : epochs before a trial may be pruned.
    set : settings of every run.  trial_overrides : settings of the trials alone, which save time.
    retrain : the best so many are trained again, without ``trial_overrides``, with ``seeds``.
    """

    experiment: str
    directory: str = "runs/search"
    trials: int = Field(60, ge=1)
    startup_trials: int = Field(20, ge=1)
    prune_after: int = Field(2, ge=1)
    seed: int = Field(1, ge=0)
    set: Values = {}
    trial_overrides: Values = {}
    retrain: int = Field(5, ge=0)
    seeds: List[int] = Field([1, 2, 3], min_length=1)
    space: Dict[str, Drawn] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> SearchSpace:
        for key, values in self.space.items():
            if isinstance(values, SameAs) and isinstance(self.space.get(values.same_as), (SameAs, type(None))):
                raise ValueError(f"space.{key}.same_as must be a key with a range or a choice of its own")
        return self

    @property
    def trial_settings(self) -> Values:
        """The settings of every trial."""
        return {**self.set, **self.trial_overrides}


def read_space(name: str, changes: ReadOnlyValues) -> SearchSpace:
    """Read a space, by name or as a YAML file, with settings laid over it.

    Raises
    ------
    ConfigError : there is none, a key is unknown, or a range allows a configuration that is not valid.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else SPACES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(space.stem for space in SPACES.glob("*.yaml")))
        raise ConfigError(f"space {name!r}: expected one of {known} or a YAML file")
    space = validate_as(SearchSpace, read_yaml(path), str(path))
    space = space.model_copy(update={"set": {**space.set, **changes}})
    for settings in (space.set, space.trial_settings):
        config = _loaded(path, "", space.experiment, settings)
        if config.training.use_dev:
            raise ConfigError(f"{path}: expected dev to judge by, found that it is trained on; set "
                              "training.use_dev: false under set")
    _check_keys(path, space, config)
    for key, values in space.space.items():
        for end in _ends(space.space[values.same_as] if isinstance(values, SameAs) else values):
            _loaded(path, "space: ", space.experiment, {**space.trial_settings, key: end})
    return space


def _loaded(path: Path, place: str, experiment: str, settings: ReadOnlyValues) -> Config:
    try:
        return load_experiment(experiment, settings)
    except ConfigError as error:
        raise ConfigError(f"{path}: {place}{error}") from None


def _check_keys(path: Path, space: SearchSpace, config: Config) -> None:
    """Every trial reads one processed corpus, so the keys that differ must decide the result alone.

    Raises
    ------
    ConfigError
    """
    for key in space.space:
        if decides(config, key) not in ("result", None):  # None is reported as an unknown key
            raise ConfigError(f"{path}: space.{key}: expected a key that decides the result alone, as those of "
                              "model, loss, decoding and training do; every trial reads one processed corpus")
    for key in space.trial_overrides:
        if decides(config, key) != "result":
            raise ConfigError(f"{path}: trial_overrides.{key} must be under set, for every run")


def draw(space: SearchSpace, trial: OptunaTrial) -> Values:
    """The settings that an Optuna trial proposes, in the order of the space."""
    return settings_of(space, {key: _drawn(trial, key, values) for key, values in space.space.items()
                               if not isinstance(values, SameAs)})


def settings_of(space: SearchSpace, drawn: ReadOnlyValues) -> Values:
    """Drawn values, with the keys that follow another."""
    return {key: drawn[values.same_as if isinstance(values, SameAs) else key]
            for key, values in space.space.items() if key in drawn or isinstance(values, SameAs)}


def own_values(space: SearchSpace, config: Config) -> Optional[Values]:
    """The values of the experiment itself for the keys that are drawn; None if a range does not contain one.

    A key that follows another does so here, too.
    """
    values = {key: _value_of(config, key) for key, drawn in space.space.items()
              if not isinstance(drawn, SameAs)}
    return values if all(_contains(space.space[key], value) for key, value in values.items()) else None


def _drawn(trial: OptunaTrial, key: str, values: Union[Range, Choice]) -> Any:
    if isinstance(values, Choice):
        return trial.suggest_categorical(key, values.choices)
    if values.integer:
        return trial.suggest_int(key, int(values.low), int(values.high), step=values.step or 1,
                                 log=values.log)
    return trial.suggest_float(key, values.low, values.high, log=values.log)


def _value_of(config: Config, key: str) -> Any:
    value: Any = config.model_dump(mode="json")
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _contains(values: Any, value: Any) -> bool:
    if isinstance(values, Choice):
        return value in values.choices
    return (value is not None and values.low <= value <= values.high
            and not (values.integer and (value - values.low) % (values.step or 1)))


def _ends(values: Any) -> List[Any]:
    """The values that must make a valid configuration if all between them do."""
    if isinstance(values, Choice):
        return list(values.choices)
    return [int(end) if values.integer else end for end in (values.low, values.high)]
