"""Every network that the configuration can express, on onnxruntime as on MXNet."""

import itertools

import numpy as np
import pytest
from random_networks import LEXICONS, build, some_sentences

from ner_mx.decoding.recogniser import scored
from ner_mx.runtime.export import bundled, compare
from ner_mx.runtime.tagger import Tagger

METRICS = {"data": {}, "seed": 1}
VARIANTS = {
    "default": {},
    "paper": {"network__output": "summed", "loss__name": "sentence", "features__casing__use": False},
    "everything": {"features__pos__use": True, "features__lexicons": LEXICONS,
                   "features__characters__types": True, "network__output": "summed"},
    "words alone": {"features__characters__use": False, "features__casing__use": False},
    "characters alone": {"features__words__use": False, "features__casing__use": False},
    "wide windows": {"network__character_width": 6, "network__character_activation": "tanh"},
    "one character": {"network__character_width": 1, "network__character_activation": "relu"},
    "separate layers": {"network__lstm_layers": 3, "network__lstm_directions": "separate"},
    "joined layers": {"network__lstm_layers": 3, "network__lstm_directions": "joined"},
    "separate, summed": {"network__lstm_layers": 2, "network__output": "summed", "loss__name": "sentence"},
    "a window": {"network__context": "window", "loss__name": "sentence"},
    "a window of one": {"network__context": "window", "network__window": 1},
    "a window with all": {"network__context": "window", "network__window": 7, "features__pos__use": True,
                          "features__lexicons": LEXICONS, "features__characters__types": True},
    "argmax": {"decoding__method": "argmax"},
    "digits apart": {"corpus__split_digits": True, "features__digits": "each"},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_onnxruntime_computes_what_mxnet_computes(name):
    recogniser = build(**VARIANTS[name])
    sentences = some_sentences(150, seed=8)
    tagger = Tagger(bundled(recogniser, METRICS), threads=1)
    assert compare(recogniser, tagger, sentences) < 2e-5

    # And the whole way, from tokens to probabilities.
    tokens = [sentence.tokens for sentence in sentences]
    ours, theirs = (list(itertools.chain(*engine.tag_batch(tokens))) for engine in (tagger, recogniser))
    assert [one.span for one in ours] == [one.span for one in theirs]
    assert len(ours) > 50
    for one, two in zip(ours, theirs):
        assert one.probability == pytest.approx(two.probability, abs=1e-4)


def test_the_comparison_sees_a_difference():
    recogniser = build()
    tagger = Tagger(bundled(recogniser, METRICS), threads=1)
    bias = recogniser.network.network.forward_output.bias
    bias.set_data(bias.data() + 0.01)
    assert compare(recogniser, tagger, some_sentences(20)) == pytest.approx(0.01, abs=1e-4)
    bias.set_data(bias.data() * float("nan"))
    assert compare(recogniser, tagger, some_sentences(20)) == float("inf")


def test_padding_and_neighbours_change_nothing():
    recogniser = build(**VARIANTS["everything"])
    network = Tagger(bundled(recogniser, METRICS), threads=1).recogniser.network
    encoded = recogniser.encoder.encode(some_sentences(40, seed=2))
    together = {}
    for batch, emissions in scored(network, encoded, 3, 40):
        together.update({number: emissions[:size, row]
                         for row, (number, size) in enumerate(zip(batch.sentence, batch.length))})
    for batch, emissions in scored(network, encoded, 3, 1):
        np.testing.assert_allclose(emissions[:, 0], together[batch.sentence[0]], atol=1e-5)
