"""Callbacks: which events they see, in which order, and what happens when one of them fails."""

import json
import logging
import os
import signal

import numpy as np
import pytest

import ner_mx
from ner_mx.compat import mx
from ner_mx.config import CallbackSettings
from ner_mx.errors import ConfigError, TrainingError
from ner_mx.registry import register
from ner_mx.training.callbacks import Callback, Step
from ner_mx.training.fitting import BUILT_IN, configured_callbacks
from ner_mx.training.interrupts import Stopped

EVENTS = ("on_start", "on_step", "on_epoch", "on_checkpoint", "on_end", "on_failure")
EPOCHS, BATCH = 2, 50
STEPS = 4  # batches of 50 among the 200 sentences of the short sample


class Recorder(Callback):
    """Records its calls as (event, arguments), in a list that several may share."""

    def __init__(self, settings=None, calls=None):
        super().__init__(settings)
        self.calls = [] if calls is None else calls

    def record(self, event, run, *arguments):
        """Called at every event."""
        self.calls.append((event, *arguments))

    def events(self):
        """The names of the events, in order."""
        return [event for event, *_ in self.calls]


for _event in EVENTS:
    setattr(Recorder, _event, lambda self, run, *arguments, _event=_event: self.record(_event, run, *arguments))


class Failing(Recorder):
    """Raises an error at one event."""

    def __init__(self, event, error, calls=None):
        super().__init__(calls=calls)
        self.event, self.error = event, error

    def record(self, event, run, *arguments):
        super().record(event, run, *arguments)
        if event == self.event:
            raise self.error


class EssentialFailing(Failing):
    """The same, with an error that ends the training."""

    essential = True


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, short_sample):
    """A processed corpus and the configuration of a small model."""
    folder = tmp_path_factory.mktemp("callbacks")
    return ner_mx.preprocess(ner_mx.Config().updated({
        "run.directory": str(folder / "runs"), "corpus.processed": str(folder), "corpus.path": str(short_sample),
        "features.pos.use": False, "features.words.dimension": 8, "features.characters.filters": 4,
        "model.units": 8, "training.epochs": EPOCHS, "training.batch_size": BATCH,
        "training.optimizer.learning_rate": 0.01}))


@pytest.fixture
def train(corpus, request):
    """Train under a name of the test's own; takes callbacks and changes of the configuration."""
    number = iter(range(100))

    def run(*callbacks, changes=None, **options):
        name = f"{request.node.name.replace('[', '-').replace(']', '')}-{next(number)}"
        changed = corpus._replace(config=corpus.config.updated(changes or {}))
        return ner_mx.train(changed, callbacks=callbacks, **{"name": name, **options})

    return run


@pytest.fixture(scope="module")
def undisturbed(corpus):
    """A run without callbacks of the user's own."""
    return ner_mx.train(corpus, name="undisturbed")


@pytest.fixture
def registered():
    """Register a callback under the name ``recorder`` during a test; gives the list of its calls."""
    calls = []

    class Settings(CallbackSettings):
        size: int = 3

    @register.callback("recorder")
    class Configured(Recorder):
        Settings = None

        def __init__(self, settings):
            super().__init__(settings, calls)

    Configured.Settings = Settings
    yield calls
    del register.callback._entries["recorder"]


def history(folder):
    """The records of a run without their times."""
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{key: value for key, value in record.items() if key not in ("seconds", "tokens_per_second")}
            for record in records]


def assert_same_result(run, other):
    """Parameters, history and scores are equal."""
    assert (run.folder / "best.params").read_bytes() == (other.folder / "best.params").read_bytes()
    assert history(run.folder) == history(other.folder)
    assert run.scores == other.scores


def test_the_events_of_a_training(train, undisturbed):
    recorder = Recorder()
    run = train(recorder)
    epoch = ["on_step"] * STEPS + ["on_epoch", "on_checkpoint"]
    assert recorder.events() == ["on_start", *epoch * EPOCHS, "on_end"]
    assert_same_result(run, undisturbed)


def test_callbacks_are_called_in_order(train, registered, monkeypatch):
    """Those that every training has, those of the configuration, then those that were given."""
    order = []

    def watched(name, event, method):
        def call(self, *arguments):
            order.append((event, name))
            return method(self, *arguments)
        return call

    class First(Recorder):
        pass

    class Second(Recorder):
        pass

    classes = {**{name: register.callback[name] for name in BUILT_IN}, "recorder": register.callback["recorder"],
               "first": First, "second": Second}
    for name, callback in classes.items():
        for event in EVENTS:
            monkeypatch.setattr(callback, event, watched(name, event, getattr(callback, event)))
    train(First(), Second(), changes={"training.callbacks": {"recorder": {}}, "training.epochs": 1})
    names = ["checkpointing", "history", "epoch-log", "early-stopping", "progress-bar", "recorder", "first", "second"]
    epoch = ["on_step"] * STEPS + ["on_epoch", "on_checkpoint"]
    assert order == [(event, name) for event in ["on_start", *epoch, "on_end"] for name in names]


def test_steps_and_epochs_as_callbacks_see_them(train, corpus):
    """What each argument holds, and the files that are there at each event."""
    seen = {event: [] for event in EVENTS}

    class Watching(Callback):
        def on_start(self, run):
            seen["on_start"].append((run.state.epoch, (run.folder / "last/state.json").is_file()))

        def on_step(self, run, step):
            seen["on_step"].append((run.state.epoch, step, run.trainer.learning_rate))

        def on_epoch(self, run, record):
            assert run.state.epoch == record["epoch"] and run.state.history[-1] == record
            assert json.loads((run.folder / "last/state.json").read_text())["history"] == run.state.history
            lines = (run.folder / "history.jsonl").read_text().splitlines()
            assert [json.loads(line) for line in lines] == run.state.history
            assert record["score"] == run.task.score("dev", run.model.predict(corpus.splits["dev"]))
            if run.state.best_epoch == record["epoch"]:
                assert has_parameters(run.model, run.folder / "best.params")
            seen["on_epoch"].append(record)

        def on_checkpoint(self, run, path):
            assert path == run.folder / "last" and has_parameters(run.model, next(path.glob("*.params")))
            seen["on_checkpoint"].append(json.loads((path / "state.json").read_text())["epoch"])

        def on_end(self, run):
            assert has_parameters(run.model, run.folder / "best.params")
            assert not run.should_stop and not (run.folder / "metrics.json").exists()
            seen["on_end"].append((run.folder, run.config.run.name))

    run = train(Watching())
    assert seen["on_start"] == [(0, True)] and seen["on_checkpoint"] == [1, 2] and seen["on_failure"] == []
    assert seen["on_end"] == [(run.folder, run.config.run.name)]
    steps = [step for _, step, _ in seen["on_step"]]
    assert [epoch for epoch, _, _ in seen["on_step"]] == [0] * STEPS + [1] * STEPS
    assert [(step.epoch, step.number, step.steps) for step in steps] == [
        (epoch, number, STEPS) for epoch in (1, 2) for number in range(1, STEPS + 1)]
    for epoch, record in enumerate(seen["on_epoch"], start=1):
        assert list(record) == ["epoch", "loss", "score", "seconds", "tokens_per_second", "learning_rate"]
        own = [step for step in steps if step.epoch == epoch]
        assert all(isinstance(step, Step) and step.loss > 0 for step in own)
        tokens = [step.tokens for step in own]
        assert tokens == sorted(set(tokens)) and tokens[-1] == corpus.splits["train"].lengths.sum()
        assert own[-1].loss == record["loss"] and record["epoch"] == epoch
        assert record["tokens_per_second"] == pytest.approx(tokens[-1] / record["seconds"])
        assert record["learning_rate"] == seen["on_step"][epoch * STEPS - 1][2]
    rates = [rate for _, _, rate in seen["on_step"]]
    assert rates[0] == 0.01 and rates == sorted(rates, reverse=True) and len(set(rates)) == len(rates)


def has_parameters(model, path):
    """Whether a file has the parameters of a model."""
    stored = mx.nd.load(str(path))
    return all(np.array_equal(stored[name].asnumpy(), parameter.data().asnumpy())
               for name, parameter in model.parameters().items())


def test_the_loss_of_a_step_is_the_mean_so_far(train, monkeypatch):
    """Per token, over the steps of the epoch."""
    from ner_mx.training import loop

    updates = []
    original = loop._update

    def update(model, trainer, batches, *arguments):
        updates.append((original(model, trainer, batches, *arguments), sum(batch.tokens for batch in batches)))
        return updates[-1][0]

    monkeypatch.setattr(loop, "_update", update)
    recorder = Recorder()
    train(recorder, changes={"training.epochs": 1})
    losses, tokens = np.cumsum(updates, axis=0).T
    steps = [arguments[0] for event, *arguments in recorder.calls if event == "on_step"]
    np.testing.assert_allclose([step.loss for step in steps], losses / tokens, rtol=1e-12)
    assert [step.tokens for step in steps] == tokens.tolist()


@pytest.mark.parametrize("event, calls", [
    ("on_start", 1), ("on_step", 2), ("on_epoch", 2 + STEPS), ("on_checkpoint", 3 + STEPS),
    ("on_end", 2 + EPOCHS * (STEPS + 2))])
def test_a_failing_callback_is_logged_and_not_called_again(train, undisturbed, caplog, event, calls):
    """The others are, and the result is that of a training without it."""
    failing, after = Failing(event, ValueError("no\nidea")), Recorder()
    run = train(failing, after)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [f"callback Failing failed in {event}: ValueError: no; training continues without it"]
    assert len(failing.calls) == calls and failing.events()[-1] == event and failing.events().count(event) == 1
    assert after.events() == ["on_start", *(["on_step"] * STEPS + ["on_epoch", "on_checkpoint"]) * EPOCHS, "on_end"]
    assert_same_result(run, undisturbed)


def test_a_failing_callback_of_the_configuration_is_logged_by_its_name(train, registered, caplog, monkeypatch):
    def fail(self, event, run, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(register.callback["recorder"], "record", fail)
    train(changes={"training.callbacks": {"recorder": {}}, "training.epochs": 1})
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["callback recorder failed in on_start: OSError: [Errno 28] No space left on device; "
                        "training continues without it"]


@pytest.mark.parametrize("event, calls", [("on_start", 1), ("on_step", 2), ("on_epoch", 2 + STEPS),
                                          ("on_checkpoint", 3 + STEPS), ("on_end", 2 + EPOCHS * (STEPS + 2))])
def test_an_essential_callback_that_fails_ends_the_training_with_its_error(train, caplog, event, calls):
    error = ValueError("no idea")
    before, failing, after = Recorder(), EssentialFailing(event, error), Recorder()
    with pytest.raises(ValueError, match="no idea") as raised:
        train(before, failing, after)
    assert raised.value is error
    assert len(failing.calls) == calls + 1
    assert before.events()[:-1] == failing.events()[:-1] and failing.events()[-2] == event
    assert after.events()[:-1] == failing.events()[:-2]  # it does not see the event
    for callback in (before, failing, after):
        assert callback.calls[-1] == ("on_failure", error) and callback.events().count("on_failure") == 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_failed_training_calls_on_failure(train):
    """With its error, once, and without on_end."""
    recorder = Recorder()
    with pytest.raises(TrainingError, match=r"epoch 1, step \d+: the loss is") as raised:
        train(recorder, changes={"training.optimizer": {"name": "sgd", "learning_rate": 1e6}, "training.clip": None})
    assert recorder.calls[-1] == ("on_failure", raised.value)
    assert recorder.events().count("on_failure") == 1 and "on_end" not in recorder.events()


def test_an_error_in_on_failure_does_not_hide_the_first(train, caplog):
    failing, after = Failing("on_failure", ValueError("second")), Recorder()
    with pytest.raises(RuntimeError, match="first"):
        train(failing, EssentialFailing("on_epoch", RuntimeError("first")), after)
    assert "callback Failing failed in on_failure: ValueError: second" in caplog.text
    assert after.events()[-1] == "on_failure"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_calls_on_failure_and_the_run_can_be_resumed(train, undisturbed, number):
    class Interrupting(Recorder):
        def record(self, event, run, *arguments):
            super().record(event, run, *arguments)
            if event == "on_step" and arguments[0][:2] == (2, 1):
                os.kill(os.getpid(), number)

    interrupting, after = Interrupting(), Recorder()
    name = f"interrupted-{int(number)}"
    with pytest.raises(Stopped) as raised:
        train(interrupting, after, name=name)
    assert raised.value.folder == undisturbed.folder.parent / name
    for callback in (interrupting, after):
        # The step during which the interrupt comes is complete; the next one is not.
        assert callback.events() == ["on_start", *["on_step"] * STEPS, "on_epoch", "on_checkpoint", "on_step",
                                     "on_failure"]
        assert isinstance(callback.calls[-1][1], KeyboardInterrupt)
    resumed = Recorder()
    run = train(resumed, name=name, resume=raised.value.folder)
    assert resumed.events() == ["on_start", *["on_step"] * STEPS, "on_epoch", "on_checkpoint", "on_end"]
    assert_same_result(run, undisturbed)


def test_a_callback_can_stop_the_training_after_an_epoch(train):
    """The epoch is completed, and the run as well."""

    class Stopping(Recorder):
        def record(self, event, run, *arguments):
            super().record(event, run, *arguments)
            if event == "on_step":
                run.should_stop = True

    stopping = Stopping()
    run = train(stopping)
    assert stopping.events() == ["on_start", *["on_step"] * STEPS, "on_epoch", "on_checkpoint", "on_end"]
    assert run.metrics["train"]["epochs"] == 1 and len(history(run.folder)) == 1


def test_the_tagger_of_an_annotation_has_the_built_in_callbacks_alone(tmp_path, corpus, registered):
    """Callbacks of the user's own see the training of the entity model, and no other."""
    folders = []

    class Watching(Callback):
        def on_start(self, run):
            folders.append(run.folder)

    with_pos = ner_mx.preprocess(corpus.config.updated({
        "features.pos.use": True, "features.pos.tagger": {"epochs": 1, "units": 4}, "training.epochs": 1,
        "training.callbacks": {"recorder": {}}, "corpus.processed": str(tmp_path)}))
    run = ner_mx.train(with_pos, name="with-pos", callbacks=[Watching()])
    assert folders == [run.folder] and len(history(run.folder / "pos")) == 1
    assert [event for event, *_ in registered].count("on_start") == 1


def test_a_configured_callback_gets_its_settings(corpus, registered):
    config = corpus.config.updated({"training.callbacks": {"recorder": {"size": 5}}})
    (callback,) = configured_callbacks(config)
    assert callback.name == "recorder" and callback.settings.size == 5
    (callback,) = configured_callbacks(corpus.config.updated({"training.callbacks": {"recorder": {}}}))
    assert callback.settings.size == 3


def test_a_built_in_callback_that_is_named_is_not_added_twice(train, caplog):
    caplog.set_level(logging.INFO, "ner_mx")
    train(changes={"training.callbacks": {"epoch-log": {}}})
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("epoch_log")]
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.parametrize("callbacks, message", [
    ({"recordr": {}}, r"training\.callbacks: expected one of .*recorder.*, found 'recordr'; did you mean recorder\?"),
    ({"wandb": {}}, r"training\.callbacks: expected one of .*, found 'wandb'; a callback of your own "
                          "must be registered first"),
    ({"recorder": {"sise": 5}}, r"training\.callbacks\.recorder\.sise: unknown key; did you mean size\?"),
    ({"recorder": {"colour": 5}}, r"training\.callbacks\.recorder\.colour: unknown key; the keys here are size$"),
    ({"history": {"size": 5}}, r"training\.callbacks\.history\.size: unknown key; there are no keys here$"),
    ({"recorder": {"size": "five"}}, r"training\.callbacks\.recorder\.size: should be a valid integer, found 'five'"),
    ({"recorder": 5}, r"training\.callbacks\.recorder: should be a valid dictionary, found '5'"),
])
def test_mistakes_in_the_section_of_callbacks_name_the_key(registered, callbacks, message):
    with pytest.raises(ConfigError, match=message):
        ner_mx.Config().updated({"training.callbacks": callbacks})
    with pytest.raises(ConfigError, match=message):
        ner_mx.load_config(settings={"training.callbacks": callbacks})
