"""The outputs of an encoder of which nothing is trained: computed once, and kept beside the processed corpus."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Mapping, Optional, Sequence, Tuple

import numpy as np

from ner_mx.compat import choose_device
from ner_mx.config import Config
from ner_mx.data.sentence import Sentence
from ner_mx.decoding.scoring import plan_scoring
from ner_mx.errors import UserError
from ner_mx.features.batch import collate
from ner_mx.features.encoded import Encoded, Ragged
from ner_mx.features.transformer import OUTPUTS, Transformer
from ner_mx.files import replacing
from ner_mx.models.embedders.transformer import PIECES
from ner_mx.models.layers.device_arrays import network_inputs
from ner_mx.models.transformer.encoder_network import EncoderNetwork
from ner_mx.models.transformer.word_vectors import FrozenOutputs, LayerMix, half
from ner_mx.preprocessing.processed_corpus import OUTPUT_FOLDER, ProcessedCorpus, read_processed
from ner_mx.training import interrupts
from ner_mx.training.run_folder import finished_metrics, read_run_config
from ner_mx.untyped import Device

log = logging.getLogger(__name__)


class EncoderOutputs:
    """Adds the outputs of a frozen encoder to sentences: read from disk, or computed now and written.

    Parameters
    ----------
    corpus : beside which they are kept, and which has the weights of the encoder.
    feature : that reads them.
    keep : whether new ones are written; if not, the last are in memory, for several networks that read the same
        sentences one after the other.

    Attributes
    ----------
    made_from : what they depend on beside the sentences.
    """

    def __init__(self, corpus: ProcessedCorpus, feature: Transformer, device: Device, keep: bool = True):
        architecture, settings = feature.architecture, feature.settings
        self._encoder, self._feature, self._device, self._keep = corpus.encoder, feature, device, keep
        self._last: Tuple[str, Optional[np.ndarray]] = "", None
        self._folder = corpus.folder / OUTPUT_FOLDER
        self._width = architecture.units * (architecture.layers + 1 if settings.layers == "mix" else 1)
        weights = corpus.pretrained[feature.name]
        # By their content: checkpoints of any kind have files of the same names.
        self.made_from = json.dumps([_digest_of(weights), architecture.model_dump(mode="json"), settings.pooling,
                                     settings.layers, settings.window], sort_keys=True)
        with device:
            self._outputs = FrozenOutputs(EncoderNetwork(architecture, settings),
                                          LayerMix(architecture.layers + 1, settings.layers), settings)
        self._outputs.encoder.load(weights)

    def __call__(self, encoded: Encoded) -> Encoded:
        """The sentences with their outputs; without, where these would take more disk than the settings allow.

        A network computes them for each batch then.
        """
        tokens = len(encoded.word_type)
        if not tokens or OUTPUTS in encoded.by_token:
            return encoded
        key = self._key(encoded)
        path = self._folder / f"{key}.npy"
        array = self._last[1] if self._last[0] == key else _read(path, (tokens, self._width))
        if array is None and not self._keep:
            array = np.empty((tokens, self._width), np.float16)
            self._compute(encoded, array)
            self._last = key, array
        if array is None:
            size = 2 * tokens * self._width + sum(file.stat().st_size for file in self._folder.glob("*.npy"))
            if size > self._feature.settings.cache * 1e9:
                log.info("outputs of the encoder: computed for each batch; on disk, all of them would take %.1f GB",
                         size / 1e9)
                return encoded
            log.info("outputs of the encoder: %d tokens", tokens)
            array = self._written(path, encoded)
        return encoded.with_token_array(OUTPUTS, array)

    def are_stored(self, sentences: Sequence[Sequence[str]]) -> bool:
        """Whether they are on disk for exactly these tokenized sentences, in this order."""
        encoded = self._encoder.encode([Sentence(tuple(tokens)) for tokens in sentences])
        return (self._folder / f"{self._key(encoded)}.npy").is_file()

    def _key(self, encoded: Encoded) -> str:
        """What the outputs depend on, as the name of a file."""
        digest = hashlib.sha256(self.made_from.encode())
        pieces = encoded.by_type[self._feature.name]
        assert isinstance(pieces, Ragged)
        for array in (encoded.word_type, encoded.bounds, pieces.values, pieces.bounds):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]

    def _written(self, path: Path, encoded: Encoded) -> np.ndarray:
        """Compute the outputs, write them, and map them."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            shape = (len(encoded.word_type), self._width)
            # Allocated before it is mapped: writing to a map on a full disk would end the process.
            with open(temporary, "wb") as file:
                np.lib.format.write_array_header_1_0(  # type: ignore[no-untyped-call]
                    file, {"descr": "<f2", "fortran_order": False, "shape": shape})
                os.posix_fallocate(file.fileno(), 0, file.tell() + 2 * shape[0] * shape[1])
            array = np.load(temporary, mmap_mode="r+")
            self._compute(encoded, array)
            array.flush()
        result: np.ndarray = np.load(path, mmap_mode="r")
        return result

    def _compute(self, encoded: Encoded, array: np.ndarray) -> None:
        """Fill an array, (tokens, ...), with the outputs."""
        for sentences in plan_scoring([self._feature], encoded, 64):
            batch = collate([self._feature], encoded, sentences)
            values = half(self._outputs(*network_inputs(batch, PIECES, self._device)))
            for row, sentence in enumerate(sentences):
                start, end = encoded.bounds[sentence:sentence + 2]
                array[start:end] = values[:end - start, row]
            interrupts.check()


def encoder_outputs(corpus: ProcessedCorpus, config: Config, device: Device,
                    keep: bool = True) -> Optional[EncoderOutputs]:
    """What adds the outputs of the encoder to sentences; None without a frozen one.

    None as well if the sentences of training change from epoch to epoch.
    """
    if sum(dict(config.training.case_augmentation).values()):
        return None
    for feature in corpus.encoder.features:
        if isinstance(feature, Transformer) and feature.name in config.features.active():
            return EncoderOutputs(corpus, feature, device, keep) if feature.settings.frozen == "all" else None
    return None


def outputs_of_run(run: Path) -> Optional[EncoderOutputs]:
    """The same for a finished run, on the CPU, without writing any; None where its processed corpus is not there.

    Raises
    ------
    RunError : the run is not finished.
    """
    metrics, config = finished_metrics(run), read_run_config(run)
    try:
        corpus = read_processed(config)
    except UserError:
        return None
    if metrics["data"] != corpus.meta["sources"]:
        return None
    return encoder_outputs(corpus, config, choose_device("cpu"), keep=False)


def _digest_of(weights: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(weights.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read(path: Path, shape: object) -> Optional[np.ndarray]:
    """The outputs on disk, mapped; None if there are none."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return array if array.shape == shape and array.dtype == np.float16 else None
