"""Graphs on onnxruntime: batches to scores without MXNet."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import List, Optional, Sequence

import numpy as np

from ner_mx.decoding.decoder import Decoder
from ner_mx.errors import ScoresError, first_line
from ner_mx.features.batch import WORD_VECTORS, Batch
from ner_mx.features.encoded import Encoded
from ner_mx.features.feature import Feature
from ner_mx.inference.type_vectors import TypeVectors

# Sentences per batch: few enough that a page of text is work for several cores.
BATCH = 32


class OnnxSession:
    """A graph that is computed on one thread.

    Several batches at a time make better use of two cores than one batch
    divided between them, and for a single sentence the threads of two graphs
    would compete.

    Parameters
    ----------
    model : the serialized graph, whose inputs are arrays of a batch, see :mod:`ner_mx.inference.graph_check`.
    output : the one that is computed.
    """

    def __init__(self, model: bytes, output: str):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised, and need no lines on stderr
        # No weights outside of the model, wherever it says that they are.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
        # Every batch has a shape of its own; memory patterns would be kept for each.
        options.enable_mem_pattern = False
        # An arena would keep the memory of the largest batch.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._output = output
        self.inputs: List[str] = [value.name for value in self._session.get_inputs()]

    def width(self, name: str) -> int:
        """The last dimension of an input."""
        return int(next(value.shape[-1] for value in self._session.get_inputs() if value.name == name))

    def __call__(self, batch: Batch, width: int) -> np.ndarray:
        """(T, N, width) float32, the output; values in padding mean nothing.

        Raises
        ------
        ScoresError : the graph cannot be run on the batch, or gives another output.
        """
        try:
            result: np.ndarray = self._session.run([self._output], {name: batch[name] for name in self.inputs})[0]
        except Exception as error:  # onnxruntime's own classes have no other base
            raise ScoresError(f"expected a model that onnxruntime can run, found: {first_line(error)}") from None
        expected = (int(batch.length.max()), len(batch.length), width)
        if result.shape != expected or result.dtype != np.float32:
            raise ScoresError(f"expected an output of the shape {expected}, found {result.shape} of {result.dtype}")
        return result


class OnnxScorer:
    """A :class:`~ner_mx.decoding.recognizer.Scorer` on onnxruntime.

    Parameters
    ----------
    model : the serialized graph of the network.
    decoder : what turns its emissions into tags.
    features : whose arrays the network reads; but those that depend on the word type alone, as vectors.
    words : the serialized graph of these vectors; None if there are no such features.
    """

    def __init__(self, model: bytes, decoder: Decoder, features: Sequence[Feature], words: Optional[bytes] = None):
        self._session = OnnxSession(model, "emissions")
        self.features = [feature for feature in features if not feature.of_word_type]
        self._decoder = decoder
        self._vectors = None if words is None else _type_vectors(words, features, self._session.width(WORD_VECTORS))

    def prepared(self, encoded: Encoded) -> Encoded:
        """The same sentences with the vectors of their word types."""
        return encoded if self._vectors is None else replace(encoded, word_vectors=self._vectors(encoded))

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, N, K) float32, the scores of a batch; values in padding mean nothing.

        Raises
        ------
        ScoresError : the model cannot be run on the batch.
        """
        return self._session(batch, len(self._decoder.tags))

    def decoder(self) -> Decoder:
        """What turns the emissions into tags."""
        return self._decoder


def _type_vectors(model: bytes, features: Sequence[Feature], width: int) -> TypeVectors:
    session = OnnxSession(model, "vectors")
    return TypeVectors(lambda batch: session(batch, width), [
        feature for feature in features if feature.of_word_type], width)
