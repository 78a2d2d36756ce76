"""Text without annotation: sentences that are worth learning from, with what teachers say of them."""

from __future__ import annotations

import hashlib
import io
from itertools import islice
from pathlib import Path
from typing import Collection, Iterator, List, NamedTuple, Sequence, Set, Tuple

import numpy as np

from ner_mx.array_files import read_arrays, write_arrays
from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.data.bounded_lines import bounded_lines
from ner_mx.data.compression import opened
from ner_mx.errors import CorpusError, RunError
from ner_mx.inference.ensemble import Ensemble

# Shorter sentences are mostly headings, longer ones lists.
LENGTHS = range(4, 81)
# The sentences that teachers read at once, and that are one file of the cache.
CHUNK = 4096
LONGEST_LINE = 1 << 20


class Filter(NamedTuple):
    """Which sentences are kept.

    confidence : the least mean, over the tokens, of the probability of the likeliest tag.
    density : the least expected share of tokens in entities.
    sample : the share of lines that are read, drawn by their content.
    tokens : kept at most.
    """

    confidence: float = 0.9
    density: float = 0.05
    sample: float = 1.0
    tokens: int = 1_000_000


class Labelled(NamedTuple):
    """Sentences, and the probabilities of their tags: (tokens, K) float16 for all of them, one after the other."""

    sentences: List[List[str]]
    probabilities: np.ndarray


def labelled_text(texts: Sequence[Path], tokenizer: TokenizerSettings, teachers: Ensemble, choice: Filter,
                  known: Collection[Tuple[str, ...]], cache: Path) -> Labelled:
    """The sentences of texts that pass a filter, each once.

    Parameters
    ----------
    texts : UTF-8 files with a sentence or a paragraph per line, plain or compressed.
    known : sentences that are left out, such as those of dev and test.
    cache : a folder in which every chunk is kept; an interrupted call goes on after the last complete one.

    Raises
    ------
    CorpusError : a text is missing or is not UTF-8.
    """
    sentences: List[List[str]] = []
    arrays: List[np.ndarray] = []
    tokens = 0
    stream = _sentences(texts, tokenizer, choice.sample, set(known))
    for number in range(1 << 31):
        chunk = list(islice(stream, CHUNK))
        if not chunk or tokens >= choice.tokens:
            break
        kept, probabilities = _kept(cache / f"{number:06}.npz", chunk, teachers, choice)
        for row in kept:
            sentences.append(chunk[row])
        arrays.append(probabilities)
        tokens += len(probabilities)
    return Labelled(sentences, np.concatenate(arrays) if arrays else np.zeros((0, len(teachers.tags)), np.float16))


def _kept(path: Path, chunk: List[List[str]], teachers: Ensemble, choice: Filter) -> Tuple[np.ndarray, np.ndarray]:
    """The indices of the sentences of a chunk that are kept, and their probabilities; from the cache if it has them."""
    try:
        arrays = read_arrays(path)
        return arrays["kept"], arrays["probabilities"]
    except (RunError, KeyError):
        pass
    kept: List[int] = []
    parts = [np.zeros((0, len(teachers.tags)))]
    outside = teachers.tags.index("O")
    for row, probabilities in enumerate(teachers.probabilities(chunk)):
        confidence, density = probabilities.max(axis=1).mean(), 1.0 - probabilities[:, outside].mean()
        if confidence >= choice.confidence and density >= choice.density:
            kept.append(row)
            parts.append(probabilities)
    found = np.array(kept, np.int64), np.concatenate(parts).astype(np.float16)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(path, {"kept": found[0], "probabilities": found[1]})
    return found


def _sentences(texts: Sequence[Path], tokenizer: TokenizerSettings, sample: float,
               seen: Set[Tuple[str, ...]]) -> Iterator[List[str]]:
    """The sentences of texts in turn, a line of each file at a time, so that every file has its share."""
    files = [_lines(path, sample) for path in texts]
    while files:
        for file in list(files):
            line = next(file, None)
            if line is None:
                files.remove(file)
                continue
            for sentence in tokenizer.iter_sentences(line):
                tokens = tuple(token.text for token in sentence)
                if len(tokens) in LENGTHS and tokens not in seen:
                    seen.add(tokens)
                    yield list(tokens)


def _lines(path: Path, sample: float) -> Iterator[str]:
    limit = int(sample * (1 << 32))
    number = 0
    try:
        with opened(path) as (stream, _), io.TextIOWrapper(stream, "utf-8-sig", newline="\n") as file:
            for line in bounded_lines(file, LONGEST_LINE):
                number += 1
                drawn = int.from_bytes(hashlib.blake2b(line.encode("utf-8", "surrogatepass"),
                                                       digest_size=4).digest(), "big")
                if drawn < limit:
                    yield line.replace("\0", " ")
    except UnicodeDecodeError as error:
        raise CorpusError(path, number + 1, f"expected UTF-8, found byte {error.object[error.start]:#04x} there or "
                                            "shortly after; convert the file") from None
    except FileNotFoundError:
        raise CorpusError(path, None, "expected a file of text, found nothing") from None
