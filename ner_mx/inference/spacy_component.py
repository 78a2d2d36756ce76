"""A bundle as a component of a spaCy pipeline.

>>> nlp = spacy.blank("en")                                         # doctest: +SKIP
>>> nlp.add_pipe("ner_mx", config={"bundle": "my-bundle"})          # doctest: +SKIP
>>> [(entity.text, entity.label_, entity._.score) for entity in nlp("Ada left Rome.").ents]  # doctest: +SKIP
[('Ada', 'PER', 0.98), ('Rome', 'LOC', 0.99)]

spaCy finds it by the entry point ``spacy_factories`` of this package; nothing has to be imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Literal, NamedTuple, Optional, Sequence, Tuple, Union

import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.util import minibatch

from ner_mx.data.tokenizers import Token
from ner_mx.errors import BundleError, UserError, first_line
from ner_mx.inference.bundle import Bundle, bundle_content, bundle_of_content, read_bundle, write_bundle
from ner_mx.inference.bundle_folder import MANIFEST, Content, is_bundle, manifest_of, parse_manifest
from ner_mx.inference.tagger import MinScore, Tagger

# The name of the folder of the bundle in a saved pipeline.
FOLDER = "bundle"
# What ``token.ent_iob`` of a blocked token is; of one that begins an entity as well.
BLOCKED = 3


def create_component(nlp: Any, name: str, bundle: Optional[str], min_score: Union[None, float, Dict[str, float]],
                     threads: Optional[int], sentences: Literal["auto", "document"], extension: str,
                     scorer: Optional[Callable[..., Any]]) -> BundleComponent:
    """What spaCy calls for ``nlp.add_pipe("ner_mx", config=...)``.

    Parameters
    ----------
    bundle : the folder of a bundle, which is read at the first document; a saved pipeline has a bundle of its own.
    min_score : the least probability of an entity, a number or numbers by type.
    threads : that compute batches; None takes all cores.
    sentences : those of the document, or by rules (``auto``); or each document is one (``document``).
    extension : the attribute of entities that has their probability.
    scorer : of ``nlp.evaluate``.

    Raises
    ------
    UserError : a setting has no usable value.
    """
    if threads is not None and threads < 1:
        raise UserError(f"the component {name}: threads: expected a number from 1 on, found {threads}")
    if not extension.isidentifier():
        raise UserError(f"the component {name}: extension: expected the name of an attribute, found {extension!r}")
    return BundleComponent(name, bundle, min_score, threads, sentences == "document", extension, scorer)


class _Sentence(NamedTuple):
    """Tokens of a document without those of white space.

    document : its number in the batch.  places : of the tokens in the document.
    """

    document: int
    places: List[int]
    words: List[str]


class BundleComponent(Pipe):
    """Finds entities in the tokens of spaCy, sentence by sentence; those that a document has are kept.

    Parameters
    ----------
    by_document : whether each document is one sentence; if not, sentences are those of the document where a component
        before this one has found any, and else those of the rules that are stored with the bundle.
    others : see :func:`create_component`.
    """

    def __init__(self, name: str, bundle: Optional[str], min_score: MinScore, threads: Optional[int],
                 by_document: bool, extension: str, scorer: Optional[Callable[..., Any]]):
        self.name, self.scorer, self._by_document = name, scorer, by_document
        self._bundle, self._min_score, self._threads, self._extension = bundle, min_score, threads, extension
        self._loaded: Optional[Tuple[Tagger, Bundle]] = None
        if not Span.has_extension(extension):
            Span.set_extension(extension, default=None)

    def _use(self, bundle: Bundle) -> BundleComponent:
        self._loaded = Tagger.of_bundle(bundle, self._threads, self._min_score), bundle
        return self

    def _in_use(self) -> Tuple[Tagger, Bundle]:
        if self._loaded is None and self._bundle is not None and is_bundle(Path(self._bundle)):
            self._use(read_bundle(Path(self._bundle)))
        if self._loaded is None:
            found = "nothing" if self._bundle is None else f"no bundle in {self._bundle}"
            raise BundleError(f"the component {self.name}: expected the folder of a bundle as its setting bundle, "
                              f"found {found}")
        return self._loaded

    @property
    def tagger(self) -> Tagger:
        """What finds the entities.

        Raises
        ------
        BundleError : there is no bundle.
        """
        return self._in_use()[0]

    @property
    def labels(self) -> Tuple[str, ...]:
        """The entity types; none before the bundle is read."""
        return () if self._loaded is None else tuple(self.tagger.labels)

    def __reduce__(self) -> Any:
        """A pickled component is its bundle, which other processes read again."""
        arguments = (self.name, self._bundle, self._min_score, self._threads, self._by_document, self._extension,
                     self.scorer)
        return _restored, (arguments, self.to_bytes() if self._loaded is not None else None)

    def __call__(self, doc: Doc) -> Doc:
        """Set the entities of a document."""
        try:
            self._set_entities([doc])
        except Exception as error:
            self.get_error_handler()(self.name, self, [doc], error)
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Set the entities of documents, so many at a time."""
        handle = self.get_error_handler()
        for docs in minibatch(stream, size=batch_size):
            try:
                self._set_entities(docs)
                yield from docs
            except Exception as error:
                handle(self.name, self, docs, error)

    def _set_entities(self, docs: Sequence[Doc]) -> None:
        sentences = [sentence for number, doc in enumerate(docs) for sentence in self._sentences(number, doc)]
        found: List[List[Span]] = [[] for _ in docs]
        for (number, places, _), spans in zip(sentences, self.tagger.tag_batch([words for *_, words in sentences])):
            for span, probability in spans:
                doc, start, end = docs[number], places[span.start], places[span.end - 1] + 1
                # Entities that are there, and tokens that may be none.
                if not any(token.ent_type or token.ent_iob == BLOCKED for token in doc[start:end]):
                    found[number].append(Span(doc, start, end, label=span.label))
                    found[number][-1]._.set(self._extension, probability)
        for doc, entities in zip(docs, found):
            blocked = [doc[token.i:token.i + 1] for token in doc if token.ent_iob == BLOCKED and not token.ent_type]
            doc.set_ents([*doc.ents, *entities], blocked=blocked)

    def _sentences(self, number: int, doc: Doc) -> Iterator[_Sentence]:
        """The sentences of a document that have words."""
        if self._by_document:
            parts = [doc]
        elif doc.has_annotation("SENT_START"):
            parts = list(doc.sents)
        else:
            words = [token for token in doc if not token.is_space]
            places = {token.idx: token.i for token in words}
            parts = [[doc[places[token.start]] for token in sentence] for sentence in self.tagger.tokenizer.split(
                [Token(token.idx, token.idx + len(token), token.text) for token in words], doc.text)]
        for part in parts:
            kept = [token for token in part if not token.is_space]
            if kept:
                yield _Sentence(number, [token.i for token in kept], [token.text for token in kept])

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Write the bundle below a folder."""
        write_bundle(self._in_use()[1], Path(path) / FOLDER)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> BundleComponent:
        """Read it.

        Raises
        ------
        BundleError : it is missing or damaged.
        """
        return self._use(read_bundle(Path(path) / FOLDER))

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The files of the bundle, as msgpack."""
        content = bundle_content(self._in_use()[1])
        packed: bytes = srsly.msgpack_dumps({**content.files, MANIFEST: manifest_of(content)})
        return packed

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> BundleComponent:
        """The reverse of :meth:`to_bytes`.

        Raises
        ------
        BundleError : they are others.
        """
        try:
            files = srsly.msgpack_loads(data)
            manifest = parse_manifest(files.pop(MANIFEST), Path(MANIFEST))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"the component {self.name}: expected the files of a bundle, found: "
                              f"{first_line(error)}") from None
        return self._use(bundle_of_content(Content(files, float(manifest["temperature"]), manifest["card"]), self.name))


def _restored(arguments: Tuple[Any, ...], data: Optional[bytes]) -> BundleComponent:
    component = BundleComponent(*arguments)
    return component if data is None else component.from_bytes(data)


Language.factory(
    "ner_mx", assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={"bundle": None, "min_score": None, "threads": None, "sentences": "auto", "extension": "score",
                    "scorer": {"@scorers": "spacy.ner_scorer.v1"}},
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
    func=create_component)
