"""The schema: every key of a configuration, its type, its default, its range.

``config.yaml`` shows the same keys with the reason for each default; a test
keeps the two equal.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, Union

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ner_mx.errors import nearest

UNKNOWN_KEY = "unknown_key"


class Section(BaseModel):
    """A strict mapping: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_default=True,
                              allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_key(cls, values: Any) -> Any:
        for key in values if isinstance(values, dict) else ():
            if key not in cls.model_fields:
                known = f"; the keys here are {', '.join(cls.model_fields)}"
                hint = nearest(str(key), cls.model_fields) or known
                raise PydanticCustomError(UNKNOWN_KEY, "{key}: unknown key{hint}", {"key": key, "hint": hint})
        return values


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
