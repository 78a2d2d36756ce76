"""A network on onnxruntime: batches to emissions without MXNet."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from ner_mx.decoding.decoder import Decoder
from ner_mx.features.batch import Batch
from ner_mx.features.feature import Feature


class OnnxScorer:
    """A :class:`~ner_mx.decoding.recognizer.Scorer` on onnxruntime.

    A call uses one thread: several batches at a time make better use of two cores
    than one batch divided between them, and for a single sentence the threads of
    two networks would compete.

    Parameters
    ----------
    model : a serialized ONNX model whose inputs are arrays of a batch.
    decoder : what turns its emissions into tags.
    features : whose arrays the model reads.

    Raises
    ------
    ValueError : the model is not that of a tagger.
    """

    def __init__(self, model: bytes, decoder: Decoder, features: Sequence[Feature]):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Every batch has a shape of its own; memory patterns would be kept for each.
        options.enable_mem_pattern = False
        # An arena would keep the memory of the largest batch.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.inputs: List[str] = [value.name for value in self._session.get_inputs()]
        outputs = [value.name for value in self._session.get_outputs()]
        if outputs != ["emissions"]:
            raise ValueError(f"a model with the outputs {', '.join(outputs)} instead of emissions")
        self.features, self._decoder = features, decoder

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, N, K) float32 the scores of a batch; values in padding mean nothing."""
        result: np.ndarray = self._session.run(["emissions"], {name: batch[name] for name in self.inputs})[0]
        return result

    def decoder(self) -> Decoder:
        """What turns the emissions into tags."""
        return self._decoder
