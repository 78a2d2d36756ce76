"""Calibration against scikit-learn, and a temperature against the one that was put in."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from ner_mx.config import Decoding, Features
from ner_mx.corpora.sentence import Sentence
from ner_mx.decoding.decoder import Decoder
from ner_mx.evaluation.calibration import (
    Judge,
    calibration,
    expected_calibration_error,
    log_loss,
    reliability,
)
from ner_mx.features.encoder import Encoder

TAGS = ["O", "U-PER", "U-LOC"]


def test_bins_are_scikit_learns():
    random = np.random.RandomState(3)
    probability = np.concatenate([random.uniform(0.2, 1, 500), [1.0, 1.0]])
    correct = random.uniform(size=502) < probability
    bins = reliability(probability, correct)
    precision, mean = calibration_curve(correct, probability, n_bins=10)
    assert [one["precision"] for one in bins] == pytest.approx(precision)
    assert [one["probability"] for one in bins] == pytest.approx(mean)
    assert sum(one["count"] for one in bins) == 502


def test_the_error_is_that_of_the_definition():
    probability = np.array([0.95, 0.91, 0.55, 0.35])
    correct = np.array([True, False, True, False])
    # Bins: two entities of mean 0.93, half right; one of 0.55, right; one of 0.35, wrong.
    wanted = (2 * abs(0.93 - 0.5) + abs(0.55 - 1) + 0.35) / 4
    assert expected_calibration_error(probability, correct) == pytest.approx(wanted)
    assert expected_calibration_error(np.zeros(0), np.zeros(0, bool)) == 0
    assert np.isfinite(log_loss(np.array([1.0, 0.0]), np.array([False, True])))


class TooSure:
    """A network whose scores are those of the truth, times a number."""

    def __init__(self, scores, times):
        self.scores, self.times = scores, times

    def emissions(self, batch):
        return (self.scores[batch.words - 2] * self.times).astype(np.float32)

    def decoder(self):
        return Decoder(TAGS, Decoding())


@pytest.mark.parametrize("times", [0.5, 1.0, 2.5])
def test_a_temperature_that_was_put_in_is_found(times):
    """Each word has its own probabilities, and the gold is drawn from them."""
    random = np.random.RandomState(7)
    words = [f"w{number}" for number in range(60)]
    scores = random.normal(scale=1.5, size=(60, 3))
    probability = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    sentences, gold = [], []
    for _ in range(800):
        drawn = random.randint(60, size=12)
        sentences.append(Sentence(tuple(words[row] for row in drawn), None, None, "", 0, 0))
        gold.append([TAGS[random.choice(3, p=probability[row])].replace("U-", "B-") for row in drawn])
    encoder = Encoder.learnt(Features(digits="keep"), [Sentence(tuple(words), None, None, "", 0, 0)])
    scores = scores[[int(word[1:]) for word in encoder.words.items[2:]]]
    judge = Judge(TooSure(scores, times), encoder.encode(sentences), gold, 3, 128)
    temperature = judge.fit()
    assert temperature == pytest.approx(times, rel=0.1)
    found = calibration(judge, temperature)
    assert found["after"]["expected_calibration_error"] < 0.02
    if times != 1.0:
        assert found["before"]["expected_calibration_error"] > 0.08
