"""Tracking: what MLflow and TensorBoard are told, resumed runs, servers that are down, models without a pickle."""

import json
import logging

import pytest

import ner_mx
from ner_mx.config import Config
from ner_mx.errors import UserError
from ner_mx.training.callbacks import Callback
from ner_mx.training.interrupts import Stopped
from ner_mx.training.tracked_values import result_values, settings_of


@pytest.fixture(scope="module")
def config(tmp_path_factory, short_sample):
    folder = tmp_path_factory.mktemp("tracked")
    config = Config().updated({
        "corpus.path": str(short_sample), "corpus.processed": str(folder), "run.directory": str(folder / "runs"),
        "run.threads": 1, "training.epochs": 2, "model.units": 8, "features.pos.use": False, "run.name": "first"})
    ner_mx.preprocess(config)
    return config


class StopsAfterOneEpoch(Callback):
    """As Ctrl-C would."""

    def on_checkpoint(self, run, path):
        raise KeyboardInterrupt


def client(folder):
    tracking = pytest.importorskip("mlflow.tracking")
    return tracking.MlflowClient(tracking_uri=f"sqlite:///{(folder / 'mlflow.db').resolve()}")


def test_mlflow_is_told_everything(config):
    pytest.importorskip("mlflow")
    run = ner_mx.train(config.updated({"training.callbacks": {"mlflow": {"experiment": "trial"}}}))
    store = client(run.folder.parent)
    experiment = store.get_experiment_by_name("trial")
    tracked, = store.search_runs([experiment.experiment_id])
    assert tracked.info.status == "FINISHED" and tracked.info.run_name == "first"
    params = tracked.data.params
    assert params["training.epochs"] == "2" and params["features.words.vectors.path"] == "None"
    assert set(params) == set(settings_of(run.config))
    history = [json.loads(line) for line in (run.folder / "history.jsonl").read_text().splitlines()]
    curve = store.get_metric_history(tracked.info.run_id, "epoch/loss")
    assert [(entry.step, entry.value) for entry in curve] == [(record["epoch"], record["loss"]) for record in history]
    assert tracked.data.metrics["test/f1"] == run.metrics["test"]["entity"]["micro"]["f1"]
    for label, score in run.metrics["dev"]["entity"]["types"].items():
        assert tracked.data.metrics[f"dev/{label}/f1"] == score["f1"]
    assert tracked.data.metrics["test-raw-text/f1"] == run.metrics["raw_text"]["test"]["micro"]["f1"]
    files = {entry.path for entry in store.list_artifacts(tracked.info.run_id)}
    assert {"config.yaml", "metrics.json", "predictions"} <= files


def test_a_resumed_run_goes_on_in_the_same_run_of_mlflow(config):
    pytest.importorskip("mlflow")
    settings = config.updated({"run.name": "stopped", "training.callbacks": {"mlflow": {"experiment": "resumed"}}})
    with pytest.raises(Stopped):
        ner_mx.train(settings, callbacks=[StopsAfterOneEpoch()])
    folder = config.run.directory
    store = client(ner_mx.train(settings, resume=f"{folder}/stopped").folder.parent)
    tracked, = store.search_runs([store.get_experiment_by_name("resumed").experiment_id])
    assert tracked.info.status == "FINISHED"
    assert [entry.step for entry in store.get_metric_history(tracked.info.run_id, "epoch/dev_f1")] == [1, 2]


def test_a_server_that_is_down_stops_nothing(config, caplog):
    pytest.importorskip("mlflow")
    with caplog.at_level(logging.WARNING):
        run = ner_mx.train(config.updated({"run.name": "alone", "training.callbacks": {
            "mlflow": {"uri": "http://127.0.0.1:9"}}}))
    assert (run.folder / "metrics.json").is_file()
    assert any("callback mlflow failed in on_start" in record.message for record in caplog.records)


def scalars(folder):
    """The scalars of event files by name, as (step, value): records of length, checksum, event, checksum."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = {}
    for path in sorted(folder.iterdir()):
        content, place = path.read_bytes(), 0
        while place < len(content):
            size = int.from_bytes(content[place:place + 8], "little")
            event = event_pb2.Event.FromString(content[place + 12:place + 12 + size])
            place += 16 + size
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_tensorboard_has_the_curves_and_scores(config):
    run = ner_mx.train(config.updated({"run.name": "board", "training.callbacks": {"tensorboard": {}}}))
    found = scalars(run.folder / "tensorboard")
    assert [step for step, _ in found["epoch/dev_f1"]] == [1, 2]
    assert found["test/f1"][0][1] == pytest.approx(run.metrics["test"]["entity"]["micro"]["f1"])
    assert set(result_values(run.metrics)) <= set(found)


def test_tensorboard_writes_beside_the_run(config):
    pytest.importorskip("tensorboardX")
    run = ner_mx.train(config.updated({"run.name": "written", "training.callbacks": {
        "tensorboard": {"folder": "events"}}}))
    files = list((run.folder / "events").iterdir())
    assert files and all(b"test/f1" in path.read_bytes() for path in files)


def test_a_bundle_as_a_model_of_mlflow(bundle, tagger, tmp_path, call_command):
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    import pandas as pd

    done = call_command("ner-mx", "mlflow-model", bundle, tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert not [path for path in (tmp_path / "model").rglob("*") if path.suffix in (".pkl", ".pickle")]
    model = pyfunc.load_model(str(tmp_path / "model"))
    texts = ["Ada said Bert.", "", "The bank of Florence"]
    expected = [[{**entity._asdict(), "score": pytest.approx(entity.score)} for entity in entities]
                for entities in tagger.predict_batch(texts)]
    assert model.predict(pd.DataFrame({"text": texts})) == expected
    with pytest.raises(UserError, match="expected a column text, found body"):
        model.predict(pd.DataFrame({"body": texts}))
    again = call_command("ner-mx", "mlflow-model", bundle, tmp_path / "model")
    assert again.returncode == 2 and "exists already" in again.stderr
