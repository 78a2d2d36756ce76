"""Corpus formats, one per file.

To add one, put a module into this package (or load one of your own) with a
subclass of :class:`Format` or :class:`TextFormat` under ``@register.format("name")``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable, ClassVar, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.documents import Document, document_of
from ner_mx.data.offsets import SpanTagger, documents_of
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.span_checks import SpanChecker
from ner_mx.data.tokenizers import is_complete
from ner_mx.data.unicode_text import has_surrogates
from ner_mx.errors import CorpusError

UNUSED_TOKENS = "texts whose own tokens do not cover them, tokenized again"


# From a line to the place of the tag in it.
PlaceOfTag = Callable[[str], Tuple[int, int]]


class Format:
    """A way in which annotated sentences are stored.

    Attributes
    ----------
    suffixes : of its files, for guessing the format from a name; ``""`` for a folder.
    holds_pos : whether it can hold parts of speech.
    """

    name: ClassVar[str]
    suffixes: ClassVar[Tuple[str, ...]] = ()
    holds_pos: ClassVar[bool] = False

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read a file or folder.

        Raises
        ------
        CorpusError : it is not what the format expects.
        """
        raise NotImplementedError

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write sentences; their tags are in any scheme.

        Returns
        -------
        Counts of what the format cannot hold.
        """
        raise NotImplementedError

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether a file is of this format by its content, which ``corpus.reader: auto`` asks.

        Parameters
        ----------
        beginning : the first characters of the file, ``""`` for a folder.
        """
        return False

    def place_of_tag(self, path: Path, settings: Corpus) -> Optional[PlaceOfTag]:
        """A function from a line to [start, end) of the tag in it; None if tokens have no lines of their own."""
        return None

    def files(self, path: Path) -> List[Path]:
        """Every file that :meth:`read` reads for a path; a changed one is noticed before training."""
        if path.is_dir():
            return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        return [path]

    def exists(self, path: Path) -> bool:
        """Whether there is something to read."""
        return path.exists()

    def written(self, path: Path) -> List[Path]:
        """The paths that :meth:`write` creates."""
        return [path]

    @classmethod
    def is_writable(cls) -> bool:
        """Whether the format can be written."""
        return cls.write is not Format.write


class CheckedDocuments(NamedTuple):
    """Documents with checked spans, and what was left out or repaired."""

    documents: List[Document]
    warnings: Warnings


class TextFormat(Format):
    """A format of texts with entities as character offsets.

    A subclass says how documents are read and written; sentences and tokens follow.
    """

    def documents(self, path: Path, settings: Corpus, warnings: Warnings) -> Iterator[Document]:
        """The documents of a file or folder as they stand there; those that are not accepted are counted.

        Raises
        ------
        CorpusError : the path is not what the format expects.
        """
        raise NotImplementedError

    def write_documents(self, documents: Sequence[Document], path: Path) -> Warnings:
        """Write documents with checked spans.

        Returns
        -------
        Counts of what the format cannot hold.
        """
        raise NotImplementedError

    def checked_documents(self, path: Path, settings: Corpus) -> CheckedDocuments:
        """The documents with their spans in characters, in order and without overlaps.

        Raises
        ------
        CorpusError : the path is not what the format expects, or spans are wrong or overlap.
        """
        warnings = no_warnings()
        checker = SpanChecker(settings.overlaps, warnings)
        documents = [checker.checked(_decodable(document)) for document in self.documents(path, settings, warnings)]
        checker.finish()
        return CheckedDocuments(documents, warnings)

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read documents, and split them into sentences and tokens.

        A span that does not fit the token borders is widened to the tokens that it
        overlaps, and no sentence ends inside a span, so that no entity of the gold is
        lost; widened spans are counted and the first are listed.

        Raises
        ------
        CorpusError : as :meth:`checked_documents`.
        """
        documents, warnings = self.checked_documents(path, settings)
        checker = SpanChecker(settings.overlaps, warnings)
        tagger = SpanTagger(checker)
        result: List[Sentence] = []
        for number, document in enumerate(documents):
            sentences = document.sentences
            if sentences and not is_complete(document.text, sentences):
                warnings.add(UNUSED_TOKENS, document.place())
                sentences = None
            for tagged in tagger.tagged(document, sentences or settings.tokenizer.sentences(document.text)):
                result.append(Sentence(tagged.tokens, tagged.tags, None, document.source, document.line or 0, number,
                                       origin=document, offsets=tagged.offsets))
        checker.finish()
        tagger.finish()
        if not result:
            raise CorpusError(path, None, "expected annotated texts, found no words; see corpus.reader")
        return Reading(result, warnings)

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write one document for each document of the sentences."""
        return self.write_documents([document_of(document) for document in documents_of(sentences)], path)

    @classmethod
    def is_writable(cls) -> bool:
        """Whether the format can be written."""
        return cls.write_documents is not TextFormat.write_documents


def _decodable(document: Document) -> Document:
    """The document, if its text and labels are text.

    Raises
    ------
    CorpusError : there is half of a surrogate pair, which no encoding can write.
    """
    metadata = json.dumps([document.identifier, document.metadata], ensure_ascii=False, default=str)
    for what, content in (("text", document.text), *(("labels", span.label) for span in document.spans),
                          ("metadata", metadata)):
        if has_surrogates(content):
            raise CorpusError(document.place(), None, f"expected {what}, found half of a surrogate pair")
    return document
