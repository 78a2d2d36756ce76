"""What is learnt: entity tags, or parts of speech.  The loop knows no more of it than this."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple

import numpy as np

from ner_mx.config import Config
from ner_mx.corpora.schemes import convert
from ner_mx.evaluation.scores import evaluate
from ner_mx.features.processed import Processed


class Task(NamedTuple):
    """Labels to learn and a figure to judge by.

    classes : the names of the K classes.
    labels : by part, (tokens,) int32 rows of the classes.
    constrained : whether the classes are BILOU tags with an order to keep.
    measure : the name of the figure.
    score : (part, decoded rows of each sentence) -> the figure, a fraction.
    config : the configuration of the network that learns this.
    """

    classes: List[str]
    labels: Dict[str, np.ndarray]
    constrained: bool
    measure: str
    score: Callable[[str, List[np.ndarray]], float]
    config: Config


def entity_task(processed: Processed, config: Config) -> Task:
    """Entities, judged by the micro F1 of whole entities."""
    tags = processed.encoder.tags

    def score(part: str, rows: List[np.ndarray]) -> float:
        return evaluate(processed.gold[part], predicted_tags(tags, rows)).micro.f1

    return Task(tags, {name: part.tag for name, part in processed.parts.items()}, True,
                "entity F1", score, config)


def predicted_tags(tags: List[str], rows: List[np.ndarray]) -> List[List[str]]:
    """Decoded BILOU rows as IOB2 tags."""
    return [list(convert([tags[row] for row in sentence], "IOB2")) for sentence in rows]


def pos_settings(config: Config) -> Config:
    """The configuration of the POS tagger beside an entity network."""
    config = config.model_copy(deep=True)
    config.features.pos.use = False
    config.loss.name, config.loss.weights = "cross-entropy", "none"
    config.decoding.method = "argmax"
    config.training.epochs, config.training.patience = config.pos_tagger.epochs, None
    config.training.normalise, config.training.use_dev = "tokens", False
    config.network.lstm_units = config.pos_tagger.lstm_units
    return config


def pos_task(processed: Processed, config: Config) -> Task:
    """Parts of speech, judged by accuracy: what raw text needs before a network that reads POS."""

    def score(part: str, rows: List[np.ndarray]) -> float:
        return float((np.concatenate(rows) == processed.parts[part].pos).mean())

    return Task(processed.encoder.pos.items,
                {name: part.pos for name, part in processed.parts.items()}, False,
                "POS accuracy", score, pos_settings(config))
