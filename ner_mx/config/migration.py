"""Configurations of the first schema, in which the network had one flat section, as those of today.

Runs and records that were written then are read through :func:`migrated`; in
a user's file, an old key is an error that names the new one.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Optional, Tuple

from ner_mx.untyped import Values

# Old dotted keys and their names of today.
MOVED = {
    "features.vectors": "features.words.vectors",
    "features.lexicons.*": "features.lexicons.sources.*",
    "network.word_dimension": "features.words.dimension",
    "network.word_initial": "features.words.initial",
    "network.word_trainable": "features.words.trainable",
    "network.dropout.word": "features.words.dropout",
    "training.optimizer.sparse_words": "features.words.sparse_gradients",
    "network.character_dimension": "features.characters.dimension",
    "network.character_type_dimension": "features.characters.type_dimension",
    "network.character_filters": "features.characters.filters",
    "network.character_width": "features.characters.width",
    "network.character_activation": "features.characters.activation",
    "network.casing_dimension": "features.casing.dimension",
    "network.pos_dimension": "features.pos.dimension",
    "network.lexicon_dimension": "features.lexicons.dimension",
    "pos_tagger.epochs": "features.pos.tagger.epochs",
    "pos_tagger.lstm_units": "features.pos.tagger.units",
    "network.context": "model.name",
    "network.window": "model.width",
    "network.window_units": "model.units",
    "network.lstm_units": "model.units",
    "network.lstm_layers": "model.layers",
    "network.lstm_directions": "model.directions",
    "network.lstm_forget_bias": "model.forget_bias",
    "network.lstm_initial": "model.initial",
    "network.output": "model.output",
    "network.dropout.input": "model.dropout.input",
    "network.dropout.layers": "model.dropout.layers",
    "network.dropout.output": "model.dropout.output",
    "training.optimizer.clip": "training.clip",
}

MODELS = {"lstm": "bilstm-cnn", "window": "feed-forward"}
# The old keys that belonged to one kind of several.
_ONLY = {
    "network.window": "window", "network.window_units": "window", "network.dropout.layers": "lstm",
    "network.output": "lstm", **dict.fromkeys((key for key in MOVED if key.startswith("network.lstm")), "lstm")}
_MISSING = object()  # other than None, which is a value: a clip of null is no clipping
_SCHEDULE_KEYS = {"linear": ("final",), "cosine": ("final",), "inverse": ("decay",)}


def find_moved(key: str, value: Any) -> Optional[Tuple[str, str]]:
    """The first old key at or below a dotted key, and its name of today; None if there is none."""
    parent, _, name = key.rpartition(".")
    if f"{parent}.*" in MOVED:  # the names there were the user's own, each of a section
        is_section = value is None or isinstance(value, dict)
        return (key, MOVED[f"{parent}.*"].replace("*", name)) if is_section else None
    for below, inner in value.items() if isinstance(value, dict) else ():
        moved = find_moved(f"{key}.{below}", inner)
        if moved:
            return moved
    new = _moved_to(key)
    return (key, new) if new else None


def _moved_to(key: str) -> Optional[str]:
    """The name of today of an old key; of a section that was divided, the sections of today."""
    for old, new in MOVED.items():
        if key == old or key.startswith(f"{old}."):
            return new + key[len(old):]
    sections = [new.partition(".")[0] for old, new in MOVED.items() if old.startswith(f"{key}.")]
    return " or ".join(dict.fromkeys(sections)) or None


# The defaults of column files before they were proposed from the content.
OLD_COLUMNS: Values = {"columns": {"token": 0, "pos": 1, "tag": -1}, "separator": "whitespace", "comment": None}


def is_old(values: Any) -> bool:
    """Whether these are the values of a complete configuration of the first schema."""
    return isinstance(values, dict) and isinstance(values.get("network"), dict)


# Keys that came later and whose defaults change what is computed, with what was done before.
LATER: Values = {"features.affixes": {"use": False}, "decoding.outside_penalty": 0.0}


def with_earlier_defaults(values: Any) -> Any:
    """A stored configuration, which has all keys of its time, with what was done then for those that came later."""
    if not isinstance(values, dict):  # whoever checks it says so
        return values
    missing = [key for key in LATER if isinstance(values.get(key.partition(".")[0]), dict)
               and key.partition(".")[2] not in values[key.partition(".")[0]]]
    if not missing:
        return values
    result = deepcopy(values)
    for key in missing:
        _put(result, key, LATER[key])
    return result


def migrated(values: Values) -> Values:
    """A stored configuration in the schema of today; one of today is returned as it is."""
    return with_earlier_defaults(_from_first_schema(values) if is_old(values) else values)


def _from_first_schema(values: Values) -> Values:
    old = deepcopy(values)
    context = old["network"].get("context", "lstm")
    result: Values = {name: old.get(name, {}) for name in ("run", "corpus", "loss", "decoding")}
    corpus = result["corpus"] = {"reader": "conll", **OLD_COLUMNS, **result["corpus"]}
    if corpus["reader"] != "conll":
        for key in OLD_COLUMNS:  # had no effect, and their defaults were written out
            del corpus[key]
    features = old.get("features", {})
    lexicons, vectors = features.pop("lexicons", {}), features.pop("vectors", {})
    features.setdefault("words", {})["vectors"] = vectors
    features["lexicons"] = {"sources": lexicons}
    result.update(features=features, training=old.get("training", {}), model={"name": MODELS[context]})
    for key, new in MOVED.items():
        value = _taken(old, key)
        if value is not _MISSING and _ONLY.get(key, context) == context and key != "network.context":
            _put(result, new, value)
    _only_own_keys(result)
    words = result["features"]["words"]
    if words.get("dimension") == 100 and not words["vectors"].get("path"):
        words["dimension"] = None  # the default was written out
    return result


def _only_own_keys(values: Values) -> None:
    """Remove the keys that belong to another kind of loss, optimizer or schedule than the chosen one."""
    if values["loss"].get("name") == "sentence":
        values["loss"].pop("weights", None)
    optimizer = values["training"].get("optimizer", {})
    if optimizer.get("name") != "sgd":
        optimizer.pop("momentum", None)
    schedule = values["training"].get("schedule", {})
    kept = ("name", "warmup", *_SCHEDULE_KEYS.get(schedule.get("name", "linear"), ()))
    values["training"]["schedule"] = {key: value for key, value in schedule.items() if key in kept}


def _taken(values: Values, key: str) -> Any:
    """Remove and return the value of a dotted key; :data:`_MISSING` if there is no such key."""
    *sections, last = key.split(".")
    section: Any = values
    for part in sections:
        section = section.get(part, {})
    return section.pop(last, _MISSING)


def _put(values: Values, key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for part in sections:
        values = values.setdefault(part, {})
    values[last] = value
