"""spaCy's DocBin (``.spacy``): tokens, sentences, tags and entities in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, List, Sequence

from ner_mx.config import Corpus
from ner_mx.data.formats import Format
from ner_mx.data.offsets import documents_of
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import convert_tags, tags_of
from ner_mx.errors import CorpusError, UserError, first_line, install, shown
from ner_mx.files import replacing
from ner_mx.registry import register


@register.format("spacy")
class SpacyDocBin(Format):
    """One DocBin."""

    suffixes = (".spacy",)
    holds_pos = True

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read a DocBin; a document without sentence borders is one sentence, white-space tokens are left out.

        Sentences that share an entity are read as one.

        Raises
        ------
        CorpusError : the file is missing, damaged or empty.
        UserError : spaCy is not installed.
        """
        spacy = _spacy()
        if not path.is_file():
            raise CorpusError(path, None, "expected a file, found nothing; set corpus.path")
        warnings = no_warnings()
        result: List[Sentence] = []
        try:
            # Bytes of msgpack: nothing in them is executed.
            docs = spacy.tokens.DocBin().from_bytes(path.read_bytes()).get_docs(spacy.blank("en").vocab)
            for number, doc in enumerate(docs):
                if settings.label_key is not None:
                    _take_group(doc, settings.label_key, path)
                elif not doc.has_annotation("ENT_IOB"):
                    warnings.add(UNANNOTATED, str(path))
                    continue
                result += [sentence for part in _sentences(doc) for sentence in _converted(part, path, number)]
        except CorpusError:
            raise
        # zlib, msgpack and spaCy raise their own errors; strings that are missing are noticed when they are read.
        except Exception as error:
            raise CorpusError(path, None, f"expected a DocBin, found: {first_line(error)}") from None
        if not result:
            raise CorpusError(path, None, "expected annotated documents, found nothing of the kind; corpus.label_key "
                                          "takes the entities from a group of doc.spans")
        return Reading(result, warnings)

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write a spaCy document for each document, with its sentences, parts of speech and entities."""
        spacy = _spacy()
        vocab = spacy.blank("en").vocab
        docbin = spacy.tokens.DocBin(attrs=["ENT_IOB", "ENT_TYPE", "TAG", "SENT_START"])
        for document in documents_of(sentences):
            words = [token for sentence in document for token in sentence.tokens]
            tags = [tag for sentence in document for tag in convert_tags(sentence.gold, "IOB2")]
            pos = [tag for sentence in document for tag in sentence.pos or ("",) * len(sentence.tokens)]
            starts = [index == 0 for sentence in document for index in range(len(sentence.tokens))]
            doc = spacy.tokens.Doc(vocab, words=words, tags=pos, sent_starts=starts)
            doc.ents = [spacy.tokens.Span(doc, span.start, span.end, label=span.label)
                        for span in spans_of(tags)]
            docbin.add(doc)
        with replacing(path) as temporary:
            temporary.write_bytes(docbin.to_bytes())
        return no_warnings()


UNANNOTATED = "documents without annotated entities, left out"


def _take_group(doc: Any, name: str, path: Path) -> None:
    """Make the spans of a group of ``doc.spans`` the entities of a document.

    Raises
    ------
    CorpusError : the group is missing, or its spans overlap.
    """
    if name not in doc.spans:
        raise CorpusError(path, None, f"expected the group {shown(name)} in doc.spans of every document, found "
                                      f"{', '.join(doc.spans) or 'no group'}; see corpus.label_key")
    try:
        doc.ents = list(doc.spans[name])
    except ValueError as error:
        raise CorpusError(path, None, f"expected spans that do not overlap in the group {name}, found: "
                                      f"{first_line(error)}") from None


def _spacy() -> Any:
    try:
        import spacy
        import spacy.tokens
    except ImportError:
        raise UserError(f'a DocBin needs spaCy: {install("spacy")}') from None
    return spacy


def _sentences(doc: Any) -> Iterator[Any]:
    """The sentences of a document; none ends inside an entity."""
    start = 0
    for sentence in doc.sents if doc.has_annotation("SENT_START") else [doc[:]]:
        if not any(entity.start < sentence.end < entity.end for entity in doc.ents):
            yield doc[start:sentence.end]
            start = sentence.end


def _converted(sentence: Any, path: Path, document: int) -> List[Sentence]:
    """A spaCy sentence as ours; none if it has only white space."""
    kept = [token for token in sentence if not token.is_space]
    place = {token.i: index for index, token in enumerate(kept)}
    spans = []
    for entity in sentence.ents:
        inside = [place[token.i] for token in entity if token.i in place]
        if inside:
            spans.append(Span(inside[0], inside[-1] + 1, entity.label_))
    if not kept:
        return []
    pos = tuple(token.tag_ for token in kept)
    return [Sentence(tuple(token.text for token in kept), tags_of(spans, len(kept), "IOB2"),
                     pos if all(pos) else None, str(path), 0, document)]
