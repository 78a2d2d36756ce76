"""A checkpoint folder to the weights of an encoder, under names of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple

import numpy as np

from ner_mx.data.text_files import read_text
from ner_mx.errors import CorpusError, first_line
from ner_mx.resources.checkpoints.architecture import FAMILIES, Architecture, architecture_of
from ner_mx.resources.checkpoints.hub import downloaded
from ner_mx.resources.checkpoints.pieces import Pieces, piece_files, read_pieces
from ner_mx.resources.checkpoints.tensors import read_tensors
from ner_mx.strict_json import parse_json

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
NORMS = ("norm", "attended_norm", "outer_norm")
# The vectors that a checkpoint may have beyond its vocabulary: tables are padded to a multiple of 8 to 512.
PADDING = 512
# What the scale and offset of a normalization were called in checkpoints that come from TensorFlow.
OLD_NAMES = {"weight": "gamma", "bias": "beta"}

Shape = Tuple[int, ...]


class Checkpoint(NamedTuple):
    """An encoder as it was pretrained.

    weights : by name, float32: ``pieces`` (vocabulary, units), ``positions`` (positions, units) with the vector of
        the first token type added, ``norm.weight``, ``norm.bias``, ``relative`` (buckets, heads), and by layer
        ``0.query.weight`` and the like, as in :class:`~ner_mx.resources.checkpoints.architecture.Family`.
    """

    architecture: Architecture
    pieces: Pieces
    weights: Dict[str, np.ndarray]


def checkpoint_folder(path: str) -> Path:
    """The folder of a checkpoint: ``path`` itself, or that of a name on the hub.

    Raises
    ------
    UserError : there is no such folder, and it cannot be downloaded.
    """
    folder = Path(path)
    return folder if folder.exists() else downloaded(path)


def checkpoint_files(folder: Path) -> List[Path]:
    """The files that :func:`read_checkpoint` reads."""
    return [*(folder / name for name in ("config.json", _weights(folder).name)), *piece_files(folder)]


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read and check the encoder of a checkpoint folder; nothing in it is executed.

    Raises
    ------
    CorpusError : a file is missing or damaged, the encoder is of an unknown family, a tensor is missing or of
        another shape than the configuration says, or the vocabulary is not that of the encoder.
    UserError : a library that the files need is not installed.
    """
    config = folder / "config.json"
    if config.exists() and not config.is_file():  # a pipe would be waited for
        raise CorpusError(config, None, "expected a regular file, found something else")
    try:
        settings = parse_json(read_text(config, "utf-8", None, "JSON"))
    except ValueError as error:
        raise CorpusError(config, None, f"expected JSON, found: {first_line(error)}") from None
    architecture = architecture_of(config, settings)
    pieces = read_pieces(folder, FAMILIES[architecture.family].specials)
    if len(pieces.vocabulary) > architecture.pieces or len(pieces.vocabulary) < architecture.pieces - PADDING:
        raise CorpusError(folder, None, f"expected a vocabulary of {architecture.pieces:,} pieces, as vocab_size in "
                                        f"config.json says, found {len(pieces.vocabulary):,}; is it the vocabulary "
                                        "of another tokenizer?")
    path = _weights(folder)
    if not path.exists():
        raise CorpusError(folder, None, f"expected {' or '.join(WEIGHTS)}, found neither; download it again")
    return Checkpoint(architecture, pieces, _weights_of(path, read_tensors(path), architecture))


def _weights(folder: Path) -> Path:
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), folder / WEIGHTS[0])


def _weights_of(path: Path, tensors: Dict[str, np.ndarray], architecture: Architecture) -> Dict[str, np.ndarray]:
    family = FAMILIES[architecture.family]
    prefix = family.prefix if f"{family.prefix}{family.tensors['pieces']}.weight" in tensors else ""

    def tensor(name: str, shape: Shape) -> np.ndarray:
        stem, _, last = name.rpartition(".")
        old = f"{stem}.{OLD_NAMES.get(last, last)}"
        values = next((tensors[prefix + key] for key in (name, old) if prefix + key in tensors), None)
        if values is None:
            raise CorpusError(path, None, f"expected the tensor {prefix + name}, found nothing of the name; it is not "
                                          f"an encoder of the family {architecture.family}, or is incomplete")
        if values.shape != shape:
            raise CorpusError(path, None, f"expected {prefix + name} of the shape {shape}, as config.json says, found "
                                          f"{values.shape}")
        if not np.isfinite(values).all():
            raise CorpusError(path, None, f"expected finite weights in {prefix + name}, found infinite ones, or none "
                                          "that are numbers")
        return values

    units, first = architecture.units, family.first_position
    positions = tensor(f"{family.tensors['positions']}.weight", (architecture.positions + first, units))[first:]
    if family.has_types:
        name = "embeddings.token_type_embeddings.weight"
        rows = max((1, *tensors[prefix + name].shape[:1])) if prefix + name in tensors else 1
        with np.errstate(over="ignore"):
            positions = positions + tensor(name, (rows, units))[0]
        if not np.isfinite(positions).all():
            raise CorpusError(path, None, "expected finite vectors of positions, found a sum with those of token types "
                                          "that is infinite")
    weights = {"pieces": tensor(f"{family.tensors['pieces']}.weight", (architecture.pieces, units)),
               "positions": positions}
    if architecture.relative_buckets:
        weights["relative"] = tensor("encoder.relative_attention_bias.weight",
                                     (architecture.relative_buckets, architecture.heads))
    weights.update({f"norm.{kind}": tensor(f"{family.tensors['norm']}.{kind}", (units,)) for kind in OLD_NAMES})
    for layer in range(architecture.layers):
        for name, shape in _layer_shapes(architecture):
            for kind in OLD_NAMES:
                stored = f"{family.tensors[name].format(layer)}.{kind}"
                weights[f"{layer}.{name}.{kind}"] = tensor(stored, shape if kind == "weight" else shape[:1])
    return weights


def _layer_shapes(architecture: Architecture) -> Iterator[Tuple[str, Shape]]:
    """The name and shape of the weight of each part of a layer; its bias has the first dimension of it."""
    units, hidden = architecture.units, architecture.hidden
    for name in ("query", "key", "value", "attended"):
        yield name, (units, units)
    yield "inner", (hidden, units)
    yield "outer", (units, hidden)
    for name in NORMS[1:]:
        yield name, (units,)
