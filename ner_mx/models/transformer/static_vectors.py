"""Word vectors distilled from a pretrained encoder: each word alone through the encoder, then principal components."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from tqdm import tqdm

from ner_mx import __version__
from ner_mx.compat import mx
from ner_mx.errors import ConfigError, CorpusError, UserError
from ner_mx.features.transformer import MAX_PIECES, TransformerSettings
from ner_mx.files import replacing, sha256, write_json
from ner_mx.models.transformer.encoder_network import EncoderNetwork
from ner_mx.resources.checkpoints import Checkpoint, checkpoint_files, checkpoint_folder, read_checkpoint
from ner_mx.resources.vectors.training import WordForm, check_output, count_words, metadata_path

BATCH = 256


class StaticVectors(NamedTuple):
    """What is written.  words : most frequent first.  explained : the share of the variance that is kept."""

    words: List[str]
    explained: float


def write_static_vectors(texts: Sequence[Path], output: Path, form: WordForm, checkpoint: str, dimension: int = 100,
                         min_count: int = 5, overwrite: bool = False) -> StaticVectors:
    """Give the words of texts vectors from an encoder, and write them in word2vec's text format.

    The vector of a word is the mean of the last layer over its pieces, without
    a sentence around it, on the principal components of all of these vectors.

    Parameters
    ----------
    texts : whose words get vectors, see :func:`~ner_mx.resources.vectors.training.train_vectors`.
    form : the form of words (digits, case).
    checkpoint : a folder, or a name on the Hugging Face hub.
    dimension : the number of components.
    min_count : words that occur less often get no vector.

    Raises
    ------
    CorpusError : a text or the checkpoint cannot be read.
    ConfigError : the dimension is larger than that of the encoder.
    UserError : too few words are frequent enough, or the name of the output is unsuitable.
    RunError : ``output`` exists and may not be overwritten.
    """
    check_output(texts, output, overwrite)
    folder = checkpoint_folder(checkpoint)
    read = read_checkpoint(folder)
    if not 1 <= dimension <= read.architecture.units:
        raise ConfigError(f"dimension: expected 1 to {read.architecture.units}, as the encoder has, found {dimension}")
    if min_count < 1:
        raise ConfigError(f"min_count: expected at least 1, found {min_count}")
    counts = count_words(texts, form)
    words = sorted((word for word, count in counts.items() if count >= min_count),
                   key=lambda word: (-counts[word], word))
    if len(words) <= dimension:
        raise UserError(f"expected more than {dimension} words that occur {min_count} times or more, found "
                        f"{len(words):,}; use more text, a smaller min_count, or a smaller dimension")
    vectors = word_vectors(read, words)
    if not np.isfinite(vectors).all() or not np.ptp(vectors, axis=0).any():
        raise CorpusError(folder, None, "expected an encoder that gives words different vectors, found equal ones, or "
                                        "infinite ones")
    matrix, explained = principal_components(vectors, dimension)
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(f"{len(words)} {dimension}\n")
        for word, row in zip(words, matrix):
            file.write(f"{word} {_numbers(row)}\n")
    write_json(metadata_path(output), {
        "version": __version__, "settings": {"method": "encoder", "dimension": dimension, "min_count": min_count},
        "digits": form.digits, "lower": form.lower, "tokens": sum(counts.values()), "words": len(words),
        "explained_variance": explained,
        "sources": {**{str(text): sha256(text) for text in texts},
                    **{path.name: sha256(path) for path in checkpoint_files(folder)}}})
    return StaticVectors(words, explained)


def _numbers(row: np.ndarray) -> str:
    text = io.StringIO()
    np.savetxt(text, row[None], fmt="%.6g")
    return text.getvalue().rstrip("\n")


def word_vectors(checkpoint: Checkpoint, words: Sequence[str]) -> np.ndarray:
    """(words, units) float32: the mean of the last layer over the pieces of each word, read alone."""
    network = EncoderNetwork(checkpoint.architecture, TransformerSettings(frozen="all"))
    network.initialize(mx.init.Zero())
    network.load(checkpoint.weights)
    network.hybridize()
    first, last, _ = checkpoint.pieces.special_ids
    longest = min(MAX_PIECES, checkpoint.architecture.positions - 2)
    pieces = [checkpoint.pieces.ids(word)[:longest] for word in words]
    by_length: Dict[int, List[int]] = {}
    for index, ids in enumerate(pieces):
        by_length.setdefault(len(ids), []).append(index)
    result = np.empty((len(words), checkpoint.architecture.units), np.float32)
    with tqdm(total=len(words), unit="words", desc="encoding", disable=None, leave=False) as bar:
        for length, indices in by_length.items():
            for start in range(0, len(indices), BATCH):
                chosen = indices[start:start + BATCH]
                windows = np.array([[first, *pieces[index], last] for index in chosen], np.int32).T
                outputs = network(mx.nd.array(windows, dtype="int32"), mx.nd.full(len(chosen), length + 2))[-1]
                result[chosen] = outputs[1:-1].mean(axis=0).asnumpy()
                bar.update(len(chosen))
    return result


def principal_components(vectors: np.ndarray, count: int) -> Tuple[np.ndarray, float]:
    """Vectors on their first principal components, and the share of the variance that these keep.

    The sign of a component is that which makes its largest weight positive.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(vectors))
    chosen = directions[:, ::-1][:, :count]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(count)])
    return centred @ chosen, float(variances[::-1][:count].sum() / variances.sum())
