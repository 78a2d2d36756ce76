"""A network with its loss, on a device: build, run over sentences, save, load."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import Config
from ner_mx.decoding.decoder import Decoder
from ner_mx.decoding.recogniser import decoded
from ner_mx.errors import RunError
from ner_mx.features.batching import Batch
from ner_mx.features.encoder import Encoded, Encoder
from ner_mx.files import replacing
from ner_mx.networks.losses import build_loss
from ner_mx.networks.tagger import BiLSTMCNN, Sizes, network_inputs, to_device
from ner_mx.training import interrupts


class Model:
    """The network, its loss and the device they are on.

    Parameters
    ----------
    config : the configuration of this network.
    encoder : the tables that its inputs are rows of.
    classes : the names of the classes.
    constrained : whether the classes are BILOU tags.
    counts : gold tokens a class, for balanced weights.
    """

    def __init__(self, config: Config, encoder: Encoder, classes: Sequence[str], device: Any,
                 constrained: bool = True, counts: Optional[np.ndarray] = None):
        self.config, self.classes, self.device = config, list(classes), device
        self.constrained = constrained
        self.temperature = 1.0
        self.width = config.network.character_width
        self.network = BiLSTMCNN(config.network, Sizes.of(config.features, encoder, len(classes)),
                                 config.training.optimizer.sparse_words)
        self.loss = build_loss(config.loss, self.classes, counts)
        # How many times an unweighted token's loss a token may weigh.
        self.heaviest = max(1.0, float(self.loss.heaviest))

    def initialize(self) -> None:
        """Draw the first parameters from the global random state."""
        for block in (self.network, self.loss):
            block.initialize(ctx=self.device)
            block.hybridize()

    def parameters(self) -> Dict[str, Any]:
        """The parameters of network and loss, under names that do not depend on the process."""
        result = {f"network.{name}": parameter for name, parameter
                  in self.network._collect_params_with_prefix().items()}
        result.update({f"loss.{name}": parameter for name, parameter
                       in self.loss._collect_params_with_prefix().items()})
        return result

    def backward(self, batch: Batch, divisor: float) -> Any:
        """Put the gradients of a batch's loss, divided, into the parameters.

        Returns
        -------
        The loss, summed and not divided: a number, or an MXNet scalar that may not be computed yet.
        """
        with mx.autograd.record():
            emissions = self.network(*network_inputs(batch, self.network.inputs, self.device))
            heads = self.loss.heads(emissions, to_device(batch.tags, "float32", self.device))
        mx.autograd.backward(heads.arrays, [to_device(gradient / divisor, "float32", self.device)
                                            for gradient in heads.gradients])
        return heads.loss

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, N, K) the scores of a batch, outside training."""
        interrupts.check()
        return self.network(*network_inputs(batch, self.network.inputs, self.device)).asnumpy()

    def decoder(self) -> Decoder:
        """A decoder with the transitions learnt so far."""
        learnt = self.config.loss.name == "sentence"
        return Decoder(self.classes, self.config.decoding,
                       self.loss.transitions.data().asnumpy() if learnt else None,
                       self.loss.start.data().asnumpy() if learnt else None,
                       self.constrained, self.temperature)

    def predict(self, encoded: Encoded) -> List[np.ndarray]:
        """The decoded rows of each sentence, in the part's order."""
        return decoded(self, encoded, self.width, self.config.training.evaluation_batch)

    def save(self, path: Path) -> None:
        """Write the parameters in MXNet's format, whole or not at all.

        ``nd.save`` writes on a full disk what fits and reports nothing, so
        what was written is read again.

        Raises
        ------
        OSError : the file cannot be written.
        """
        arrays = {name: parameter.data() for name, parameter in self.parameters().items()}
        with replacing(path) as temporary:
            temporary.touch()
            try:
                mx.nd.save(str(temporary), arrays)
                written = mx.nd.load(str(temporary))
            except mx.MXNetError:
                raise OSError(28, "No space left to write", str(path)) from None
            if not all(np.array_equal(written[name].asnumpy(), array.asnumpy(), equal_nan=True)
                       for name, array in arrays.items()):
                raise OSError(5, "What was written is not what is read", str(path))

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
            raise RunError(f"{path}: expected the parameters of a network, found damage; "
                           "train again with --overwrite") from None
        parameters = self.parameters()
        if not isinstance(arrays, dict) or set(arrays) != set(parameters):
            raise RunError(f"{path}: expected the parameters {', '.join(sorted(parameters))}, found others; "
                           "the file belongs to another configuration")
        for name, parameter in parameters.items():
            if arrays[name].shape != parameter.shape:
                raise RunError(f"{path}: expected {name} of shape {parameter.shape}, found "
                               f"{arrays[name].shape}; the file belongs to another configuration")
            parameter.set_data(arrays[name].as_in_context(self.device))
