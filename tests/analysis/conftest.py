"""A small trained run."""

import pytest

import ner_mx
from ner_mx.config import Config


@pytest.fixture(scope="session")
def run(tmp_path_factory, short_sample):
    """A run of two epochs on the first sentences of the sample."""
    folder = tmp_path_factory.mktemp("analysed")
    config = Config().updated({
        "corpus.path": str(short_sample), "corpus.processed": str(folder / "processed"), "run.directory": str(folder),
        "run.name": "first", "run.threads": 1, "training.epochs": 2, "model.units": 24})
    ner_mx.preprocess(config)
    return ner_mx.train(config)
