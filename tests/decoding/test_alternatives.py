"""Spans and sequences beside the best path, against brute force over every tag sequence."""

from collections import defaultdict
from itertools import product

import numpy as np
import pytest

from ner_mx.config import Decoding
from ner_mx.data.spans import Span, spans_of
from ner_mx.decoding.alternatives import best_paths, continuations
from ner_mx.decoding.decoder import Decoder

SCHEMES = {
    "BILOU": ["O", "B-X", "I-X", "L-X", "U-X", "U-Y"],
    "IOB2": ["O", "B-X", "I-X", "B-Y", "I-Y"],
    "IO": ["O", "I-X", "I-Y"],
    "IOB1": ["B-X", "I-X", "O"],
}


def case(scheme, seed, learned=True, temperature=1.0, method="viterbi", valid_only=True):
    tags = SCHEMES[scheme]
    random = np.random.RandomState(seed)
    size = len(tags)
    transitions = random.normal(size=(size, size)).astype(np.float32) if learned else None
    start = random.normal(size=size).astype(np.float32) if learned else None
    decoder = Decoder(tags, Decoding(method=method, valid_only=valid_only), transitions, start, scheme, temperature)
    length = np.array([4, 1, 3])
    emissions = random.normal(scale=2, size=(4, 3, size)).astype(np.float32)
    return decoder, emissions, length


def distribution(decoder, emissions, size):
    """The probability of every tag sequence of one sentence, by the definition."""
    closed = decoder._closed(emissions[:, None], np.array([size]))[:size, 0]
    scores = {}
    for path in product(range(len(decoder.tags)), repeat=size):
        score = decoder.start[path[0]] + sum(closed[place, tag] for place, tag in enumerate(path))
        score += sum(decoder.transitions[a, b] for a, b in zip(path, path[1:]))
        scores[path] = float(score) / decoder.temperature
    log_z = np.logaddexp.reduce(list(scores.values()))
    return {path: float(np.exp(score - log_z)) for path, score in scores.items()}


CASES = [("BILOU", {}), ("BILOU", {"temperature": 2.0}), ("BILOU", {"learned": False}),
         ("BILOU", {"valid_only": False}), ("IOB2", {}), ("IOB2", {"method": "argmax", "learned": False}),
         ("IO", {}), ("IOB1", {}), ("IOB1", {"valid_only": False})]


@pytest.mark.parametrize("scheme, options", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_likely_spans_are_sums_over_all_sequences_that_read_them(scheme, options, seed):
    decoder, emissions, length = case(scheme, seed, **options)
    for threshold in (0.0, 0.05, 0.3):
        found = decoder.likely_spans(emissions, length, threshold)
        for row, size in enumerate(length):
            expected = defaultdict(float)
            for path, probability in distribution(decoder, emissions[:size, row], size).items():
                for span in spans_of(decoder.names(np.array(path))):
                    expected[span] += probability
            expected = {span: value for span, value in expected.items() if value >= max(threshold, 1e-12)}
            result = {span: value for span, value in found[row] if value >= 1e-12}
            assert result.keys() == expected.keys()
            assert [result[span] for span in expected] == pytest.approx(list(expected.values()), abs=1e-6)
            assert [span for span, _ in found[row]] == sorted(span for span, _ in found[row])


@pytest.mark.parametrize("scheme, options", CASES)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_readings_are_the_best_of_all(scheme, options, count):
    decoder, emissions, length = case(scheme, 5, **options)
    found = decoder.readings(emissions, length, count)
    for row, size in enumerate(length):
        paths = distribution(decoder, emissions[:size, row], size)
        exact = defaultdict(float)
        for path, probability in paths.items():
            exact[tuple(spans_of(decoder.names(np.array(path))))] += probability
        best = sorted(exact.values(), reverse=True)
        assert len(found[row]) == min(count, sum(value > 1e-30 for value in exact.values()))
        if decoder.valid_only:
            assert [reading.probability for reading in found[row]] == pytest.approx(best[:count], abs=1e-6)
        for reading in found[row]:
            assert reading.probability <= exact[reading.spans] + 1e-6
        ranks = [reading.probability for reading in found[row]]
        assert ranks == sorted(ranks, reverse=True)


def test_the_first_reading_is_the_decoded_one():
    decoder, emissions, length = case("BILOU", 9)
    decoded = [tuple(spans_of(decoder.names(ids))) for ids in decoder.decode(emissions, length)]
    assert [readings[0].spans for readings in decoder.readings(emissions, length, 3)] == decoded


def test_spans_of_the_best_path_are_likely_spans_with_their_probabilities():
    decoder, emissions, length = case("BILOU", 11)
    for found, likely in zip(decoder.spans(emissions, length), decoder.likely_spans(emissions, length, 0.0)):
        likely = dict(likely)
        assert [likely[span] for span, _ in found] == pytest.approx([value for _, value in found], abs=1e-9)


@pytest.mark.parametrize("count", [1, 3, 50])
def test_best_paths_of_a_chain_without_limits(count):
    random = np.random.RandomState(count)
    emissions, transitions, start = random.normal(size=(4, 3)), random.normal(size=(3, 3)), random.normal(size=3)
    transitions[0, 1] = -np.inf
    scores = {path: start[path[0]] + sum(emissions[place, tag] for place, tag in enumerate(path))
              + sum(transitions[a, b] for a, b in zip(path, path[1:])) for path in product(range(3), repeat=4)}
    expected = sorted((path for path in scores if np.isfinite(scores[path])), key=lambda path: -scores[path])[:count]
    found = best_paths(emissions, transitions, start, count)
    assert [tuple(path.tags) for path in found] == expected
    assert [path.score for path in found] == pytest.approx([scores[path] for path in expected])


def test_continuations_are_those_of_conlleval():
    tags = ["O", *(f"{prefix}-{label}" for prefix in "BIMELSU" for label in "XY")]
    continues = continuations(tags)
    for (first, before), (second, tag) in product(enumerate(tags), repeat=2):
        joined = any(span == Span(0, 2, before[2:]) for span in spans_of([before, tag]))
        assert continues[first, second] == joined, (before, tag)
