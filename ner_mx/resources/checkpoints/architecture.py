"""The sizes of an encoder, and how its family differs from the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from ner_mx.config import Section
from ner_mx.errors import CorpusError, first_line, shown


class Architecture(Section):
    """The sizes of an encoder.

    family : bert | roberta | distilbert | mpnet.
    pieces : in the vocabulary.  positions : the longest sequence, special pieces included.
    units : of the vectors.  hidden : units of the feed-forward layers.
    relative_buckets : of distances that attention distinguishes (MPNet); 0 for none.
    dropout, attention_dropout : of pretraining, the defaults of fine-tuning.
    """

    family: str
    pieces: int = Field(ge=3, le=1 << 21)
    positions: int = Field(ge=8, le=1 << 14)
    layers: int = Field(ge=1, le=64)
    units: int = Field(ge=1, le=1 << 13)
    heads: int = Field(ge=1, le=256)
    hidden: int = Field(ge=1, le=1 << 15)
    activation: Literal["gelu", "relu"] = "gelu"
    epsilon: float = Field(1e-12, gt=0, lt=1)
    relative_buckets: int = Field(0, ge=0, le=256)
    dropout: float = Field(0.1, ge=0, lt=1)
    attention_dropout: float = Field(0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_divide_units(self) -> Architecture:
        if self.units % self.heads:
            raise ValueError(f"heads: expected a divisor of {self.units} units, found {self.heads}")
        if self.relative_buckets % 4:
            raise ValueError(f"relative_buckets: expected a multiple of 4, found {self.relative_buckets}")
        return self


class Family(NamedTuple):
    """How the checkpoints of a family are written.

    keys : of ``config.json``, by field of :class:`Architecture`.
    prefix : before the names of tensors, if the checkpoint has a head, too.
    tensors : by our name; ``{}`` is the number of the layer.
    first_position : the row of the position table that the first piece reads.
    has_types : whether there is a table of token types, of which sentences read the first row.
    specials : its special pieces, by field of :class:`~ner_mx.resources.checkpoints.pieces.Pieces`.
    """

    keys: Dict[str, str]
    prefix: str
    tensors: Dict[str, str]
    first_position: int = 0
    has_types: bool = True
    specials: Dict[str, str] = {"first": "[CLS]", "last": "[SEP]", "unknown": "[UNK]"}


_SENTENCE = {"first": "<s>", "last": "</s>", "unknown": "<unk>"}
_KEYS = {"pieces": "vocab_size", "positions": "max_position_embeddings", "layers": "num_hidden_layers",
         "units": "hidden_size", "heads": "num_attention_heads", "hidden": "intermediate_size",
         "activation": "hidden_act", "epsilon": "layer_norm_eps", "dropout": "hidden_dropout_prob",
         "attention_dropout": "attention_probs_dropout_prob"}
_EMBEDDINGS = {"pieces": "embeddings.word_embeddings", "positions": "embeddings.position_embeddings",
               "norm": "embeddings.LayerNorm"}
_FEED_FORWARD = {"inner": "encoder.layer.{}.intermediate.dense", "outer": "encoder.layer.{}.output.dense",
                 "outer_norm": "encoder.layer.{}.output.LayerNorm"}
_BERT = {**_EMBEDDINGS, **{name: f"encoder.layer.{{}}.attention.self.{name}" for name in ("query", "key", "value")},
         "attended": "encoder.layer.{}.attention.output.dense",
         "attended_norm": "encoder.layer.{}.attention.output.LayerNorm", **_FEED_FORWARD}

# Devlin et al. 2019; Liu et al. 2019, which begins its positions after the padding id; Sanh et al. 2019; Song et al.
# 2020, with relative positions beside the absolute ones.
FAMILIES = {
    "bert": Family(_KEYS, "bert.", _BERT),
    "roberta": Family(_KEYS, "roberta.", _BERT, first_position=2, specials=_SENTENCE),
    "distilbert": Family(
        {**_KEYS, "layers": "n_layers", "units": "dim", "heads": "n_heads", "hidden": "hidden_dim",
         "activation": "activation", "dropout": "dropout", "attention_dropout": "attention_dropout", "epsilon": ""},
        "distilbert.", {
            **_EMBEDDINGS, **{name: f"transformer.layer.{{}}.attention.{name[0]}_lin" for name in
                              ("query", "key", "value")},
            "attended": "transformer.layer.{}.attention.out_lin", "attended_norm": "transformer.layer.{}.sa_layer_norm",
            "inner": "transformer.layer.{}.ffn.lin1", "outer": "transformer.layer.{}.ffn.lin2",
            "outer_norm": "transformer.layer.{}.output_layer_norm"}, has_types=False),
    "mpnet": Family(
        {**_KEYS, "relative_buckets": "relative_attention_num_buckets"}, "mpnet.", {
            **_EMBEDDINGS, **{name: f"encoder.layer.{{}}.attention.attn.{name[0]}" for name in
                              ("query", "key", "value")},
            "attended": "encoder.layer.{}.attention.attn.o", "attended_norm": "encoder.layer.{}.attention.LayerNorm",
            **_FEED_FORWARD}, first_position=2, has_types=False,
        specials={**_SENTENCE, "unknown": "[UNK]"})}


def architecture_of(path: Path, settings: Any) -> Architecture:
    """The architecture that a ``config.json`` describes.

    Raises
    ------
    CorpusError : its family is not supported, or a size is missing or impossible.
    """
    kind = settings.get("model_type") if isinstance(settings, dict) else None
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise CorpusError(path, None, f"expected an encoder of the families {', '.join(FAMILIES)} under model_type, "
                                      f"found {shown(str(kind))}")
    family = FAMILIES[kind]
    if settings.get("position_embedding_type", "absolute") != "absolute":
        raise CorpusError(path, None, "expected absolute positions under position_embedding_type, found "
                                      f"{shown(str(settings['position_embedding_type']))}")
    if settings.get("is_decoder"):
        raise CorpusError(path, None, f"expected an encoder, found is_decoder: {shown(str(settings['is_decoder']))}")
    values = {field: settings[key] for field, key in family.keys.items() if key and key in settings}
    if "relative_buckets" in family.keys:
        values.setdefault("relative_buckets", 32)  # the library's default
        if values["relative_buckets"] == 0:
            raise CorpusError(path, None, f"{family.keys['relative_buckets']}: expected at least 4, found 0")
    if isinstance(values.get("positions"), int):
        values["positions"] -= family.first_position
    try:
        return Architecture(family=kind, **values)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        message = problem["msg"].removeprefix("Value error, ")
        key, found = family.keys.get(name) or name, "" if not name else f", found {shown(str(problem['input']))}"
        raise CorpusError(path, None, f"{f'{key}: ' if key else ''}{first_line(message)}{found}") from None
