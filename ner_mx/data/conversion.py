"""Conversion of an annotated corpus from one format to another."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional

from ner_mx.config import Corpus
from ner_mx.data.annotation import check_annotation
from ner_mx.data.reading import format_named, formats_by_suffix, read
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import CorpusError, RunError, UserError

MERGED = "entities that directly follow one of their own type, which {} cannot tell apart"


class Conversion(NamedTuple):
    """The result of a conversion: counts, the scheme of the source, warnings."""

    sentences: int
    tokens: int
    scheme: str
    warnings: Warnings


def convert_corpus(source: Path, target: Path, settings: Corpus, reader: Optional[str] = None,
                   writer: Optional[str] = None, scheme: str = "IOB2",
                   overwrite: bool = False) -> Conversion:
    """Write a corpus in another format.

    Parameters
    ----------
    settings : how the source is read.
    reader, writer : names of formats; taken from the suffixes if not given.
    scheme : of the tags that are written.
    overwrite : whether an existing target may be replaced.

    Raises
    ------
    CorpusError : the source is not what its format expects.
    UserError : a format cannot be guessed or written.
    RunError : the target exists.
    """
    source_format = format_named(reader or format_by_suffix(source))
    target_format = format_named(writer or format_by_suffix(target))
    if not target_format.is_writable():
        raise UserError(f"{target}: expected a format that can be written, found {target_format.name}")
    if not source_format.exists(source):
        raise CorpusError(source, None, "expected an annotated corpus, found nothing")
    taken = [path for path in target_format.written(target) if path.exists()]
    if taken and not overwrite:
        raise RunError(f"{taken[0]}: exists already; choose another name, or allow it to be overwritten")
    reading = read(source, settings.model_copy(update={"reader": source_format.name}))
    checked = check_annotation({"all": reading.sentences}, settings)
    merged = no_warnings()
    sentences = []
    for sentence in checked.splits["all"]:
        tags = convert_tags(sentence.gold, scheme)
        merged[MERGED.format(scheme)] += len(spans_of(sentence.gold)) - len(spans_of(tags))
        sentences.append(sentence._replace(tags=tags))
    target.parent.mkdir(parents=True, exist_ok=True)
    warnings = reading.warnings + checked.warnings + merged + target_format.write(sentences, target)
    return Conversion(len(sentences), sum(len(sentence.tokens) for sentence in sentences),
                      checked.scheme.scheme, warnings)


def format_by_suffix(path: Path) -> str:
    """The name of the format that files of this suffix have.

    Raises
    ------
    UserError : no format has the suffix.
    """
    suffixes = formats_by_suffix()
    if path.suffix not in suffixes:
        raise UserError(f"{path}: expected a suffix among {', '.join(filter(None, suffixes))}, found "
                        f"{path.suffix!r}; name the format")
    return suffixes[path.suffix]
