"""A small trained run."""

import pytest

import ner_mx
from ner_mx.config import Config


@pytest.fixture(scope="session")
def run(tmp_path_factory, short_sample):
    """A run on the first sentences of the sample that finds many entities."""
    folder = tmp_path_factory.mktemp("analysed")
    config = Config().updated({
        "corpus.path": str(short_sample), "corpus.processed": str(folder / "processed"), "run.directory": str(folder),
        "run.name": "first", "run.threads": 1, "training.epochs": 15, "model.units": 24,
        "features.words.dimension": 12, "features.characters.filters": 10, "training.optimizer.name": "adam",
        "training.optimizer.learning_rate": 0.01, "training.batch_size": 10})
    ner_mx.preprocess(config)
    return ner_mx.train(config)
