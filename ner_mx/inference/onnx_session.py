"""A network on onnxruntime: batches to emissions without MXNet."""

from __future__ import annotations

import os
from typing import List, Sequence

import numpy as np

from ner_mx.decoding.decoder import Decoder
from ner_mx.errors import ScoresError, first_line
from ner_mx.features.batch import Batch
from ner_mx.features.feature import Feature


class OnnxScorer:
    """A :class:`~ner_mx.decoding.recognizer.Scorer` on onnxruntime.

    A call uses one thread: several batches at a time make better use of two cores
    than one batch divided between them, and for a single sentence the threads of
    two networks would compete.

    Parameters
    ----------
    model : a serialized ONNX model whose inputs are arrays of a batch, see :mod:`ner_mx.inference.graph_check`.
    decoder : what turns its emissions into tags.
    features : whose arrays the model reads.
    """

    def __init__(self, model: bytes, decoder: Decoder, features: Sequence[Feature]):
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
        self.inputs: List[str] = [value.name for value in self._session.get_inputs()]
        self.features, self._decoder = features, decoder

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, N, K) float32 the scores of a batch; values in padding mean nothing.

        Raises
        ------
        ScoresError : the model cannot be run on the batch.
        """
        try:
            result: np.ndarray = self._session.run(["emissions"], {name: batch[name] for name in self.inputs})[0]
        except Exception as error:  # onnxruntime's own classes have no other base
            raise ScoresError(f"expected a model that onnxruntime can run, found: {first_line(error)}") from None
        expected = (int(batch.length.max()), len(batch.length), len(self._decoder.tags))
        if result.shape != expected or result.dtype != np.float32:
            raise ScoresError(f"expected scores of the shape {expected}, found {result.shape} of {result.dtype}")
        return result

    def decoder(self) -> Decoder:
        """What turns the emissions into tags."""
        return self._decoder
