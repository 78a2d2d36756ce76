"""The outputs of an encoder of which nothing is trained: computed once, and kept beside the processed corpus."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Dict, Optional

import numpy as np

from ner_mx.config import Config
from ner_mx.decoding.recognizer import plan_scoring
from ner_mx.features.batch import collate
from ner_mx.features.encoded import Encoded, Ragged
from ner_mx.features.transformer import OUTPUTS, Transformer
from ner_mx.files import replacing
from ner_mx.models.embedders.transformer import PIECES
from ner_mx.models.layers.device_arrays import network_inputs
from ner_mx.models.transformer.encoder_network import EncoderNetwork
from ner_mx.models.transformer.word_vectors import FrozenOutputs, LayerMix
from ner_mx.preprocessing.processed_corpus import OUTPUT_FOLDER, ProcessedCorpus
from ner_mx.training import interrupts
from ner_mx.untyped import Device

log = logging.getLogger(__name__)


def with_encoder_outputs(corpus: ProcessedCorpus, config: Config, device: Device) -> ProcessedCorpus:
    """A corpus whose splits have the outputs of the encoder, read from disk or computed now.

    It is left as it is without a frozen encoder, with sentences that change from
    epoch to epoch, and if the outputs would take more than the settings allow;
    they are then computed for each batch.
    """
    feature = _frozen(corpus, config)
    if feature is None:
        return corpus
    width = feature.architecture.units * (feature.architecture.layers + 1 if feature.settings.layers == "mix" else 1)
    size = 2 * width * sum(len(split.word_type) for split in corpus.splits.values())
    if size > feature.settings.cache * 1e9 or sum(dict(config.training.case_augmentation).values()):
        log.info("outputs of the encoder: computed for each batch; on disk, they would take %.1f GB", size / 1e9)
        return corpus
    with device:
        outputs = FrozenOutputs(EncoderNetwork(feature.architecture, feature.settings),
                                LayerMix(feature.architecture.layers + 1, feature.settings.layers), feature.settings)
    outputs.encoder.load(corpus.pretrained[feature.name])
    splits: Dict[str, Encoded] = {}
    for name, split in corpus.splits.items():
        path = corpus.folder / OUTPUT_FOLDER / f"{_key(corpus, feature, split)}.npy"
        array = _read(path, (len(split.word_type), width))
        if array is None:
            log.info("outputs of the encoder: %d tokens of %s", len(split.word_type), name)
            array = _computed(path, feature, outputs, split, width, device)
        splits[name] = split.with_token_array(OUTPUTS, array)
    return corpus._replace(splits=splits)


def _frozen(corpus: ProcessedCorpus, config: Config) -> Optional[Transformer]:
    for feature in corpus.encoder.features:
        if isinstance(feature, Transformer) and feature.name in config.features.active():
            return feature if feature.settings.frozen == "all" else None
    return None


def _key(corpus: ProcessedCorpus, feature: Transformer, split: Encoded) -> str:
    """What the outputs depend on, as the name of a file."""
    settings = feature.settings
    digest = hashlib.sha256(json.dumps([
        {name: digest for name, digest in corpus.meta["sources"].items() if name.startswith(f"{feature.name}/")},
        settings.pooling, settings.layers, settings.window], sort_keys=True).encode())
    pieces = split.by_type[feature.name]
    assert isinstance(pieces, Ragged)
    for array in (split.word_type, split.bounds, pieces.values, pieces.bounds):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path, shape: object) -> Optional[np.ndarray]:
    """The outputs on disk, mapped; None if there are none."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return array if array.shape == shape and array.dtype == np.float16 else None


def _computed(path: Path, feature: Transformer, outputs: FrozenOutputs, split: Encoded, width: int,
              device: Device) -> np.ndarray:
    """Compute the outputs of a split, write them, and map them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        shape = (len(split.word_type), width)
        # Allocated before it is mapped: writing to a map on a full disk would end the process.
        with open(temporary, "wb") as file:
            np.lib.format.write_array_header_1_0(  # type: ignore[no-untyped-call]
                file, {"descr": "<f2", "fortran_order": False, "shape": shape})
            os.posix_fallocate(file.fileno(), 0, file.tell() + 2 * shape[0] * shape[1])
        array = np.load(temporary, mmap_mode="r+")
        for sentences in plan_scoring([feature], split, 64):
            batch = collate([feature], split, sentences)
            values = outputs(*network_inputs(batch, PIECES, device))
            for row, sentence in enumerate(sentences):
                start, end = split.bounds[sentence:sentence + 2]
                array[start:end] = values[:end - start, row]
            interrupts.check()
        array.flush()
    result: np.ndarray = np.load(path, mmap_mode="r")
    return result
