"""Text without annotation: sentences that are worth learning from, with what teachers say of them."""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from pathlib import Path
from typing import Collection, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from ner_mx.array_files import read_arrays, write_arrays
from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.data.streamed_text import streamed_lines
from ner_mx.errors import RunError
from ner_mx.inference.ensemble import Ensemble

# Shorter sentences are mostly headings, longer ones lists.
LENGTHS = range(4, 81)
# The sentences that teachers read at once, and that are one file of the cache.
CHUNK = 4096


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
    arrays = [np.zeros((0, len(teachers.tags)), np.float16)]
    tokens = 0
    stream = _sentences(texts, tokenizer, choice.sample, set(known))
    while tokens < choice.tokens:
        chunk = list(islice(stream, CHUNK))
        if not chunk:
            break
        kept, probabilities = _kept(chunk, teachers, choice, cache)
        ends = np.cumsum([len(chunk[row]) for row in kept], dtype=np.int64)
        count = int(np.searchsorted(ends, choice.tokens - tokens, side="right"))
        sentences += [chunk[row] for row in kept[:count]]
        arrays.append(probabilities[:ends[count - 1] if count else 0])
        tokens += len(arrays[-1])
        if count < len(kept):
            break
    return Labelled(sentences, np.concatenate(arrays))


def probabilities_of(sentences: Sequence[List[str]], teachers: Ensemble, cache: Path) -> np.ndarray:
    """The probabilities of the tags of sentences, (tokens, K) float16 for all of them; every chunk is kept."""
    # Outputs of an encoder are on disk for all sentences of its training together.
    size = len(sentences) if teachers.reads_from_disk(sentences) else CHUNK
    parts = [np.zeros((0, len(teachers.tags)), np.float16)]
    for start in range(0, len(sentences), size):
        chunk = sentences[start:start + size]
        path = _place(cache, "all", chunk)
        found = _cached(path)
        if not found:
            found = {"probabilities": np.concatenate(teachers.probabilities(chunk)).astype(np.float16)}
            _write(path, found)
        parts.append(found["probabilities"])
    return np.concatenate(parts)


def _kept(chunk: List[List[str]], teachers: Ensemble, choice: Filter, cache: Path) -> Tuple[np.ndarray, np.ndarray]:
    """The indices of the sentences of a chunk that are kept, and their probabilities; they are kept in the cache."""
    path = _place(cache, "kept", chunk)
    cached = _cached(path)
    if cached:
        return cached["kept"], cached["probabilities"]
    kept: List[int] = []
    parts = [np.zeros((0, len(teachers.tags)))]
    outside = teachers.tags.index("O")
    for row, probabilities in enumerate(teachers.probabilities(chunk)):
        confidence, density = probabilities.max(axis=1).mean(), 1.0 - probabilities[:, outside].mean()
        if confidence >= choice.confidence and density >= choice.density:
            kept.append(row)
            parts.append(probabilities)
    indices, found = np.array(kept, np.int64), np.concatenate(parts).astype(np.float16)
    _write(path, {"kept": indices, "probabilities": found})
    return indices, found


def _place(cache: Path, kind: str, sentences: Sequence[List[str]]) -> Path:
    """A file that is named after its content: a cache of other sentences is never read."""
    return cache / f"{kind}-{hashlib.sha256(json.dumps(sentences).encode()).hexdigest()[:24]}.npz"


def _cached(path: Path) -> Optional[Dict[str, np.ndarray]]:
    """The arrays of a file; None if it is missing or damaged."""
    try:
        return read_arrays(path)
    except RunError:
        return None


def _write(path: Path, arrays: Dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(path, arrays)


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
    """The lines of a text that are drawn, by their content."""
    limit = int(sample * (1 << 32))
    for line in streamed_lines(path):
        digest = hashlib.blake2b(line.encode("utf-8", "surrogatepass"), digest_size=4).digest()
        if int.from_bytes(digest, "big") < limit:
            yield line
