"""Whether answers depend on the batch or the threads: python tests/benchmarks/answer_independence.py RUN CORPUS_FILE

Exports the run in every precision, tags each sentence alone, and again in batches of
several sizes, in another order and on several threads.  Prints the sentences whose
entities differ, the largest difference of a probability, and the speed of each precision.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ner_mx.config import Corpus
from ner_mx.data.reading import read
from ner_mx.inference.exporting import PRECISIONS, export_run
from ner_mx.inference.tagger import Tagger


def differences(alone, together):
    """How many sentences have other entities, and the largest difference of a probability of an equal one."""
    other = sum([scored.span for scored in one] != [scored.span for scored in two]
                for one, two in zip(alone, together))
    largest = max((abs(first.probability - second.probability) for one, two in zip(alone, together)
                   for first, second in zip(one, two) if first.span == second.span), default=0.0)
    return other, largest


def main(run, corpus):
    sentences = [sentence.tokens for sentence in read(Path(corpus), Corpus()).sentences]
    order = np.random.RandomState(0).permutation(len(sentences))
    with tempfile.TemporaryDirectory() as folder:
        for precision in PRECISIONS:
            bundle = Path(folder) / precision
            exported = export_run(Path(run), bundle, precision)
            tagger = Tagger.load(bundle, threads=1)
            alone = [tagger.tag(tokens) for tokens in sentences]
            print(f"{precision}: {exported.bytes / 1e6:.1f} MB")
            for threads in (1, 2, 12):
                tagger = Tagger.load(bundle, threads=threads)
                for size in (2, 7, 32, 128, 1000):
                    tagger.recognizer.size = size
                    shuffled = tagger.tag_batch([sentences[index] for index in order])
                    together = [None] * len(sentences)
                    for index, entities in zip(order, shuffled):
                        together[index] = entities
                    other, largest = differences(alone, together)
                    print(f"  {threads:>2} threads, batches of {size:>4}: {other} of {len(sentences)} sentences "
                          f"differ, probabilities by at most {largest:.1e}")
            tagger = Tagger.load(bundle, threads=1)
            started = time.process_time()
            tagger.tag_batch(sentences)
            seconds = time.process_time() - started
            print(f"  {sum(map(len, sentences)) / seconds:,.0f} tokens/s of processor time")


if __name__ == "__main__":
    main(*sys.argv[1:])
