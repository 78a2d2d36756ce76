"""The tagger that people run: a bundle, onnxruntime and numpy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Union

from ner_mx.decoding.decoder import Decoder, ScoredSpan
from ner_mx.decoding.recogniser import Recogniser
from ner_mx.errors import BundleError, UserError, install
from ner_mx.runtime.bundle import Bundle, entity_types, read_bundle
from ner_mx.runtime.network import OnnxNetwork
from ner_mx.runtime.text import Entity, find_entities

# Sentences a batch: few enough that a page of text is work for several cores.
BATCH = 32
# A stream is read ahead by so many characters, so that batches are full.
READ_AHEAD = 1 << 16


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Tagger:
    """Finds entities, in tokens or in raw text.

    Its methods may be called from several threads at once.  An answer does
    not depend on what else is in the batch, on the order or on the threads.

    Examples
    --------
    >>> tagger = Tagger.load("bundle")                              # doctest: +SKIP
    >>> tagger.predict("The captain left Florence in May.")         # doctest: +SKIP
    [Entity(start=17, end=25, label='LOC', text='Florence', score=0.98)]
    """

    def __init__(self, bundle: Bundle, threads: Optional[int] = None):
        threads = threads or cores()
        self.config, self.card = bundle.config, bundle.card
        self.labels: List[str] = entity_types(bundle.encoder)
        pos_network = None
        if bundle.pos_model is not None:
            classes = bundle.encoder.pos.items
            argmax = bundle.config.decoding.model_copy(update={"method": "argmax"})
            pos_network = OnnxNetwork(bundle.pos_model, Decoder(classes, argmax, constrained=False))
        self.recogniser = Recogniser(bundle.config, bundle.encoder,
                                     OnnxNetwork(bundle.model, bundle.decoder()), pos_network, BATCH,
                                     threads)

    @classmethod
    def load(cls, folder: Union[str, Path], threads: Optional[int] = None) -> Tagger:
        """Read a bundle.

        Parameters
        ----------
        threads : that compute batches side by side; None takes all cores.

        Raises
        ------
        BundleError : it is missing, incomplete, damaged, changed or of a newer format.
        UserError : onnxruntime is not installed.
        """
        bundle = read_bundle(Path(folder))
        try:
            return cls(bundle, threads)
        except ImportError:
            raise UserError(f'the tagger needs onnxruntime: {install("runtime")}') from None
        except Exception as error:  # onnxruntime's own classes share no base but this
            raise BundleError(f"{folder}: expected networks that onnxruntime can run, found: "
                              f"{str(error).splitlines()[0]}; export it anew") from None

    def tag(self, tokens: Sequence[str]) -> List[ScoredSpan]:
        """The entities of one sentence, as places among its tokens with their probabilities.

        Raises
        ------
        ValueError : a token is empty.
        """
        return self.tag_batch([tokens])[0]

    def tag_batch(self, sentences: Sequence[Sequence[str]]) -> List[List[ScoredSpan]]:
        """The entities of many sentences; a sentence without tokens has none.

        Raises
        ------
        ValueError : a token is empty.
        """
        return self.recogniser.tag_batch(sentences)

    def predict(self, text: str) -> List[Entity]:
        """The entities of raw text of any length, in order."""
        return self.predict_batch([text])[0]

    def predict_batch(self, texts: Sequence[str]) -> List[List[Entity]]:
        """The entities of many texts; their sentences are computed together."""
        return find_entities(texts, self.tag_batch)

    def stream(self, texts: Iterable[str]) -> Iterator[List[Entity]]:
        """The entities of each text of a stream, in order; about 65,000 characters are read ahead."""
        for group in in_groups(texts):
            yield from self.predict_batch(group)

    def describe(self) -> Dict[str, Any]:
        """The card of the bundle, with the entity types."""
        return {**self.card, "labels": self.labels}


def in_groups(texts: Iterable[str]) -> Iterator[List[str]]:
    """Texts in lists of about ``READ_AHEAD`` characters."""
    group: List[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += 1 + len(text)  # an endless many of empty ones come to something, too
        if size >= READ_AHEAD:
            yield group
            group, size = [], 0
    if group:
        yield group
