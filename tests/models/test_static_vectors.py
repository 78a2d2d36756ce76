"""Word vectors from an encoder: against the encoder on single words, and scikit-learn's principal components."""

import json

import numpy as np
import pytest
from random_checkpoints import UNITS, tensors_of, write_checkpoint
from safetensors.numpy import save_file
from sklearn.decomposition import PCA

from ner_mx.compat import mx
from ner_mx.errors import ConfigError, CorpusError, RunError, UserError
from ner_mx.features.transformer import TransformerSettings
from ner_mx.models.transformer.encoder_network import EncoderNetwork
from ner_mx.models.transformer.static_vectors import principal_components, word_vectors, write_static_vectors
from ner_mx.resources.checkpoints import read_checkpoint
from ner_mx.resources.vectors import VectorSettings, read_vectors
from ner_mx.resources.vectors.training import WordForm

FORM = WordForm("run", True)


def test_the_vector_of_a_word_is_the_mean_over_its_pieces(tmp_path):
    checkpoint = read_checkpoint(write_checkpoint(tmp_path))
    network = EncoderNetwork(checkpoint.architecture, TransformerSettings())
    network.initialize()
    network.load(checkpoint.weights)
    words = ["the", "florence", "x-ray", "said", "zz"]
    vectors = word_vectors(checkpoint, words)
    first, last, _ = checkpoint.pieces.special_ids
    for word, vector in zip(words, vectors):
        ids = [first, *checkpoint.pieces.ids(word), last]
        outputs = network(mx.nd.array([[number] for number in ids], dtype="int32"), mx.nd.array([len(ids)]))[-1]
        np.testing.assert_allclose(vector, outputs.asnumpy()[1:-1, 0].mean(axis=0), atol=1e-5)


def test_principal_components_are_those_of_scikit_learn():
    vectors = np.random.RandomState(0).normal(size=(50, 8)) @ np.random.RandomState(1).normal(size=(8, 8)) + 3
    found, share = principal_components(vectors, 3)
    oracle = PCA(3).fit(vectors)
    expected = oracle.transform(vectors)
    expected *= np.sign((expected * found).sum(axis=0))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert share == pytest.approx(oracle.explained_variance_ratio_.sum())


def test_vectors_are_written_for_frequent_words(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "encoder")
    text = tmp_path / "text.txt"
    text.write_text("The bank said the bank said\nAda said 17 of 18 , the bank\nonce\n")
    output = tmp_path / "vectors.txt"
    result = write_static_vectors([text], output, FORM, str(checkpoint), dimension=2, min_count=2)
    assert result.words == ["bank", "said", "the", "0"] and 0 < result.explained <= 1
    vectors = read_vectors(VectorSettings(path=str(output)))
    assert vectors.words == result.words and vectors.matrix.shape == (4, 2) and not vectors.warnings
    expected, _ = principal_components(word_vectors(read_checkpoint(checkpoint), result.words), 2)
    np.testing.assert_allclose(vectors.matrix, expected, rtol=1e-4, atol=1e-5)
    recorded = json.loads((tmp_path / "vectors.txt.json").read_text())
    assert recorded["words"] == 4 and recorded["tokens"] == 15 and "model.safetensors" in recorded["sources"]
    with pytest.raises(RunError, match="exists already"):
        write_static_vectors([text], output, FORM, str(checkpoint), dimension=2)
    with pytest.raises(UserError, match="expected more than 4 words that occur 2 times or more, found 4"):
        write_static_vectors([text], output, FORM, str(checkpoint), 4, 2, overwrite=True)
    with pytest.raises(ConfigError, match=f"expected 1 to {UNITS}, as the encoder has"):
        write_static_vectors([text], output, FORM, str(checkpoint), UNITS + 1, overwrite=True)


def test_an_encoder_that_tells_no_words_apart(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "encoder")
    save_file({name: np.zeros_like(values) for name, values in tensors_of("bert").items()},
              checkpoint / "model.safetensors")
    (tmp_path / "text.txt").write_text("The bank said the bank said\nAda said 17 of 18\n")
    with pytest.raises(CorpusError, match="expected an encoder that gives words different vectors"):
        write_static_vectors([tmp_path / "text.txt"], tmp_path / "v.txt", FORM, str(checkpoint), 2, 1)
    with pytest.raises(ConfigError, match="min_count: expected at least 1, found 0"):
        write_static_vectors([tmp_path / "text.txt"], tmp_path / "v.txt", FORM, str(checkpoint), 2, 0)
    assert not list(tmp_path.glob("v.txt*"))


def test_the_command(tmp_path, call_command):
    checkpoint = write_checkpoint(tmp_path / "encoder")
    (tmp_path / "text.txt").write_text("The bank said the bank said\nAda said 17 of 18\n")
    done = call_command("-m", "ner_mx", "vectors", tmp_path / "text.txt", "-o", tmp_path / "v.txt", "--encoder",
                        checkpoint, "--dimension", 3, "--min-count", 1)
    assert done.returncode == 0 and "6 words, 3 dimensions" in done.stdout, done.stderr
