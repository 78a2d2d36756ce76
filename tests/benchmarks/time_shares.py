"""The shares of the parts of tagging in its time: python time_shares.py RUN BUNDLE

Tags the test set of the run on one thread and prints the shares of the features
(encoding, batches), of onnxruntime, and of decoding with probabilities.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from ner_mx.decoding import scoring as scoring_module
from ner_mx.decoding.decoder import Decoder
from ner_mx.evaluation.predictions import read_predictions
from ner_mx.inference.tagger import Tagger

shares: Counter = Counter()


def timed(name, function):
    """The same function, whose time is added to a share."""
    def run(*arguments):
        start = time.perf_counter()
        result = function(*arguments)
        shares[name] += time.perf_counter() - start
        return result
    return run


def main(run: str, bundle: str) -> None:
    sentences = read_predictions(Path(run) / "predictions/test.conll").tokens
    recognizer = Tagger.load(bundle, threads=1).recognizer
    scoring_module.collate = timed("features", scoring_module.collate)
    recognizer.encoder.encode = timed("features", recognizer.encoder.encode)
    for scorer in (recognizer.scorer, *recognizer.taggers.values()):
        scorer.emissions = timed("onnxruntime", scorer.emissions)
        scorer.prepared = timed("word types", scorer.prepared)
    Decoder.spans = timed("decoding", Decoder.spans)
    recognizer.tag_batch(sentences)
    shares.clear()
    start = time.perf_counter()
    for _ in range(3):
        recognizer.tag_batch(sentences)
    total = time.perf_counter() - start
    print({name: round(seconds / total, 3) for name, seconds in shares.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
