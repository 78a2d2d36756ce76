"""The typed configuration: every key, its default, its range.

``config.yaml`` shows the same keys with the reason for each default; a test
keeps the two equal.  A configuration is built in three layers, each saying
only what differs: ``config.yaml``, a named experiment, ``--set`` arguments.
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Literal, Optional, Union, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ner_mx.errors import ConfigError, shown

EXPERIMENTS = Path(__file__).parent / "experiments"


class Section(BaseModel):
    """A strict mapping: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_default=True,
                              allow_inf_nan=False)


Names = Optional[Union[str, List[str]]]


class Documents(Section):
    names: Optional[str] = Field(None, min_length=1)
    leave_out: List[str] = []


class Run(Section):
    name: str = Field("sample", pattern=r"^[\w][\w.+=-]*$")
    directory: str = "runs"
    seed: int = Field(1, ge=0, lt=2**31)
    device: str = Field("auto", pattern=r"^(auto|cpu|gpu(\(\d+\))?)$")
    threads: Optional[int] = Field(None, ge=1)


class Columns(Section):
    token: int = 0
    pos: Optional[int] = 1
    tag: int = -1


class Split(Section):
    method: Literal["files", "fraction", "last", "gmb-published"] = "files"
    dev: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.1, ge=0, lt=1)
    seed: int = Field(1, ge=0, lt=2**32)
    by: Literal["document", "sentence"] = "document"

    @model_validator(mode="after")
    def _leaves_training_data(self) -> Split:
        if self.dev + self.test >= 1:
            raise ValueError("dev + test must leave something to train on")
        return self


class Corpus(Section):
    name: str = Field("sample", pattern=r"^[\w][\w.+=-]*$")
    processed: str = "data/processed"
    reader: str = "conll"
    path: str = "data/sample"
    train: Names = "train.txt"
    dev: Names = "dev.txt"
    test: Names = "test.txt"
    encoding: str = "utf-8"
    scheme: Literal["auto", "IO", "IOB1", "IOB2", "BIOES", "BILOU"] = "auto"
    columns: Columns = Columns()
    separator: Literal["whitespace", "tab", "space"] = "whitespace"
    comment: Optional[str] = Field(None, min_length=1)
    types: Optional[List[str]] = None
    unknown_tags: Literal["error", "outside"] = "error"
    split_digits: bool = False
    documents: Documents = Documents()
    split: Split = Split()


class Words(Section):
    use: bool = True
    lower: bool = True
    min_count: int = Field(1, ge=1)


class Characters(Section):
    use: bool = True
    types: bool = False


class Switch(Section):
    use: bool = True


class Vectors(Section):
    path: Optional[str] = None
    encoding: str = "utf-8"
    limit: Optional[int] = Field(None, ge=1)
    scale: Optional[float] = Field(None, gt=0)


class LexiconSource(Section):
    path: str
    files: Dict[str, str] = {"PER": "ner.per.lst", "ORG": "ner.org.lst", "LOC": "ner.loc.lst",
                             "MISC": "ner.misc.lst"}
    encoding: str = "utf-8"
    partial: bool = False
    positions: Literal["bioes", "yes-no"] = "bioes"


class Features(Section):
    digits: Literal["keep", "run", "each"] = "run"
    words: Words = Words()
    characters: Characters = Characters()
    casing: Switch = Switch()
    pos: Switch = Switch()
    vectors: Vectors = Vectors()
    lexicons: Dict[str, LexiconSource] = {}

    @model_validator(mode="after")
    def _some_feature(self) -> Features:
        if not (self.words.use or self.characters.use):
            raise ValueError("words and characters are both off; the network needs one of them")
        if self.vectors.path and not self.words.use:
            raise ValueError("vectors need words.use: true")
        return self


class Dropout(Section):
    word: float = Field(0.25, ge=0)
    input: float = Field(0.25, ge=0, lt=1)
    layers: float = Field(0.0, ge=0, lt=1)
    output: float = Field(0.5, ge=0, lt=1)


class Network(Section):
    word_dimension: Optional[int] = Field(None, ge=1)
    word_initial: Literal["normal", "uniform"] = "uniform"
    word_trainable: bool = True
    character_dimension: int = Field(25, ge=1)
    character_type_dimension: int = Field(4, ge=1)
    character_filters: int = Field(53, ge=1)
    character_width: int = Field(3, ge=1)
    character_activation: Literal["none", "relu", "tanh"] = "none"
    casing_dimension: int = Field(8, ge=1)
    pos_dimension: int = Field(16, ge=1)
    lexicon_dimension: int = Field(5, ge=1)
    context: Literal["lstm", "window"] = "lstm"
    window: int = Field(5, ge=1)
    window_units: int = Field(300, ge=1)
    lstm_units: int = Field(200, ge=1)
    lstm_layers: int = Field(1, ge=1)
    lstm_directions: Literal["separate", "joined"] = "separate"
    lstm_forget_bias: float = 1.0
    lstm_initial: Literal["orthogonal", "xavier", "uniform"] = "orthogonal"
    output: Literal["linear", "summed"] = "linear"
    dropout: Dropout = Dropout()


Weights = Union[Literal["none", "balanced"], float, Dict[str, float]]


class Loss(Section):
    name: Literal["cross-entropy", "sentence"] = "cross-entropy"
    weights: Weights = "none"

    @field_validator("weights")
    @classmethod
    def _positive(cls, weights: Weights) -> Weights:
        values = weights.values() if isinstance(weights, dict) else [weights]
        if any(isinstance(value, float) and not 0 <= value < float("inf") for value in values):
            raise ValueError("every weight must be 0 or more")
        return weights


class Decoding(Section):
    method: Literal["argmax", "viterbi"] = "viterbi"
    valid_only: bool = True


class Optimizer(Section):
    name: Literal["sgd", "adam", "adamw"] = "adam"
    learning_rate: float = Field(0.003, gt=0)
    momentum: float = Field(0.0, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    clip: Optional[float] = Field(5.0, gt=0)
    sparse_words: bool = True


class Schedule(Section):
    name: Literal["constant", "linear", "cosine", "inverse"] = "linear"
    warmup: int = Field(0, ge=0)
    final: float = Field(0.05, ge=0, le=1)
    decay: float = Field(0.05, ge=0)


class Training(Section):
    epochs: int = Field(30, ge=1)
    patience: Optional[int] = Field(None, ge=1)
    batch_size: int = Field(32, ge=1)
    batches: Literal["sorted", "exact"] = "sorted"
    normalise: Literal["tokens", "sentences", "sum"] = "tokens"
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    use_dev: bool = False
    evaluation_batch: int = Field(128, ge=1)


class PosTagger(Section):
    epochs: int = Field(5, ge=1)
    lstm_units: int = Field(100, ge=1)


class Config(Section):
    run: Run = Run()
    corpus: Corpus = Corpus()
    features: Features = Features()
    network: Network = Network()
    loss: Loss = Loss()
    decoding: Decoding = Decoding()
    training: Training = Training()
    pos_tagger: PosTagger = PosTagger()

    @model_validator(mode="after")
    def _dimension(self) -> Config:
        if self.network.word_dimension is None and not self.features.vectors.path:
            self.network.word_dimension = 100
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        optimizer = self.training.optimizer
        if self.network.window % 2 == 0:
            raise ValueError("network.window must be odd: as many words before a word as behind it")
        if self.network.context == "window" and self.network.output == "summed":
            raise ValueError("network.output: summed adds two directions, and a window has none; "
                             "set it to linear")
        if optimizer.momentum and optimizer.name != "sgd":
            raise ValueError("training.optimizer.momentum belongs to sgd")
        if self.training.use_dev and self.training.patience:
            raise ValueError("training.use_dev learns the sentences that training.patience judges by; "
                             "set training.patience to null")
        if self.loss.name == "sentence" and self.loss.weights != "none":
            raise ValueError("loss.weights belong to the cross-entropy; "
                             "set loss.weights to none or loss.name to cross-entropy")
        if self.loss.name == "sentence" and self.decoding.method == "argmax":
            raise ValueError("the sentence loss learns transitions; decoding.method must be viterbi")
        return self

    def to_yaml(self) -> str:
        """The whole configuration as YAML, in the order of the schema."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


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


def _merged(base: Dict[str, Any], over: Dict[str, Any]) -> Dict[str, Any]:
    """``base`` with the keys of ``over`` laid on it, section by section.

    A table that is a value (loss.weights) is replaced, not merged.
    """
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict) and key != "weights":
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
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
                              "ner-mx experiments lists, found neither" + _nearest(name, experiment_names()))
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
    layers = []
    if path is not None:
        layers.append((str(path), read_yaml(path)))
    if experiment:
        layers.append((f"experiment {experiment}", read_experiment(experiment)))
    layers += [(f"--set {argument}", _setting(argument)) for argument in settings]
    values: Dict[str, Any] = {}
    for source, layer in layers:
        values = _merged(values, layer)
        # Settings that only make sense together may come one by one.
        _check(values, source, together=False)
    return validate(values, layers[-1][0] if layers else "the configuration")


def validate(values: Dict[str, Any], source: str) -> Config:
    """Check ``values`` against the schema; the first problem is the error, under ``source``."""
    _check(values, source)
    return Config.model_validate(values)


def _check(values: Dict[str, Any], source: str, together: bool = True) -> None:
    """Raise the first problem; ``together`` asks whether the keys fit each other, too."""
    try:
        Config.model_validate(values)
    except ValidationError as error:
        problems = [problem for problem in error.errors() if together or not (
            problem["type"] == "value_error" and problem["loc"][-1:] != ("weights",))]
        # A key spelt wrong comes first: the one that misses is often the one that was meant.
        problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")
        if problems:
            raise ConfigError(f"{source}: {_explained(problems[0], values)}") from None
    except RecursionError:
        raise ConfigError(f"{source}: expected plain values, found one that holds itself") from None


def _explained(problem: Dict[str, Any], values: Dict[str, Any]) -> str:
    """One sentence for pydantic's report of one problem."""
    # pydantic adds the branch of a union to the path; only the user's own keys are shown.
    keys: List[str] = []
    node: Any = values
    for part in problem["loc"]:
        if not isinstance(node, dict) or part not in node:
            break
        keys.append(str(part))
        node = node[part]
    where = ".".join(keys) or "the whole"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(keys[:-1])
        return f"{where}: unknown key" + (
            _nearest(keys[-1], known) or f"; the keys here are {', '.join(known)}")
    message = problem["msg"].replace("Value error, ", "").replace("Input should", "should")
    if isinstance(node, dict) and problem["type"] == "value_error":
        return f"{where}: {message}" if keys else message
    return f"{where}: {message}, found {shown(repr(node))}"


def _known_keys(parents: List[str]) -> List[str]:
    section: Any = Config
    for part in parents:
        # A table of sections (features.lexicons) has names of the user's own between.
        section = (section.model_fields[part].annotation if hasattr(section, "model_fields") else
                   get_args(section)[1])
    return list(section.model_fields)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def differences(one: Dict[str, Any], other: Dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The keys in which two configurations differ, with both values."""
    for key in [*one, *(key for key in other if key not in one)]:
        mine, theirs = one.get(key), other.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            yield from differences(mine, theirs, f"{prefix}{key}.")
        elif mine != theirs:
            yield f"{prefix}{key}: {json.dumps(mine)} against {json.dumps(theirs)}"


def difference(one: Dict[str, Any], other: Dict[str, Any]) -> Optional[str]:
    """The first of the :func:`differences`; None if there is none."""
    return next(differences(one, other), None)
