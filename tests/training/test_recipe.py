"""The training recipe, line by line: each test fails when the line it is about is changed."""

import itertools
import math

import numpy as np
import pytest
from random_networks import build, lexicon_sources, some_sentences

import ner_mx
from ner_mx.array_files import read_arrays
from ner_mx.compat import mx, seed_everything
from ner_mx.config import Config, Decoding
from ner_mx.data.spans import Span
from ner_mx.decoding import windows
from ner_mx.decoding.decoder import Decoder, ScoredSpan
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.errors import RunError, TrainingError
from ner_mx.features.batch import collate
from ner_mx.features.encoder import Encoder
from ner_mx.features.vocabulary import Vocabulary
from ner_mx.models.layers.bilstm import BiLSTM
from ner_mx.models.layers.device_arrays import network_inputs
from ner_mx.models.layers.packed_lstm import packed_size, unpacked
from ner_mx.training import averaging
from ner_mx.training import loop as loop_module
from ner_mx.training.averaging import MovingAverage
from ner_mx.training.callbacks import Callback, Callbacks
from ner_mx.training.case_augmentation import CHANGES, CaseCopies, changed_case, with_case_copies
from ner_mx.training.checkpoints import State
from ner_mx.training.fitting import BUILT_IN, built_in_callbacks, fit, training_set
from ner_mx.training.loop import TrainingSet, clipping_factor, epochs
from ner_mx.training.task import Task, entity_task
from ner_mx.training.trainable import Trainable
from ner_mx.training.trainer import build_trainer, gradient_norm

NO_DROPOUT = {"model.dropout.input": 0.0, "model.dropout.output": 0.0, "features.words.dropout": 0.0}
PLAIN_SGD = {"training.optimizer.name": "sgd", "training.optimizer.learning_rate": 0.01,
             "features.words.sparse_gradients": False}


def trainable(changes=None):
    """A small model with random parameters."""
    return build(changes)[0].scorer


def value(model, name):
    """A parameter of the network."""
    return model.parameters()[f"network.{name}"].data().asnumpy()


def make_batch(model, encoder, sentences):
    """One batch with its targets."""
    encoded = encoder.encode(sentences)
    return collate(model.features, encoded, np.arange(len(sentences)), encoded.tags)


def built(changes=None, count=8):
    """A small model, the encoder of its inputs, and a batch."""
    recognizer, config = build({**NO_DROPOUT, **PLAIN_SGD, **(changes or {})})
    return recognizer.scorer, recognizer.encoder, make_batch(recognizer.scorer, recognizer.encoder,
                                                              some_sentences(count, seed=2))


def training_emissions(model, batch):
    """Emissions as in training, dropout included."""
    batch = batch.with_arrays(model.config.model.collate(batch))
    with mx.autograd.train_mode():
        return model.network(*network_inputs(batch, model.network.inputs, model.device)).asnumpy()


# Initialization


def test_the_forget_gate_starts_with_the_bias():
    """With every weight zero and a large forget bias, a cell keeps its state; through any other gate it would not."""
    units = 3
    model = trainable({"model.units": units, "model.forget_bias": 30.0})
    values = value(model, "bilstm.forward0")
    for weights in unpacked(values, units)[:2]:
        weights[:] = 0
    inputs = unpacked(values, units)[0].shape[1]
    memory = mx.nd.ones((1, 1, units))
    output = mx.nd.RNN(mx.nd.zeros((1, 1, inputs)), mx.nd.array(values), mx.nd.zeros((1, 1, units)), memory,
                       state_size=units, num_layers=1, mode="lstm").asnumpy()
    np.testing.assert_allclose(output, 0.5 * math.tanh(1.0), rtol=1e-6)


def test_lstm_biases_and_recurrent_matrices():
    """Orthogonal recurrence, Xavier inputs, no bias but that of the forget gate."""
    units = 6
    model = trainable({"model.units": units, "model.forget_bias": 1.0})
    into, recurrent, bias, recurrent_bias = unpacked(value(model, "bilstm.backward0"), units)
    for gate in np.split(recurrent, 4):
        np.testing.assert_allclose(gate @ gate.T, np.eye(units), atol=1e-5)
    bound = math.sqrt(6 / (units + into.shape[1]))
    assert bound * 0.9 < np.abs(into).max() <= bound
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], units))
    np.testing.assert_array_equal(recurrent_bias, 0)


@pytest.mark.parametrize("method, bound", [("xavier", math.sqrt(6 / 12)), ("uniform", 6 ** -0.5)])
def test_other_recurrent_matrices(method, bound):
    """Xavier and Torch's uniform have their bounds."""
    model = trainable({"model.units": 6, "model.initial": method, "model.forget_bias": 0.0})
    _, recurrent, bias, _ = unpacked(value(model, "bilstm.forward0"), 6)
    assert 0.8 * bound < np.abs(recurrent).max() <= bound
    assert (np.abs(bias).max() > 0) == (method == "uniform")


def test_the_word_table_starts_uniform_or_normal():
    """uniform: within +-sqrt(3 / dimension); normal: N(0, 1)."""
    uniform = value(trainable({"features.words.initial": "uniform"}), "words.weight")
    bound = math.sqrt(3 / uniform.shape[1])
    assert 0.95 * bound < np.abs(uniform).max() <= bound
    normal = value(trainable({"features.words.initial": "normal"}), "words.weight")
    assert np.abs(normal).max() > 2 and 0.8 < normal.std() < 1.2


def test_other_tables_start_as_in_the_paper():
    """Characters uniform in [-0.5, 0.5]; casing and parts of speech N(0, 1); transitions 0."""
    model = trainable({"features.pos.use": True, "features.pos.dimension": 200, "features.casing.dimension": 200})
    characters = value(model, "characters.table")
    assert 0.45 < np.abs(characters).max() <= 0.5
    for table in ("pos.weight", "casing.weight"):
        assert 0.9 < value(model, table).std() < 1.1
    config = Config().updated({"loss": {"name": "sentence"}, "features.pos.use": False})
    fresh = Trainable(config, Encoder.fit(config.features, some_sentences(5)), ["O", "B-A"], mx.cpu())
    fresh.initialize()
    assert not fresh.loss.transitions.data().asnumpy().any() and not fresh.loss.start.data().asnumpy().any()


def test_the_hidden_layer_of_a_window_starts_as_xavier_says():
    """Within +-sqrt(6 / (units + inputs)), no bias."""
    model = trainable({"model.name": "feed-forward"})
    kernel, bias = value(model, "window.kernel"), value(model, "window.bias")
    bound = math.sqrt(6 / sum(kernel.shape))
    assert 0.9 * bound < np.abs(kernel).max() <= bound
    np.testing.assert_array_equal(bias, 0)


def test_tables_of_several_columns_start_from_the_normal_distribution(tmp_path):
    """N(0, 1), one table for all categories of the lexicons."""
    model = trainable({"features.lexicons.sources": lexicon_sources(tmp_path), "features.lexicons.dimension": 50})
    table = value(model, "lexicons.weight")
    assert table.std() == pytest.approx(1, abs=0.1) and table.mean() == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("changes, names", [
    ({"model.name": "feed-forward"}, {
        "network.window.kernel", "network.window.bias", "network.window_output.weight",
        "network.window_output.bias"}),
    ({"loss.name": "sentence"}, {"loss.transitions", "loss.start"})])
def test_parameters_keep_the_names_of_stored_runs(changes, names):
    assert names <= set(trainable(changes).parameters())


def test_a_fixed_word_table_does_not_change():
    """trainable: false."""
    for is_trainable in (True, False):
        model, _, batch = built({"features.words.trainable": is_trainable})
        before = value(model, "words.weight")
        trainer = build_trainer(model.config.training.optimizer, model.parameters())
        model.backward(batch, 1)
        trainer.step(1)
        assert np.array_equal(before, value(model, "words.weight")) != is_trainable


def test_pretrained_vectors_fill_the_known_rows_alone():
    """The others keep their initial values."""
    model = trainable()
    before = value(model, "words.weight")
    known = np.arange(len(before)) % 2 == 0
    matrix = np.full(before.shape, 7, np.float32)
    model.network.set_pretrained("words", {"matrix": matrix, "known": known})
    after = value(model, "words.weight")
    np.testing.assert_array_equal(after[known], 7)
    np.testing.assert_array_equal(after[~known], before[~known])


def test_vectors_are_scaled_to_the_standard_deviation(tmp_path):
    """features.words.vectors.scale."""
    lines = [f"{word} {' '.join(map(str, np.random.RandomState(seed).normal(size=5) * 3))}"
             for seed, word in enumerate(("ada", "bert", "florence"))]
    (tmp_path / "vectors.txt").write_text("\n".join(lines) + "\n")
    features = Config().updated({"features.words.vectors.path": str(tmp_path / "vectors.txt"),
                                 "features.words.vectors.scale": 0.1, "features.pos.use": False}).features
    pretrained = Encoder.fit(features, some_sentences(20)).feature("words").pretrained()
    assert pretrained["known"].sum() == 3
    np.testing.assert_allclose(pretrained["matrix"][pretrained["known"]].std(), 0.1, rtol=1e-5)
    np.testing.assert_array_equal(pretrained["matrix"][~pretrained["known"]], 0)


# Dropout


class Passthrough(BiLSTM):
    """Stands in the place of the BiLSTM: its input is the forward output, and the backward one is zero."""

    def __init__(self):
        mx.gluon.HybridBlock.__init__(self)

    def hybrid_forward(self, F, vectors, reverse):
        return vectors, F.take(vectors.reshape((-3, 0)), reverse) * 0


def transparent(changes):
    """A model whose emissions are the vectors of its only feature, after the dropouts."""
    changes = {**NO_DROPOUT, "features.characters.use": False, "features.casing.use": False,
               "features.affixes.use": False,
               "features.words.dimension": 300, "features.words.initial": "normal", "model.units": 300, **changes}
    config = Config().updated({"features.pos.use": False, **changes})
    encoder = Encoder.fit(config.features, some_sentences(50))
    model = Trainable(config, encoder, [f"class-{number}" for number in range(300)], mx.cpu(), encoding=None)
    model.network.bilstm = Passthrough()
    model.initialize()
    model.network.forward_output.weight.set_data(mx.nd.eye(300))
    model.network.backward_output.weight.set_data(mx.nd.zeros((300, 300)))
    return model, make_batch(model, encoder, some_sentences(6, seed=4))


@pytest.mark.parametrize("place", ["input", "output"])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.68])
def test_dropout_drops_with_its_rate_and_scales_the_rest(place, rate):
    """On the inputs of the BiLSTM, and on its outputs; only while training."""
    model, batch = transparent({f"model.dropout.{place}": rate})
    vectors = model.emissions(batch)
    dropped = training_emissions(model, batch)
    real = np.abs(vectors) > 1e-6
    assert abs((dropped[real] == 0).mean() - rate) < 0.02
    kept = real & (dropped != 0)
    np.testing.assert_allclose(dropped[kept], vectors[kept] / (1 - rate), rtol=1e-4)


def test_spatial_dropout_drops_a_dimension_for_all_words_of_a_sentence():
    model, batch = transparent({"model.dropout.spatial": 0.3})
    vectors, dropped = model.emissions(batch), training_emissions(model, batch)
    real = np.arange(len(vectors))[:, None] < batch.length
    is_zero = dropped == 0
    for sentence, size in enumerate(batch.length):
        assert (is_zero[:size, sentence] == is_zero[0, sentence]).all()
    assert abs(is_zero[0].mean() - 0.3) < 0.03 and (is_zero[0, 0] != is_zero[0, 1]).any()
    kept = real[:, :, None] & ~is_zero
    np.testing.assert_allclose(dropped[kept], vectors[kept] / 0.7, rtol=1e-4)


def test_recurrent_dropout_is_on_the_recurrent_weights_alone():
    """The same weights are dropped for all words of a batch, and only while training."""
    units, inputs = 60, 7
    mx.random.seed(2)
    settings = Config().updated({"model.units": units, "model.dropout.recurrent": 0.3}).model
    layer = BiLSTM(settings, inputs)
    packed = mx.nd.arange(1, packed_size(inputs, units) + 1)
    with mx.autograd.train_mode():
        dropped = layer._with_weight_dropout(mx.nd, packed).asnumpy()
    whole = packed.asnumpy()
    for name, part, before in zip(("inputs", "recurrence", "biases", "biases"), unpacked(dropped, units),
                                  unpacked(whole, units)):
        if name == "recurrence":
            assert abs((part == 0).mean() - 0.3) < 0.03
            np.testing.assert_allclose(part[part != 0], before[part != 0] / 0.7, rtol=1e-6)
        else:
            np.testing.assert_array_equal(part, before)
    np.testing.assert_array_equal(layer._with_weight_dropout(mx.nd, packed).asnumpy(), whole)


def test_recurrent_dropout_reaches_the_network():
    """A word of a sentence with several is affected; the state before a single word is zero."""
    model, _, batch = built({"model.dropout.recurrent": 0.5})
    difference = np.abs(training_emissions(model, batch) - model.emissions(batch)).max(axis=(0, 2))
    assert (difference[batch.length > 3] > 1e-4).all() and (batch.length > 3).any()
    model, encoder, _ = built({"model.dropout.recurrent": 0.5})
    single = make_batch(model, encoder, some_sentences(4, longest=1))
    np.testing.assert_allclose(training_emissions(model, single), model.emissions(single), atol=1e-6)


@pytest.mark.parametrize("directions", ["separate", "joined"])
def test_dropout_between_layers(directions):
    """When nearly all outputs of the first layer are dropped, the words make no difference any more."""
    for rate, differs in ((0.0, True), (0.99999, False)):
        model, encoder, batch = built({"model.layers": 2, "model.directions": directions,
                                       "model.dropout.layers": rate})
        other = batch.with_arrays({"words": batch["words"][:, ::-1].copy()})
        assert (np.abs(training_emissions(model, batch) - training_emissions(model, other)).max() > 1e-4) == differs


def test_feed_forward_dropout():
    """The feed-forward network has both dropouts."""
    base = {"model.name": "feed-forward", "features.characters.use": False}
    for place in ("input", "output"):
        model, _, batch = built({**base, f"model.dropout.{place}": 0.99999})
        other = batch.with_arrays({"words": batch["words"][:, ::-1].copy()})
        np.testing.assert_allclose(training_emissions(model, batch), training_emissions(model, other), atol=1e-5)
        assert np.abs(model.emissions(batch) - model.emissions(other)).max() > 1e-3


# Unknown words


class Fixed:
    """A random state whose numbers are all the same."""

    def __init__(self, number):
        self._number = number

    def random_sample(self, shape):
        return np.full(shape, self._number)


def test_a_word_is_hidden_with_z_over_z_plus_its_count():
    """Kiperwasser & Goldberg 2016: the rarer, the more often; it becomes the unknown word, and padding stays."""
    config = Config().updated({"features.pos.use": False, "features.words.dropout": 0.25})
    sentences = [sentence._replace(tokens=tokens, tags=("O",) * len(tokens)) for sentence, tokens in zip(
        some_sentences(2), (("once", "thrice", "thrice"), ("thrice",)))]
    encoder = Encoder.fit(config.features, sentences)
    words = encoder.feature("words")
    encoded = encoder.encode(sentences)
    arrays = {"words": collate(encoder.features, encoded, np.array([0, 1]))["words"]}
    once, thrice = words.vocabulary.id("once"), words.vocabulary.id("thrice")
    noise = words.noise(encoded)
    for number, hidden in ((0.25 / 1.25 - 1e-6, {once}), (0.25 / 1.25 + 1e-6, set()),
                           (0.25 / 3.25 - 1e-6, {once, thrice}), (0.25 / 3.25 + 1e-6, {once})):
        changed = noise(arrays, Fixed(number))["words"]
        expected = np.where(np.isin(arrays["words"], list(hidden)), Vocabulary.UNKNOWN_ID, arrays["words"])
        np.testing.assert_array_equal(changed, expected)
    assert (arrays["words"] == 0).any() and (noise(arrays, Fixed(0.0))["words"][arrays["words"] == 0] == 0).all()


def test_characters_are_hidden_with_their_rate():
    """They become the unknown one; padding stays, and without a rate nothing happens."""
    for rate in (0.0, 0.25):
        config = Config().updated({"features.pos.use": False, "features.characters.dropout": rate})
        encoder = Encoder.fit(config.features, some_sentences(30))
        encoded = encoder.encode(some_sentences(30))
        noise = encoder.feature("characters").noise(encoded)
        if not rate:
            assert noise is None
            continue
        characters = collate(encoder.features, encoded, np.arange(30))["characters"]
        changed = noise({"characters": characters}, np.random.RandomState(1))["characters"]
        real = characters > 1
        assert abs((changed[real] == Vocabulary.UNKNOWN_ID).mean() - rate) < 0.05
        np.testing.assert_array_equal(changed[changed != Vocabulary.UNKNOWN_ID],
                                      characters[changed != Vocabulary.UNKNOWN_ID])
        assert (characters == 0).any() and (changed[characters == 0] == 0).all()


def test_without_word_dropout_there_is_no_noise():
    """z = 0."""
    config = Config().updated({"features.pos.use": False, "features.words.dropout": 0.0})
    encoder = Encoder.fit(config.features, some_sentences(5))
    assert encoder.feature("words").noise(encoder.encode(some_sentences(5))) is None


# The moving average


def test_the_average_follows_the_parameters_and_is_what_is_kept(tmp_path):
    """Against the formula, update by update; later ones in steps of four."""
    parameter = mx.gluon.Parameter("weight", shape=(3,))
    parameter.initialize(mx.init.Zero())
    fixed = mx.gluon.Parameter("fixed", shape=(1,), grad_req="null")
    fixed.initialize(mx.init.One())
    average = MovingAverage({"weight": parameter, "fixed": fixed}, 0.9)
    expected = np.zeros(3)
    for number in range(1, 3 * averaging.FIRST):
        values = np.array([number, -1.0, 0.5 * number])
        parameter.set_data(mx.nd.array(values))
        average.update()
        interval = 1 if number <= averaging.FIRST else averaging.INTERVAL
        if number % interval == 0:
            decay = min(0.9, (1 + number) / (10 + number)) ** interval
            expected = decay * expected + (1 - decay) * values
    with average.applied():
        np.testing.assert_allclose(parameter.data().asnumpy(), expected, rtol=1e-4)
    np.testing.assert_allclose(parameter.data().asnumpy(), values)
    other = MovingAverage({"weight": parameter}, 0.9)
    other.restore(average.arrays())
    assert other.updates == average.updates == 3 * averaging.FIRST - 1
    with other.applied():
        np.testing.assert_allclose(parameter.data().asnumpy(), expected, rtol=1e-4)
    with pytest.raises(RunError, match="found others"):
        other.restore({"updates": np.array(1)})
    assert MovingAverage({"weight": parameter}, 0.0).arrays() == {}


def test_the_average_is_judged_and_written(tmp_path, short_sample):
    """The best network of a run is the average; the last one is not."""
    config = Config().updated({
        "corpus.path": str(short_sample), "corpus.processed": str(tmp_path / "p"), "run.directory": str(tmp_path),
        "features.pos.use": False, "model.units": 8, "training.epochs": 2, "training.average": 0.99,
        "run.name": "averaged"})
    run = ner_mx.train(ner_mx.preprocess(config))
    best, last = (mx.nd.load(str(run.folder / name)) for name in ("best.params", "last/epoch-0002.params"))
    stored = read_arrays(run.folder / "last/epoch-0002.npz")
    different = 0
    for name, values in best.items():
        if f"average.{name}" in stored and run.metrics["train"]["best_epoch"] == 2:
            np.testing.assert_array_equal(values.asnumpy(), stored[f"average.{name}"])
        different += not np.array_equal(values.asnumpy(), last[name].asnumpy())
    assert different > 5
    assert run.evaluate()["test"].micro.f1 == run.metrics["test"]["entity"]["micro"]["f1"]


# The loop


class RecordingTrainer:
    """Keeps the learning rates and the factors it is given, and updates nothing."""

    def __init__(self):
        self.rates, self.factors = [], []

    def set_learning_rate(self, rate):
        self.rates.append(rate)

    def step(self, factor):
        self.factors.append(factor)


def looped(changes, monkeypatch=None, seen=None, count=20, score=lambda split, ids: 0.5, **options):
    """The records and the trainer of a training that updates nothing."""
    recognizer, config = build({**NO_DROPOUT, **PLAIN_SGD, "training.clip": None, "training.epochs": 3,
                                "training.batch_size": 4, **changes})
    model, encoder = recognizer.scorer, recognizer.encoder
    encoded = encoder.encode(some_sentences(count, seed=6))
    if seen is not None:
        def backward(batch, divisor, number):
            seen.append((batch, divisor))
            return 1.0
        monkeypatch.setattr(model, "backward", backward)
    task = Task(encoder.tags, {"train": encoded.tags}, "BILOU", "F1", score, config)
    trainer = RecordingTrainer()
    data = TrainingSet(encoded, CaseCopies(encoded, encoded.tags, np.ones(1)), encoded)
    records = list(epochs(model, trainer, task, data, **{"seed": 5, **options}))
    return records, trainer


@pytest.mark.parametrize("schedule, factor", [
    ({"name": "constant"}, lambda done, epoch: 1.0),
    ({"name": "linear", "final": 0.1}, lambda done, epoch: 1 - 0.9 * done),
    ({"name": "cosine", "final": 0.2}, lambda done, epoch: 0.2 + 0.8 * (1 + math.cos(math.pi * done)) / 2),
    ({"name": "inverse", "decay": 0.5}, lambda done, epoch: 1 / (1 + 0.5 * epoch)),
    ({"name": "linear", "final": 0.0, "warmup": 4}, lambda done, epoch: min(1, (done * 15 + 1) / 4) * (1 - done)),
    ({"name": "linear", "final": 0.0, "warmup": 0.4}, lambda done, epoch: min(1, (done * 15 + 1) / 6) * (1 - done)),
])
def test_the_learning_rate_follows_the_schedule_over_all_epochs(schedule, factor):
    """Step by step, for three epochs of five steps; the schedule does not restart."""
    records, trainer = looped({"training.schedule": schedule})
    assert len(trainer.rates) == 15
    expected = [0.01 * factor(step / 15, step // 5) for step in range(15)]
    np.testing.assert_allclose(trainer.rates, expected, rtol=1e-9)
    assert [record["learning_rate"] for record in records] == trainer.rates[4::5]


@pytest.mark.parametrize("normalise, divisor", [
    ("tokens", lambda batch: batch.length.sum()), ("sentences", lambda batch: len(batch.length)),
    ("sum", lambda batch: 1)])
def test_the_loss_is_divided_by_what_the_settings_say(normalise, divisor, monkeypatch):
    """And one update of the parameters is smaller by exactly that number."""
    seen = []
    looped({"training.normalise": normalise}, monkeypatch, seen)
    assert all(used == divisor(batch) for batch, used in seen)
    model, _, batch = built()
    model.backward(batch, 1)
    whole = gradient_norm(build_trainer(model.config.training.optimizer, model.parameters()))
    model.backward(batch, divisor(batch))
    divided = gradient_norm(build_trainer(model.config.training.optimizer, model.parameters()))
    assert whole / divided == pytest.approx(divisor(batch), rel=1e-4)


def test_the_loss_of_an_epoch_is_per_token(monkeypatch):
    """The sum of the losses of all batches over all tokens."""
    seen = []
    records, _ = looped({}, monkeypatch, seen)
    tokens = sum(batch.tokens for batch, _ in seen) / 3
    assert records[0]["loss"] == pytest.approx(5 / tokens)


def test_every_step_is_reported(monkeypatch):
    """With its number, the tokens so far and the mean loss per token so far."""
    seen, steps = [], []
    looped({}, monkeypatch, seen, on_step=steps.append)
    assert [(step.epoch, step.number, step.steps) for step in steps] == [
        (epoch, number, 5) for epoch in (1, 2, 3) for number in range(1, 6)]
    for epoch in range(3):
        tokens = np.cumsum([batch.tokens for batch, _ in seen[5 * epoch:5 * epoch + 5]])
        reported = steps[5 * epoch:5 * epoch + 5]
        assert [step.tokens for step in reported] == tokens.tolist()
        np.testing.assert_allclose([step.loss for step in reported], np.arange(1, 6) / tokens)


def test_the_record_of_an_epoch(monkeypatch):
    """Dev is scored with the predictions of the network; the speed is that of the training steps."""
    scored, seen = [], []

    def score(split, ids):
        scored.append((split, ids))
        return len(scored) / 10

    records, _ = looped({}, monkeypatch, seen, score=score)
    assert [split for split, _ in scored] == ["dev"] * 3 and all(len(ids) == 20 for _, ids in scored)
    assert [record["score"] for record in records] == [0.1, 0.2, 0.3]
    assert [record["epoch"] for record in records] == [1, 2, 3]
    for record in records:
        assert 0 < record["seconds"] < 60
        assert record["tokens_per_second"] * record["seconds"] == pytest.approx(
            sum(batch.tokens for batch, _ in seen) / 3)


def test_an_epoch_follows_from_the_seed_and_its_number(monkeypatch):
    """Training from epoch 1 on repeats the last two of three epochs; other seeds give others."""
    drawn = {}
    for name, options in {"whole": {}, "resumed": {"start": 1}, "other": {"seed": 6}}.items():
        seen = []
        model_random = []
        looped({}, monkeypatch, seen, on_step=lambda step, kept=model_random: kept.append(
            float(mx.nd.random.uniform(shape=(1,)).asscalar())), **options)
        drawn[name] = [[tuple(batch.sentence) for batch, _ in seen], model_random]
    for whole, resumed, other in zip(*drawn.values()):
        assert whole[5:] == resumed
        assert whole != other


def test_a_diverging_loss_names_its_step(monkeypatch):
    """Steps are counted from 1."""
    with pytest.raises(TrainingError, match="^epoch 1, step 3: the loss is nan"):
        looped({}, monkeypatch, Diverging())


class Diverging(list):
    """A list of batches that makes the loss of the third diverge."""

    def append(self, entry):
        super().append(entry)
        if len(self) == 3:
            raise FloatingPointError


def test_word_dropout_reaches_the_network(monkeypatch):
    """With a large z nearly every word of a training batch is unknown; none is without."""
    for z, share in ((1e9, 1.0), (0.0, 0.0)):
        seen = []
        looped({"features.words.dropout": z}, monkeypatch, seen)
        words = np.concatenate([batch["words"][batch.targets >= 0] for batch, _ in seen])
        assert (words == Vocabulary.UNKNOWN_ID).mean() == share


def test_every_sentence_is_trained_on_once_per_epoch_in_another_order(monkeypatch):
    """Batches and sentences are shuffled by the seed and the epoch."""
    seen = []
    looped({}, monkeypatch, seen)
    orders = [tuple(np.concatenate([batch.sentence for batch, _ in seen[5 * epoch:5 * epoch + 5]]))
              for epoch in range(3)]
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len(set(orders)) == 3
    again = []
    looped({}, monkeypatch, again)
    assert [tuple(batch.sentence) for batch, _ in seen] == [tuple(batch.sentence) for batch, _ in again]


def test_clipping_leaves_short_gradients_alone():
    """The factor by which gradients are divided."""
    assert clipping_factor(4.0, 5.0) == 1.0
    assert clipping_factor(10.0, 5.0) == 2.0
    assert clipping_factor(10.0, None) == 1.0 and clipping_factor(None, 5.0) == 1.0


@pytest.mark.parametrize("clip", [None, 1e9, 0.5])
def test_an_update_is_as_long_as_the_clipped_gradient(clip):
    """One step of plain gradient descent moves the parameters by the rate times the shorter of norm and clip."""
    model, encoder, batch = built({"training.clip": clip})
    trainer = build_trainer(model.config.training.optimizer, model.parameters())
    trainer.set_learning_rate(0.01)
    before = {name: parameter.data().asnumpy() for name, parameter in model.parameters().items()}
    loop_module._update(model, trainer, [batch], model.config.training, "step")
    norm = gradient_norm(trainer)
    moved = math.sqrt(sum(((parameter.data().asnumpy() - before[name]) ** 2).sum()
                          for name, parameter in model.parameters().items()))
    assert norm > 0.5
    assert moved == pytest.approx(0.01 * min(norm, clip or norm), rel=1e-3)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 1e9])
def test_a_loss_that_leaves_every_bound_ends_the_training(loss, monkeypatch):
    """With the epoch and the step in the message."""
    model, encoder, batch = built({"training.clip": None})
    monkeypatch.setattr(model, "backward", lambda batch, divisor, number: loss)
    with pytest.raises(TrainingError, match="epoch 1, step 2: the loss is"):
        loop_module._update(model, RecordingTrainer(), [batch], model.config.training, "epoch 1, step 2")


def test_the_bound_of_a_loss_grows_with_the_weights(monkeypatch):
    """A loss of 20 times a uniform guess per token is refused, one below it is not; weights raise the bound."""
    model, encoder, batch = built({"training.clip": None})
    limit = 20 * batch.tokens * math.log(len(model.classes))
    for heaviest, loss, accepted in ((1.0, 0.99 * limit, True), (1.0, 1.01 * limit, False), (3.0, 2.9 * limit, True)):
        monkeypatch.setattr(model.loss, "heaviest", heaviest)
        monkeypatch.setattr(model, "backward", lambda batch, divisor, number, loss=loss: loss)
        if accepted:
            loop_module._update(model, RecordingTrainer(), [batch], model.config.training, "step")
        else:
            with pytest.raises(TrainingError):
                loop_module._update(model, RecordingTrainer(), [batch], model.config.training, "step")


# The best epoch


class Corpus:
    """As much of a processed corpus as training needs."""

    def __init__(self, config, sentences):
        self.config = config
        self.encoder = Encoder.fit(config.features, sentences)
        encoded = self.encoder.encode(sentences)
        self.splits = {"train": encoded, "dev": encoded.last(10), "test": encoded.last(5)}
        self.gold = {split: [list(sentence.gold) for sentence in sentences[-count:]]
                     for split, count in (("dev", 10), ("test", 5))}
        self.pretrained, self.genres, self.meta = {}, {}, {"sources": {}}


class Snapshots(Callback):
    """The parameters after each epoch."""

    def __init__(self):
        super().__init__()
        self.taken = []

    def on_epoch(self, run, record):
        self.taken.append({name: parameter.data().asnumpy() for name, parameter in run.model.parameters().items()})


def fitted(tmp_path, scores, changes=None):
    """Train on made-up scores; the model, the state and the parameters of each epoch."""
    _, config = build({"training.epochs": len(scores), "training.batch_size": 16, **(changes or {})})
    corpus = Corpus(config, some_sentences(30, seed=8))
    waiting = iter(scores)
    task = entity_task(corpus, config)._replace(score=lambda split, ids: next(waiting))
    snapshots = Snapshots()
    model, state = fit(tmp_path, task, corpus, [mx.cpu()], Callbacks([*built_in_callbacks(), snapshots]))
    return model, state, snapshots.taken


def same(model, parameters):
    """Whether a model has these parameters."""
    return all(np.array_equal(parameter.data().asnumpy(), parameters[name])
               for name, parameter in model.parameters().items())


@pytest.mark.parametrize("scores, changes, best", [
    ([0.1, 0.9, 0.3], {}, 2), ([0.9, 0.9, 0.3], {}, 1), ([0.1, 0.2, 0.3], {}, 3), ([0.0, 0.0], {}, 1),
    ([0.9, 0.2, 0.3], {"training.use_dev": True}, 3)])
def test_the_best_epoch_on_dev_is_kept(tmp_path, scores, changes, best):
    """The first of equals; the last epoch where dev is trained on."""
    model, state, taken = fitted(tmp_path, scores, changes)
    assert state.best_epoch == best and state.epoch == len(scores)
    assert [same(model, parameters) for parameters in taken] == [
        number == best for number in range(1, len(scores) + 1)]


def test_patience_counts_epochs_since_the_best(tmp_path):
    """Two worse epochs after the second end the training."""
    _, state, taken = fitted(tmp_path, [0.1, 0.5, 0.4, 0.3, 0.9], {"training.patience": 2})
    assert state.epoch == 4 and state.best_epoch == 2 and len(taken) == 4


def test_state_after_an_epoch():
    """Equal scores keep the earlier epoch; the last counts where there is nothing to choose by."""
    state = State().after({"epoch": 1, "score": 0.5}, last_is_best=False)
    assert state.after({"epoch": 2, "score": 0.5}, last_is_best=False).best_epoch == 1
    assert state.after({"epoch": 2, "score": 0.1}, last_is_best=True)[:3] == (2, 2, 0.1)


def test_built_in_callbacks_write_before_they_stop():
    """Checkpoints come first: a run that is killed later can be resumed."""
    assert BUILT_IN[0] == "checkpointing" and set(BUILT_IN) == {
        "checkpointing", "history", "epoch-log", "early-stopping", "progress-bar"}


def test_dev_is_trained_on_with_its_own_targets():
    """use_dev appends the sentences of dev, with their tags, to those of train."""
    _, config = build({"training.use_dev": True})
    corpus = Corpus(config, some_sentences(30, seed=8))
    data = training_set(entity_task(corpus, config), corpus)
    assert len(data.train) == 40
    np.testing.assert_array_equal(data.copies.targets, data.train.tags)


def test_the_seed_decides_the_initial_parameters(tmp_path):
    """Equal seeds give equal trainings, other seeds others."""
    runs = [fitted(tmp_path / str(number), [0.1], {"run.seed": seed})[2][0]
            for number, seed in enumerate((1, 1, 2))]
    equal = [all(np.array_equal(runs[0][name], other[name]) for name in other) for other in runs]
    assert equal == [True, True, False]


def test_seeding_covers_every_generator():
    """MXNet's, numpy's and Python's; each part of the seed counts."""
    import random

    def numbers(*parts):
        seed_everything(*parts)
        return mx.nd.random.uniform(shape=(1,)).asscalar(), np.random.rand(), random.random()

    first = numbers(1, 2)
    assert numbers(1, 2) == first
    assert all(one != other for one, other in zip(first, numbers(1, 3)))


# Decoding


def brute_force(emissions, transitions, start, temperature):
    """The probability of every tag sequence of one sentence."""
    steps, tags = emissions.shape
    scores = {}
    for path in itertools.product(range(tags), repeat=steps):
        score = start[path[0]] + sum(emissions[step, tag] for step, tag in enumerate(path))
        score += sum(transitions[one, two] for one, two in zip(path, path[1:]))
        scores[path] = math.exp(score / temperature)
    total = sum(scores.values())
    return {path: score / total for path, score in scores.items()}


@pytest.mark.parametrize("temperature", [1.0, 2.5, 0.5])
def test_the_temperature_divides_learned_transitions_too(temperature):
    """Marginals against every sequence, with emissions, transitions and starts over the temperature."""
    random = np.random.RandomState(3)
    emissions, transitions, start = random.normal(size=(3, 1, 4)), random.normal(size=(4, 4)), random.normal(size=4)
    decoder = Decoder(["a", "b", "c", "d"], Decoding(), transitions, start, encoding=None, temperature=temperature)
    marginals = decoder.marginals(emissions, np.array([3]))[0]
    paths = brute_force(emissions[:, 0], transitions, start, temperature)
    expected = np.zeros((3, 4))
    for path, probability in paths.items():
        expected[np.arange(3), path] += probability
    np.testing.assert_allclose(marginals, expected, rtol=1e-9)
    assert decoder.decode(emissions, np.array([3]))[0].tolist() == list(max(paths, key=paths.get))


@pytest.mark.parametrize("start, first_window, second_window, kept", [
    (4, True, False, True), (5, True, False, True),      # the first half of the overlap is the first window's
    (6, True, False, False), (7, True, False, False),    # of the second half, only the second window counts
    (6, False, True, True), (7, False, True, True),
    (4, False, True, False), (5, False, True, False),
    (2, True, False, True), (9, False, True, True)])
def test_each_half_of_an_overlap_belongs_to_one_window(start, first_window, second_window, kept, monkeypatch):
    """Windows of eight tokens that overlap by four: tokens 4 to 7 are in both."""
    monkeypatch.setattr(windows, "LONGEST", 8)
    monkeypatch.setattr(windows, "OVERLAP", 4)
    entity = [ScoredSpan(Span(start, start + 1, "PER"), 0.5)] if first_window else []
    other = [ScoredSpan(Span(start - 4, start - 3, "PER"), 0.5)] if second_window else []

    class Scorer:
        def decoder(self):
            return Decoder(["O"], Decoding(), encoding=None)

    recognizer = Recognizer(None, Scorer())
    monkeypatch.setattr(recognizer, "_for_each", lambda windows, work: [entity, other])
    found = recognizer.tag_batch([["word"] * 12])[0]
    assert [scored.span.start for scored in found] == ([start] if kept else [])


def test_the_kernel_of_the_character_cnn_starts_as_xavier_says():
    from ner_mx.compat import mx
    from ner_mx.models.layers.character_cnn import WindowXavier

    width, filters, dimension = 3, 53, 25
    array = mx.nd.zeros((width, filters, dimension))
    mx.random.seed(1)
    WindowXavier()._init_weight("kernel", array)
    values, bound = array.asnumpy(), (6 / (width * (dimension + filters))) ** 0.5
    assert np.abs(values).max() == pytest.approx(bound, rel=0.01)
    assert values.min() < -0.98 * bound and abs(values.mean()) < 0.05 * bound


def test_an_auxiliary_tagger_has_units_of_its_own():
    from ner_mx.config import Config

    assert Config().model.auxiliary(17).units == 17


def test_the_character_cnn_and_the_output_layer_start_as_configured():
    """Kernel and output layer within Xavier's bounds, biases 0, the table of character types N(0, 1)."""
    model = trainable({"features.characters.types": True, "features.characters.type_dimension": 60,
                       "features.characters.filters": 20, "model.units": 12})
    kernel = value(model, "characters.kernel")
    width, filters, dimension = kernel.shape
    bound = math.sqrt(6 / (width * (dimension + filters)))
    assert 0.98 * bound < np.abs(kernel).max() <= bound
    assert 0.85 < value(model, "characters.type_table").std() < 1.15
    assert not value(model, "characters.bias").any()
    weights = [value(model, name) for name in ("forward_output.weight", "backward_output.weight", "output.weight")
               if f"network.{name}" in model.parameters()]
    assert weights
    for weight in weights:
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.8 * bound < np.abs(weight).max() <= bound


# Case


def test_sentences_are_drawn_in_other_cases_with_their_shares():
    from ner_mx.config import CaseAugmentation

    recognizer, _ = build({"features.pos.use": True})
    encoder, sentences = recognizer.encoder, some_sentences(30, seed=4)
    encoded = encoder.encode(sentences)
    copies = with_case_copies(encoder, encoded, encoded.tags, CaseAugmentation(lower=0.2, title=0.1))
    assert copies.shares.tolist() == pytest.approx([0.7, 0.2, 0.1]) and len(copies.encoded) == 90
    expected = [[change(token) for token in sentence.tokens] for change in (str, str.lower, str.title)
                for sentence in sentences]
    assert copies.encoded.tokens() == expected
    by_hand = encoder.encode([sentence._replace(tokens=tuple(tokens)) for sentence, tokens in
                              zip(sentences * 3, expected)])
    for name in ("words", "casing"):
        np.testing.assert_array_equal(np.asarray(copies.encoded.by_type[name])[copies.encoded.word_type],
                                      np.asarray(by_hand.by_type[name])[by_hand.word_type])
    np.testing.assert_array_equal(copies.targets, np.tile(encoded.tags, 3))
    np.testing.assert_array_equal(copies.encoded.by_token["pos"], np.tile(encoded.by_token["pos"], 3))
    random = np.random.RandomState(3)
    drawn = np.concatenate([copies.drawn(np.arange(30), random) for _ in range(300)])
    assert set(drawn % 30) == set(range(30))
    assert np.bincount(drawn // 30) / len(drawn) == pytest.approx([0.7, 0.2, 0.1], abs=0.02)
    plain = with_case_copies(encoder, encoded, encoded.tags, CaseAugmentation())
    assert plain.encoded is encoded and plain.drawn(np.arange(5), None).tolist() == [0, 1, 2, 3, 4]
    assert set(CHANGES) == set(CaseAugmentation.model_fields)
    assert changed_case(encoder, encoded, "upper").tokens()[0] == [token.upper() for token in sentences[0].tokens]


@pytest.mark.parametrize("tokens", [1, 7, 40, 10_000])
def test_batches_with_too_many_tokens_are_divided(tokens):
    from ner_mx.features.batching import within_limit

    lengths = np.array([3, 9, 1, 30, 4, 4])
    batches = [np.array([0, 1, 2]), np.array([3]), np.array([4, 5])]
    divided = within_limit(batches, lengths, tokens)
    assert np.concatenate(divided).tolist() == [0, 1, 2, 3, 4, 5]
    assert all(len(batch) == 1 or len(batch) * lengths[batch].max() <= max(tokens, 0) for batch in divided)
    assert (tokens < 10_000) or divided == batches
