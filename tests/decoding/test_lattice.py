"""The lattice against brute force over every tag sequence."""

from itertools import product

import numpy as np
import pytest

from ner_mx.config import Decoding
from ner_mx.decoding.constraints import constraints_of, forbid_open_end
from ner_mx.decoding.decoder import Decoder
from ner_mx.decoding.lattice import (
    expected_transitions,
    path_score,
    sequence_entropy,
    span_probability,
    sum_paths,
    viterbi,
)

TAGS = 3


def brute_scores(emissions, transitions, start):
    """Every tag sequence of one sentence with its score, by the definition."""
    result = {}
    for tags in product(range(TAGS), repeat=len(emissions)):
        score = start[tags[0]] + sum(emissions[t, tag] for t, tag in enumerate(tags))
        score += sum(transitions[a, b] for a, b in zip(tags, tags[1:]))
        result[tags] = score
    return result


@pytest.fixture(params=range(5))
def lattice_case(request):
    random = np.random.RandomState(request.param)
    length = np.array([5, 1, 3, 4])
    emissions = random.normal(scale=3, size=(5, 4, TAGS))
    transitions, start = random.normal(size=(TAGS, TAGS)), random.normal(size=TAGS)
    if request.param % 2:
        transitions[0, 2] = start[1] = -np.inf
    for row, size in enumerate(length):  # what is in the padding must not matter
        emissions[size:, row] = random.choice([np.nan, np.inf, 1e9])
    return emissions, transitions, start, length


def test_viterbi_finds_the_best_of_all_paths(lattice_case):
    emissions, transitions, start, length = lattice_case
    paths = viterbi(emissions, transitions, start, length)
    for row, size in enumerate(length):
        scores = brute_scores(emissions[:size, row], transitions, start)
        assert tuple(paths[row]) == max(scores, key=scores.get)


def test_log_z_and_marginals_are_sums_over_all_paths(lattice_case):
    emissions, transitions, start, length = lattice_case
    lattice = sum_paths(emissions, transitions, start, length)
    expected = np.zeros((TAGS, TAGS))
    for row, size in enumerate(length):
        scores = brute_scores(emissions[:size, row], transitions, start)
        log_z = np.logaddexp.reduce(list(scores.values()))
        assert lattice.log_z[row] == pytest.approx(log_z, abs=1e-9)
        marginals = np.zeros((size, TAGS))
        for tags, score in scores.items():
            probability = np.exp(score - log_z)
            marginals[np.arange(size), list(tags)] += probability
            for pair in zip(tags, tags[1:]):
                expected[pair] += probability
        np.testing.assert_allclose(lattice.marginals()[:size, row], marginals, atol=1e-10)
        assert not lattice.marginals()[size:, row].any()
    np.testing.assert_allclose(expected_transitions(lattice), expected, atol=1e-10)


def test_span_probability_is_a_sum_over_all_paths(lattice_case):
    emissions, transitions, start, length = lattice_case
    lattice = sum_paths(emissions, transitions, start, length)
    for row, first, tags in ((0, 1, (0, 1, 1)), (0, 4, (2,)), (2, 0, (0, 0, 0)), (1, 0, (2,))):
        scores = brute_scores(emissions[:length[row], row], transitions, start)
        total = np.logaddexp.reduce(list(scores.values()))
        expected = sum(np.exp(score - total) for path, score in scores.items()
                     if path[first:first + len(tags)] == tags)
        assert span_probability(lattice, row, first, tags) == pytest.approx(expected, abs=1e-10)


def test_path_score_equals_the_definition(lattice_case):
    emissions, transitions, start, length = lattice_case
    tags = np.random.RandomState(0).randint(0, TAGS, size=emissions.shape[:2])
    scores = path_score(emissions, transitions, start, length, tags)
    for row, size in enumerate(length):
        expected = brute_scores(emissions[:size, row], transitions, start)[tuple(tags[:size, row])]
        assert scores[row] == pytest.approx(expected) or scores[row] == expected == -np.inf


def test_long_sentences_do_not_overflow():
    random = np.random.RandomState(0)
    emissions = random.normal(scale=50, size=(5000, 1, TAGS))
    lattice = sum_paths(emissions, random.normal(size=(TAGS, TAGS)), np.zeros(TAGS), np.array([5000]))
    np.testing.assert_allclose(lattice.marginals().sum(axis=2), 1.0, atol=1e-9)
    assert np.isfinite(lattice.log_z).all()


def test_a_sentence_without_an_allowed_path_is_an_error():
    with pytest.raises(FloatingPointError):
        sum_paths(np.zeros((2, 1, TAGS)), np.full((TAGS, TAGS), -np.inf), np.zeros(TAGS), np.array([2]))


def test_a_high_score_of_a_forbidden_tag_does_not_underflow():
    emissions = np.zeros((3, 1, TAGS))
    emissions[0, 0, 2] = 2000.0
    lattice = sum_paths(emissions, np.zeros((TAGS, TAGS)), np.array([0.0, 0.0, -np.inf]), np.array([3]))
    np.testing.assert_allclose(lattice.marginals()[0, 0], [0.5, 0.5, 0.0])


def test_decoding_without_a_search_equals_viterbi():
    """Where transitions only forbid, most sentences need no search; the result is that of the search."""
    tags = ["O"] + [f"{prefix}-{label}" for label in "XY" for prefix in "BILU"]
    random = np.random.RandomState(8)
    decoder = Decoder(tags, Decoding())
    transitions, start, open_tags = constraints_of(tags)
    without_search = searched = 0
    for scale in (0.5, 8.0):
        emissions = random.normal(size=(12, 60, 9)) * 0.3
        # Mostly O, as text is: many sentences are valid as they stand.
        emissions[:, :, 0] += scale
        length = random.randint(1, 13, size=60)
        expected = viterbi(forbid_open_end(emissions, length, open_tags), transitions, start, length)
        for decoded, path, best, size in zip(decoder.decode(emissions, length), expected,
                                             emissions.argmax(axis=2).T, length):
            np.testing.assert_array_equal(decoded, path)
            without_search += (best[:size] == path).all()
            searched += (best[:size] != path).any()
    assert without_search > 20 and searched > 20


def test_the_entropy_of_sequences(lattice_case):
    emissions, transitions, start, length = lattice_case
    entropy = sequence_entropy(sum_paths(emissions, transitions, start, length))
    for row, size in enumerate(length):
        scores = np.array(list(brute_scores(emissions[:size, row], transitions, start).values()))
        probabilities = np.exp(scores - np.logaddexp.reduce(scores))
        expected = -sum(value * np.log(value) for value in probabilities if value > 0)
        assert entropy[row] == pytest.approx(expected, abs=1e-9)
