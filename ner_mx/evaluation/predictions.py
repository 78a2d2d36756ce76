"""Files of predictions: one token per line, gold and predicted tag in the last two columns."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Iterable, List, NamedTuple, Sequence, Set

from ner_mx.data.formats.conll import DOCUMENT_MARKER, in_column
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import parse_tag
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.data.text_files import read_lines
from ner_mx.errors import CorpusError, UserError, printable, shown
from ner_mx.evaluation.scores import evaluate
from ner_mx.files import write_text

log = logging.getLogger(__name__)


class Predictions(NamedTuple):
    """Sentences as lists: their tokens, gold tags and predicted tags."""

    tokens: List[List[str]]
    gold: List[List[str]]
    predicted: List[List[str]]


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write word, gold and predicted tag, separated by spaces as conlleval reads them."""
    lines = []
    for words, gold, predicted in zip(*predictions):
        lines += [f"{in_column(word)} {gold_tag} {tag}" for word, gold_tag, tag in zip(words, gold, predicted)]
        lines.append("")
    write_text(path, "\n".join(lines) + "\n")


def read_predictions(path: Path) -> Predictions:
    """Read what :func:`write_predictions` or another tagger wrote; the other columns may vary.

    Raises
    ------
    CorpusError : the file is missing or not UTF-8, a line has fewer than three columns or an unknown tag.
    """
    sentences = Predictions([[]], [[]], [[]])
    for number, line in enumerate(read_lines(path, "utf-8", None, "predictions"), start=1):
        columns = line.split()
        # conlleval counts a marker with tags as a token; without tags, it separates sentences.
        if not columns or (columns[0] == DOCUMENT_MARKER and len(columns) < 3):
            if sentences.tokens[-1]:
                for column in sentences:
                    column.append([])
            continue
        if len(columns) < 3:
            raise CorpusError(path, number, f"expected a word, its gold tag and its predicted tag, "
                                            f"found {shown(line)}")
        for tag in columns[-2:]:
            _check_tag(tag, path, number)
        for column, value in zip(sentences, (columns[0], *columns[-2:])):
            column[-1].append(value)
    if not sentences.tokens[-1]:
        for column in sentences:
            column.pop()
    return sentences


def _check_tag(tag: str, path: Path, line: int) -> None:
    try:
        parse_tag(tag)
    except ValueError as error:
        raise CorpusError(path, line, str(error)) from None


def read_predicted_tags(path: Path, sentences: Sequence[Sentence], split: str = "test") -> List[List[str]]:
    """The tags that a tool gave to known sentences, from a file with a token first and its tag last in each line.

    Other columns, the borders of sentences and markers of documents without a tag may be as the tool left them.

    Parameters
    ----------
    split : of which the sentences are, for messages.

    Returns
    -------
    The tags of each sentence in IOB2, whatever their scheme was.

    Raises
    ------
    CorpusError : the file is missing or not UTF-8, its tokens are not those of the sentences, or a tag is unknown.
    """
    expected = [in_column(token) for sentence in sentences for token in sentence.tokens]
    tags: List[str] = []
    number = 0
    for number, line in enumerate(read_lines(path, "utf-8", None, "predictions"), start=1):
        columns = line.split()
        is_due = len(tags) < len(expected) and columns[:1] == [expected[len(tags)]]
        if not columns or (columns[0] == DOCUMENT_MARKER and not is_due):
            continue
        if not is_due:
            due = (f"the token {shown(expected[len(tags)])}, which is next in the {split} set"
                   if len(tags) < len(expected) else f"the end of the file, since the {split} set has no more tokens")
            raise CorpusError(path, number, f"expected {due}; found {shown(line)}")
        if len(columns) < 2:
            raise CorpusError(path, number, f"expected a token and its tag, found {shown(line)}")
        _check_tag(columns[-1], path, number)
        tags.append(columns[-1])
    if len(tags) < len(expected):
        raise CorpusError(path, number, f"expected {len(expected):,} tokens as in the {split} set, found {len(tags):,}")
    _remark_other_types(path, tags, sentences, split)
    rest = iter(tags)
    return [list(convert_tags([next(rest) for _ in sentence.tokens], "IOB2")) for sentence in sentences]


def _remark_other_types(path: Path, tags: Sequence[str], sentences: Sequence[Sentence], split: str) -> None:
    """Warn of predicted types that no entity has, which are often known ones under another name."""
    known = _types(tag for sentence in sentences for tag in sentence.tags or ())
    for other in sorted(_types(tags) - known) if known else ():
        log.warning("%s: the %s set has no entity of the predicted type %s, only of %s: it counts as wrong", path,
                    split, printable(other), printable(", ".join(sorted(known))))


def _types(tags: Iterable[str]) -> Set[str]:
    return {parse_tag(tag)[1] for tag in set(tags)} - {""}


class BatchMean(NamedTuple):
    """The token F1 without O as others have published it: a mean over batches, the incomplete last one dropped.

    f1 : the mean.  batches : of how many.  left_out : sentences of the last one.
    """

    f1: float
    batches: int
    left_out: int


def batch_mean(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], size: int) -> BatchMean:
    """The mean over complete batches of sentences in their order; it is no F1 of all tokens.

    Raises
    ------
    UserError : there is no complete batch.
    """
    batches = len(gold) // size
    if not batches:
        raise UserError(f"expected at least {size} sentences for a batch, found {len(gold)}")
    parts = [slice(start, start + size) for start in range(0, batches * size, size)]
    scores = [evaluate(gold[part], predicted[part]).to_json()["token"]["micro_without_O"]["f1"] for part in parts]
    return BatchMean(sum(scores) / batches, batches, len(gold) - batches * size)
