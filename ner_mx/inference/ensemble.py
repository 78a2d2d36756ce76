"""One network or several as one, whose probabilities are averaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence

import numpy as np

from ner_mx.config import Decoding
from ner_mx.decoding.decoder import Decoder
from ner_mx.decoding.windows import LONGEST
from ner_mx.errors import BundleError, UserError
from ner_mx.files import sha256
from ner_mx.inference.bundle_folder import MANIFEST, is_bundle
from ner_mx.inference.tagger import Tagger
from ner_mx.training.run_folder import is_run

if TYPE_CHECKING:
    from ner_mx.training.encoder_outputs import EncoderOutputs

# The smallest probability whose logarithm is taken.
SMALLEST = 1e-12


class Ensemble:
    """Runs or bundles of any kind that know the same tags.

    Parameters
    ----------
    paths : of runs or bundles.
    threads : that compute batches of a bundle; None takes all cores.
    alike : whether it is checked that their probabilities can be averaged.

    Attributes
    ----------
    taggers : one for each path.
    tags : those of the first, in its order.
    sources : the SHA-256 of each, by name.

    Raises
    ------
    UserError : there are no paths, the tags differ, or a network reads pieces of tokens.
    RunError, BundleError : one cannot be read.
    """

    def __init__(self, paths: Sequence[Path], threads: Optional[int] = None, alike: bool = True):
        if not paths:
            raise UserError("expected a run or bundle, or several, found nothing")
        # Networks with the same frozen encoder read its outputs from one place.
        self._outputs: Dict[str, EncoderOutputs] = {}
        self.taggers = [_tagger(path, self._outputs, threads) for path in paths]
        self.tags = list(self.taggers[0].recognizer.encoder.tags)
        for path, tagger in zip(paths, self.taggers) if alike else ():
            if tagger.recognizer.splits_tokens:
                raise UserError(f"{path}: expected a network whose tokens have tags, found one that reads pieces of "
                                "them")
            tags = tagger.recognizer.encoder.tags
            if set(tags) != set(self.tags):
                raise UserError(f"{path}: expected the tags of {paths[0]} ({', '.join(self.tags[:9])}), found others "
                                f"({', '.join(tags[:9])})")
        self.sources: Dict[str, str] = {f"teacher/{number}": _digest(path) for number, path in enumerate(paths, 1)}

    def probabilities(self, sentences: Sequence[Sequence[str]]) -> List[np.ndarray]:
        """(tokens, K) for each sentence, in the order of ``tags``: the mean of the marginals."""
        totals = [np.zeros((len(tokens), len(self.tags))) for tokens in sentences]
        for tagger in self.taggers:
            tags = tagger.recognizer.encoder.tags
            order = [tags.index(tag) for tag in self.tags]
            for total, marginals in zip(totals, tagger.recognizer.marginals_batch(sentences)):
                total += marginals[:, order]
        return [total / len(self.taggers) for total in totals]

    def reads_from_disk(self, sentences: Sequence[Sequence[str]]) -> bool:
        """Whether the outputs of an encoder are on disk for exactly these sentences, in this order."""
        if not sentences or any(len(tokens) > LONGEST for tokens in sentences):  # those are read in windows
            return False
        return any(outputs.are_stored(sentences) for outputs in self._outputs.values())

    def tag_batch(self, sentences: Sequence[Sequence[str]]) -> List[List[str]]:
        """The well-formed tags of each sentence whose product of probabilities is largest.

        What the members take from the scores of O before they decide, the ensemble takes in their mean.
        """
        encoding = self.taggers[0].recognizer.encoder.settings.tag_encoding
        decoders = [tagger.recognizer.scorer.decoder() for tagger in self.taggers]
        # Probabilities are those of scores that were divided by the temperature.
        penalty = float(np.mean([decoder.outside_penalty / decoder.temperature for decoder in decoders]))
        decoder = Decoder(self.tags, Decoding(outside_penalty=penalty), encoding=encoding)
        result = []
        for probabilities in self.probabilities(sentences):
            scores = np.log(np.maximum(probabilities, SMALLEST)).astype(np.float32)[:, None]  # (T, 1, K)
            result.append(decoder.names(decoder.decode(scores, np.array([len(scores)]))[0]))
        return result


def _tagger(path: Path, shared: Dict[str, EncoderOutputs], threads: Optional[int]) -> Tagger:
    if not is_run(path) or is_bundle(path):
        if not path.is_dir():
            raise BundleError(f"{path}: expected a run or a bundle, found no folder")
        return Tagger.load(path, threads)
    from ner_mx.inference.exporting import tagger_of_run

    return tagger_of_run(path, shared, threads)


def _digest(path: Path) -> str:
    """What tells a teacher from others: the network of a run, or the list of a bundle's files."""
    manifest = path / MANIFEST
    return sha256(manifest) if manifest.is_file() else sha256(path / "best.params")
