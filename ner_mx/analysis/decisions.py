"""Decisions about suspects, from the page of an audit or from an annotation tool, and the corpus that follows."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ner_mx.analysis.audit import FILE, SENTENCE, exported, read_files, replaced
from ner_mx.config import Config, Corpus
from ner_mx.data.detection import format_of
from ner_mx.data.documents import Document
from ner_mx.data.formats import TextFormat
from ner_mx.data.offsets import SpanTagger
from ner_mx.data.retagging import write_retagged
from ner_mx.data.sentence import Sentence, no_warnings
from ner_mx.data.span_checks import SpanChecker
from ner_mx.data.spans import Span, spans_of
from ner_mx.errors import RunError, UserError
from ner_mx.untyped import ReadOnlyValues

log = logging.getLogger(__name__)

# The new entities of sentences, by file and by index.
Changes = Dict[str, Dict[int, List[Span]]]


class Applied(NamedTuple):
    """What became of decisions: sentences that changed, decisions that were taken and that were left out; files."""

    sentences: int
    accepted: int
    rejected: int
    conflicting: int
    written: List[Path]


def apply_decisions(decisions: Path, config: Config, target: Path, overwrite: bool = False) -> Applied:
    """Write a corpus with the corrections that were accepted.

    Parameters
    ----------
    decisions : what the page of an audit exported; or its suspects, corrected in doccano or Label Studio and exported
        there, whose entities take the place of those of the sentence.
    config : with which the corpus was audited.
    target : a folder for the files of the corpus, under their names.

    Raises
    ------
    UserError : the file holds no decisions, or those about another corpus.
    RunError : a file exists already, or the corpus has changed since the audit.
    """
    corpus = read_files(config)
    records = read_decisions(decisions, config.corpus)
    changes, counts = _changes(records, {path.name: sentences for path, sentences in corpus.files.items()})
    written = []
    for path in corpus.files:
        place = target / path.name
        if place.exists() and not overwrite:
            raise RunError(f"{place}: exists already; choose another folder, or allow it with --overwrite")
    for path in corpus.files:
        place = target / path.name
        if not write_retagged(path, place, config.corpus, changes.get(path.name, {})):
            log.warning("%s: converted as a whole; what its format cannot hold is lost", place)
        written.append(place)
    return counts._replace(sentences=sum(map(len, changes.values())), written=written)


class Decision(NamedTuple):
    """What a person says of a suspect.

    accept : whether the suggestion takes the place of what is annotated.
    """

    file: str
    sentence: int
    tokens: Tuple[str, ...]
    annotated: List[Span]
    suggested: Optional[Span]
    accept: bool


class CorrectedSentence(NamedTuple):
    """A sentence with the entities that a person gave it in an annotation tool."""

    file: str
    sentence: int
    document: Document


def read_decisions(path: Path, settings: Corpus) -> List[Union[Decision, CorrectedSentence]]:
    """Decisions in a file, by its content.

    Raises
    ------
    UserError : the file holds none.
    """
    if not path.is_file():
        raise UserError(f"{path}: expected decisions, found no file")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # lines of JSON, or no JSON at all
        values = None
    if isinstance(values, dict) and "decisions" in values:
        if not isinstance(values["decisions"], list):
            raise UserError(f"{path}: expected a list of decisions, found something else")
        return [_decision(record, number, path) for number, record in enumerate(values["decisions"], start=1)]
    chosen = format_of(path, settings.model_copy(update={"reader": "auto"}))
    if not isinstance(chosen, TextFormat):
        raise UserError(f"{path}: expected decisions that the page of an audit exported, or its suspects from doccano "
                        "or Label Studio, found neither")
    documents = chosen.checked_documents(path, settings.model_copy(update={"overlaps": "longest"})).documents
    return [_corrected(document) for document in documents]


def _decision(record: ReadOnlyValues, number: int, path: Path) -> Decision:
    try:
        checked = _Record.model_validate(record)
        size = len(checked.tokens)
        annotated = [_span(values, size) for values in checked.annotated]
        suggested = None if checked.suggested is None else _span(checked.suggested, size)
    except (ValidationError, ValueError) as error:
        reason = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        place = ".".join(map(str, reason["loc"]))
        raise UserError(f"{path}: decision {number}: expected what the page of an audit exports, found otherwise: "
                        f"{f'{place}: ' if place else ''}{reason['msg']}") from None
    return Decision(checked.file, checked.sentence, tuple(checked.tokens), annotated, suggested, checked.accept)


class _Record(BaseModel):
    """A decision in a file; what else it has is for people."""

    model_config = ConfigDict(strict=True)

    file: str
    sentence: int = Field(ge=0)
    tokens: List[str]
    annotated: List[List[Union[int, str]]]
    suggested: Optional[List[Union[int, str]]]
    accept: bool


def _span(values: List[Union[int, str]], size: int) -> Span:
    """A span of the tokens of a sentence.

    Raises
    ------
    ValueError : the values are not a start, an end and a type, or lie outside the sentence.
    """
    if len(values) != 3:
        raise ValueError(f"no start, end and type: {values}")
    start, end, label = values
    if not isinstance(label, str):
        raise ValueError(f"no start, end and type: {values}")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= size:
        raise ValueError(f"a span outside of the {size} tokens: {values}")
    if label.split() != [label] or not label.isprintable():
        raise ValueError(f"a type that no tag can hold: {label!r}")
    return Span(start, end, label)


def _corrected(document: Document) -> CorrectedSentence:
    file, sentence = document.metadata.get(FILE), document.metadata.get(SENTENCE)
    if not isinstance(file, str) or not isinstance(sentence, int):
        raise UserError(f"{document.place()}: expected the fields {FILE} and {SENTENCE} that an audit writes, found "
                        "others; keep them when the file is imported")
    return CorrectedSentence(file, sentence, document)


def _changes(records: Sequence[Union[Decision, CorrectedSentence]],
             files: Mapping[str, Sequence[Sentence]]) -> Tuple[Changes, Applied]:
    """The new entities of the sentences that change; what was counted."""
    changes: Changes = {}
    accepted = rejected = conflicting = 0
    for record in records:
        name = Path(record.file).name
        sentences = files.get(name, ())
        if record.sentence >= len(sentences) or record.sentence < 0:
            raise RunError(f"{record.file}: expected the corpus that was audited, found no sentence {record.sentence} "
                           "in it; audit it again")
        sentence = sentences[record.sentence]
        before = changes.get(name, {}).get(record.sentence, spans_of(sentence.gold))
        if isinstance(record, CorrectedSentence):
            after = _entities(record, sentence)
            accepted += after != before
            rejected += after == before
        else:
            if record.tokens != sentence.tokens:
                raise RunError(f"{sentence.place()}: expected the sentence that was audited, found another; the corpus "
                               "has changed: audit it again")
            if not record.accept:
                rejected += 1
                continue
            if not set(record.annotated) <= set(before) or record.suggested in before:
                conflicting += 1  # with a decision before it
                continue
            accepted += 1
            after = replaced(before, record.annotated, record.suggested)
        if after != before:
            changes.setdefault(name, {})[record.sentence] = after
    return changes, Applied(0, accepted, rejected, conflicting, [])


def _entities(record: CorrectedSentence, sentence: Sentence) -> List[Span]:
    """The entities of a corrected sentence, on its tokens.

    Raises
    ------
    RunError : its text is another.
    """
    expected = exported(sentence.tokens)
    if record.document.text != expected.text:
        raise RunError(f"{record.document.place()}: expected the text of {sentence.place()}, found another; the corpus "
                       "has changed: audit it again")
    tagger = SpanTagger(SpanChecker("longest", no_warnings()))
    assert expected.sentences is not None
    return [span for tagged in tagger.tagged(record.document, expected.sentences) for span in spans_of(tagged.tags)]
