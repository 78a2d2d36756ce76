"""Where the time of tagging goes: python time_shares.py RUN BUNDLE

Tags the run's test set on one thread and prints the shares of features
(encoding, batches), of onnxruntime, and of decoding with probabilities.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from ner_mx.decoding import recogniser as module
from ner_mx.decoding.decoder import Decoder
from ner_mx.evaluation.files import read_predictions
from ner_mx.runtime import Tagger

shares: Counter = Counter()


def timed(name, function):
    """The function, which adds the time it takes to a share."""
    def run(*arguments):
        start = time.perf_counter()
        result = function(*arguments)
        shares[name] += time.perf_counter() - start
        return result
    return run


def main(run: str, bundle: str) -> None:
    sentences = read_predictions(Path(run) / "predictions/test.conll").tokens
    recogniser = Tagger.load(bundle, threads=1).recogniser
    module.collate = timed("features", module.collate)
    recogniser.encoder.encode = timed("features", recogniser.encoder.encode)
    for network in filter(None, (recogniser.network, recogniser.pos_network)):
        network.emissions = timed("onnxruntime", network.emissions)
    Decoder.spans = timed("decoding", Decoder.spans)
    recogniser.tag_batch(sentences)
    shares.clear()
    start = time.perf_counter()
    for _ in range(3):
        recogniser.tag_batch(sentences)
    whole = time.perf_counter() - start
    print({name: round(seconds / whole, 3) for name, seconds in shares.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
