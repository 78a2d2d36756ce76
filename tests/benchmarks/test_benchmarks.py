"""Speed as a ratio in one run, and memory: make bench."""

import json
import statistics
import time
from pathlib import Path

import numpy as np
import pytest

from ner_mx.features.lexicon import Lexicon

SCRIPT = Path(__file__).parent / "training_speed.py"


@pytest.mark.bench
def test_training_keeps_up_with_pytorch(run_command):
    """The two take turns, so that a noisy machine is noisy for both."""
    pytest.importorskip("torch")
    rates = {"mxnet": [], "torch": []}
    for _ in range(3):
        for which in rates:
            done = run_command(SCRIPT, which, env={"OMP_NUM_THREADS": "2"})
            assert done.returncode == 0, done.stderr
            rates[which] += json.loads(done.stdout)["rates"]
    ours, theirs = (statistics.median(rates[which]) for which in ("mxnet", "torch"))
    print(f"\nmxnet {ours:,.0f} tokens/s, torch {theirs:,.0f} tokens/s, ratio {ours / theirs:.2f}")
    assert ours / theirs >= 0.9


@pytest.mark.bench
def test_memory_is_flat_over_ten_epochs(run_command):
    done = run_command(SCRIPT, "mxnet", 10)
    assert done.returncode == 0, done.stderr
    memory = json.loads(done.stdout)["memory"]
    print(f"\nMiB after each epoch: {', '.join(f'{value:.0f}' for value in memory)}")
    # The first epoch meets every shape once.
    assert max(memory[1:]) / memory[0] < 1.1


@pytest.mark.bench
@pytest.mark.parametrize("entries, partial, limit", [(171_000, False, 10), (2_300_000, True, 60)])
def test_a_corpus_of_conll_s_size_is_matched_in_time(entries, partial, limit):
    """300,000 tokens against SENNA's and DBpedia's number of entries, reading of files not counted."""
    random = np.random.RandomState(1)
    vocabulary = np.array([f"word{number}" for number in range(300_000)])

    def drawn(count, most):
        """Word lists of 1 to ``most`` words, frequent ones often."""
        sizes = random.randint(1, most + 1, count)
        words = vocabulary[np.minimum(random.zipf(1.2, sizes.sum()) - 1, len(vocabulary) - 1)].tolist()
        ends = np.cumsum(sizes)
        return (words[end - size:end] for end, size in zip(ends, sizes))

    started = time.perf_counter()
    lexicon = Lexicon.of(drawn(entries, 6), partial)
    built = time.perf_counter()
    found = lexicon.positions(list(drawn(20_000, 29)))
    ended = time.perf_counter()
    print(f"\n{entries:,} entries, partial {partial}: taken in within {built - started:.1f} s, "
          f"{len(found):,} tokens matched in {ended - built:.1f} s, {np.mean(found > 0):.0%} found")
    assert ended - started < limit
