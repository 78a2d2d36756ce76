"""Batches: every sentence once, little padding, a different order in every epoch."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.features.batching import plan_batches


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(1, 9), st.sampled_from(["sorted", "exact"]),
       st.booleans())
def test_a_plan_holds_every_sentence_once(lengths, size, method, shuffled):
    lengths = np.array(lengths, int)
    batches = plan_batches(lengths, size, method, np.random.RandomState(0) if shuffled else None)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in batches)
    if method == "exact":
        assert all(len(set(lengths[batch])) == 1 for batch in batches)


def test_sorted_batches_pad_little():
    lengths = np.random.RandomState(0).randint(1, 60, 2000)
    batches = plan_batches(lengths, 32, "sorted", np.random.RandomState(1))
    padded = sum(lengths[batch].max() * len(batch) for batch in batches)
    assert padded / lengths.sum() < 1.05


def test_a_shuffled_plan_differs_from_epoch_to_epoch():
    lengths = np.repeat([3, 5], 50)
    plans = [plan_batches(lengths, 8, "exact", np.random.RandomState(seed)) for seed in (0, 1, 0)]
    as_tuples = [[tuple(batch) for batch in batches] for batches in plans]
    assert as_tuples[0] == as_tuples[2] != as_tuples[1]


def test_sentences_of_one_length_are_shuffled_among_their_batches():
    lengths = np.full(40, 7)
    first, second = (plan_batches(lengths, 8, "sorted", np.random.RandomState(seed)) for seed in (0, 1))
    assert {frozenset(batch.tolist()) for batch in first} != {frozenset(batch.tolist()) for batch in second}
    in_order = plan_batches(np.array([5, 3, 5, 3, 5]), 9, "sorted")
    assert in_order[0].tolist() == [1, 3, 0, 2, 4]
