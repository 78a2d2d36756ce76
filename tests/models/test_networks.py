"""Networks against definitions: single sentences, step-by-step cells, plain convolution."""

from typing import NamedTuple

import numpy as np
import pytest

from ner_mx.compat import mx, seed_everything
from ner_mx.config import Config
from ner_mx.data.sentence import Sentence
from ner_mx.features.batch import collate
from ner_mx.features.characters import CharacterSettings
from ner_mx.features.encoder import Encoder
from ner_mx.models.bilstm_cnn import BiLSTMCNN
from ner_mx.models.dilated_cnn.dilated_network import DilatedLayer
from ner_mx.models.embedders import embedders_of
from ner_mx.models.layers.bilstm import BiLSTM
from ner_mx.models.layers.character_cnn import CharacterCNN
from ner_mx.models.layers.device_arrays import network_inputs
from ner_mx.models.layers.joining import concatenated
from ner_mx.models.layers.packed_lstm import unpacked
from ner_mx.models.layers.window import WindowLayer

TEXTS = ["Washington met May in Jordan .", "Go", "A very long unheard-of supercalifragilistic word , 1996 !",
         "U.S. troops left", "x y"]
SENTENCES = [Sentence(tuple(text.split()), tuple("O" for _ in text.split()), tuple("NN" for _ in text.split()))
             for text in TEXTS]
ALL = np.arange(len(TEXTS))
SMALL = {"features.words.dimension": 7, "features.characters.filters": 5, "features.casing.dimension": 3,
         "features.pos.dimension": 2, "model.units": 6}
CLASSES = 5


class Network(NamedTuple):
    """A network with random parameters and the encoder of its inputs."""

    config: Config
    encoder: Encoder
    block: mx.gluon.HybridBlock

    def batch(self, sentences=SENTENCES, chosen=ALL):
        """A batch of some of the sentences, with the arrays that the model adds."""
        batch = collate(self.encoder.features, self.encoder.encode(sentences), chosen)
        return batch.with_arrays(self.config.model.collate(batch))

    def inputs(self, batch):
        """The arrays with which the block is called."""
        return network_inputs(batch, self.block.inputs, mx.cpu())

    def scores(self, batch):
        """(T, N, CLASSES)."""
        return self.block(*self.inputs(batch)).asnumpy()


def build(changes=None, hybridize=True, seed=3):
    """A network for values by dotted key over a small configuration."""
    config = Config().updated({**SMALL, **(changes or {})})
    encoder = Encoder.fit(config.features, SENTENCES)
    seed_everything(seed)
    block = config.model.network(embedders_of(encoder.features), CLASSES)
    block.initialize()
    if hybridize:
        block.hybridize()
    return Network(config, encoder, block)


VARIANTS = {
    "default": {},
    "summed": {"model.output": "summed"},
    "two layers": {"model.layers": 2},
    "two joined layers": {"model.layers": 2, "model.directions": "joined"},
    "character types": {"features.characters.types": True},
    "character width": {"features.characters.width": 4},
    "character activation": {"features.characters.activation": "tanh"},
    "uniform": {"model.initial": "uniform"},
    "window": {"model.name": "feed-forward"},
    "window of one": {"model.name": "feed-forward", "model.width": 1},
    "linear": {"model": {"name": "linear"}},
    "dilated": {"model.name": "dilated-cnn"},
    "lstm": {"model": {"name": "lstm", "units": 6, "layers": 2}},
    "farther than sentences are long": {"model.name": "dilated-cnn", "model.dilations": [3, 30]},
}


@pytest.mark.parametrize("hybridize", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_in_a_batch_equal_those_of_each_sentence_alone(variant, hybridize):
    network = build(VARIANTS[variant], hybridize)
    together = network.scores(network.batch())
    for row, sentence in enumerate(SENTENCES):
        alone = network.scores(network.batch([sentence], np.arange(1)))
        assert alone.shape == (len(sentence.tokens), 1, CLASSES)
        np.testing.assert_allclose(together[:len(alone), row], alone[:, 0], atol=2e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_hybridized_equals_imperative(variant):
    network = build(VARIANTS[variant], hybridize=False)
    batch = network.batch()
    imperative = network.scores(batch)
    network.block.hybridize()
    np.testing.assert_allclose(network.scores(batch), imperative, atol=1e-6)


@pytest.mark.parametrize("dilation", [1, 2, 5])
def test_a_dilated_convolution(dilation):
    """Sentence by sentence, word by word."""
    random = np.random.RandomState(0)
    layer = DilatedLayer(4, dilation)
    layer.initialize()
    kernel, bias = random.normal(size=(3, 4, 4)), random.normal(size=4)
    layer.kernel.set_data(mx.nd.array(kernel.reshape(12, 4)))
    layer.bias.set_data(mx.nd.array(bias))
    vectors, lengths = random.normal(size=(7, 3, 4)), np.array([7, 3, 1])
    found = layer(mx.nd.array(vectors), mx.nd.array(lengths)).asnumpy()
    for row, length in enumerate(lengths):
        for step in range(length):
            total = bias.copy()
            for place, other in enumerate((step - dilation, step, step + dilation)):
                if 0 <= other < length:
                    total += kernel[place] @ vectors[other, row]
            np.testing.assert_allclose(found[step, row], np.maximum(total, 0), atol=1e-5)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def lstm_by_hand(inputs, layers):
    """(T, C) through unpacked layers, one step after the other."""
    for into, recurrent, bias, recurrent_bias in layers:
        units = recurrent.shape[1]
        hidden, cell, outputs = np.zeros(units), np.zeros(units), []
        for vector in inputs:
            gates = into @ vector + bias + recurrent @ hidden + recurrent_bias
            i, f, g, o = np.split(gates, 4)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(cell)
            outputs.append(hidden)
        inputs = np.array(outputs)
    return inputs


@pytest.mark.parametrize("layers", [1, 2])
def test_bilstm_equals_cells_step_by_step(layers):
    seed_everything(1)
    block = BiLSTM(BiLSTMCNN(units=6, layers=layers), 4)
    block.initialize()
    steps, lengths = 5, [5, 2, 3]
    vectors = np.random.normal(size=(steps, 3, 4)).astype(np.float32)
    reverse = np.array([[(length - 1 - t if t < length else t) * 3 + n
                         for n, length in enumerate(lengths)] for t in range(steps)], np.int32)
    forward, backward = block(mx.nd.array(vectors), mx.nd.array(reverse, dtype="int32"))
    parameters = [[unpacked(getattr(block, f"{direction}{layer}").data().asnumpy(), 6)
                   for layer in range(layers)] for direction in ("forward", "backward")]
    for row, length in enumerate(lengths):
        sentence = vectors[:length, row]
        np.testing.assert_allclose(forward.asnumpy()[:length, row],
                                   lstm_by_hand(sentence, parameters[0]), atol=1e-5)
        np.testing.assert_allclose(backward.asnumpy()[:length, row],
                                   lstm_by_hand(sentence[::-1], parameters[1])[::-1], atol=1e-5)


def test_a_forward_lstm_equals_cells_step_by_step():
    network = build({"model": {"name": "lstm", "units": 6, "layers": 2}})
    batch = network.batch()
    read = []
    network.block._layers[0].register_forward_hook(lambda layer, inputs, output: read.append(inputs[0].asnumpy()))
    network.block.hybridize(False)
    scores = network.scores(batch)
    layers = [unpacked(layer.packed.data().asnumpy(), 6) for layer in network.block._layers]
    weight, bias = (getattr(network.block.output, name).data().asnumpy() for name in ("weight", "bias"))
    for row, length in enumerate(batch.length):
        hidden = lstm_by_hand(read[0][:length, row], layers)
        np.testing.assert_allclose(scores[:length, row], hidden @ weight.T + bias, atol=1e-5)


def test_dropout_between_layers_of_a_forward_lstm():
    network = build({"model": {"name": "lstm", "layers": 2, "dropout": {"input": 0.0, "layers": 0.5, "output": 0.0}}})
    batch = network.batch()
    np.testing.assert_array_equal(network.scores(batch), network.scores(batch))
    with mx.autograd.train_mode():
        assert not np.allclose(network.scores(batch), network.scores(batch))


def test_the_window_layer_equals_a_layer_over_concatenated_vectors():
    seed_everything(1)
    block = WindowLayer(3, 4, 5)
    block.initialize()
    block.bias.set_data(mx.nd.random.normal(shape=block.bias.shape))
    vectors = np.random.normal(size=(4, 2, 5)).astype(np.float32) * 3
    kernel = block.kernel.data().asnumpy().reshape(3, 4, 5)
    computed = block(mx.nd.array(vectors), mx.nd.array([4, 2])).asnumpy()
    assert (np.abs(computed) == 1).any()
    for row, length in enumerate((4, 2)):
        padded = np.pad(vectors[:length, row], ((1, 1), (0, 0)))
        for step in range(length):
            hidden = sum(kernel[place] @ padded[step + place] for place in range(3))
            np.testing.assert_allclose(computed[step, row], np.clip(hidden + block.bias.data().asnumpy(), -1, 1),
                                       atol=1e-5)


@pytest.mark.parametrize("types", [False, True])
@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_character_cnn_equals_a_convolution_by_hand(width, types):
    seed_everything(2)
    block = CharacterCNN(CharacterSettings(filters=5, width=width, types=types), 11)
    block.initialize()
    block.bias.set_data(mx.nd.random.normal(shape=block.bias.shape))
    lengths, left = [3, 1, 8, 5], (width - 1) // 2
    characters = np.zeros((8, 4), np.int32)
    character_types = np.zeros_like(characters)
    for row, length in enumerate(lengths):
        characters[:length, row] = np.random.randint(2, 11, length)
        character_types[:length, row] = np.random.randint(0, 4, length)
    words = np.array([[2, 0], [1, 3], [1, 2]])
    arrays = [characters, character_types] if types else [characters]
    computed = block(*(mx.nd.array(array, dtype="int32") for array in arrays), mx.nd.array(lengths),
                     mx.nd.array(words, dtype="int32")).asnumpy()
    kernel, bias = (getattr(block, name).data().asnumpy() for name in ("kernel", "bias"))
    tables = [block.table.data().asnumpy()] + ([block.type_table.data().asnumpy()] if types else [])
    for row, length in enumerate(lengths):
        padded = [[0] * left + [*array[:length, row]] + [0] * (width - 1 - left) for array in arrays]
        vectors = np.concatenate([table[ids] for table, ids in zip(tables, padded)], axis=1)
        windows = [sum(kernel[place] @ vectors[begin + place] for place in range(width)) + bias
                   for begin in range(length)]
        places = np.argwhere(words == row)
        assert len(places)
        for step, sentence in places:
            np.testing.assert_allclose(computed[step, sentence], np.max(windows, axis=0), atol=1e-5)


def test_each_lexicon_category_has_its_own_rows_in_the_table(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("category,entry\nPER,May\nLOC,Jordan\n")
    network = build({"features.lexicons.sources.own.path": str(path)}, hybridize=False)
    batch = network.batch()
    assert batch["lexicons"][:6, 0].tolist() == [[0, 5], [0, 5], [4, 5], [0, 5], [0, 9], [0, 5]]
    assert network.scores(batch).shape == (9, 5, CLASSES)
    without_match = batch.with_arrays({"lexicons": np.where(batch["lexicons"] == 9, 5, batch["lexicons"])})
    assert not np.allclose(network.scores(batch)[:, 0], network.scores(without_match)[:, 0])


def test_concatenated_equals_numpy():
    arrays = [mx.nd.random.normal(shape=(3, 2, size)) for size in (1, 4, 2)]
    np.testing.assert_array_equal(concatenated(mx.nd, *arrays).asnumpy(),
                                  np.concatenate([array.asnumpy() for array in arrays], axis=2))


def test_features_that_are_not_used_are_not_in_the_network():
    network = build({f"features.{name}.use": False for name in ("casing", "pos", "characters", "affixes")})
    assert network.block.inputs == ["words", "reverse"]
    assert network.scores(network.batch(chosen=np.arange(2))).shape[2] == CLASSES


@pytest.mark.parametrize("model, place", [
    ("bilstm-cnn", "input"), ("bilstm-cnn", "output"), ("feed-forward", "input"), ("feed-forward", "output"),
    ("dilated-cnn", "input"), ("dilated-cnn", "layers"), ("dilated-cnn", "output"), ("linear", "input"),
    ("lstm", "input"), ("lstm", "output")])
def test_dropout_applies_only_in_training(place, model):
    places = ("input",) if model == "linear" else ("input", "output")
    rates = {**dict.fromkeys(places, 0.0), place: 0.5}
    network = build({"model": {"name": model, "dropout": rates}})
    batch = network.batch()
    np.testing.assert_array_equal(network.scores(batch), network.scores(batch))
    with mx.autograd.train_mode():
        assert not np.allclose(network.scores(batch), network.scores(batch))


@pytest.mark.parametrize("directions", ["separate", "joined"])
def test_dropout_between_layers_has_an_effect(directions):
    # The operator's own dropout does nothing on the CPU; here half of what the second layer reads is dropped.
    network = build({"model.layers": 2, "model.directions": directions, "model.dropout.input": 0.0,
                     "model.dropout.layers": 0.5, "model.dropout.output": 0.0})
    batch = network.batch()
    plain = network.scores(batch)
    np.testing.assert_array_equal(network.scores(batch), plain)
    with mx.autograd.train_mode():
        first, second = network.scores(batch), network.scores(batch)
    assert not np.allclose(first, plain, atol=1e-3) and not np.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("variant", ["default", "two joined layers", "character types", "window", "dilated",
                                     "lstm"])
def test_gradients_reach_every_parameter(variant):
    network = build(VARIANTS[variant])
    inputs = network.inputs(network.batch())
    with mx.autograd.record():
        network.block(*inputs).square().sum().backward()
    for name, parameter in network.block.collect_params().items():
        assert np.abs(parameter.grad().asnumpy()).sum() > 0, name


@pytest.mark.parametrize("name", ["characters.kernel", "characters.table", "bilstm.backward0"])
def test_gradients_equal_finite_differences(name):
    network = build({"model.dropout.input": 0.0, "model.dropout.output": 0.0})
    inputs = network.inputs(network.batch())
    weights = mx.nd.random.normal(shape=network.block(*inputs).shape)
    parameter = network.block._collect_params_with_prefix()[name]

    def loss():
        return (network.block(*inputs) * weights).sum()

    with mx.autograd.record():
        value = loss()
    value.backward()
    gradient = parameter.grad().asnumpy().ravel()
    base = parameter.data().asnumpy()
    for index in np.argsort(-np.abs(gradient))[:5]:
        values = []
        for step in (1e-2, -1e-2):
            changed = base.copy().ravel()
            changed[index] += step
            parameter.set_data(mx.nd.array(changed.reshape(base.shape)))
            values.append(float(loss().asscalar()))
        parameter.set_data(mx.nd.array(base))
        assert (values[0] - values[1]) / 2e-2 == pytest.approx(gradient[index], rel=0.03)
