"""Calibration against scikit-learn, and the fitted temperature against the true one."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from ner_mx.config import Config, Decoding
from ner_mx.data.sentence import Sentence
from ner_mx.decoding.decoder import Decoder
from ner_mx.evaluation.calibration import (
    ConfidenceScores,
    calibration,
    expected_calibration_error,
    log_loss,
    reliability,
)
from ner_mx.features.encoder import Encoder

TAGS = ["O", "U-PER", "U-LOC"]


def test_bins_equal_scikit_learn():
    random = np.random.RandomState(3)
    probability = np.concatenate([random.uniform(0.2, 1, 500), [1.0, 1.0]])
    correct = random.uniform(size=502) < probability
    bins = reliability(probability, correct)
    precision, mean = calibration_curve(correct, probability, n_bins=10)
    assert [bin["precision"] for bin in bins] == pytest.approx(precision)
    assert [bin["probability"] for bin in bins] == pytest.approx(mean)
    assert sum(bin["count"] for bin in bins) == 502


def test_the_calibration_error_equals_the_definition():
    probability = np.array([0.95, 0.91, 0.55, 0.35])
    correct = np.array([True, False, True, False])
    # Bins: two entities of mean 0.93, half right; one of 0.55, right; one of 0.35, wrong.
    expected = (2 * abs(0.93 - 0.5) + abs(0.55 - 1) + 0.35) / 4
    assert expected_calibration_error(probability, correct) == pytest.approx(expected)
    assert expected_calibration_error(np.zeros(0), np.zeros(0, bool)) == 0
    assert np.isfinite(log_loss(np.array([1.0, 0.0]), np.array([False, True])))


class ScaledScorer:
    """A scorer whose emissions are the true scores of each word, times a factor."""

    def __init__(self, features, scores, factor):
        self.features, self.scores, self.factor = features, scores, factor

    def prepared(self, encoded):
        return encoded

    def emissions(self, batch):
        return (self.scores[batch["words"] - 2] * self.factor).astype(np.float32)

    def decoder(self):
        return Decoder(TAGS, Decoding())


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5])
def test_the_fitted_temperature_is_the_factor_of_the_scores(factor):
    """Each word has its own probabilities, and the gold is drawn from them."""
    random = np.random.RandomState(7)
    words = [f"w{number}" for number in range(60)]
    scores = random.normal(scale=1.5, size=(60, 3))
    probability = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    sentences, gold = [], []
    for _ in range(800):
        drawn = random.randint(60, size=12)
        sentences.append(Sentence(tuple(words[index] for index in drawn)))
        gold.append([TAGS[random.choice(3, p=probability[index])].replace("U-", "B-") for index in drawn])
    config = Config().updated({"features.digits": "keep", "features.pos.use": False})
    encoder = Encoder.fit(config.features, [Sentence(tuple(words))])
    scores = scores[[int(word[1:]) for word in encoder.feature("words").vocabulary.items[2:]]]
    scorer = ScaledScorer(encoder.features, scores, factor)
    confidence = ConfidenceScores(scorer, encoder.encode(sentences), gold, 128)
    temperature = confidence.fit_temperature()
    assert temperature == pytest.approx(factor, rel=0.1)
    assert confidence.checked_temperature() in (temperature, 1.0)
    if factor != 1.0:
        assert confidence.checked_temperature() == temperature
    figures = calibration(confidence, temperature)
    assert {name: (figure["temperature"], sorted(figure)) for name, figure in figures.items()} == {
        "before": (1.0, ["bins", "expected_calibration_error", "temperature"]),
        "after": (temperature, ["bins", "expected_calibration_error", "temperature"])}
    assert figures["after"]["expected_calibration_error"] < 0.02
    if factor != 1.0:
        assert figures["before"]["expected_calibration_error"] > 0.08


def test_without_predicted_entities_the_temperature_is_1():
    config = Config().updated({"features.pos.use": False})
    encoder = Encoder.fit(config.features, [Sentence(("a",))])
    scorer = ScaledScorer(encoder.features, np.array([[9.0, 0.0, 0.0]]), 1.0)
    confidence = ConfidenceScores(scorer, encoder.encode([Sentence(("a", "a"))]), [["O", "O"]], 128)
    assert confidence.fit_temperature() == confidence.checked_temperature() == 1.0
    probability, correct = confidence.at(1.0)
    assert (probability.dtype, correct.dtype) == (float, bool) and not len(probability)


def test_a_temperature_that_is_worse_on_the_other_half_is_not_applied():
    """In the first half the network is too sure, in the second not sure enough."""
    config = Config().updated({"features.digits": "keep", "features.pos.use": False})
    encoder = Encoder.fit(config.features, [Sentence(("a",))])
    scorer = ScaledScorer(encoder.features, np.array([[0.0, 2.0, -9.0]]), 1.0)
    # Sentences of even number are wrong half of the time, the others never.
    gold = [["B-PER"] if number % 4 else ["O"] for number in range(400)]
    confidence = ConfidenceScores(scorer, encoder.encode([Sentence(("a",))] * 400), gold, 128)
    assert confidence.fit_temperature(half=0) > 1.5 and confidence.fit_temperature(half=1) < 0.8
    assert confidence.checked_temperature() == 1.0
    probability, correct = confidence.at(1.0, half=0)
    assert len(probability) == 200 and correct.sum() == 100
