"""A corpus in three splits: train, dev, test.  Documents are kept together."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from ner_mx.config import Corpus, Split
from ner_mx.data.detection import format_of
from ner_mx.data.document_titles import name_lists, with_titles
from ner_mx.data.reading import is_single, locate, read, with_proposed
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.errors import CorpusError
from ner_mx.registry import register
from ner_mx.untyped import ReadOnlyValues

Splits = Dict[str, List[Sentence]]
SPLITS = ("train", "dev", "test")


class SplitCorpus(NamedTuple):
    """The three splits, the files that they come from, and the warnings of the format.

    proposed : by the name of a file, the settings below ``corpus`` that were found in it.
    """

    splits: Splits
    files: List[Path]
    warnings: Warnings
    proposed: Dict[str, ReadOnlyValues]


def read_splits(settings: Corpus) -> SplitCorpus:
    """Read a corpus and split it as ``corpus.split`` says.

    The method ``files`` takes the files as they are; if dev or test is null, it
    is drawn from the training file.  Every other method splits a single file.

    Raises
    ------
    CorpusError : a file is missing or not as expected, or a split would be empty.
    """
    warnings = no_warnings()
    proposed: Dict[str, ReadOnlyValues] = {}

    def sentences_of(names: Optional[object]) -> Optional[List[Sentence]]:
        path = locate(settings, names)
        if path is None:
            return None
        # The other splits are read as the training data is.
        first: ReadOnlyValues = next(iter(proposed.values()), {})
        reading = read_split(path, with_proposed(settings, first, path))
        warnings.update(reading.warnings)
        if reading.proposed:
            proposed[path.name] = reading.proposed
        return reading.sentences

    train = sentences_of(settings.train)
    if train is None:
        raise CorpusError(None, None, "corpus.train: expected the name of a file, found null")
    if _has_files_for_each(settings):
        splits = _completed(train, sentences_of(settings.dev), sentences_of(settings.test), settings.split)
    else:
        splits = register.split[settings.split.method](train, settings.split)
    for name, sentences in splits.items():
        if not sentences:
            count = sum(map(len, splits.values()))
            longest = max((len(sentence.tokens) for part in splits.values() for sentence in part), default=0)
            remedy = ("is there an empty line after each sentence?" if longest > 500 else
                      "add sentences, or see corpus.split")
            raise CorpusError(settings.path, None, f"expected sentences in every split, found nothing in {name}, and "
                                                   f"{count} in all, of up to {longest:,} tokens; {remedy}")
    return SplitCorpus(splits, corpus_files(settings), warnings, proposed)


def corpus_files(settings: Corpus) -> List[Path]:
    """The files that a corpus is read from, including the lists of document names.

    Raises
    ------
    CorpusError : a file is missing.
    """
    names = ([settings.train, settings.dev, settings.test] if _has_files_for_each(settings)
             else [settings.train])
    places = [place for name in names for place in [locate(settings, name)] if place]
    lists = [file for place in places for file in name_lists(place, settings.documents, settings.encoding)]
    return [*(file for place in places for file in format_of(place, settings).files(place)), *dict.fromkeys(lists)]


def _has_files_for_each(settings: Corpus) -> bool:
    """Whether the splits are files of their own, and not drawn from one file."""
    return settings.split.method == "files" and not is_single(settings)


def read_split(path: Path, settings: Corpus) -> Reading:
    """The sentences of one split, with the names of their documents if there are any.

    Raises
    ------
    CorpusError : the file is missing or not as expected.
    """
    return with_titles(read(path, settings), path, settings.documents, settings.encoding)


def _completed(train: List[Sentence], dev: Optional[List[Sentence]],
               test: Optional[List[Sentence]], split: Split) -> Splits:
    if test is None:
        train, test = draw_sentences(train, split.test, split, 0)
    if dev is None:
        train, dev = draw_sentences(train, split.dev, split, 1)
    return {"train": train, "dev": dev, "test": test}


@register.split("files")
@register.split("fraction")
def by_fraction(sentences: List[Sentence], split: Split) -> Splits:
    """Draw test and dev at random; of ``files``, this is the case of a single file."""
    return _completed(sentences, None, None, split)


@register.split("last")
def last_sentences(sentences: List[Sentence], split: Split) -> Splits:
    """The last sentences are the test set; dev is drawn from the others.

    If documents are marked, the border moves back to the beginning of one.
    """
    border = wanted = int(len(sentences) * (1 - split.test))
    documents = [(sentence.source, sentence.document) for sentence in sentences]
    while split.by == "document" and border and documents[border - 1:border] == documents[border:border + 1]:
        border -= 1
    border = border or wanted
    train, dev = draw_sentences(sentences[:border], split.dev, split, 1)
    return {"train": train, "dev": dev, "test": sentences[border:]}


@register.split("gmb-published")
def gmb_published(sentences: List[Sentence], split: Split) -> Splits:
    """The 90/10 split under which results on the Kaggle corpus have been published.

    The sentences, grouped by id and thus in the *string* order of the ids, go
    through scikit-learn's ``train_test_split(test_size=0.1, shuffle=True,
    random_state=666)``.  dev is drawn from the 90 %.
    """
    from sklearn.model_selection import train_test_split

    count = 47959
    if len(sentences) != count:
        raise CorpusError(sentences[0].source, None, (
            f"expected the {count} sentences of the Kaggle corpus for the split gmb-published, "
            f"found {len(sentences)}; choose another corpus.split.method"))
    order = sorted(range(count), key=lambda index: f"Sentence: {index + 1}")
    rest, test = train_test_split([sentences[index] for index in order],
                                  test_size=0.1, shuffle=True, random_state=666)
    train, dev = draw_sentences(rest, split.dev, split, 1)
    return {"train": train, "dev": dev, "test": test}


def draw_sentences(sentences: List[Sentence], fraction: float, split: Split,
                   salt: int) -> Tuple[List[Sentence], List[Sentence]]:
    """Draw about ``fraction`` of the sentences at random; both halves keep their order.

    Whole documents are drawn if the sentences come from more than one and
    ``split.by`` says so.

    Returns
    -------
    The sentences that are left, and those that were drawn.
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
        # A document is drawn if that brings the size closer to the wanted one; the first one
        # always, so that a split is not empty for want of small documents.
        if total + len(group) / 2 <= wanted or (wanted and not total):
            drawn[group] = True
            total += len(group)
        if total >= wanted:
            break
    kept = [sentence for sentence, out in zip(sentences, drawn) if not out]
    return kept, [sentence for sentence, out in zip(sentences, drawn) if out]


def duplicates(splits: Splits) -> Dict[str, int]:
    """How many sentences are repeated within a split, and between dev or test and an earlier split.

    Returns counts under keys such as ``"train"`` (repetitions within it) and
    ``"test in train"``.
    """
    seen: Dict[str, Set[Tuple[str, ...]]] = {}
    counts: Dict[str, int] = {}
    for name, sentences in splits.items():
        texts = [sentence.tokens for sentence in sentences]
        distinct = set(texts)
        counts[name] = len(texts) - len(distinct)
        for earlier, earlier_texts in seen.items():
            counts[f"{name} in {earlier}"] = sum(text in earlier_texts for text in texts)
        seen[name] = distinct
    return counts


def all_sentences(splits: Splits) -> Sequence[Sentence]:
    """The sentences of every split, one after the other."""
    return [sentence for sentences in splits.values() for sentence in sentences]
