"""The tagger that people run: on onnxruntime from a bundle, or on MXNet from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.data.pieces import pieces_of
from ner_mx.data.tokenizers import Token
from ner_mx.decoding.decoder import Decoder, Reading, ScoredSpan
from ner_mx.decoding.entities import Entity, checked_texts, find_entities, located_entities
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.decoding.scoring import Scorer
from ner_mx.errors import BundleError, ConfigError, ScoresError, UserError, first_line, install
from ner_mx.inference.bundle import (
    MODEL,
    WORDS,
    Bundle,
    bundle_content,
    bundle_of_content,
    networks_of,
    read_bundle,
)
from ner_mx.inference.bundle_folder import Content
from ner_mx.inference.onnx_session import BATCH, OnnxScorer
from ner_mx.inference.thresholds import Thresholds
from ner_mx.machine import available_cores
from ner_mx.registry import load_code, register
from ner_mx.untyped import ReadOnlyValues, Values

# A number, numbers by type, both as text, or None.
MinScore = Union[None, str, float, Mapping[str, float]]

# How many characters of a stream are read ahead, so that batches are full.
READ_AHEAD = 1 << 16


class TextReading(NamedTuple):
    """A reading of a sentence: the probability of exactly these entities, which is the score of each of them."""

    probability: float
    entities: List[Entity]


class Tagger:
    """Finds entities in tokens or in raw text.

    Its methods may be called from several threads at once.  The entities that it
    finds do not depend on the other sentences of a batch, on the order or on the
    threads; their scores differ by less than 1e-12.

    Parameters
    ----------
    recognizer : the network with the encoder of its inputs.
    card : where the model comes from and how good it is, for people.
    tokenizer : of raw text; None takes the rules of this package.
    min_score : the least probability of an entity, a number or numbers by type; None keeps all.

    Examples
    --------
    >>> tagger = Tagger.load("bundle")                              # doctest: +SKIP
    >>> tagger.predict("The captain left Florence in May.")         # doctest: +SKIP
    [Entity(start=17, end=25, label='LOC', text='Florence', score=0.98)]
    """

    def __init__(self, recognizer: Recognizer, card: ReadOnlyValues,
                 tokenizer: Optional[TokenizerSettings] = None, min_score: MinScore = None):
        self.recognizer, self.card = recognizer, dict(card)
        self.tokenizer: TokenizerSettings = tokenizer or register.tokenizer["rules"]()
        self.labels: List[str] = sorted({*recognizer.encoder.entity_types,
                                         *(recognizer.rules.labels if recognizer.rules else ())})
        self.tags: List[str] = list(recognizer.encoder.tags)
        self.thresholds = Thresholds.of(min_score, self.labels)
        self._source: Optional[Tuple[Bundle, Optional[int], MinScore]] = None

    @classmethod
    def load(cls, folder: Union[str, Path], threads: Optional[int] = None, min_score: MinScore = None,
             trusted: Optional[Sequence[Union[str, Path]]] = None) -> Tagger:
        """Read a bundle, which may come from anybody: it is checked, and nothing in it is executed.

        Parameters
        ----------
        threads : that compute batches; None takes all cores.
        min_score : the least probability of an entity, a number or numbers by type.
        trusted : files of public keys, one of which must have signed it; None asks for no signature.

        Raises
        ------
        UserError : ``min_score`` is not a probability, or of an unknown type; a key cannot be read.
        BundleError : it is missing, incomplete, damaged, changed, of another format, or not signed by a trusted key.
        UserError : onnxruntime is not installed.
        """
        bundle = read_bundle(Path(folder), None if trusted is None else [Path(path) for path in trusted])
        try:
            tagger = cls.of_bundle(bundle, threads, min_score)
            # A model that cannot be run fails here and not at the first text.
            tagger.predict("Ada left Rome.\n\nA")
            return tagger
        except (ScoresError, ConfigError) as error:
            raise BundleError(f"{folder}: expected a model that can be run, found: {error}") from None
        except UserError:
            raise
        except ImportError:
            raise UserError(f'the tagger needs onnxruntime: {install("runtime")}') from None
        except Exception as error:  # onnxruntime's own classes have no other base
            raise BundleError(f"{folder}: expected networks that onnxruntime can run, found: "
                              f"{first_line(error)}; export it again") from None

    @classmethod
    def of_bundle(cls, bundle: Bundle, threads: Optional[int] = None, min_score: MinScore = None) -> Tagger:
        """A bundle that is in memory, on onnxruntime."""
        encoder = bundle.encoder
        argmax = bundle.config.decoding.model_copy(update={"method": "argmax"})
        scorers: Dict[str, Scorer] = {}
        for name, network in networks_of(encoder).items():
            decoder = bundle.decoder() if name == MODEL else Decoder(network.classes, argmax, encoding=None)
            scorers[name] = OnnxScorer(bundle.graphs[name], decoder, network.features,
                                       bundle.graphs.get(f"{name}{WORDS}"))
        pieces = pieces_of(bundle.config.split_digits, bundle.config.characters)
        recognizer = Recognizer(encoder, scorers.pop(MODEL), scorers, BATCH, pieces, threads or available_cores(),
                                bundle.rules)
        tagger = cls(recognizer, bundle.card, bundle.config.tokenizer, min_score)
        tagger._source = bundle, threads, min_score
        return tagger

    def __reduce__(self) -> Any:
        """A pickled tagger is its bundle; worker processes load it again.

        Raises
        ------
        TypeError : it is on MXNet.
        """
        if self._source is None:
            raise TypeError("expected a tagger of a bundle to pickle, found one on MXNet; export the run")
        bundle, threads, min_score = self._source
        return _restored, (bundle_content(bundle), threads, min_score)

    def tag(self, tokens: Iterable[str]) -> List[ScoredSpan]:
        """The entities of one sentence, as spans of tokens with their probabilities.

        Raises
        ------
        ValueError : a token is empty.
        """
        return self.tag_batch([tokens])[0]

    def tag_batch(self, sentences: Iterable[Iterable[str]]) -> List[List[ScoredSpan]]:
        """The entities of many sentences; a sentence without tokens has none.

        Raises
        ------
        ValueError : a token is empty.
        """
        found = self.recognizer.tag_batch(sentences)
        if self.thresholds is None:
            return found
        return [[scored for scored in spans if self.thresholds.keeps(scored.span.label, scored.probability)]
                for spans in found]

    def marginals(self, tokens: Iterable[str]) -> np.ndarray:
        """The probability of each tag at each token, (tokens, K); the columns are :attr:`tags`.

        Raises
        ------
        ValueError : a token is empty.
        """
        return self.recognizer.marginals_batch([tokens])[0]

    def likely_spans(self, tokens: Iterable[str], threshold: float) -> List[ScoredSpan]:
        """Every entity of one sentence with a probability of at least ``threshold``, also beside the best path.

        The probabilities are exact under the model, and the entities may overlap; ``min_score`` has no effect.

        Raises
        ------
        ValueError : a token is empty, the threshold is no probability above 0, or the model splits tokens.
        """
        return self.recognizer.likely_spans_batch([tokens], _checked_threshold(threshold))[0]

    def readings(self, tokens: Iterable[str], count: int) -> List[Reading]:
        """The best readings of one sentence, the best first: all of its entities, and the probability of just these.

        Raises
        ------
        ValueError : a token is empty, the sentence has more than 512 tokens, or the model splits tokens.
        """
        return self.recognizer.readings_batch([tokens], count)[0]

    def predict_likely(self, texts: Iterable[str], threshold: float) -> List[List[Entity]]:
        """Every entity of texts with a probability of at least ``threshold``, see :meth:`likely_spans`."""
        checked = _checked_threshold(threshold)
        return find_entities(texts, self.tokenizer,
                             lambda sentences: self.recognizer.likely_spans_batch(sentences, checked))

    def predict_readings(self, text: str, count: int) -> List[List[TextReading]]:
        """The best readings of each sentence of raw text, see :meth:`readings`.

        Raises
        ------
        ValueError : a sentence has more than 512 tokens, or the model splits tokens.
        """
        sentences = list(self.iter_sentences(text))
        found = self.recognizer.readings_batch([[token.text for token in tokens] for tokens in sentences], count)
        return [[TextReading(reading.probability, located_entities(
            text, tokens, [ScoredSpan(span, reading.probability) for span in reading.spans])) for reading in readings]
            for tokens, readings in zip(sentences, found)]

    def predict(self, text: str) -> List[Entity]:
        """The entities of raw text of any length, in order.

        Raises
        ------
        TypeError : it is not a string.
        """
        return self.predict_batch([text])[0]

    def predict_batch(self, texts: Iterable[str]) -> List[List[Entity]]:
        """The entities of many texts, a list or any other iterable; their sentences are computed together.

        Raises
        ------
        TypeError : they are a single string or a mapping, or one of them is not a string.
        """
        return find_entities(texts, self.tokenizer, self.tag_batch)

    def iter_sentences(self, text: str) -> Iterator[List[Token]]:
        """The sentences of raw text one after the other, as tokens with their offsets."""
        return self.tokenizer.iter_sentences(text)

    def tag_sentences(self, sentences: Sequence[Tuple[str, List[Token]]]) -> List[List[Entity]]:
        """The entities of sentences of :meth:`iter_sentences`, each given with its text."""
        tagged = self.tag_batch([[token.text for token in tokens] for _, tokens in sentences])
        return [located_entities(text, tokens, spans) for (text, tokens), spans in zip(sentences, tagged)]

    def stream(self, texts: Iterable[str]) -> Iterator[List[Entity]]:
        """The entities of each text of a stream, in order; about 65,000 characters are read ahead."""
        for group in grouped(checked_texts(texts)):
            yield from self.predict_batch(group)

    def describe(self) -> Values:
        """The card, with the entity types."""
        return {**self.card, "labels": self.labels}


class TaggerSource(NamedTuple):
    """What a tagger is loaded from, in any process; the parameters are those of :meth:`Tagger.load`.

    code : the modules of the user's own that the bundle needs.
    """

    bundle: Path
    min_score: MinScore = None
    trusted: Optional[Tuple[Path, ...]] = None
    code: Tuple[str, ...] = ()

    def load(self, threads: Optional[int] = None) -> Tagger:
        """The tagger.

        Raises
        ------
        UserError, BundleError : see :meth:`Tagger.load`.
        ConfigError : a module cannot be loaded.
        """
        for source in self.code:
            load_code(source)
        return Tagger.load(self.bundle, threads, self.min_score, self.trusted)


def _checked_threshold(threshold: float) -> float:
    """The threshold of likely spans.

    Raises
    ------
    ValueError : it is not above 0, which every span has, or above 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"expected a probability above 0 and up to 1, found {threshold}")
    return threshold


def _restored(content: Content, threads: Optional[int], min_score: MinScore) -> Tagger:
    """A tagger from the files of its bundle."""
    return Tagger.of_bundle(bundle_of_content(content, "the pickled tagger"), threads, min_score)


def grouped(texts: Iterable[str]) -> Iterator[List[str]]:
    """Texts in lists of about ``READ_AHEAD`` characters."""
    group: List[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += 1 + len(text)  # empty texts count, too
        if size >= READ_AHEAD:
            yield group
            group, size = [], 0
    if group:
        yield group
