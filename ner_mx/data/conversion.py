"""Conversion of an annotated corpus from one format to another."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

from ner_mx.config import Corpus
from ner_mx.data.annotation import check_annotation
from ner_mx.data.detection import AUTO, detect_format, format_named, format_to_write
from ner_mx.data.formats import Format, TextFormat
from ner_mx.data.reading import read
from ner_mx.data.sentence import Sentence, Warnings
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import CorpusError, RunError, UserError
from ner_mx.untyped import ReadOnlyValues

MERGED = "entities that directly follow one of their own type, which {} cannot tell apart"
LOST = "documents whose text, id or metadata this format cannot hold: it holds tokens"
LOST_POS = "sentences whose parts of speech this format cannot hold"
ONE_RECORD = "sentences in one record, as the source marks no documents; --sentences-per-record divides them"
LONG_RECORD = 50  # sentences: more than an annotator wants to see at once
NO_ENTITY = "corpus without any entity; is the column of the tags the right one?"


class Conversion(NamedTuple):
    """The result of a conversion: counts, the scheme of the source, warnings.

    proposed : the settings below ``corpus`` that were found in the source.
    """

    sentences: int
    tokens: int
    scheme: str
    warnings: Warnings
    proposed: ReadOnlyValues = {}


def convert_corpus(source: Path, target: Path, settings: Corpus, reader: Optional[str] = None,
                   writer: Optional[str] = None, scheme: str = "IOB2", overwrite: bool = False,
                   sentences_per_record: Optional[int] = None) -> Conversion:
    """Write a corpus in another format.

    Between formats of texts, the text, the offsets and the other fields of a document are kept as they are.

    Parameters
    ----------
    settings : how the source is read.
    reader, writer : names of formats; taken from content and suffixes if not given.
    scheme : of the tags that are written.
    overwrite : whether an existing target may be replaced.
    sentences_per_record : the size of the documents of the target, for a source that marks none.

    Raises
    ------
    CorpusError : the source is not what its format expects.
    UserError : a format cannot be guessed or written.
    RunError : the target exists.
    """
    settings = settings.model_copy(update={"reader": reader or _reader(source, settings)})
    source_format = format_named(settings.reader)
    target_format = format_named(writer) if writer else format_to_write(target)
    if not target_format.is_writable():
        raise UserError(f"{target}: expected a format that can be written, found {target_format.name}")
    if not source_format.exists(source):
        raise CorpusError(source, None, "expected an annotated corpus, found nothing")
    taken = [path for path in target_format.written(target) if path.exists()]
    if taken and not overwrite:
        raise RunError(f"{taken[0]}: exists already; choose another name, or allow it with --overwrite")
    target.parent.mkdir(parents=True, exist_ok=True)
    reading = read(source, settings)
    checked = check_annotation({"all": reading.sentences}, settings)
    warnings = reading.warnings + checked.warnings
    sentences = _rewritten(checked.splits["all"], scheme, warnings)
    warnings.add(NO_ENTITY, str(source), int(not any(spans_of(sentence.gold) for sentence in sentences)))
    if isinstance(source_format, TextFormat) and isinstance(target_format, TextFormat) and not settings.types:
        warnings += target_format.write_documents(source_format.checked_documents(source, settings).documents, target)
    else:
        if sentences_per_record:
            sentences = [sentence._replace(document=number // sentences_per_record, origin=None)
                         for number, sentence in enumerate(sentences)]
        elif isinstance(target_format, TextFormat) and len({entry.document for entry in sentences}) == 1:
            warnings.add(ONE_RECORD, count=len(sentences) if len(sentences) > LONG_RECORD else 0)
        _count_losses(sentences, target_format, warnings)
        warnings += target_format.write(sentences, target)
    return Conversion(len(sentences), sum(len(sentence.tokens) for sentence in sentences), checked.scheme.scheme,
                      +warnings, reading.proposed)


def _reader(source: Path, settings: Corpus) -> str:
    return detect_format(source, settings.encoding) if settings.reader == AUTO else settings.reader


def _rewritten(sentences: Sequence[Sentence], scheme: str, warnings: Warnings) -> List[Sentence]:
    """The sentences with their tags in another scheme."""
    result = []
    for sentence in sentences:
        tags = convert_tags(sentence.gold, scheme)
        warnings.add(MERGED.format(scheme), sentence.place(), len(spans_of(sentence.gold)) - len(spans_of(tags)))
        result.append(sentence._replace(tags=tags))
    return result


def _count_losses(sentences: Sequence[Sentence], target: Format, warnings: Warnings) -> None:
    """Count what a format cannot hold of the sentences."""
    for sentence in sentences:
        if sentence.pos and not target.holds_pos:
            warnings.add(LOST_POS, sentence.place())
    if not isinstance(target, TextFormat):
        origins = {id(sentence.origin): sentence for sentence in sentences if sentence.origin is not None}
        for sentence in origins.values():
            warnings.add(LOST, sentence.place())
