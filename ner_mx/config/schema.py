"""The schema: every key of a configuration, its type, its default, its range.

``config.yaml`` documents the same keys with the reason for each default; a
test keeps the two equal.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Dict, List, Literal, Optional, Tuple, Type, Union, cast

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)

from ner_mx.config.choices import Extended, NameIn, OneOf
from ner_mx.config.interfaces import (
    FeatureSettings,
    LossSettings,
    ModelSettings,
    OptimizerSettings,
    ScheduleSettings,
    TokenizerSettings,
)
from ner_mx.config.section import FEATURES, LOCATION, PLACE, RULES, SEED, Section, default_section, located_below
from ner_mx.config.yaml_documents import dump_yaml
from ner_mx.registry import register
from ner_mx.untyped import ReadOnlyValues, Values

NAME = r"^[\w][\w.+=-]*$"

Names = Optional[Union[str, List[str]]]


class Run(Section):
    name: Annotated[str, PLACE] = Field("sample", pattern=NAME)
    directory: Annotated[str, LOCATION] = "runs"
    seed: Annotated[int, SEED] = Field(1, ge=0, lt=2**31)
    device: Annotated[str, PLACE] = Field("auto", pattern=r"^(auto|cpu(\(\d+(,\d+)*\))?|gpu(\(\d+(,\d+)*\))?)$")
    threads: Annotated[Optional[int], PLACE] = Field(None, ge=1)


Column = Union[int, Literal["auto"]]


class Columns(Section):
    token: Column = "auto"
    pos: Optional[Column] = "auto"
    tag: Column = "auto"


class Documents(Section):
    names: Optional[str] = Field(None, min_length=1)
    join: bool = False
    leave_out: List[str] = []


class Split(Section):
    method: Annotated[str, NameIn(register.split)] = "files"
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
    decides: ClassVar[Optional[str]] = "features"

    name: Annotated[str, PLACE] = Field("sample", pattern=NAME)
    processed: Annotated[str, LOCATION] = "data/processed"
    reader: Annotated[str, NameIn(register.format, also=("auto",))] = "auto"
    path: Annotated[str, LOCATION] = "data/sample"
    train: Names = "train.txt"
    dev: Names = "dev.txt"
    test: Names = "test.txt"
    encoding: str = "utf-8"
    scheme: Annotated[str, NameIn(register.tag_encoding, also=("auto",))] = "auto"
    columns: Columns = Columns()
    separator: Literal["auto", "whitespace", "tab", "space"] = "auto"
    comment: Optional[str] = Field("auto", min_length=1)
    tag_names: Optional[List[str]] = None
    label_key: Optional[str] = Field(None, min_length=1)
    overlaps: Literal["error", "longest", "first", "outermost"] = "error"
    tokenizer: Annotated[TokenizerSettings, OneOf(register.tokenizer, "rules")] = default_section()
    types: Optional[List[str]] = None
    unknown_tags: Literal["error", "outside"] = "error"
    split_digits: bool = False
    characters: Optional[Literal["vote", "first"]] = None
    cut: Optional[int] = Field(None, ge=1)
    pad: Optional[int] = Field(None, ge=1)
    documents: Documents = Documents()
    split: Split = default_section()

    @model_validator(mode="after")
    def _pieces_of_one_kind(self) -> Corpus:
        if self.characters and (self.split_digits or self.cut or self.pad):
            raise ValueError("characters cannot be combined with split_digits, cut and pad")
        return self


class Features(Section):
    """What models read of a word: the keys that features share, and a section for each registered feature.

    The class that validates is built by :func:`features_schema`.
    """

    decides: ClassVar[Optional[str]] = "features"
    unknown_hint: ClassVar[str] = "; a feature of your own must be registered first"

    digits: Literal["keep", "run", "each"] = "run"
    tag_encoding: Annotated[str, NameIn(register.tag_encoding)] = "BILOU"

    def settings(self) -> Dict[str, FeatureSettings]:
        """The section of each feature, in the order in which their vectors are concatenated."""
        return {name: value for name, value in self if isinstance(value, FeatureSettings)}

    def active(self) -> List[str]:
        """The names of the features that are used."""
        return [name for name, settings in self.settings().items() if settings.active()]

    @model_serializer(mode="wrap")
    def _without_unmentioned(self, serialize: SerializerFunctionWrapHandler) -> Values:
        """Features from outside that nothing mentions are left out: loading their module changes no configuration."""
        values: Values = serialize(self)
        for name, settings in self.settings().items():
            if not register.feature[name].on_by_default and settings == type(settings)(use=False):
                del values[name]
        return values

    @model_validator(mode="after")
    def _some_feature(self) -> Features:
        if self.settings() and not self.active():
            raise ValueError("every feature is off; a model needs one of them")
        return self


def features_schema() -> Type[Features]:
    """The schema of the section ``features``: one section for each feature that is registered."""
    return _features_schema(tuple(register.feature.names()))


@lru_cache(maxsize=8)
def _features_schema(names: Tuple[str, ...]) -> Type[Features]:
    classes = sorted((register.feature[name] for name in names), key=lambda feature: feature.rank)
    fields: Values = {
        feature.name: (feature.Settings, Field(default_factory=_default(feature))) for feature in classes}
    return cast(Type[Features], create_model("Features", __base__=Features, __module__=__name__, **fields))


def _default(feature: Any) -> Any:
    # A feature from outside is on where it is named; built-in ones say so themselves.
    return lambda: feature.Settings() if feature.on_by_default else feature.Settings(use=False)


class Decoding(Section):
    method: Literal["argmax", "viterbi"] = "viterbi"
    valid_only: bool = True
    outside_penalty: Union[float, Literal["auto"]] = "auto"


class Card(Section):
    decides: ClassVar[Optional[str]] = "nothing"

    intended_use: Optional[str] = Field(None, min_length=1)
    limits: Optional[str] = Field(None, min_length=1)
    licence: Optional[str] = Field(None, min_length=1)


class Inference(Section):
    rules: Annotated[Optional[str], RULES] = Field(None, min_length=1)


class CaseAugmentation(Section):
    lower: float = Field(0.0, ge=0, le=1)
    upper: float = Field(0.0, ge=0, le=1)
    title: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _is_a_share(self) -> CaseAugmentation:
        if self.lower + self.upper + self.title > 1:
            raise ValueError("lower + upper + title must not exceed 1")
        return self


class Training(Section):
    epochs: int = Field(30, ge=1)
    patience: Optional[int] = Field(None, ge=1)
    batch_size: Union[Annotated[int, Field(ge=1)], Literal["auto"]] = "auto"
    batches: Annotated[str, NameIn(register.batching)] = "sorted"
    batch_tokens: int = Field(16384, ge=1)
    accumulate: int = Field(1, ge=1)
    case_augmentation: CaseAugmentation = CaseAugmentation()
    normalise: Literal["tokens", "sentences", "sum"] = "tokens"
    clip: Optional[float] = Field(5.0, gt=0)
    kvstore: Optional[Literal["dist_sync"]] = None
    average: float = Field(0.0, ge=0, lt=1)
    optimizer: Annotated[OptimizerSettings, OneOf(register.optimizer, "adam")] = default_section()
    schedule: Annotated[ScheduleSettings, OneOf(register.schedule, "linear")] = default_section()
    use_dev: Annotated[bool, FEATURES] = False
    evaluation_batch: Annotated[int, PLACE] = Field(128, ge=1)
    callbacks: Annotated[Dict[str, Values], PLACE] = {}

    def sentences(self) -> int:
        """The sentences of a batch; those for a large corpus if they are left to one that is not known."""
        return 32 if self.batch_size == "auto" else self.batch_size

    @model_validator(mode="after")
    def _patience_has_a_judge(self) -> Training:
        if self.use_dev and self.patience:
            raise ValueError("use_dev trains on the sentences that patience judges by; set patience to null")
        return self

    @field_validator("callbacks")
    @classmethod
    def _known_callbacks(cls, callbacks: Dict[str, Values]) -> Dict[str, Values]:
        for name, settings in callbacks.items():
            if name not in register.callback:
                raise ValueError(register.callback.unknown(name))
            try:
                register.callback[name].Settings.model_validate(settings)
            except ValidationError as error:
                raise located_below(error, name) from None
        return callbacks


def name_of(path: Any) -> str:
    """A name for what is in a file or folder: its own, without its suffix.

    >>> name_of("corpora/my data.conll")
    'my-data'
    """
    try:
        resolved = Path(path).resolve() if isinstance(path, str) and path else Path()
        stem = resolved.name if resolved.is_dir() else resolved.name.split(".")[0]
    except (OSError, ValueError):  # a name that no file can have; whoever reads it says so
        stem = ""
    return re.sub(r"[^\w.+=-]+", "-", stem).lstrip("-.+=") or "corpus"


class Config(Section):
    """A complete configuration; it is frozen, see :meth:`updated`."""

    decides: ClassVar[Optional[str]] = "result"

    @model_validator(mode="before")
    @classmethod
    def _named_after_the_corpus(cls, values: Any) -> Any:
        """Names that are not given: that of the corpus is its file's or folder's, that of the run the corpus'."""
        if not isinstance(values, dict):
            return values
        corpus, run = values.get("corpus", {}), values.get("run", {})
        if isinstance(corpus, dict):
            if corpus.get("name") is None:
                corpus = {**corpus, "name": name_of(corpus.get("path", Corpus.model_fields["path"].default))}
            values = {**values, "corpus": corpus}
        if isinstance(run, dict) and run.get("name") is None:
            name = corpus["name"] if isinstance(corpus, dict) else getattr(corpus, "name", "sample")
            values = {**values, "run": {**run, "name": name}}
        return values

    run: Run = default_section()
    corpus: Corpus = default_section()
    features: Annotated[Features, Extended(features_schema)] = default_section()
    model: Annotated[ModelSettings, OneOf(register.model, "bilstm-cnn")] = default_section()
    loss: Annotated[LossSettings, OneOf(register.loss, "cross-entropy")] = default_section()
    decoding: Decoding = Decoding()
    training: Training = default_section()
    inference: Inference = Inference()
    card: Card = Card()

    @model_validator(mode="after")
    def _transitions_are_used(self) -> Config:
        if self.loss.learns_transitions and self.decoding.method == "argmax":
            raise ValueError(f"the loss {self.loss.name} learns transitions; decoding.method must be viterbi")
        return self

    def updated(self, values: ReadOnlyValues) -> Config:
        """A copy with other values, by dotted key.

        Raises
        ------
        ConfigError : a key is unknown or a value is not valid.

        Examples
        --------
        >>> Config().updated({"training.epochs": 3}).training.epochs
        3
        """
        from ner_mx.config.layers import with_values

        return with_values(self, values)

    def to_yaml(self) -> str:
        """The whole configuration as YAML, in the order of the schema."""
        return dump_yaml(self.model_dump(mode="json"))
