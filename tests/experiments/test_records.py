"""Records of runs: written and read, those of the first schema, those of other systems."""

import json
import shutil

import pytest

from ner_mx.config import Config, load_experiment, portable
from ner_mx.errors import ConfigError, RunError
from ner_mx.experiments.records import (
    Record,
    Settings,
    read_failure,
    read_failure_note,
    read_record,
    read_records,
    row_name,
    write_failure,
    write_record,
)
from ner_mx.files import write_json
from ner_mx.reports.compared_rows import compared_pairs
from ner_mx.reports.replication_report import replication_report
from ner_mx.reports.report_rows import read_rows
from ner_mx.reports.run_summary import summary_rows, summary_table


def make_metrics(f1, data="a1", entities=5648):
    scores = {"entity": {"micro": {"f1": f1, "precision": f1, "recall": f1, "gold": entities}}}
    return {"test": scores, "dev": scores, "train": {"seconds": 60.0}, "data": {"train.txt": data}}


def make_record(name, seed=1, f1=0.5, **changes):
    """A run of our own system."""
    config = Config().updated({"run.name": name, "run.seed": seed, **changes})
    return Record(name, Settings(portable(config)), make_metrics(f1), {"code": "a"}, [[1, 2.0, f1, 30.0]])


def make_majority(name, seed=1, f1=0.4, system="majority", corpus="conll2003"):
    """A run of another system: its settings are no configuration."""
    settings = {"run": {"name": name, "seed": seed}, "corpus": {"name": corpus}, "system": {"smoothing": 0.5}}
    return Record(name, Settings(settings, system), make_metrics(f1), {"code": "a"})


@pytest.fixture
def stored(root, tmp_path):
    """The JSON of a committed record of the first schema; and the path of a copy to read."""
    path = tmp_path / "conll2003-vectors-lexicon-1.json"
    shutil.copy(root / "reports/runs" / path.name, path)
    return json.loads(path.read_text(encoding="utf-8")), path


def test_a_record_is_read_as_it_was_written(tmp_path):
    record = make_record("a-1")
    write_record(record, tmp_path)
    text = (tmp_path / "a-1.json").read_text(encoding="utf-8")
    reread = read_record(tmp_path / "a-1.json")
    assert reread.to_json() == record.to_json() == json.loads(text)
    assert reread.experiment == record.experiment and reread.settings.seed == 1
    write_record(reread, tmp_path)
    assert (tmp_path / "a-1.json").read_text(encoding="utf-8") == text


def test_a_record_keeps_no_path(tmp_path):
    config = Config().updated({"corpus.path": str(tmp_path), "corpus.processed": str(tmp_path), "run.directory":
                               str(tmp_path), "features.words.vectors.path": str(tmp_path / "glove.txt")})
    record = make_record("a")._replace(settings=Settings(portable(config)))
    assert str(tmp_path) not in json.dumps(record.to_json())
    assert record.settings.values["features"]["words"]["vectors"]["path"] == "glove.txt"


def test_a_record_of_the_first_schema_is_read_in_the_one_of_today(stored):
    old, path = stored
    assert "network" in old["config"] and "model" not in old["config"]
    record = read_record(path)
    config = record.settings.config
    network, features = old["config"]["network"], old["config"]["features"]
    assert config.model.name == "bilstm-cnn" and record.system == "ner_mx"
    assert (config.model.units, config.model.layers, config.model.output, config.model.forget_bias) == (
        network["lstm_units"], network["lstm_layers"], network["output"], network["lstm_forget_bias"])
    assert config.model.dropout.model_dump() == {
        **{key: network["dropout"][key] for key in ("input", "layers", "output")}, "spatial": 0.0, "recurrent": 0.0}
    assert config.features.words.dropout == network["dropout"]["word"]
    assert config.features.words.vectors.path == features["vectors"]["path"] == "own-50.txt"
    assert config.features.characters.filters == network["character_filters"]
    assert config.features.casing.dimension == network["casing_dimension"]
    assert list(config.features.lexicons.sources) == list(features["lexicons"]) == ["senna"]
    assert config.training.clip == old["config"]["training"]["optimizer"]["clip"]
    assert config.training.optimizer.learning_rate == old["config"]["training"]["optimizer"]["learning_rate"]
    assert (record.name, record.metrics, record.environment, list(record.history)) == (
        old["name"], old["metrics"], old["environment"], old["history"])
    # What is known to have made it decides the same today, but for keys that came later.
    earlier = {"features.affixes.use": False, "decoding.outside_penalty": 0.0}
    experiment = load_experiment("conll2003-vectors-lexicon", earlier)
    assert record.settings.departures(Settings(portable(experiment))) == []


def test_a_record_of_the_first_schema_is_written_in_the_one_of_today(stored, tmp_path):
    old, path = stored
    record = read_record(path)
    write_record(record, tmp_path / "new")
    new = json.loads((tmp_path / "new" / path.name).read_text(encoding="utf-8"))
    assert list(new["config"]) == list(portable(Config())) and "system" not in new
    assert {**new, "config": None} == {**old, "config": None}
    reread = read_record(tmp_path / "new" / path.name)
    assert reread.to_json() == record.to_json() and reread.experiment == record.experiment
    assert reread.settings.departures(record.settings) == []


def test_a_note_of_a_diverged_run_of_the_first_schema_is_read(stored, tmp_path):
    old, _ = stored
    path = tmp_path / "old-1.failed.json"
    write_json(path, {"reason": "the loss is nan", "config": old["config"]})
    failure = read_failure_note(path)
    assert (failure.name, failure.reason, failure.settings.seed) == ("old-1", "the loss is nan", 1)
    assert failure.settings.config.model.units == old["config"]["network"]["lstm_units"]


def test_an_unknown_key_of_a_record_is_named_with_its_file(stored):
    old, path = stored
    old["config"]["training"]["epoch"] = 3
    write_json(path, old)
    with pytest.raises(ConfigError, match="vectors-lexicon-1.json: training.epoch: unknown key; did you mean epochs?"):
        read_record(path)


def test_a_record_of_another_system_is_read_as_it_was_written(tmp_path):
    record = make_majority("majority-2", seed=2)
    write_record(record, tmp_path)
    reread = read_record(tmp_path / "majority-2.json")
    assert reread.to_json() == record.to_json() and reread.to_json()["system"] == reread.system == "majority"
    assert reread.settings.config is None and (reread.settings.seed, reread.settings.corpus) == (2, "conll2003")
    assert reread.settings.values == record.to_json()["config"]


def test_runs_of_another_system_are_one_experiment_apart_from_the_seed():
    first, second = make_majority("m-1"), make_majority("m-2", seed=2)
    assert first.experiment == second.experiment
    assert first.experiment != make_majority("m-1", system="other").experiment
    assert first.experiment != make_majority("m-1", corpus="gmb").experiment
    assert first.settings.departures(second.settings) == []


def test_another_system_departs_in_the_system_and_not_in_every_key():
    majority, own = make_majority("m-1"), make_record("a-1")
    assert majority.settings.departures(own.settings) == ['system: "majority" against "ner_mx"']
    assert own.settings.departures(majority.settings) == ['system: "ner_mx" against "majority"']
    assert majority.settings.differs(own.settings.config) == 'system: "majority" against "ner_mx"'
    other = make_majority("m-1", corpus="gmb")
    assert majority.settings.departures(other.settings) == ['corpus.name: "conll2003" against "gmb"']


def test_another_system_is_summarised_and_reported_beside_our_own(tmp_path):
    for seed, (f1, own_f1) in enumerate([(0.4, 0.8), (0.4, 0.81), (0.4, 0.82)], start=1):
        write_record(make_majority(f"conll2003-majority-{seed}", seed, f1), tmp_path)
        write_record(make_record(f"conll2003-{seed}", seed, own_f1, **{"corpus.name": "conll2003"}), tmp_path)
    lines = summary_table(summary_rows(read_records(sorted(tmp_path.iterdir())))).splitlines()
    assert "| conll2003 | 3 | 81.00 ± 1.00 |" in lines[2]
    assert lines[3] == f"| conll2003-majority | 3 | {'40.00 ± 0.00 | ' * 4}1.0 ± 0.0 |  |"
    rows = read_rows(tmp_path)
    text = replication_report(rows)
    assert ("| `conll2003-majority` | majority | train | 40.00 ± 0.00 | 40.00 / 40.00 | 3 | 0 + ? | 40.00 ± 0.00 | 1 |"
            in text)
    # It varies no experiment of ours; it is compared where somebody asks for it.
    assert "`conll2003-majority` is" not in text and compared_pairs(rows) == []
    assert compared_pairs(rows, "conll2003-majority") == [("conll2003", "conll2003-majority")]
    assert "| `conll2003` | `conll2003-majority` | +41.00 |" in replication_report(rows, baseline="conll2003-majority")


def test_two_systems_under_one_name_are_refused(tmp_path):
    write_record(make_majority("m-1"), tmp_path)
    write_record(make_majority("m-2", 2, system="other"), tmp_path)
    with pytest.raises(RunError, match='m-2.json: expected a run like m-1 with another seed, found a different one: '
                                       'system: "majority" against "other" here'):
        read_rows(tmp_path)


def test_the_log_and_the_configuration_beside_a_run_are_skipped(tmp_path):
    """Whoever names everything in the folder of a plan names them, too."""
    (tmp_path / "a-1").mkdir()
    for name in ("a-1.log", "a-1.yaml"):
        (tmp_path / name).write_text("text")
    write_record(make_record("a-2", 2), tmp_path)
    paths = [tmp_path / name for name in ("a-1.log", "a-1.yaml", "a-2.json")]
    assert [record.name for record in read_records(paths)] == ["a-2"]
    (tmp_path / "a-1").rmdir()
    with pytest.raises(RunError, match="a-1.log: expected JSON"):
        read_records(paths)


def test_a_run_is_counted_once_and_two_of_one_name_are_refused(tmp_path):
    write_record(make_record("a-1"), tmp_path)
    write_record(make_record("a-1", 2), tmp_path / "other")
    path = tmp_path / "a-1.json"
    assert [record.name for record in read_records([path, tmp_path / "other" / ".." / "a-1.json"])] == ["a-1"]
    with pytest.raises(RunError, match="a-1: expected runs of different names, found two of this name"):
        read_records([path, tmp_path / "other/a-1.json"])


def test_what_is_not_a_finished_run(tmp_path):
    with pytest.raises(RunError, match="expected a finished run, found no metrics.json in it"):
        read_record(tmp_path)


@pytest.mark.parametrize("change", [
    {"config": "text"}, {"config": None}, {"config": {}},
    {"system": "majority", "config": {}}, {"system": "majority", "config": {"run": {"seed": 1}}},
    {"system": "majority", "config": {"run": {"seed": "one"}, "corpus": {"name": "a"}}}])
def test_a_damaged_record_is_one_line(tmp_path, change):
    write_json(tmp_path / "x.json", {**make_record("x").to_json(), **change})
    with pytest.raises((RunError, ConfigError), match="x.json: ") as error:
        read_record(tmp_path / "x.json")
    assert "\n" not in str(error.value)


def test_other_json_is_not_a_record(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(RunError, match="expected the record of a run, found other keys"):
        read_record(tmp_path / "x.json")


@pytest.mark.parametrize("damage", [
    lambda metrics: metrics["dev"].clear(), lambda metrics: metrics["test"]["entity"]["micro"].update(f1=None),
    lambda metrics: metrics.pop("train"), lambda metrics: metrics.update(data=[])])
def test_a_record_without_the_figures_of_a_finished_run_is_refused(tmp_path, damage):
    record = make_record("x")
    metrics = json.loads(json.dumps(record.metrics))
    damage(metrics)
    write_json(tmp_path / "x.json", {**record.to_json(), "metrics": metrics})
    with pytest.raises(RunError, match="x.json: expected the figures of a finished run, found others"):
        read_record(tmp_path / "x.json")


def test_a_failure_is_noted_until_the_run_is_recorded(tmp_path):
    record = make_record("a-1")
    config = record.settings.config
    assert read_failure("a-1", config, tmp_path) is None
    write_failure("a-1", config, "the loss is nan", tmp_path)
    assert read_failure("a-1", config, tmp_path) == "the loss is nan"
    with pytest.raises(RunError, match="a-1.failed.json: .* with another configuration: model.units: 200 against 9"):
        read_failure("a-1", config.updated({"model.units": 9}), tmp_path)
    write_record(record, tmp_path)
    assert read_failure("a-1", config, tmp_path) is None


@pytest.mark.parametrize("run, row", [
    ("conll2003-paper-12", "conll2003-paper"), ("sample", "sample"), ("a-1-2", "a-1")])
def test_the_name_of_a_row_is_that_of_its_runs_without_the_seed(run, row):
    assert row_name(run) == row
