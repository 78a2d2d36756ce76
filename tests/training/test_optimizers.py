"""The optimizers against their textbook formulas, over steps of a Gluon trainer; learning-rate schedules."""

import numpy as np
import pytest

from ner_mx.compat import mx
from ner_mx.registry import register
from ner_mx.training.trainer import build_trainer

RATE, DECAY, STEPS = 0.1, 0.01, 4


def sgd(weight, gradients, momentum):
    """Polyak's momentum on the gradient with weight decay."""
    velocity = np.zeros_like(weight)
    for gradient in gradients:
        velocity = momentum * velocity + RATE * (gradient + DECAY * weight)
        weight = weight - velocity
    return weight


def adam(weight, gradients, decoupled):
    """Kingma & Ba 2015, algorithm 1; decoupled: Loshchilov & Hutter 2019, algorithm 2."""
    mean, square = np.zeros_like(weight), np.zeros_like(weight)
    for step, gradient in enumerate(gradients, start=1):
        if decoupled:
            weight = weight * (1 - RATE * DECAY)
        else:
            gradient = gradient + DECAY * weight
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient ** 2
        weight = weight - RATE * (mean / (1 - 0.9 ** step)) / (np.sqrt(square / (1 - 0.999 ** step)) + 1e-8)
    return weight


ORACLES = {
    "sgd": ({"name": "sgd"}, lambda weight, gradients: sgd(weight, gradients, 0.0)),
    "momentum": ({"name": "sgd", "momentum": 0.9}, lambda weight, gradients: sgd(weight, gradients, 0.9)),
    "adam": ({"name": "adam"}, lambda weight, gradients: adam(weight, gradients, False)),
    "adamw": ({"name": "adamw"}, lambda weight, gradients: adam(weight, gradients, True)),
}


def trained(settings, start, gradients, sparse=None):
    """The weight after one step per gradient.

    sparse : for each step, the rows that have a gradient; all of them if not given.
    """
    parameter = mx.gluon.Parameter("weight", shape=start.shape, stype="default",
                                   grad_stype="row_sparse" if sparse else "default")
    parameter.initialize(mx.init.Zero(), ctx=mx.cpu())
    parameter.set_data(mx.nd.array(start))
    options = {key: value for key, value in settings.items() if key != "name"}
    optimizer = register.optimizer[settings["name"]](**options, learning_rate=RATE, weight_decay=DECAY)
    trainer = build_trainer(optimizer, {"weight": parameter})
    for step, gradient in enumerate(gradients):
        with mx.autograd.record():
            if sparse:
                rows = mx.nd.array(sparse[step], dtype="int32")
                looked_up = mx.nd.Embedding(rows, parameter.data(), input_dim=start.shape[0],
                                            output_dim=start.shape[1], sparse_grad=True)
                loss = (looked_up * mx.nd.array(gradient[sparse[step]])).sum()
            else:
                loss = (parameter.data() * mx.nd.array(gradient)).sum()
        loss.backward()
        trainer.step(1)
    return parameter.data().asnumpy()


@pytest.fixture
def case():
    random = np.random.RandomState(7)
    return random.randn(5, 3).astype(np.float32), random.randn(STEPS, 5, 3).astype(np.float32)


@pytest.mark.parametrize("name", ORACLES)
def test_dense_steps_match_the_textbook(name, case):
    start, gradients = case
    settings, oracle = ORACLES[name]
    np.testing.assert_allclose(trained(settings, start, gradients), oracle(start, gradients), atol=2e-5)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_sparse_steps_match_the_textbook_and_leave_other_rows(name, case):
    start, gradients = case
    settings, oracle = ORACLES[name]
    rows = [[0, 1, 2, 3]] * STEPS
    result = trained(settings, start, gradients, rows)
    np.testing.assert_allclose(result[:4], oracle(start, gradients)[:4], atol=2e-5)
    np.testing.assert_array_equal(result[4], start[4])


def test_sgd_does_not_use_the_slow_operator(case, monkeypatch):
    """It once did: the updater calls ``update_multi_precision``, and ``update`` alone was overridden."""
    def slow(*_, **__):
        raise AssertionError("the operator for several parameters")

    monkeypatch.setattr(mx.optimizer.optimizer, "multi_sgd_update", slow)
    monkeypatch.setattr(mx.optimizer.optimizer, "multi_sgd_mom_update", slow)
    for name in ("sgd", "momentum"):
        trained(ORACLES[name][0], *case)


def rate_factor(name, step, steps_per_epoch, epochs, **settings):
    """What a registered schedule multiplies the learning rate by."""
    return register.schedule[name](**settings).factor_at(step, steps_per_epoch, epochs)


def test_learning_rates_follow_their_schedule():
    linear = [rate_factor("linear", step, 10, 2, final=0.0) for step in (0, 10, 19)]
    np.testing.assert_allclose(linear, [1.0, 0.5, 0.05])
    assert rate_factor("constant", 1, 10, 2, warmup=4) == 0.5
    np.testing.assert_allclose(rate_factor("cosine", 10, 10, 2, final=0.0), 0.5)
    np.testing.assert_allclose(rate_factor("inverse", 25, 10, 3, decay=0.5), 1 / 2)
