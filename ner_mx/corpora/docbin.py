"""spaCy's DocBin (``.spacy``): tokens, sentences, tags and entities in one file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Iterator, List, Sequence

from ner_mx.config import Corpus
from ner_mx.corpora.offsets import documents
from ner_mx.corpora.schemes import convert, tags_of
from ner_mx.corpora.sentence import Reading, Sentence
from ner_mx.corpora.spans import Span, spans_of
from ner_mx.errors import CorpusError, UserError, install
from ner_mx.files import replacing


def _spacy() -> Any:
    try:
        import spacy
        import spacy.tokens
    except ImportError:
        raise UserError(f'a DocBin needs spaCy: {install("spacy")}') from None
    return spacy


def read_docbin(path: Path, settings: Corpus) -> Reading:
    """Read a DocBin; a document without sentence borders is one sentence, tokens of blanks are left out.

    Sentences that share an entity are read as one.

    Raises
    ------
    CorpusError : the file is missing, damaged or empty.
    """
    spacy = _spacy()
    if not path.is_file():
        raise CorpusError(path, None, "expected a file, found none; set corpus.path")
    try:
        # Bytes of msgpack: nothing in them is executed.
        docs = list(spacy.tokens.DocBin().from_bytes(path.read_bytes()).get_docs(spacy.blank("en").vocab))
    except Exception as error:  # zlib, msgpack and spaCy raise their own
        raise CorpusError(path, None, f"expected a DocBin, found: {str(error).splitlines()[0]}") from None
    result: List[Sentence] = []
    for number, doc in enumerate(docs):
        for part in _sentences(doc):
            kept = [token for token in part if not token.is_space]
            place = {token.i: index for index, token in enumerate(kept)}
            spans = []
            for entity in part.ents:
                inside = [place[token.i] for token in entity if token.i in place]
                if inside:
                    spans.append(Span(inside[0], inside[-1] + 1, entity.label_))
            if kept:
                pos = tuple(token.tag_ for token in kept)
                result.append(Sentence(tuple(token.text for token in kept), tags_of(spans, len(kept), "IOB2"),
                                       pos if all(pos) else None, str(path), 0, number))
    if not result:
        raise CorpusError(path, None, "expected annotated documents, found none")
    return Reading(result, Counter())


def _sentences(doc: Any) -> Iterator[Any]:
    """The sentences of a document; none ends inside an entity."""
    start = 0
    for sentence in doc.sents if doc.has_annotation("SENT_START") else [doc[:]]:
        if not any(entity.start < sentence.end < entity.end for entity in doc.ents):
            yield doc[start:sentence.end]
            start = sentence.end


def write_docbin(sentences: Sequence[Sentence], path: Path) -> Counter:
    """Write a document of spaCy for each document, with its sentences, parts of speech and entities."""
    spacy = _spacy()
    vocab = spacy.blank("en").vocab
    bin = spacy.tokens.DocBin(attrs=["ENT_IOB", "ENT_TYPE", "TAG", "SENT_START"])
    for document in documents(sentences):
        words = [token for sentence in document for token in sentence.tokens]
        tags = [tag for sentence in document for tag in convert(
            sentence.tags or ("O",) * len(sentence.tokens), "IOB2")]
        pos = [tag for sentence in document for tag in sentence.pos or ("",) * len(sentence.tokens)]
        starts = [index == 0 for sentence in document for index in range(len(sentence.tokens))]
        doc = spacy.tokens.Doc(vocab, words=words, tags=pos, sent_starts=starts)
        doc.ents = [spacy.tokens.Span(doc, span.start, span.end, label=span.label) for span in spans_of(tags)]
        bin.add(doc)
    with replacing(path) as temporary:
        temporary.write_bytes(bin.to_bytes())
    return Counter()
