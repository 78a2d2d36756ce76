"""Every network that a configuration can express, on onnxruntime compared with MXNet."""

import itertools

import numpy as np
import pytest
from random_networks import build, lexicon_sources, some_sentences

from ner_mx.decoding.scoring import scored_batches
from ner_mx.errors import ScoresError
from ner_mx.inference.exporting import bundle_of, compare_scores
from ner_mx.inference.tagger import Tagger

METRICS = {"data": {}, "seed": 1}
# Where the value is LEXICONS, two lexicons are written for the test.
LEXICONS = "lexicons"
WINDOW = {"model.name": "feed-forward", "model.units": 13}
VARIANTS = {
    "default": {},
    "paper": {"model.output": "summed", "loss.name": "sentence", "features.casing.use": False},
    "everything": {"features.pos.use": True, "features.affixes.use": True, "features.lexicons.sources": LEXICONS,
                   "features.characters.types": True, "model.output": "summed"},
    "affixes and shapes": {"features.affixes.use": True, "features.affixes.longest": 5, "features.shape.use": True},
    "only affixes": {"features.affixes.use": True, "features.words.use": False, "features.casing.use": False,
                     "features.characters.use": False},
    "only words": {"features.characters.use": False, "features.casing.use": False, "features.affixes.use": False},
    "only characters": {"features.words.use": False, "features.casing.use": False, "features.affixes.use": False},
    "wide convolution": {"features.characters.width": 6, "features.characters.activation": "tanh"},
    "one character": {"features.characters.width": 1, "features.characters.activation": "relu"},
    "separate layers": {"model.layers": 3, "model.directions": "separate"},
    "joined layers": {"model.layers": 3, "model.directions": "joined"},
    "separate layers, summed": {"model.layers": 2, "model.output": "summed", "loss.name": "sentence"},
    "window": {**WINDOW, "loss.name": "sentence"},
    "window of one": {**WINDOW, "model.width": 1},
    "window with every feature": {**WINDOW, "model.width": 7, "features.pos.use": True,
                                  "features.lexicons.sources": LEXICONS, "features.characters.types": True},
    "linear": {"model": {"name": "linear"}},
    "dilated": {"model.name": "dilated-cnn", "model.units": 13, "model.dilations": [1, 40, 2]},
    "lstm": {"model": {"name": "lstm", "units": 11, "layers": 2}},
    "argmax": {"decoding.method": "argmax"},
    "IOB2": {"features.tag_encoding": "IOB2", "loss.name": "sentence"},
    "characters of words": {"corpus.characters": "vote", "features.words.lower": False,
                            "features.characters.use": False, "model": {"name": "lstm", "units": 11}},
    "digits": {"corpus.split_digits": True, "features.digits": "each"},
}


@pytest.fixture
def built(tmp_path):
    """Build a variant by name: the recognizer on MXNet, and a tagger on onnxruntime from its bundle."""
    def built(name):
        changes = {key: lexicon_sources(tmp_path) if value == LEXICONS else value
                   for key, value in VARIANTS[name].items()}
        recognizer, config = build(changes)
        return recognizer, Tagger.of_bundle(bundle_of(recognizer, config, METRICS), threads=1)
    return built


@pytest.mark.parametrize("name", VARIANTS)
def test_onnxruntime_computes_what_mxnet_computes(built, name):
    recognizer, tagger = built(name)
    sentences = some_sentences(150, seed=8)
    assert compare_scores(recognizer, tagger, sentences) < 2e-5

    # And the whole path, from tokens to probabilities.
    tokens = [sentence.tokens for sentence in sentences]
    on_onnx, on_mxnet = (list(itertools.chain(*engine.tag_batch(tokens))) for engine in (tagger, recognizer))
    assert [scored.span for scored in on_onnx] == [scored.span for scored in on_mxnet]
    assert len(on_onnx) > 50
    for scored, expected in zip(on_onnx, on_mxnet):
        assert scored.probability == pytest.approx(expected.probability, abs=1e-4)


@pytest.mark.parametrize("name", ["default", "paper", "everything", "window", "IOB2"])
def test_marginals_on_onnxruntime_equal_those_on_mxnet(built, name):
    recognizer, tagger = built(name)
    for sentence in some_sentences(10, seed=9):
        marginals = tagger.marginals(sentence.tokens)
        assert marginals.shape == (len(sentence.tokens), len(tagger.tags))
        np.testing.assert_allclose(marginals.sum(axis=1), 1.0, atol=1e-9)
        np.testing.assert_allclose(marginals, recognizer.marginals_batch([sentence.tokens])[0], atol=1e-4)


def test_the_comparison_detects_a_difference(built):
    recognizer, tagger = built("default")
    bias = recognizer.scorer.network.forward_output.bias
    bias.set_data(bias.data() + 0.01)
    assert compare_scores(recognizer, tagger, some_sentences(20)) == pytest.approx(0.01, abs=1e-4)
    bias.set_data(bias.data() * float("nan"))
    with pytest.raises(ScoresError, match="none that are numbers"):
        compare_scores(recognizer, tagger, some_sentences(20))


def test_the_comparison_detects_a_difference_of_the_pos_tagger(built):
    recognizer, tagger = built("everything")
    bias = recognizer.taggers["pos"].network.backward_output.bias
    values = bias.data().asnumpy()
    values[0] += 5  # the output is normalized, so that the same for all tags would change nothing
    bias.set_data(values)
    assert compare_scores(recognizer, tagger, some_sentences(20)) > 0.1


def test_padding_and_other_sentences_do_not_change_scores(built):
    recognizer, tagger = built("everything")
    scorer = tagger.recognizer.scorer
    encoded = recognizer.encoder.encode(some_sentences(40, seed=2))
    together = {}
    for batch, emissions in scored_batches(scorer, encoded, 40):
        together.update({index: emissions[:size, row]
                         for row, (index, size) in enumerate(zip(batch.sentence, batch.length))})
    assert len(together) == 40
    for batch, emissions in scored_batches(scorer, encoded, 1):
        np.testing.assert_allclose(emissions[:, 0], together[batch.sentence[0]], atol=1e-5)
