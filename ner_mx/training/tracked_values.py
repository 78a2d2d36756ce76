"""What trackers are told of a run: its settings, the curve of each epoch, its scores, and its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from ner_mx.config import Config
from ner_mx.evaluation.conditions import Condition
from ner_mx.untyped import ReadOnlyValues, Values

# Of an epoch: the key in the history, and the name in a tracker.
CURVES = {"loss": "epoch/loss", "score": "epoch/dev_f1", "learning_rate": "epoch/learning_rate",
          "tokens_per_second": "epoch/tokens_per_second", "seconds": "epoch/seconds"}
# The files of a run that are worth keeping elsewhere; the parameters are not among them.
FILES = ("config.yaml", "metrics.json", "history.jsonl", "environment.json", "data.json", "rules.jsonl")


def settings_of(config: Config) -> Dict[str, str]:
    """Every setting by its dotted key, as text."""
    return dict(_leaves(config.model_dump(mode="json")))


def _leaves(values: ReadOnlyValues, prefix: str = "") -> Iterator[Tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def curve_values(record: Values) -> Dict[str, float]:
    """The figures of an epoch."""
    return {name: float(record[key]) for key, name in CURVES.items() if key in record}


def result_values(metrics: ReadOnlyValues) -> Dict[str, float]:
    """The scores of a finished run: entities of each split and condition, in all and by type, and from raw text."""
    values: Dict[str, float] = {}
    for key, figures in metrics.items():
        if isinstance(figures, dict) and "entity" in figures:
            place = Condition.from_key(key).file_name
            values.update(_scores(f"{place}/", figures["entity"]["micro"]))
            for label, score in figures["entity"]["types"].items():
                values[f"{place}/{_safe(label)}/f1"] = float(score["f1"])
    for split, figures in metrics.get("raw_text", {}).items():
        values.update(_scores(f"{split}-raw-text/", figures["micro"]))
    return values


def _scores(prefix: str, score: ReadOnlyValues) -> Dict[str, float]:
    return {f"{prefix}{key}": float(score[key]) for key in ("precision", "recall", "f1")}


def _safe(label: str) -> str:
    """A type in characters that every tracker takes."""
    return "".join(sign if sign.isalnum() or sign in "_-. " else "_" for sign in label)


def result_files(folder: Path) -> List[Path]:
    """The files of a finished run for a tracker, with its predictions."""
    found: List[Any] = [folder / name for name in FILES if (folder / name).is_file()]
    return [*found, *sorted((folder / "predictions").glob("*.conll"))]
