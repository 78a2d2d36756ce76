"""Decoded tags, probabilities of entities and marginals against brute force over every tag sequence."""

from itertools import product

import numpy as np
import pytest

from ner_mx.config import Decoding
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.decoding.decoder import Decoder

LENGTH = np.array([4, 1, 3, 2])
TAGS = {"BILOU": ["O", "B-X", "I-X", "L-X", "U-X"], "BIOES": ["O", "B-X", "E-X", "I-X", "S-X"],
        "IOB2": ["O", "B-X", "I-X", "B-Y", "I-Y"], "IOB1": ["O", "B-X", "I-X", "B-Y", "I-Y"],
        "IO": ["O", "I-X", "I-Y"]}
# None is for classes that are not entity tags.
ENCODINGS = [*TAGS, None]


def tags_in(encoding):
    return TAGS[encoding or "BILOU"]


def random_scores(tags, learned, seed=3):
    """Emissions (T, N, K) in float32 as networks give them, and transitions and start scores or None."""
    random = np.random.RandomState(seed)
    emissions = random.normal(scale=2, size=(LENGTH.max(), len(LENGTH), len(tags))).astype(np.float32)
    for row, size in enumerate(LENGTH):
        emissions[size:, row] = np.nan  # what is in the padding must not matter
    if not learned:
        return emissions, None, None
    return (emissions, random.normal(size=(len(tags), len(tags))).astype(np.float32),
            random.normal(size=len(tags)).astype(np.float32))


def distribution(tags, scores, row, temperature=1.0, encoding=None):
    """The probability of every tag sequence of one sentence; only well-formed ones if there is an encoding."""
    emissions, transitions, start = scores
    result = {}
    for sequence in product(range(len(tags)), repeat=LENGTH[row]):
        names = tuple(tags[index] for index in sequence)
        if encoding and convert_tags(names, encoding) != names:
            continue
        score = sum(float(emissions[step, row, index]) for step, index in enumerate(sequence))
        if transitions is not None:
            score += start[sequence[0]] + sum(transitions[pair] for pair in zip(sequence, sequence[1:]))
        result[sequence] = score / temperature
    total = np.logaddexp.reduce(list(result.values()))
    return {sequence: np.exp(score - total) for sequence, score in result.items()}


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_marginals_are_sums_over_all_sequences(encoding, learned, temperature):
    tags = tags_in(encoding)
    scores = random_scores(tags, learned)
    decoder = Decoder(tags, Decoding(), *scores[1:], encoding, temperature)
    marginals = decoder.marginals(scores[0], LENGTH)
    assert [array.shape for array in marginals] == [(size, len(tags)) for size in LENGTH]
    for row, computed in enumerate(marginals):
        np.testing.assert_allclose(computed.sum(axis=1), 1.0, atol=1e-12)
        expected = np.zeros_like(computed)
        for sequence, probability in distribution(tags, scores, row, temperature, encoding).items():
            expected[np.arange(len(sequence)), list(sequence)] += probability
        np.testing.assert_allclose(computed, expected, atol=1e-6)
        if encoding is not None:
            assert (computed[expected == 0] < 1e-100).all()


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("encoding", TAGS)
def test_the_best_sequence_is_decoded_whatever_the_temperature(encoding, learned):
    tags = tags_in(encoding)
    for seed in range(10):
        scores = random_scores(tags, learned, seed)
        decoder = Decoder(tags, Decoding(), *scores[1:], encoding)
        best = [max((probabilities := distribution(tags, scores, row, encoding=encoding)), key=probabilities.get)
                for row in range(len(LENGTH))]
        for temperature in (1.0, 0.3, 5.0):
            assert [tuple(ids) for ids in decoder.at(temperature).decode(scores[0], LENGTH)] == best


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("learned", [False, True])
def test_the_probability_of_an_entity_is_a_sum_over_all_sequences_with_its_tags(learned, temperature):
    tags, entities = TAGS["BILOU"], 0
    for seed in range(10):
        scores = random_scores(tags, learned, seed)
        decoder = Decoder(tags, Decoding(), *scores[1:], "BILOU").at(temperature)
        decoded = decoder.decode(scores[0], LENGTH)
        for row, scored_spans in enumerate(decoder.spans(scores[0], LENGTH)):
            assert [scored.span for scored in scored_spans] == spans_of(decoder.names(decoded[row]))
            probabilities = distribution(tags, scores, row, temperature, "BILOU")
            for (start, end, _), probability in scored_spans:
                expected = sum(value for sequence, value in probabilities.items()
                               if sequence[start:end] == tuple(decoded[row][start:end]))
                assert probability == pytest.approx(expected, abs=1e-6)
                entities += 1
    assert entities > 20


@pytest.mark.parametrize("settings", [Decoding(method="argmax"), Decoding(valid_only=False)])
def test_without_constraints_and_transitions_marginals_are_a_softmax_per_token(settings):
    tags = TAGS["BILOU"]
    emissions, _, _ = random_scores(tags, learned=False)
    decoder = Decoder(tags, settings, encoding="BILOU", temperature=2.0)
    for row, computed in enumerate(decoder.marginals(emissions, LENGTH)):
        factors = np.exp(emissions[:LENGTH[row], row].astype(float) / 2.0)
        np.testing.assert_allclose(computed, factors / factors.sum(axis=1, keepdims=True), atol=1e-6)
    for ids, size, column in zip(decoder.decode(emissions, LENGTH), LENGTH, emissions.transpose(1, 0, 2)):
        np.testing.assert_array_equal(ids, column[:size].argmax(axis=1))


def test_the_temperature_is_that_of_a_copy():
    decoder = Decoder(TAGS["BILOU"], Decoding())
    assert decoder.at(3.0).temperature == 3.0 and decoder.temperature == 1.0


def test_argmax_ignores_transitions():
    emissions, transitions, start = random_scores(TAGS["IO"], True)
    transitions = 9 * transitions
    decoder = Decoder(TAGS["IO"], Decoding(method="argmax"), transitions, start, "IO")
    for row, (size, tags) in enumerate(zip(LENGTH, decoder.decode(emissions, LENGTH))):
        assert tags.tolist() == emissions[:size, row].argmax(axis=1).tolist()
    searched = Decoder(TAGS["IO"], Decoding(), transitions, start, "IO").decode(emissions, LENGTH)
    assert any((one != other).any() for one, other in zip(searched, decoder.decode(emissions, LENGTH)))


@pytest.mark.parametrize("given", ["transitions", "start"])
def test_either_learned_score_is_used(given):
    tags = TAGS["IO"]
    emissions, transitions, start = random_scores(tags, True)
    scores = {"transitions": 5 * transitions, "start": 5 * start}
    decoder = Decoder(tags, Decoding(), **{given: scores[given]}, encoding="IO")
    zeros = {"transitions": np.zeros((3, 3), np.float32), "start": np.zeros(3, np.float32)}
    complete = Decoder(tags, Decoding(), **{**zeros, given: scores[given]}, encoding="IO")
    for one, other in zip(decoder.decode(emissions, LENGTH), complete.decode(emissions, LENGTH)):
        assert one.tolist() == other.tolist()
