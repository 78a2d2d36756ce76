"""A corpus in three parts: train, dev, test.  A table of methods; documents stay whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from sklearn.model_selection import train_test_split

from ner_mx.config import Corpus, Split
from ner_mx.corpora.documents import name_lists, with_titles
from ner_mx.corpora.readers import locate, read
from ner_mx.corpora.sentence import Reading, Sentence
from ner_mx.errors import CorpusError

Parts = Dict[str, List[Sentence]]


class Divided(NamedTuple):
    """The three parts, the files that they came from, and the readers' warnings."""

    parts: Parts
    files: List[Path]
    warnings: Counter


def read_parts(settings: Corpus) -> Divided:
    """Read a corpus and divide it as ``corpus.split`` says.

    ``files`` takes the files given; where dev or test is null, it is cut from
    the training file.  Every other method divides a single file.

    Raises
    ------
    CorpusError : a file is not there or not as expected, or a part would be empty.
    """
    warnings: Counter = Counter()

    def part(names) -> Optional[List[Sentence]]:
        path = locate(settings, names)
        if path is None:
            return None
        reading = read_part(path, settings)
        warnings.update(reading.warnings)
        return reading.sentences

    train = part(settings.train)
    if train is None:
        raise CorpusError(None, None, "corpus.train: expected the name of a file, found null")
    if _has_a_file_each(settings):
        parts = _completed(train, part(settings.dev), part(settings.test), settings.split)
    else:
        parts = METHODS[settings.split.method](train, settings.split)
    for name, sentences in parts.items():
        if not sentences:
            raise CorpusError(settings.path, None, f"expected sentences in every part, found none "
                                                   f"in {name}; see corpus.split")
    return Divided(parts, corpus_files(settings), warnings)


def corpus_files(settings: Corpus) -> List[Path]:
    """The files that a corpus is read from, the lists of its documents' names with them.

    Raises
    ------
    CorpusError : one is not there.
    """
    named = [settings.train, settings.dev, settings.test] if _has_a_file_each(settings) else [settings.train]
    places = [place for names in named for place in [locate(settings, names)] if place]
    lists = [file for place in places for file in name_lists(place, settings.documents, settings.encoding)]
    return [*(file for place in places for file in source_files(place)), *dict.fromkeys(lists)]


def _has_a_file_each(settings: Corpus) -> bool:
    """Whether the parts are files of their own, and not cut from one."""
    return settings.split.method == "files" and Path(settings.path).is_dir()


def read_part(path: Path, settings: Corpus) -> Reading:
    """The sentences of one part, with their documents' names where there are any.

    Raises
    ------
    CorpusError : the file is not there or not as expected.
    """
    return with_titles(read(path, settings), path, settings.documents, settings.encoding)


def source_files(path: Path) -> List[Path]:
    """The files behind one part: a file, the texts of a folder and their annotation, or a pair of arrays."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in (".txt", ".ann"))
    if path.is_file():
        return [path]
    return [path.with_name(f"{path.name}.{kind}.npy") for kind in ("texts", "labels")]


def _completed(train: List[Sentence], dev: Optional[List[Sentence]],
               test: Optional[List[Sentence]], split: Split) -> Parts:
    if test is None:
        train, test = _cut(train, split.test, split, 0)
    if dev is None:
        train, dev = _cut(train, split.dev, split, 1)
    return {"train": train, "dev": dev, "test": test}


def _by_fraction(sentences: List[Sentence], split: Split) -> Parts:
    return _completed(sentences, None, None, split)


def _last(sentences: List[Sentence], split: Split) -> Parts:
    """The last sentences are the test set; dev is drawn from the others.

    Where documents are marked, the border moves back to the beginning of one.
    """
    border = wanted = int(len(sentences) * (1 - split.test))
    documents = [(sentence.source, sentence.document) for sentence in sentences]
    while split.by == "document" and border and documents[border - 1:border] == documents[border:border + 1]:
        border -= 1
    border = border or wanted
    train, dev = _cut(sentences[:border], split.dev, split, 1)
    return {"train": train, "dev": dev, "test": sentences[border:]}


def _gmb_published(sentences: List[Sentence], split: Split) -> Parts:
    """The 90/10 split under which results on the Kaggle corpus have been published.

    The sentences, grouped by id and thus in the *string* order of the ids, go
    through scikit-learn's ``train_test_split(test_size=0.1, shuffle=True,
    random_state=666)``.  dev is drawn from the 90 %.
    """
    count = 47959
    if len(sentences) != count:
        raise CorpusError(sentences[0].source, None, (
            f"expected the {count} sentences of the Kaggle corpus for the split gmb-published, "
            f"found {len(sentences)}; choose another corpus.split.method"))
    order = sorted(range(count), key=lambda index: f"Sentence: {index + 1}")
    rest, test = train_test_split([sentences[index] for index in order],
                                  test_size=0.1, shuffle=True, random_state=666)
    train, dev = _cut(rest, split.dev, split, 1)
    return {"train": train, "dev": dev, "test": test}


METHODS: Dict[str, Callable[[List[Sentence], Split], Parts]] = {
    "files": _by_fraction,
    "fraction": _by_fraction,
    "last": _last,
    "gmb-published": _gmb_published,
}


def _cut(sentences: List[Sentence], fraction: float, split: Split,
         salt: int) -> Tuple[List[Sentence], List[Sentence]]:
    """Draw about ``fraction`` of the sentences at random; both parts keep their order.

    Whole documents are drawn where the sentences come from more than one and
    ``split.by`` says so.
    """
    documents = [(sentence.source, sentence.document) for sentence in sentences]
    groups: Dict[object, List[int]] = {}
    by_document = split.by == "document" and len(set(documents)) > 1
    for index, document in enumerate(documents):
        groups.setdefault(document if by_document else index, []).append(index)
    wanted = int(round(fraction * len(sentences)))
    drawn = np.zeros(len(sentences), dtype=bool)
    keys = list(groups)
    total = 0
    for position in np.random.RandomState([split.seed, salt]).permutation(len(keys)):
        group = groups[keys[position]]
        # A document is taken where the size is nearer to the wanted one with it than without;
        # the first one always, so that a part is not empty for want of small documents.
        if total + len(group) / 2 <= wanted or (wanted and not total):
            drawn[group] = True
            total += len(group)
        if total >= wanted:
            break
    kept = [sentence for sentence, out in zip(sentences, drawn) if not out]
    return kept, [sentence for sentence, out in zip(sentences, drawn) if out]


def duplicates(parts: Parts) -> Dict[str, int]:
    """How many sentences stand in a part twice, and in dev or test as in an earlier part.

    Returns counts under keys such as ``"train"`` (repeats within) and
    ``"test in train"``.
    """
    seen: Dict[str, set] = {}
    counts: Dict[str, int] = {}
    for name, sentences in parts.items():
        texts = [sentence.tokens for sentence in sentences]
        own = set(texts)
        counts[name] = len(texts) - len(own)
        for earlier, earlier_texts in seen.items():
            counts[f"{name} in {earlier}"] = sum(text in earlier_texts for text in texts)
        seen[name] = own
    return counts


def all_sentences(parts: Parts) -> Sequence[Sentence]:
    """The sentences of every part, one after the other."""
    return [sentence for sentences in parts.values() for sentence in sentences]
