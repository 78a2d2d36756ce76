"""Encoders against transformers and gluonnlp, their windows by brute force, their operators against MXNet's own."""

import numpy as np
import pytest
from random_checkpoints import LAYERS, POSITIONS, UNITS, write_checkpoint
from random_networks import some_sentences

from ner_mx.compat import mx, seed_everything
from ner_mx.config import Config
from ner_mx.errors import ConfigError
from ner_mx.features.batch import collate
from ner_mx.features.encoder import Encoder
from ner_mx.features.piece_windows import windows_of
from ner_mx.features.transformer import MAX_PIECES, TransformerSettings
from ner_mx.models.embedders import embedders_of
from ner_mx.models.layers import custom_operators
from ner_mx.models.layers.attention import Attention
from ner_mx.models.layers.custom_operators import dropout_mask
from ner_mx.models.layers.device_arrays import network_inputs
from ner_mx.models.layers.residual_norm import ResidualNorm
from ner_mx.models.transformer.encoder_network import EncoderNetwork
from ner_mx.resources.checkpoints import read_checkpoint
from ner_mx.resources.checkpoints.architecture import FAMILIES

ALONE = {f"features.{name}.use": False for name in ("words", "characters", "affixes", "casing", "pos", "lexicons")}
SENTENCES = some_sentences(30, seed=4)


def encoder_network(folder, hybridize=True, **settings):
    """The encoder of a checkpoint, and what was read."""
    checkpoint = read_checkpoint(folder)
    network = EncoderNetwork(checkpoint.architecture, TransformerSettings(path=str(folder), **settings))
    network.initialize()
    network.load(checkpoint.weights)
    if hybridize:
        network.hybridize()
    return network, checkpoint


# --- the encoder ---


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_are_those_of_transformers(tmp_path, family):
    """Every layer, hybridized and not, padded and not."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    write_checkpoint(tmp_path, family)
    theirs = transformers.AutoModel.from_pretrained(tmp_path).eval()
    random = np.random.RandomState(1)
    lengths = np.array([POSITIONS, 17, 2])
    ids = random.randint(7, 40, size=(3, POSITIONS))
    mask = np.arange(POSITIONS) < lengths[:, None]
    with torch.no_grad():
        hidden = theirs(input_ids=torch.tensor(np.where(mask, ids, 1 if FAMILIES[family].first_position else 0)),
                        attention_mask=torch.tensor(mask.astype(int)), output_hidden_states=True).hidden_states
    assert len(hidden) == LAYERS + 1
    for hybridize in (False, True):
        network, _ = encoder_network(tmp_path, hybridize)
        padded = network(mx.nd.array(ids.T, dtype="int32"), mx.nd.array(lengths))
        for row, length in enumerate(lengths):
            alone = network(mx.nd.array(ids[row:row + 1, :length].T, dtype="int32"), mx.nd.array([length]))
            for layer, expected in enumerate(hidden):
                expected = expected[row, :length].numpy()
                np.testing.assert_allclose(padded[layer].asnumpy()[:length, row], expected, atol=1e-5)
                np.testing.assert_allclose(alone[layer].asnumpy()[:, 0], expected, atol=1e-5)


def test_hidden_states_are_those_of_gluonnlp(tmp_path):
    """The same weights in ``BERTModel``, whose matrices of queries, keys and values are apart."""
    gluonnlp = pytest.importorskip("gluonnlp")
    network, checkpoint = encoder_network(write_checkpoint(tmp_path))
    sizes = checkpoint.architecture
    encoder = gluonnlp.model.BERTEncoder(
        num_layers=sizes.layers, units=sizes.units, hidden_size=sizes.hidden, max_length=sizes.positions,
        num_heads=sizes.heads, layer_norm_eps=sizes.epsilon, output_all_encodings=True)
    theirs = gluonnlp.model.BERTModel(encoder, sizes.pieces, None, sizes.units, sizes.units, use_pooler=False,
                                      use_decoder=False, use_classifier=False, use_token_type_embed=False)
    theirs.initialize()
    names = {"word_embed.0.weight": "pieces", "encoder.position_weight": "positions",
             "encoder.layer_norm.gamma": "norm.weight", "encoder.layer_norm.beta": "norm.bias"}
    for layer in range(sizes.layers):
        stem = f"encoder.transformer_cells.{layer}"
        for kind, old in (("weight", "gamma"), ("bias", "beta")):
            names.update({f"{stem}.attention_cell.proj_{part}.{kind}": f"{layer}.{part}.{kind}"
                          for part in ("query", "key", "value")})
            names.update({f"{stem}.proj.{kind}": f"{layer}.attended.{kind}",
                          f"{stem}.layer_norm.{old}": f"{layer}.attended_norm.{kind}",
                          f"{stem}.ffn.ffn_1.{kind}": f"{layer}.inner.{kind}",
                          f"{stem}.ffn.ffn_2.{kind}": f"{layer}.outer.{kind}",
                          f"{stem}.ffn.layer_norm.{old}": f"{layer}.outer_norm.{kind}"})
    parameters = theirs._collect_params_with_prefix()
    assert set(parameters) == set(names)
    for name, parameter in parameters.items():
        parameter.set_data(mx.nd.array(checkpoint.weights[names[name]]))
    ids, lengths = np.random.RandomState(2).randint(0, 40, size=(12, 3)), np.array([12, 5, 2])
    expected = theirs(mx.nd.array(ids.T), None, mx.nd.array(lengths))
    ours = network(mx.nd.array(ids, dtype="int32"), mx.nd.array(lengths))
    for layer in range(sizes.layers):
        for row, length in enumerate(lengths):
            np.testing.assert_allclose(ours[layer + 1].asnumpy()[:length, row],
                                       expected[layer].asnumpy()[row, :length], atol=1e-5)


@pytest.mark.parametrize("frozen, trained", [(0, {"piece_table", "norm", 0, 1, 2}), (1, {1, 2}), (2, {2}),
                                             ("all", set())])
def test_frozen_layers_have_no_gradient_and_no_dropout(tmp_path, frozen, trained):
    network, _ = encoder_network(write_checkpoint(tmp_path), frozen=frozen)
    with_gradient = {name.split(".")[0] for name, parameter in network._collect_params_with_prefix().items()
                     if parameter.grad_req != "null"} - {"position_table"}
    assert with_gradient == {f"layer{part}" if isinstance(part, int) else part for part in trained}
    ids, length = mx.nd.array(np.arange(8).reshape(8, 1), dtype="int32"), mx.nd.array([8])
    still = network(ids, length)
    with mx.autograd.record():
        moving = network(ids, length)
    differs = [bool(np.abs(one.asnumpy() - other.asnumpy()).max() > 1e-6) for one, other in zip(still, moving)]
    first = 0 if frozen == 0 else LAYERS + 1 if frozen == "all" else frozen + 1
    assert differs == [layer >= first for layer in range(LAYERS + 1)]


def test_rates_and_decay_by_layer(tmp_path):
    """Layer l of L has the rate times decay to the power of L - 1 - l, the embeddings that to the power of L."""
    network, _ = encoder_network(write_checkpoint(tmp_path), rate=0.5, layer_decay=0.8)
    rates = {name: parameter.lr_mult for name, parameter in network._collect_params_with_prefix().items()}
    assert rates["layer2.inner.weight"] == 0.5
    assert rates["layer0.attention.bias"] == pytest.approx(0.5 * 0.8 ** 2)
    assert rates["piece_table"] == rates["norm.bias"] == pytest.approx(0.5 * 0.8 ** 3)
    decays = {name.rsplit(".", 1)[-1]: set() for name in rates}
    for name, parameter in network._collect_params_with_prefix().items():
        decays[name.rsplit(".", 1)[-1]].add((len(parameter.shape) > 1, parameter.wd_mult))
    assert decays["bias"] == {(False, 0.0)} and decays["weight"] == {(True, 1.0), (False, 0.0)}


def test_more_frozen_layers_than_there_are(tmp_path):
    write_checkpoint(tmp_path)
    config = Config().updated({**ALONE, "features.transformer.path": str(tmp_path), "features.transformer.frozen": 3})
    with pytest.raises(ConfigError, match="frozen: expected fewer than the 3 layers of the encoder, or all, found 3"):
        Encoder.fit(config.features, SENTENCES)


# --- operators in numpy against MXNet's ---


def gradients_of(block, arrays, along):
    """The output of a block, and the gradients of arrays and parameters, for a gradient of the output."""
    inputs = [mx.nd.array(values) for values in arrays]
    for values in inputs:
        values.attach_grad()
    with mx.autograd.record():
        output = block(*inputs)
    output.backward(mx.nd.array(along))
    parameters = block.collect_params() if isinstance(block, mx.gluon.Block) else {}
    return [output.asnumpy(), *(values.grad.asnumpy() for values in inputs),
            *(parameter.grad().asnumpy() for parameter in parameters.values())]


@pytest.mark.parametrize("shape", [(2, 3, 5), (7, 8), (1, 1, 6)])
@pytest.mark.parametrize("block", [1, 16, 1 << 16])  # a vector, some vectors, and all of them at a time
def test_the_normalized_sum(monkeypatch, shape, block):
    monkeypatch.setattr(custom_operators, "BLOCK", block)
    random = np.random.RandomState(0)
    vectors, residual, along = (random.normal(size=shape) for _ in range(3))
    block = ResidualNorm(shape[-1], 1e-5)
    block.initialize()
    scale, shift = random.normal(size=shape[-1:]), random.normal(size=shape[-1:])
    block.weight.set_data(mx.nd.array(scale))
    block.bias.set_data(mx.nd.array(shift))

    def expected(vectors, residual, weight, bias):
        return mx.nd.LayerNorm(vectors + residual, weight, bias, eps=1e-5)

    for hybridize in (False, True):
        block.hybridize(hybridize)
        found = gradients_of(block, [vectors, residual], along)
        for ours, theirs in zip(found, gradients_of(expected, [vectors, residual, scale, shift], along)):
            np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_the_normalized_sum_with_dropout():
    """The gradient is that of the mask that the forward pass drew."""
    block = ResidualNorm(6, 1e-5, rate=0.5)
    block.initialize()
    vectors = np.random.RandomState(0).normal(size=(4, 6)).astype(np.float32)
    residual, along = vectors[::-1] + 1, np.cos(vectors)
    np.random.seed(9)
    mask = dropout_mask(vectors.shape, 0.5)
    np.random.seed(9)
    output, of_vectors, of_residual = gradients_of(block, [vectors, residual], along)[:3]
    expected = gradients_of(lambda values: mx.nd.LayerNorm(values, mx.nd.ones(6), mx.nd.zeros(6), eps=1e-5),
                            [vectors * mask + residual], along)
    assert 0 < (mask == 0).sum() < mask.size
    np.testing.assert_allclose(output, expected[0], atol=1e-5)
    np.testing.assert_allclose(of_residual, expected[1], atol=1e-5)
    np.testing.assert_allclose(of_vectors, expected[1] * mask, atol=1e-5)
    np.testing.assert_allclose(block(mx.nd.array(vectors), mx.nd.array(residual)).asnumpy(),  # no dropout outside
                               mx.nd.LayerNorm(mx.nd.array(vectors + residual), mx.nd.ones(6), mx.nd.zeros(6),
                                               eps=1e-5).asnumpy(), atol=1e-5)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_the_mask_of_dropout(rate):
    np.random.seed(1)
    mask = dropout_mask((200, 500), rate)
    kept = 1 - round(256 * rate) / 256
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / kept)}
    assert (mask > 0).mean() == pytest.approx(kept, abs=0.005) and mask.mean() == pytest.approx(1, abs=0.015)


def attention_of_mxnet(vectors, relative, lengths, mask, heads):
    """Its own operators for products of matrices and the softmax."""
    pieces, windows, width = vectors.shape
    parts = vectors.reshape((pieces, windows, heads, 3, width // heads // 3)).transpose((3, 1, 2, 0, 4))
    queries, keys, values = (part.reshape((windows * heads, pieces, -1)) for part in (parts[0], parts[1], parts[2]))
    scores = mx.nd.batch_dot(queries, keys, transpose_b=True) / queries.shape[-1] ** 0.5
    if relative is not None:
        scores = scores.reshape((windows, heads, pieces, pieces))
        scores = mx.nd.broadcast_add(scores, relative).reshape((windows * heads, pieces, pieces))
    by_row = mx.nd.array(np.repeat(lengths, heads)[:, None] * np.ones((windows * heads, pieces)), dtype="int32")
    weights = mx.nd.softmax(scores, length=by_row, use_length=True, axis=-1)
    context = mx.nd.batch_dot(weights * mx.nd.array(mask.reshape(-1, pieces, pieces)), values)
    return context.reshape((windows, heads, pieces, -1)).transpose((2, 0, 1, 3)).reshape((pieces, windows, -1))


@pytest.mark.parametrize("spread", [1.0, 300.0])  # the second underflows without a maximum of each row
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.25])
@pytest.mark.parametrize("block", [1, 300, 1 << 16])  # a window, two windows, and all of them at a time
def test_attention(monkeypatch, spread, relative, rate, block):
    monkeypatch.setattr(custom_operators, "BLOCK", block)
    heads, pieces, lengths = 2, 8, np.array([8, 5, 1])
    random = np.random.RandomState(0)
    vectors = random.normal(size=(pieces, 3, heads * 3 * 5)).astype(np.float32)
    vectors[:, 1, :5] *= spread
    vectors[0, 0, :5] -= 20 * spread  # scores far below those of other pieces
    along = random.normal(size=(pieces, 3, heads * 5))
    arrays = [vectors, *[random.normal(size=(1, heads, pieces, pieces))][:relative]]
    np.random.seed(4)
    mask = dropout_mask((3, heads, pieces, pieces), rate) if rate else np.ones((3, heads, pieces, pieces))
    assert not rate or 0 < (mask == 0).sum() < mask.size

    def expected(vectors, relative=None, mask=mask):
        return attention_of_mxnet(vectors, relative, lengths, mask, heads)

    theirs = gradients_of(expected, arrays, along)
    layer = Attention(heads, rate)
    for hybridize in (False, True):
        layer.hybridize(hybridize)
        np.random.seed(4)
        ours = gradients_of(lambda vectors, *added: layer(vectors, mx.nd.array(lengths), *added), arrays, along)
        for found, known in zip(ours, theirs):
            np.testing.assert_allclose(found, known, atol=1e-5 * max(1, np.abs(known).max()))
    arrays = [mx.nd.array(values) for values in arrays]
    still = layer(arrays[0], mx.nd.array(lengths), *arrays[1:]).asnumpy()  # there is no dropout outside of training
    whole = expected(*arrays, mask=np.ones_like(mask)).asnumpy()
    np.testing.assert_allclose(still, whole, atol=1e-5 * max(1, np.abs(whole).max()))


@pytest.mark.parametrize("relative", [False, True])
def test_attention_by_the_operators_of_other_devices(relative):
    random = np.random.RandomState(1)
    arrays = [random.normal(size=(7, 3, 30)), *[random.normal(size=(1, 2, 7, 7))][:relative]]
    along, lengths, found = random.normal(size=(7, 3, 10)), np.array([7, 4, 1]), []
    for on_cpu in (True, False):
        layer = Attention(2, 0.0)
        layer._on_cpu = on_cpu
        layer.hybridize()
        found.append(gradients_of(lambda vectors, *added, layer=layer: layer(vectors, mx.nd.array(lengths), *added),
                                  arrays, along))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_gradients_that_are_added_or_not_wanted():
    """As MXNet asks for them: added to what is there, or not at all."""
    random = np.random.RandomState(0)
    vectors, residual, along = (mx.nd.array(random.normal(size=(3, 4))) for _ in range(3))
    block = ResidualNorm(4, 1e-5)
    block.initialize()
    expected = gradients_of(block, [vectors.asnumpy(), residual.asnumpy()], along.asnumpy())
    vectors.attach_grad(grad_req="add")
    block.weight.grad_req = "null"
    for _ in range(2):
        with mx.autograd.record():
            output = block(vectors, residual)
        output.backward(along)
    np.testing.assert_allclose(vectors.grad.asnumpy(), 2 * expected[1], atol=1e-6)
    np.testing.assert_allclose(block.bias.grad().asnumpy(), expected[4], atol=1e-6)


# --- windows ---


@pytest.mark.parametrize("seed", range(40))
def test_windows_hold_every_token_with_context(seed):
    random = np.random.RandomState(seed)
    lengths = random.randint(1, 40, size=random.randint(1, 6))
    counts = random.randint(1, 5, size=lengths.sum())
    size = int(random.randint(8, 60))
    first, last, window = windows_of(counts, lengths, size)
    ends = np.cumsum(lengths)
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    for begin, end in zip(first, last):
        assert begin < end and sentence[begin] == sentence[end - 1] and counts[begin:end].sum() <= size
    assert ((first[window] <= np.arange(len(counts))) & (np.arange(len(counts)) < last[window])).all()
    for number, (start, stop) in enumerate(zip(ends - lengths, ends)):
        own = np.flatnonzero(sentence[first] == number)
        if counts[start:stop].sum() <= size:
            assert first[own].tolist() == [start] and last[own].tolist() == [stop]
        for token in range(start, stop):  # nowhere is the token farther from the borders inside of the sentence
            def margin(index, token=token, start=start, stop=stop):
                left = np.inf if first[index] == start else counts[first[index]:token].sum() + counts[token] / 2
                right = np.inf if last[index] == stop else counts[token + 1:last[index]].sum() + counts[token] / 2
                return min(left, right)
            inside = [index for index in own if first[index] <= token < last[index]]
            assert margin(window[token]) == max(map(margin, inside))


def test_windows_of_a_long_sentence_overlap_by_half():
    first, last, window = windows_of(np.ones(100, int), np.array([100]), 40)
    assert first.tolist() == [0, 20, 40, 60] and last.tolist() == [40, 60, 80, 100]
    assert np.bincount(window).tolist() == [30, 20, 20, 30]


# --- words ---


def network_on(folder, changes=None, classes=5, hybridize=True):
    """A linear network on an encoder, its configuration and its encoder of sentences."""
    config = Config().updated({**ALONE, "features.transformer.path": str(folder), "model.name": "linear",
                               **(changes or {})})
    encoder = Encoder.fit(config.features, SENTENCES)
    seed_everything(3)
    network = config.model.network(embedders_of(encoder.features), classes)
    network.initialize()
    for feature in encoder.features:
        if feature.pretrained():
            network.set_pretrained(feature.name, feature.pretrained())
    if hybridize:
        network.hybridize()
    return network, encoder


def scores_of(network, encoder, sentences):
    """(T, N, K) and the lengths."""
    batch = collate(encoder.features, encoder.encode(sentences), np.arange(len(sentences)))
    return network(*network_inputs(batch, network.inputs, mx.cpu())).asnumpy(), batch.length


@pytest.mark.parametrize("changes", [
    {}, {"features.transformer.pooling": "mean"}, {"features.transformer.layers": "mix"},
    {"features.transformer.window": 32}, {"features.transformer.window": 32, "features.transformer.pooling": "mean"}])
def test_a_score_does_not_depend_on_the_batch(tmp_path, changes):
    network, encoder = network_on(write_checkpoint(tmp_path), changes)
    together, lengths = scores_of(network, encoder, SENTENCES)
    for row, sentence in enumerate(SENTENCES):
        alone, _ = scores_of(network, encoder, [sentence])
        np.testing.assert_allclose(together[:lengths[row], row], alone[:, 0], atol=2e-5)


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("layers", ["last", "mix", 2])
def test_the_vector_of_a_word(tmp_path, pooling, layers):
    """Against the encoder on the pieces of one sentence, and a loop."""
    network, encoder = network_on(write_checkpoint(tmp_path), {
        "features.transformer.pooling": pooling, "features.transformer.layers": layers}, classes=UNITS)
    words = network._children["transformer"]
    if layers == "mix":
        words.mix.weights.set_data(mx.nd.array(np.arange(LAYERS + 1) / 2))
        words.mix.scale.set_data(mx.nd.array([1.7]))
    network.output.weight.set_data(mx.nd.array(np.eye(UNITS)))
    sentence = next(sentence for sentence in SENTENCES if 4 < len(sentence.tokens) < 9)
    feature = encoder.features[0]
    pieces = [feature.encode_type(word)[0] for word in sentence.tokens]
    first, last, _ = feature.pieces.special_ids
    ids = np.array([first, *sum(pieces, []), last])[:, None]
    layer_outputs = words.encoder(mx.nd.array(ids, dtype="int32"), mx.nd.array([len(ids)]))
    hidden = [layer.asnumpy()[:, 0] for layer in layer_outputs]
    mixed = hidden[-1]
    if layers == "mix":
        weights = np.exp(np.arange(LAYERS + 1) / 2)
        mixed = 1.7 * sum(weight * layer for weight, layer in zip(weights / weights.sum(), hidden))
    elif layers == 2:
        mixed = (hidden[-1] + hidden[-2]) / 2
    scores, _ = scores_of(network, encoder, [sentence])
    place = 1
    assert max(map(len, pieces)) > 1
    for row, own in enumerate(pieces):
        expected = mixed[place] if pooling == "first" else mixed[place:place + len(own)].mean(axis=0)
        np.testing.assert_allclose(scores[row, 0], expected, atol=1e-5)
        place += len(own)


def test_a_word_of_many_pieces_is_read_up_to_a_limit(tmp_path):
    _, encoder = network_on(write_checkpoint(tmp_path, "roberta"))
    assert len(encoder.features[0].encode_type("xyz" * 40)[0]) == MAX_PIECES
