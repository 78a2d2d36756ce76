"""The operations of a training step, counted by hand."""

import pytest

import ner_mx
from ner_mx.compat import mx
from ner_mx.data.sentence import Sentence
from ner_mx.features.encoder import Encoder
from ner_mx.training import roofline as module
from ner_mx.training.roofline import roofline, token_weights
from ner_mx.training.trainable import Trainable

SENTENCES = [Sentence(("Ada", "met", "Rome"), ("B-PER", "O", "B-LOC"))]


def trainable(**settings):
    config = ner_mx.load_config(settings={
        "features.pos.use": False, "features.affixes.use": False, "features.casing.use": False,
        "features.words.dimension": 7, "features.characters.filters": 4, "model.units": 5,
        **{name.replace("__", "."): value for name, value in settings.items()}})
    encoder = Encoder.fit(config.features, SENTENCES)
    model = Trainable(config, encoder, encoder.tags, mx.cpu(), config.features.tag_encoding)
    model.initialize()
    return model, len(encoder.tags)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_weights_of_a_token_are_those_of_lstm_and_output(layers):
    model, tags = trainable(model__layers=layers)
    first = 4 * 5 * (11 + 5 + 2)   # inputs, recurrent weights, two biases: four gates of five units
    second = 4 * 5 * (5 + 5 + 2)   # a layer of one direction reads the layer below
    output = 2 * 5 * tags + tags   # one bias for both directions
    assert token_weights(model) == 2 * (first + (layers - 1) * second) + output


def test_the_share_is_that_of_the_operations(monkeypatch):
    monkeypatch.setattr(module, "matrix_gflops", lambda device: 50.0)
    model, _ = trainable()
    figures = roofline(model, 1000.0)
    assert figures["gflops"] == pytest.approx(6 * token_weights(model) * 1000 / 1e9)
    assert figures["share"] == pytest.approx(figures["gflops"] / 50.0) and figures["matrix_gflops"] == 50.0


def test_the_speed_of_products_is_measured():
    assert 0.1 < module.matrix_gflops(mx.cpu()) < 1e5


def test_nothing_is_said_of_encoders():
    model, _ = trainable()
    model.features = [type("Feature", (), {"name": "transformer"})]
    assert roofline(model, 1000.0) == {"gflops": None, "matrix_gflops": None, "share": None}
