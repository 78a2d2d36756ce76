"""The folders and files of a container."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, NamedTuple

from ner_mx.config import parse_settings
from ner_mx.errors import UserError
from ner_mx.files import read_json
from ner_mx.untyped import Values

# The names of the channels of the splits, the preferred one first, by the key below ``corpus``.
SPLITS = {"train": ("train", "training"), "dev": ("validation", "dev", "valid"), "test": ("test", "testing")}
VECTORS = "vectors"
# What the host adds to the hyperparameters for itself.
OF_HOST = ("sagemaker_", "_tuning_")


class Layout(NamedTuple):
    """Where everything is below the root, which is ``/opt/ml`` in a container."""

    root: Path

    @property
    def hyperparameters(self) -> Path:
        """JSON whose values are text."""
        return self.root / "input/config/hyperparameters.json"

    @property
    def data(self) -> Path:
        """A folder for each channel."""
        return self.root / "input/data"

    @property
    def model(self) -> Path:
        """What training writes and hosting reads."""
        return self.root / "model"

    @property
    def failure(self) -> Path:
        """Why training failed."""
        return self.root / "output/failure"

    @property
    def output(self) -> Path:
        """Further results of training."""
        return self.root / "output/data"

    @property
    def checkpoints(self) -> Path:
        """What a host keeps of an interrupted training."""
        return self.root / "checkpoints"


def hyperparameters(layout: Layout) -> Dict[str, str]:
    """The hyperparameters as text, without those that the host adds.

    Raises
    ------
    UserError : the file is damaged, or holds something else.
    """
    if not layout.hyperparameters.is_file():
        return {}
    values = read_json(layout.hyperparameters, "give the hyperparameters again")
    if not isinstance(values, dict) or any(isinstance(value, (dict, list)) for value in values.values()):
        raise UserError(f"{layout.hyperparameters}: expected an object with a text for each name, found something else")
    if "" in values:
        raise UserError(f"{layout.hyperparameters}: expected a name for each value, found one without")
    return {name: value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in values.items() if not name.startswith(OF_HOST)}


def as_settings(values: Dict[str, str]) -> Values:
    """Hyperparameters as values of a configuration by dotted key."""
    return parse_settings(f"{name}={value}" for name, value in values.items())


def corpus_settings(layout: Layout) -> Values:
    """The channels as settings: one for each split, or one that holds the whole corpus; and vectors.

    A channel is read as the file in it, if there is one alone, else as a folder.  Without a channel for dev or test,
    that split is drawn from the training data, unless the only channel is a folder with files for each.

    Raises
    ------
    UserError : there is no channel with training data, or one of another name.
    """
    found = sorted(path.name for path in layout.data.iterdir() if path.is_dir()) if layout.data.is_dir() else []
    places = {split: next((name for name in names if name in found), None) for split, names in SPLITS.items()}
    known = [name for names in SPLITS.values() for name in names] + [VECTORS]
    other = next((name for name in found if name not in known), None)
    if other or places["train"] is None:
        raise UserError(f"{layout.data}: expected the channels train, validation, test and vectors, of which train is "
                        f"needed; found {other or ', '.join(found) or 'none'}")
    settings: Values = {}
    if places["dev"] is None and places["test"] is None:
        settings["corpus.path"] = str(_content(layout.data / places["train"]))
    else:
        settings["corpus.path"] = str(layout.data)
        for split, name in places.items():
            settings[f"corpus.{split}"] = name and str(_content(layout.data / name).relative_to(layout.data))
    if VECTORS in found:
        settings["features.words.vectors.path"] = str(_content(layout.data / VECTORS))
    return settings


def _content(channel: Path) -> Path:
    """The only file of a channel, or the channel itself.

    Raises
    ------
    UserError : it is empty.
    """
    entries: List[Path] = [path for path in channel.iterdir() if not path.name.startswith(".")]
    if not entries:
        raise UserError(f"{channel}: expected a file in the channel, found nothing")
    return entries[0] if len(entries) == 1 and entries[0].is_file() else channel
