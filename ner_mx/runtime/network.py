"""A network on onnxruntime: batches to scores without MXNet."""

from __future__ import annotations

import numpy as np

from ner_mx.decoding.decoder import Decoder
from ner_mx.features.batching import Batch


class OnnxNetwork:
    """What :class:`~ner_mx.decoding.recogniser.Recogniser` takes for a network.

    Parameters
    ----------
    model : a serialised ONNX model whose inputs are arrays of a batch.
    decoder : what turns its scores into tags.

    A call takes one thread: batches side by side make better use of two cores
    than one batch that is cut in two, and for a sentence alone the threads of
    two networks would be in each other's way.
    """

    def __init__(self, model: bytes, decoder: Decoder):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Every batch has a shape of its own; patterns of memory would be kept for each.
        options.enable_mem_pattern = False
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.inputs = [value.name for value in self._session.get_inputs()]
        unknown = [name for name in self.inputs if name not in Batch._fields]
        if unknown or [value.name for value in self._session.get_outputs()] != ["emissions"]:
            raise ValueError(f"not the inputs and outputs of a tagger: {', '.join(unknown)}")
        self._decoder = decoder

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, N, K) float32 the scores of a batch; what stands in padding means nothing."""
        return self._session.run(["emissions"], {name: getattr(batch, name) for name in self.inputs})[0]

    def decoder(self) -> Decoder:
        """What turns the scores into tags."""
        return self._decoder
