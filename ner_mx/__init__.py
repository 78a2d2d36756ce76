"""Named-entity recognition with a bidirectional LSTM-CNN on Apache MXNet Gluon.

The public API, imported when it is first used:

``preprocess``, ``train``, ``evaluate`` and ``load`` are the functions behind
the commands of the same names; ``Config`` is the configuration, ``Run`` a
trained run, ``Tagger`` what finds entities; ``register`` and ``load_code`` add
formats, features, models and more, see README.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from ner_mx.api import Run, evaluate, load, load_config, preprocess, train
    from ner_mx.config import Config
    from ner_mx.decoding.entities import Entity
    from ner_mx.inference.tagger import Tagger
    from ner_mx.registry import load_code, register
    from ner_mx.training.callbacks import Callback

_HOMES = {
    "preprocess": "ner_mx.api", "train": "ner_mx.api", "evaluate": "ner_mx.api", "load": "ner_mx.api",
    "load_config": "ner_mx.api", "Run": "ner_mx.api", "Config": "ner_mx.config",
    "Entity": "ner_mx.decoding.entities", "Tagger": "ner_mx.inference.tagger",
    "Callback": "ner_mx.training.callbacks", "register": "ner_mx.registry", "load_code": "ner_mx.registry"}

__all__ = [
    "Callback", "Config", "Entity", "Run", "Tagger", "evaluate", "load", "load_code", "load_config",
    "preprocess", "register", "train"]


def __getattr__(name: str) -> Any:
    """Import a name of the public API."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
