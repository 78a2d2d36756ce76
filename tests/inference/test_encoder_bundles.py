"""Networks with a pretrained encoder as bundles: the same scores on onnxruntime, whatever else is in the batch."""

import numpy as np
import pytest
from random_checkpoints import LAYERS, write_checkpoint
from random_networks import build, some_sentences

from ner_mx.compat import mx
from ner_mx.errors import BundleError
from ner_mx.features.batch import collate
from ner_mx.inference.bundle import write_bundle
from ner_mx.inference.exporting import bundle_of, compare_scores
from ner_mx.inference.precision import half, quantized
from ner_mx.inference.tagger import Tagger
from ner_mx.resources.checkpoints.architecture import FAMILIES

ALONE = {f"features.{name}.use": False for name in ("words", "characters", "affixes", "casing", "pos", "lexicons")}
LINEAR = {**ALONE, "model": {"name": "linear"}}
FEATURE = {"model.units": 11}


def recognizer_of(folder, changes):
    """A recognizer on MXNet with the weights of a checkpoint, and its configuration."""
    recognizer, config = build({"features.transformer.path": str(folder), **changes})
    block = recognizer.scorer.network._children["transformer"]
    block.set_pretrained(recognizer.encoder.feature("transformer").pretrained())
    if config.model_dump()["features"]["transformer"]["layers"] == "mix":
        block.mix.weights.set_data(mx.nd.array(np.arange(LAYERS + 1) / 3))
    return recognizer, config


def bundle_at(folder, recognizer, config):
    """The bundle of a recognizer, written."""
    bundle = bundle_of(recognizer, config, {"data": {}, "seed": 1})
    write_bundle(bundle, folder)
    return bundle


@pytest.mark.parametrize("family, changes", [
    *((family, LINEAR) for family in FAMILIES),
    ("bert", {**LINEAR, "features.transformer.pooling": "mean"}),
    ("mpnet", {**LINEAR, "features.transformer.layers": "mix", "features.transformer.pooling": "mean"}),
    ("distilbert", {**FEATURE, "features.transformer.window": 32}),
    ("roberta", {**FEATURE, "features.transformer.frozen": "all", "features.transformer.layers": "mix"})])
def test_the_scores_of_onnxruntime_are_those_of_mxnet(tmp_path, family, changes):
    """After the bundle was written, and its graph checked when it is read."""
    recognizer, config = recognizer_of(write_checkpoint(tmp_path / "checkpoint", family), changes)
    bundle_at(tmp_path / "bundle", recognizer, config)
    tagger = Tagger.load(tmp_path / "bundle", threads=1)
    sentences = some_sentences(40, seed=8, longest=60)
    recognizer.scorer.exact = True
    assert compare_scores(recognizer, tagger, sentences) < 2e-5
    tokens = [list(sentence.tokens) for sentence in sentences]
    for together, words in zip(tagger.tag_batch(tokens), tokens):
        alone = tagger.tag(words)
        assert [entity.span for entity in together] == [entity.span for entity in alone]
        assert [entity.probability for entity in together] == pytest.approx(
            [entity.probability for entity in alone], rel=1e-4)


@pytest.mark.parametrize("convert, tolerance", [(half, 0.02), (quantized, 0.5)])
def test_smaller_weights_give_answers_that_do_not_depend_on_the_batch(tmp_path, convert, tolerance):
    recognizer, config = recognizer_of(write_checkpoint(tmp_path / "checkpoint"), LINEAR)
    bundle = bundle_of(recognizer, config, {"data": {}, "seed": 1})
    write_bundle(bundle._replace(graphs={"model": convert(bundle.graphs["model"])}), tmp_path / "bundle")
    scorer = Tagger.load(tmp_path / "bundle", threads=1).recognizer.scorer
    encoder, sentences = recognizer.encoder, some_sentences(10, seed=8)
    together = collate(encoder.features, encoder.encode(sentences), np.arange(10))
    scores = scorer.emissions(together)
    full = recognizer.scorer.emissions(together)
    for row, sentence in enumerate(sentences):
        alone = scorer.emissions(collate(encoder.features, encoder.encode([sentence]), np.array([0])))
        size = len(sentence.tokens)
        np.testing.assert_allclose(scores[:size, row], alone[:, 0], atol=1e-4)
        assert np.abs(scores[:size, row] - full[:size, row]).max() < tolerance


@pytest.mark.parametrize("change, message", [
    (lambda state: state["architecture"].update(pieces=200), "a table of the shape"),
    (lambda state: state["architecture"].update(units=48), "a table of the shape"),
    (lambda state: state["architecture"].update(layers=1 << 20), "files fit each other"),
    (lambda state: state["pieces"]["vocabulary"].append("more"), "files fit each other"),
    (lambda state: state["pieces"].update(first="none"), "files fit each other"),
    (lambda state: state["pieces"].update(kind="other"), "files fit each other"),
    (lambda state: state["pieces"].update(kind="byte-pairs", merges=["q zz"]), "files fit each other")])
def test_a_bundle_whose_encoder_is_another(tmp_path, change, message):
    recognizer, config = recognizer_of(write_checkpoint(tmp_path / "checkpoint"), LINEAR)
    bundle = bundle_of(recognizer, config, {"data": {}, "seed": 1})
    state = recognizer.encoder.to_json()
    change(state["features"]["transformer"])

    class Other:
        def to_json(self):
            return state

        def arrays(self):
            return {}
    write_bundle(bundle._replace(encoder=Other()), tmp_path / "bundle")
    with pytest.raises(BundleError, match=message):
        Tagger.load(tmp_path / "bundle")
