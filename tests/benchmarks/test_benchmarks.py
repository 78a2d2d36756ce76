"""Training speed relative to PyTorch, memory, and the speed of lexicon matching: make bench."""

import json
import statistics
import time
from pathlib import Path

import numpy as np
import pytest

from ner_mx.resources.lexicon_matching import Lexicon

SCRIPT = Path(__file__).parent / "training_speed.py"


@pytest.mark.bench
@pytest.mark.parametrize("size, least", [(32, 0.9), (64, 1.2)])
def test_training_is_as_fast_as_pytorch(run_command, size, least):
    """The two frameworks alternate, so that a noisy machine affects both."""
    pytest.importorskip("torch")
    rates = {"mxnet": [], "torch": []}
    for _ in range(3):
        for framework in rates:
            done = run_command(SCRIPT, framework, 3, size, env={"OMP_NUM_THREADS": "2"})
            assert done.returncode == 0, done.stderr
            rates[framework] += json.loads(done.stdout)["rates"]
    ours, theirs = (statistics.median(rates[framework]) for framework in ("mxnet", "torch"))
    print(f"\nbatches of {size}: mxnet {ours:,.0f} tokens/s, torch {theirs:,.0f} tokens/s, ratio {ours / theirs:.2f}")
    assert ours / theirs >= least


@pytest.mark.bench
def test_memory_stays_constant_over_ten_epochs(run_command):
    done = run_command(SCRIPT, "mxnet", 10)
    assert done.returncode == 0, done.stderr
    memory = json.loads(done.stdout)["memory"]
    print(f"\nMiB after each epoch: {', '.join(f'{value:.0f}' for value in memory)}")
    # MXNet plans memory for every shape in the first epoch.
    assert max(memory[1:]) / memory[0] < 1.1


@pytest.mark.bench
@pytest.mark.parametrize("entries, partial, limit", [(171_000, False, 10), (2_300_000, True, 60)])
def test_lexicon_matching_of_a_corpus_of_the_size_of_conll_is_fast(entries, partial, limit):
    """300,000 tokens, and as many entries as SENNA and DBpedia have; reading files is not measured."""
    random = np.random.RandomState(1)
    vocabulary = np.array([f"word{number}" for number in range(300_000)])

    def draw_word_lists(count, longest):
        """Lists of 1 to ``longest`` words, whose frequencies follow Zipf's law."""
        sizes = random.randint(1, longest + 1, count)
        words = vocabulary[np.minimum(random.zipf(1.2, sizes.sum()) - 1, len(vocabulary) - 1)].tolist()
        ends = np.cumsum(sizes)
        return (words[end - size:end] for end, size in zip(ends, sizes))

    started = time.perf_counter()
    lexicon = Lexicon.of(draw_word_lists(entries, 6), partial)
    built = time.perf_counter()
    positions = lexicon.positions(list(draw_word_lists(20_000, 29)))
    ended = time.perf_counter()
    print(f"\n{entries:,} entries, partial {partial}: built in {built - started:.1f} s, "
          f"{len(positions):,} tokens matched in {ended - built:.1f} s, {np.mean(positions > 0):.0%} in a match")
    assert ended - started < limit
