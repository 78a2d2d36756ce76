"""The pieces of a pretrained encoder, whose vectors models read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Dict, Literal, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from pydantic import Field

from ner_mx.config import INPUT, PLACE, RESULT, Features, FeatureSettings
from ner_mx.data.sentence import Sentence
from ner_mx.errors import ConfigError, UserError
from ner_mx.features.batch import Batch, Layout
from ner_mx.features.encoded import Encoded, Ragged
from ner_mx.features.feature import Arrays, Feature, TrainingData, TypeValue
from ner_mx.features.piece_windows import windows_of
from ner_mx.registry import register
from ner_mx.resources.checkpoints import Architecture, Pieces, checkpoint_files, checkpoint_folder, read_checkpoint
from ner_mx.untyped import Values

# The pieces that are read of a word; few words have more, and those are no names.
MAX_PIECES = 16
# The length of windows is rounded up to a multiple of it: MXNet plans memory for every new shape.
LENGTH_STEP = 8
# The outputs of an encoder of which nothing is trained: an array by token, where they are cached.
OUTPUTS = "transformer_outputs"


class TransformerSettings(FeatureSettings):
    """The section ``features.transformer``.

    path : a checkpoint folder, or the name of one on the Hugging Face hub.
    pooling : a word's vector is that of its first piece, or the mean over its pieces.
    layers : the output of the last layer, the mean over so many of the last, or a learned mix of all of
        them, the embeddings included (Peters et al. 2018, equation 1).
    window : the most pieces that are read at once, the special ones included; longer sentences have
        several windows that overlap.
    frozen : layers that are not trained, from the lowest on, with the embeddings; ``all`` trains none.
    rate : what the learning rate is multiplied by for the encoder.
    layer_decay : what it is multiplied by once more for each layer below the last.
    dropout : in the encoder while it is trained; null takes that of the checkpoint.
    cache : the gigabytes beside the processed corpus that the outputs of an encoder may take of which
        nothing is trained; they are then computed once.
    """

    path: Annotated[Optional[str], INPUT] = None
    pooling: Annotated[Literal["first", "mean"], RESULT] = "first"
    layers: Annotated[Union[Literal["last", "mix"], Annotated[int, Field(ge=1)]], RESULT] = "last"
    window: Annotated[int, RESULT] = Field(256, ge=2 * MAX_PIECES)
    frozen: Annotated[Union[Literal["all"], Annotated[int, Field(ge=0)]], RESULT] = 0
    rate: Annotated[float, RESULT] = Field(1.0, gt=0)
    layer_decay: Annotated[float, RESULT] = Field(1.0, gt=0, le=1)
    dropout: Annotated[Optional[float], RESULT] = Field(None, ge=0, lt=1)
    cache: Annotated[float, PLACE] = Field(8.0, ge=0)

    def active(self) -> bool:
        """Whether there is a checkpoint to read."""
        return bool(self.use and self.path)

    def input_files(self, name: str) -> Dict[str, Path]:
        """Those of the checkpoint."""
        try:
            folder = checkpoint_folder(self.path) if self.path and self.use else None
        except UserError:  # elsewhere, a processed corpus does not need it
            folder = None
        return {} if folder is None else {f"{name}/{file.name}": file for file in checkpoint_files(folder)}


@register.feature("transformer")
class Transformer(Feature):
    """The ids of the pieces of a word; a batch has them in windows."""

    Settings = TransformerSettings
    rank = 60
    on_by_default = True
    unit = "pieces"
    cells = 64

    def __init__(self, features: Features, architecture: Architecture, pieces: Pieces,
                 weights: Optional[Arrays] = None):
        super().__init__(features)
        self.architecture, self.pieces, self._weights = architecture, pieces, weights

    @classmethod
    def fit(cls, features: Features, data: TrainingData) -> Feature:
        """The pieces and weights of the checkpoint; nothing is fitted.

        Raises
        ------
        CorpusError, UserError : the checkpoint cannot be read.
        ConfigError : the settings do not fit it.
        """
        settings = features.settings()[cls.name].model_dump()
        checkpoint = read_checkpoint(checkpoint_folder(settings["path"]))
        _check_settings(settings, checkpoint.architecture)
        return cls(features, checkpoint.architecture, checkpoint.pieces, checkpoint.weights)

    @property
    def by_type(self) -> Tuple[str, ...]:
        """The pieces of a word type."""
        return (self.name,)

    def encode_type(self, word: str) -> Tuple[TypeValue, ...]:
        """The ids of the pieces of a word, at most ``MAX_PIECES``."""
        return (self.pieces.ids(word)[:MAX_PIECES],)

    def collate(self, encoded: Encoded, layout: Layout) -> Arrays:
        """W windows of at most P pieces; or the outputs of the encoder, where they are cached.

        Returns
        -------
        transformer_outputs : (T, N, ...) float32, or
        pieces : (P, W) int32 ids, with the special pieces.
        piece_length : (W,) int32, pieces per window.
        piece_places : (T, N) int32, the index of the first piece of each token among the P * W; if the mean is
            taken, (T, N, M), those of its pieces, and P * W where it has fewer.
        """
        if OUTPUTS in encoded.by_token:
            return {OUTPUTS: encoded.by_token[OUTPUTS][layout.token].astype(np.float32)}
        ragged = encoded.by_type[self.name]
        assert isinstance(ragged, Ragged)
        real = layout.real.T  # (N, T): one sentence after the other
        types = layout.word_type.T[real]
        counts = ragged.lengths[types]
        ends = np.cumsum(counts)
        begins = ends - counts
        within = np.arange(ends[-1]) - np.repeat(begins, counts)
        ids = ragged.values[np.repeat(ragged.bounds[types], counts) + within]
        windows = windows_of(counts, layout.length, self._size)
        start = begins[windows.first]
        length = ends[windows.last - 1] - start + 2
        pieces = self._rectangle(ids, start, length)
        place = begins - start[windows.window] + 1
        index = place * len(length) + windows.window
        return {"pieces": pieces, "piece_length": length.astype(np.int32),
                "piece_places": self._places(index, counts, real, pieces.size, len(length))}

    @property
    def _size(self) -> int:
        """The most pieces of a window, without the special ones."""
        return min(self.settings.window, self.architecture.positions) - 2

    def _rectangle(self, ids: np.ndarray, start: np.ndarray, length: np.ndarray) -> np.ndarray:
        """(P, W) int32: the pieces of each window between the special ones."""
        rows = min(-(-int(length.max()) // LENGTH_STEP) * LENGTH_STEP, self.architecture.positions)
        place = np.arange(rows)[:, None]
        first, last, _ = self.pieces.special_ids
        result = np.zeros((rows, len(length)), np.int32)
        result[0] = first
        inside = (place > 0) & (place < length - 1)
        result[inside] = ids[(start + place - 1)[inside]]
        result[length - 1, np.arange(len(length))] = last
        return result

    def _places(self, index: np.ndarray, counts: np.ndarray, real: np.ndarray, none: int, step: int) -> np.ndarray:
        """``piece_places``; ``none`` stands for no piece, and ``step`` leads to the next piece of a word."""
        if self.settings.pooling == "first":
            places = np.zeros(real.shape, np.int32)
            places[real] = index
            return np.ascontiguousarray(places.T)
        number = np.arange(counts.max())
        places = np.full((*real.shape, len(number)), none, np.int32)
        places[real] = np.where(number < counts[:, None], index[:, None] + step * number, none)
        # The mean over the pieces of padding is that of one.
        places[~real, 0] = 0
        return np.ascontiguousarray(places.transpose(1, 0, 2))

    def tables(self, batch: Batch) -> Dict[str, Tuple[int, ...]]:
        """That of the pieces, and the vectors of those of the batch."""
        none = 1 if self.settings.pooling == "mean" else 0
        return {"pieces": (self.architecture.pieces, self.architecture.units),
                "piece_places": (batch["pieces"].size + none, self.architecture.units)}

    def state(self) -> Any:
        """The architecture and the pieces."""
        return {"architecture": self.architecture.model_dump(mode="json"),
                "pieces": self.pieces.model_dump(mode="json", exclude_defaults=True)}

    def pretrained(self) -> Arrays:
        """The weights of the checkpoint."""
        return self._weights or {}

    @classmethod
    def restore(cls, features: Features, state: Any, arrays: Mapping[str, np.ndarray]) -> Feature:
        """From :meth:`state`.

        Raises
        ------
        KeyError, ValueError : it is damaged.
        """
        architecture = Architecture.model_validate(state["architecture"])
        _check_settings(features.settings()[cls.name].model_dump(), architecture)
        pieces = Pieces.model_validate(state["pieces"])
        if len(pieces.vocabulary) > architecture.pieces:
            raise ValueError("more pieces than the encoder has")
        pieces.ids("a")  # merges that fit no vocabulary show here
        return cls(features, architecture, pieces)

    def statistics(self, splits: Mapping[str, Sequence[Sentence]], encoded: Mapping[str, Encoded]) -> Values:
        """The size of the vocabulary, and pieces per token by split."""
        per_token = {}
        for name, split in encoded.items():
            ragged = split.by_type[self.name]
            assert isinstance(ragged, Ragged)
            per_token[name] = float(ragged.lengths[split.word_type].mean())
        return {"size": self.architecture.pieces, "pieces_per_token": per_token}

    @staticmethod
    def summary(statistics: Any) -> Any:
        """Pieces per token."""
        return [("pieces per token", ", ".join(f"{count:.2f} in {name}"
                                               for name, count in statistics["pieces_per_token"].items()))]


def _check_settings(settings: Mapping[str, Any], architecture: Architecture) -> None:
    """Check that settings fit an encoder.

    Raises
    ------
    ConfigError
    """
    frozen, layers = settings["frozen"], settings["layers"]
    if isinstance(layers, int) and layers > architecture.layers:
        raise ConfigError(f"features.transformer.layers: expected at most the {architecture.layers} layers of the "
                          f"encoder, found {layers}")
    if frozen != "all" and frozen >= architecture.layers:
        raise ConfigError(f"features.transformer.frozen: expected fewer than the {architecture.layers} layers of the "
                          f"encoder, or all, found {frozen}")
