"""The size of batches that is left to the corpus."""

import json

import pytest

import ner_mx
from ner_mx.preprocessing import pipeline
from ner_mx.training.run_folder import read_run_config


@pytest.mark.parametrize("bounds, given, expected", [
    ((1000, 2000, 3000), "auto", 8), ((10, 1000, 2000), "auto", 16), ((10, 20, 1000), "auto", 32),
    ((10, 20, 30), "auto", 64), ((10, 20, 30), 5, 5)])
def test_little_data_has_small_batches(short_sample, tmp_path, monkeypatch, bounds, given, expected):
    """The run is made with the number, and its configuration says which."""
    monkeypatch.setattr(pipeline, "BATCH_SIZES", tuple(zip(bounds, (8, 16, 32))))
    config = ner_mx.load_config(settings={
        "corpus.path": str(short_sample), "run.directory": str(tmp_path), "features.pos.use": False, "model.units": 8,
        "features.words.dimension": 8, "training.epochs": 1, "training.batch_size": given})
    assert config.training.sentences() == (32 if given == "auto" else given)
    corpus = ner_mx.preprocess(config)
    steps = []

    class Steps(ner_mx.Callback):
        def on_step(self, run, step):
            steps.append(step)

    run = ner_mx.train(corpus, name="sized", callbacks=[Steps()])
    assert read_run_config(run.folder).training.batch_size == expected
    sentences = json.loads((run.folder / "data.json").read_text())["counts"]["train"]["sentences"]
    assert steps[0].steps == -(-sentences // expected) == len(steps)
