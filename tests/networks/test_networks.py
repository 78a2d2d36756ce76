"""The network against definitions: single sentences, step-by-step cells, plain convolution."""

import numpy as np
import pytest

from ner_mx.compat import mx, seed_everything
from ner_mx.config import Dropout, Features, Network
from ner_mx.corpora.sentence import Sentence
from ner_mx.features.batching import collate
from ner_mx.features.encoder import Encoder
from ner_mx.features.lexicon_files import read_lexicons
from ner_mx.networks.bilstm import BiLSTM, side_by_side, unpacked
from ner_mx.networks.characters import CharacterCNN
from ner_mx.networks.tagger import BiLSTMCNN, Sizes, network_inputs
from ner_mx.networks.window import WindowNetwork

TEXTS = ["Washington met May in Jordan .", "Go", "A very long unheard-of supercalifragilistic word , 1996 !",
         "U.S. troops left", "x y"]
FEATURES = Features()


def sentences():
    return [Sentence(tuple(text.split()), tuple("O" for _ in text.split()),
                     tuple("NN" for _ in text.split()), "t", 0, 0) for text in TEXTS]


def small(**changes) -> Network:
    return Network(**{**dict(word_dimension=7, character_filters=5, lstm_units=6, casing_dimension=3,
                             pos_dimension=2), **changes})


def network(settings, features=FEATURES, hybridize=True, seed=3):
    encoder = Encoder.learnt(features, sentences())
    seed_everything(seed)
    block = BiLSTMCNN(settings, Sizes.of(features, encoder, 5))
    block.initialize()
    if hybridize:
        block.hybridize()
    return encoder, block


def scores(block, batch):
    return block(*network_inputs(batch, block.inputs, mx.cpu())).asnumpy()


VARIANTS = [dict(), dict(output="summed"), dict(lstm_layers=2), dict(lstm_layers=2, lstm_directions="joined"),
            dict(character_width=4), dict(character_activation="tanh"), dict(lstm_initial="uniform"),
            dict(context="window"), dict(context="window", window=1)]


@pytest.mark.parametrize("hybridize", [False, True])
@pytest.mark.parametrize("changes", VARIANTS)
def test_a_batch_gives_what_each_sentence_gives_alone(changes, hybridize):
    encoder, block = network(small(**changes), hybridize=hybridize)
    encoded = encoder.encode(sentences())
    width = small(**changes).character_width
    together = scores(block, collate(encoded, np.arange(len(TEXTS)), width))
    for row in range(len(TEXTS)):
        alone = encoder.encode([sentences()[row]])
        wanted = scores(block, collate(alone, np.arange(1), width))
        np.testing.assert_allclose(together[:wanted.shape[0], row], wanted[:, 0], atol=2e-6)


@pytest.mark.parametrize("changes", VARIANTS)
def test_hybridized_equals_imperative(changes):
    encoder, block = network(small(**changes), hybridize=False)
    batch = collate(encoder.encode(sentences()), np.arange(len(TEXTS)), small(**changes).character_width)
    imperative = scores(block, batch)
    block.hybridize()
    np.testing.assert_allclose(scores(block, batch), imperative, atol=1e-6)


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
    settings = small(lstm_layers=layers)
    seed_everything(1)
    block = BiLSTM(settings, 4)
    block.initialize()
    steps, lengths = 5, [5, 2, 3]
    vectors = np.random.normal(size=(steps, 3, 4)).astype(np.float32)
    reverse = np.array([[(length - 1 - t if t < length else t) * 3 + n
                         for n, length in enumerate(lengths)] for t in range(steps)], np.int32)
    ahead, behind = block(mx.nd.array(vectors), mx.nd.array(reverse, dtype="int32"))
    parameters = [[unpacked(getattr(block, f"{direction}{layer}").data().asnumpy(), 6)
                   for layer in range(layers)] for direction in ("forward", "backward")]
    for row, length in enumerate(lengths):
        sentence = vectors[:length, row]
        np.testing.assert_allclose(ahead.asnumpy()[:length, row],
                                   lstm_by_hand(sentence, parameters[0]), atol=1e-5)
        np.testing.assert_allclose(behind.asnumpy()[:length, row],
                                   lstm_by_hand(sentence[::-1], parameters[1])[::-1], atol=1e-5)


def test_window_network_equals_joined_vectors():
    settings = small(context="window", window=3, window_units=4)
    seed_everything(1)
    block = WindowNetwork(settings, 5)
    block.initialize()
    block.bias.set_data(mx.nd.random.normal(shape=block.bias.shape))
    vectors = np.random.normal(size=(4, 2, 5)).astype(np.float32) * 3
    kernel = block.kernel.data().asnumpy().reshape(3, 4, 5)
    found = block(mx.nd.array(vectors), mx.nd.array([4, 2])).asnumpy()
    assert (np.abs(found) == 1).any()
    for row, length in enumerate((4, 2)):
        around = np.pad(vectors[:length, row], ((1, 1), (0, 0)))
        for step in range(length):
            hidden = sum(kernel[place] @ around[step + place] for place in range(3))
            np.testing.assert_allclose(found[step, row], np.clip(hidden + block.bias.data().asnumpy(), -1, 1),
                                       atol=1e-5)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_character_cnn_equals_a_convolution_by_hand(width):
    seed_everything(2)
    block = CharacterCNN(small(character_width=width), 11, 4)
    block.initialize()
    block.bias.set_data(mx.nd.random.normal(shape=block.bias.shape))
    lengths, left = [3, 1, 8, 5], (width - 1) // 2
    characters = np.zeros((8 + width - 1, 4), np.int32)
    types = np.zeros_like(characters)
    for row, length in enumerate(lengths):
        characters[left:left + length, row] = np.random.randint(2, 11, length)
        types[left:left + length, row] = np.random.randint(0, 4, length)
    found = block(mx.nd.array(characters, dtype="int32"), mx.nd.array(types, dtype="int32"),
                  mx.nd.array(lengths)).asnumpy()
    table, type_table, kernel, bias = (getattr(block, name).data().asnumpy() for name in (
        "table", "type_table", "kernel", "bias"))
    for row, length in enumerate(lengths):
        padded = [*characters[left:left + length, row]]
        padded = [0] * left + padded + [0] * (width - 1 - left)
        padded_types = [0] * left + [*types[left:left + length, row]] + [0] * (width - 1 - left)
        vectors = np.concatenate([table[padded], type_table[padded_types]], axis=1)
        windows = [sum(kernel[place] @ vectors[begin + place] for place in range(width)) + bias
                   for begin in range(length)]
        np.testing.assert_allclose(found[row], np.max(windows, axis=0), atol=1e-5)


def test_lexicon_features_have_rows_of_their_own(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("category,entry\nPER,May\nLOC,Jordan\n")
    features = Features(lexicons={"own": {"path": str(path)}})
    encoder = Encoder.learnt(features, sentences(), lexicons=read_lexicons(features))
    seed_everything(3)
    block = BiLSTMCNN(small(), Sizes.of(features, encoder, 5))
    block.initialize()
    batch = collate(encoder.encode(sentences()), np.arange(len(TEXTS)))
    assert batch.lexicon[:6, 0].tolist() == [[0, 5], [0, 5], [4, 5], [0, 5], [0, 9], [0, 5]]
    assert scores(block, batch).shape == (9, 5, 5)
    without = batch._replace(lexicon=np.where(batch.lexicon == 9, 5, batch.lexicon))
    assert not np.allclose(scores(block, batch)[:, 0], scores(block, without)[:, 0])


def test_side_by_side_is_concatenation():
    parts = [mx.nd.random.normal(shape=(3, 2, size)) for size in (1, 4, 2)]
    np.testing.assert_array_equal(side_by_side(mx.nd, *parts).asnumpy(),
                                  np.concatenate([part.asnumpy() for part in parts], axis=2))


def test_features_that_are_off_are_not_in_the_network():
    features = Features(casing={"use": False}, pos={"use": False}, characters={"use": False})
    encoder, block = network(small(), features)
    assert block.inputs == ["words", "reverse"]
    assert scores(block, collate(encoder.encode(sentences()), np.arange(2))).shape[2] == 5


def test_dropout_acts_in_training_alone():
    encoder, block = network(small(dropout=Dropout(input=0.5, output=0.5)))
    batch = collate(encoder.encode(sentences()), np.arange(len(TEXTS)))
    np.testing.assert_array_equal(scores(block, batch), scores(block, batch))
    with mx.autograd.train_mode():
        assert not np.allclose(scores(block, batch), scores(block, batch))


@pytest.mark.parametrize("directions", ["separate", "joined"])
def test_dropout_between_layers_drops_numbers(directions):
    # The operator's own dropout does nothing on the CPU; here half of what the second layer reads is gone.
    settings = small(lstm_layers=2, lstm_directions=directions,
                     dropout=Dropout(input=0.0, layers=0.5, output=0.0))
    encoder, block = network(settings)
    batch = collate(encoder.encode(sentences()), np.arange(len(TEXTS)))
    plain = scores(block, batch)
    np.testing.assert_array_equal(scores(block, batch), plain)
    with mx.autograd.train_mode():
        first, second = scores(block, batch), scores(block, batch)
    assert not np.allclose(first, plain, atol=1e-3) and not np.allclose(first, second, atol=1e-3)


def test_gradients_reach_every_parameter():
    encoder, block = network(small())
    batch = collate(encoder.encode(sentences()), np.arange(len(TEXTS)))
    with mx.autograd.record():
        block(*network_inputs(batch, block.inputs, mx.cpu())).square().sum().backward()
    for name, parameter in block.collect_params().items():
        assert np.abs(parameter.grad().asnumpy()).sum() > 0, name


@pytest.mark.parametrize("name", ["characters.kernel", "characters.table", "bilstm.backward0"])
def test_gradients_by_finite_differences(name):
    encoder, block = network(small(dropout=Dropout(input=0.0, output=0.0)))
    batch = collate(encoder.encode(sentences()), np.arange(len(TEXTS)))
    inputs = network_inputs(batch, block.inputs, mx.cpu())
    weights = mx.nd.random.normal(shape=block(*inputs).shape)
    parameter = block._collect_params_with_prefix()[name]

    def loss():
        return (block(*inputs) * weights).sum()

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
