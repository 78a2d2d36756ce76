"""What workers exchange, and how long it takes: python worker_exchange.py [steps], for two workers of this machine.

Prints the numbers and bytes of an update of the paper-size network on CoNLL-like data, the seconds of computing and of
adding gradients per update, and the words per second of one worker alone and of two together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
from corpus import CONFIG, conll_like

from ner_mx.features.batch import collate
from ner_mx.features.batching import plan_batches

BATCH = 32


def measure(steps: int) -> None:
    """One worker, or one of several if the environment says so; the first prints."""
    from ner_mx.compat import tune_process

    tune_process()  # as training does before it loads MXNet
    from ner_mx.compat import mx, seed_everything
    from ner_mx.training.distributed.workers import SINGLE, connect
    from ner_mx.training.loop import _update
    from ner_mx.training.trainable import Trainable
    from ner_mx.training.trainer import build_trainer

    seed_everything(1)
    workers = connect(CONFIG.updated({"training.kvstore": "dist_sync"})) if "DMLC_ROLE" in os.environ else SINGLE
    encoder, encoded = conll_like(2000)
    model = Trainable(CONFIG, encoder, encoder.tags, mx.cpu(), CONFIG.features.tag_encoding)
    model.initialize()
    trainer = build_trainer(CONFIG.training.optimizer, model.parameters())
    exchange, numbers = [0.0], [0]
    total = workers.total

    def timed(vector: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        result = total(vector)
        exchange[0] += time.perf_counter() - started
        numbers[0] += len(vector)
        return result

    workers.total = timed
    plan = plan_batches(encoded.lengths, BATCH * workers.count, "sorted", np.random.RandomState(1))
    words = 0
    for number in range(-5, steps):  # the first ones are not counted
        if not number:
            mx.nd.waitall()
            started, words, exchange[0], numbers[0] = time.perf_counter(), 0, 0.0, 0
        sentences = plan[number % len(plan)]
        batch = collate(model.features, encoded, workers.share(sentences), encoded.tags)
        _update(model, trainer, [batch], CONFIG.training, "a step", encoded.lengths[sentences], workers)
        words += int(encoded.lengths[sentences].sum())
    mx.nd.waitall()
    seconds = time.perf_counter() - started
    if not workers.rank:
        print(json.dumps({"workers": workers.count, "words_per_second": words / seconds,
                          "seconds_per_update": seconds / steps, "seconds_of_exchange": exchange[0] / steps,
                          "numbers_per_update": numbers[0] / steps}), flush=True)
    workers.finish()


def main() -> None:
    if len(sys.argv) > 2:
        measure(int(sys.argv[1]))
        return
    steps = sys.argv[1] if len(sys.argv) > 1 else "60"
    command = [sys.executable, __file__, steps, "measure"]
    for threads, prefix in (("1", []), ("2", []), ("1", [sys.executable, "-m", "ner_mx", "launch", "-n", "2", "--"])):
        subprocess.run([*prefix, *command], check=True, env={**os.environ, "OMP_NUM_THREADS": threads})


if __name__ == "__main__":
    main()
