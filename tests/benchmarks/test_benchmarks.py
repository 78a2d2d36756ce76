"""Speed as a ratio in one run, and memory: make bench."""

import json
import statistics
from pathlib import Path

import pytest

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
