"""A network with its loss on a device: build, compute, save, load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import Config
from ner_mx.decoding.decoder import Decoder
from ner_mx.decoding.scoring import decode_split
from ner_mx.errors import RunError, first_line
from ner_mx.features.batch import Batch
from ner_mx.features.encoded import Encoded
from ner_mx.features.encoder import Encoder
from ner_mx.features.feature import Feature
from ner_mx.files import replacing
from ner_mx.models.embedders import Embedder, embedders_of
from ner_mx.models.layers.device_arrays import first_copy, network_inputs, to_device
from ner_mx.training import interrupts
from ner_mx.untyped import Device, Values

Prepare = Callable[[Encoded], Encoded]


class Trainable:
    """The network, its loss and the device they are on.

    Parameters
    ----------
    config : of this network.
    encoder : of its inputs.
    classes : the names of the K classes.
    encoding : of the classes, if they are entity tags; else None.
    counts : (K,) training tokens by class, for balanced weights.

    Attributes
    ----------
    decoding : how scores become tags; training ends with a penalty on O in it, see
        :func:`~ner_mx.evaluation.decision.best_outside_penalty`.
    devices : that divide the batches of training; each has a copy of the parameters.
    prepare : what adds arrays to sentences that the network would otherwise compute for each batch; None for
        nothing.
    exact : whether inputs that are computed outside of the network are exactly those of bundles, instead of what a
        cache of them holds.
    """

    def __init__(self, config: Config, encoder: Encoder, classes: Sequence[str], device: Device,
                 encoding: Optional[str] = "BILOU", counts: Optional[np.ndarray] = None):
        self.config, self.classes, self.device = config, list(classes), device
        self.encoding = encoding
        self.devices: List[Device] = [device]
        self.decoding = config.decoding
        self.temperature = 1.0
        self.prepare: Optional[Prepare] = None
        self.exact = False
        active = config.features.active()
        self.features: List[Feature] = [feature for feature in encoder.features if feature.name in active]
        self.embedders: List[Embedder] = embedders_of(self.features)
        with device:  # some blocks have a form of their own on the CPU
            self.network = config.model.network(self.embedders, len(self.classes))
        self.loss = config.loss.build(self.classes, np.ones(len(self.classes), np.int64)
                                      if counts is None else counts)

    def initialize(self, devices: Sequence[Device] = ()) -> None:
        """Draw the initial parameters from the global random state.

        Parameters
        ----------
        devices : that divide the batches of training; without any, the one that everything else is computed on.
        """
        self.devices = list(devices) or [self.device]
        for block in (self.network, self.loss):
            block.initialize(ctx=self.devices)
            block.hybridize()

    def parameters(self) -> Values:
        """The parameters of network and loss, under names that do not depend on the process."""
        result = {f"network.{name}": parameter for name, parameter
                  in self.network._collect_params_with_prefix().items()}
        result.update({f"loss.{name}": parameter for name, parameter
                       in self.loss._collect_params_with_prefix().items()})
        return result

    def network_parameters(self) -> Dict[str, np.ndarray]:
        """The parameters of the network as arrays."""
        return {name[len("network."):]: first_copy(parameter).asnumpy()
                for name, parameter in self.parameters().items() if name.startswith("network.")}

    def backward(self, batch: Batch, divisor: float, number: int = 0) -> Any:
        """Compute the gradients of the loss of a batch, divided, into the parameters.

        Parameters
        ----------
        number : of the device that computes them.

        Returns
        -------
        The loss, summed and not divided: a number, or an MXNet scalar that may not be computed yet.
        """
        device = self.devices[number]
        inputs = self._inputs(batch, device)
        with mx.autograd.record():
            emissions = self.network(*inputs)
            assert batch.targets is not None
            targets = to_device(batch.targets, "float32", device)
            heads = (self.loss.heads(emissions, targets) if batch.soft is None
                     else self.loss.heads(emissions, targets, to_device(batch.soft, "float32", device)))
        mx.autograd.backward(heads.arrays, [to_device(gradient / divisor, "float32", device)
                                            for gradient in heads.gradients])
        return heads.loss

    def prepared(self, encoded: Encoded) -> Encoded:
        """What :attr:`prepare` makes of sentences."""
        return self.prepare(encoded) if self.prepare else encoded

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, N, K) the scores of a batch, outside training."""
        interrupts.check()
        result: np.ndarray = self.network(*self._inputs(batch, self.device)).asnumpy()
        return result

    def _inputs(self, batch: Batch, device: Device) -> List[Any]:
        batch = batch.with_arrays(self.config.model.collate(batch))
        for embedder in self.embedders:
            batch = batch.with_arrays(embedder.computed(self.network.block(embedder), batch, device,
                                                         self.exact))
        return network_inputs(batch, self.network.inputs, device)

    def transitions(self) -> List[Optional[np.ndarray]]:
        """The learned transitions, (K, K), and start scores, (K,); None for each if the loss has none."""
        if not self.config.loss.learns_transitions:
            return [None, None]
        return [first_copy(self.loss.transitions).asnumpy(), first_copy(self.loss.start).asnumpy()]

    def decoder(self) -> Decoder:
        """A decoder with the transitions learned so far."""
        transitions, start = self.transitions()
        return Decoder(self.classes, self.decoding, transitions, start, self.encoding, self.temperature)

    def predict(self, encoded: Encoded) -> List[np.ndarray]:
        """The decoded ids of each sentence."""
        return decode_split(self, encoded, self.config.training.evaluation_batch)

    def save(self, path: Path) -> None:
        """Write the parameters in MXNet's format, atomically.

        On a full disk, ``nd.save`` writes what fits and reports nothing, so the
        file is read back and compared.

        Raises
        ------
        OSError : the file cannot be written.
        RunError : MXNet cannot write it, for a reason of its own.
        """
        arrays = {name: first_copy(parameter) for name, parameter in self.parameters().items()}
        with replacing(path) as temporary:
            temporary.touch()
            try:
                mx.nd.save(str(temporary), arrays)
                written = mx.nd.load(str(temporary))
                problem = "" if all(
                    np.array_equal(written[name].asnumpy(), array.asnumpy(), equal_nan=True)
                    for name, array in arrays.items()) else "what was written differs from what is read"
            except (mx.MXNetError, KeyError) as error:
                problem = first_line(error)
            if problem:
                # Whether the disk is the reason, it says when the same amount is written without MXNet.
                _write_zeros(temporary, sum(array.size * array.dtype().itemsize for array in arrays.values()))
                raise RunError(f"{path}: expected MXNet to write the parameters, found: {problem}")

    def load(self, path: Path) -> None:
        """Read parameters that :meth:`save` wrote.

        Raises
        ------
        RunError : the file is missing, damaged or of another network.
        """
        if not path.is_file():
            raise RunError(f"{path}: expected the parameters of a network, found no file")
        try:
            arrays = mx.nd.load(str(path))
        except (mx.MXNetError, ValueError, UnicodeDecodeError):
            raise RunError(f"{path}: expected the parameters of a network, found a damaged file; "
                           "train again, replacing the run") from None
        parameters = self.parameters()
        if not isinstance(arrays, dict) or set(arrays) != set(parameters):
            raise RunError(f"{path}: expected the parameters {', '.join(sorted(parameters))}, found others; "
                           "the file belongs to another configuration")
        for name, parameter in parameters.items():
            if arrays[name].shape != parameter.shape:
                raise RunError(f"{path}: expected {name} of shape {parameter.shape}, found "
                               f"{arrays[name].shape}; the file belongs to another configuration")
            parameter.set_data(arrays[name].as_in_context(self.device))


def _write_zeros(path: Path, size: int) -> None:
    """Write so many bytes, for the error of the system if there is one."""
    with open(path, "wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(bytes(min(1 << 20, size - start)))
        file.flush()
        os.fsync(file.fileno())
