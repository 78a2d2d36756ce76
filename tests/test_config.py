"""The configuration: strict, frozen, built in layers, with errors that name the key."""

import json
from copy import deepcopy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import ner_mx
from ner_mx.config import (
    Config,
    difference,
    differences,
    dump_yaml,
    experiment_names,
    features_fingerprint,
    load_config,
    load_experiment,
    migrated,
    parse_settings,
    parse_yaml,
    portable,
    read_experiment,
    result_fingerprint,
    validate,
)
from ner_mx.config.fingerprints import decides
from ner_mx.config.migration import with_earlier_defaults
from ner_mx.errors import ConfigError
from ner_mx.registry import register


def keys(values, prefix=""):
    """Every dotted key of nested values, sections included."""
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{key}.")


def value_at(values, key):
    """The value of a dotted key of nested values."""
    for part in key.split("."):
        values = values[part]
    return values


def put(values, key, value):
    """Set a dotted key of nested values."""
    *sections, last = key.split(".")
    for part in sections:
        values = values[part]
    values[last] = value


# --- the schema and the experiments ---


def test_config_yaml_is_the_schema_with_every_key(root):
    written = yaml.safe_load((root / "config.yaml").read_text())
    defaults = Config().model_dump(mode="json")
    assert written["corpus"].pop("name") is None and written["run"].pop("name") is None  # made from the path
    named = {**written, "corpus": {"name": "sample", **written["corpus"]}, "run": {"name": "sample", **written["run"]}}
    assert difference(named, defaults) is None
    written = named
    assert list(keys(written)) == list(keys(defaults))


@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_is_valid(name, root):
    load_config(root / "config.yaml", name)


def test_experiments_with_one_corpus_name_share_one_processed_corpus():
    fingerprints = {}
    for name in experiment_names():
        config = load_config(None, name)
        fingerprint = (features_fingerprint(config), config.corpus.path)
        assert fingerprints.setdefault(config.corpus.name, fingerprint) == fingerprint, name


def test_the_main_experiments_exist():
    assert {"sample", "gmb", "gmb-80-20", "conll2003", "conll2003-paper", "un"} <= set(experiment_names())


def test_a_corpus_has_the_name_of_its_path_from_python_as_on_the_command_line(tmp_path):
    """Two corpora do not replace each other."""
    path = str(tmp_path / "notes.conll")
    config = ner_mx.load_config(settings={"corpus.path": path})
    assert config == load_config(None, None, [f"corpus.path={path}"])
    assert (config.corpus.name, config.run.name) == ("notes", "notes")
    assert ner_mx.load_config(settings={"corpus.path": path, "corpus.name": "mine"}).corpus.name == "mine"


def test_an_unknown_experiment_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean gmb"):
        load_config(experiment="gbm")


def test_an_experiment_that_extends_itself(tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text(f"extends: {path}\n")
    with pytest.raises(ConfigError, match="extends itself"):
        read_experiment(str(path))


@pytest.mark.parametrize("value", ["3", "[gmb, 3]", "{gmb: un}", "null"])
def test_an_experiment_extends_by_name(tmp_path, value):
    path = tmp_path / "x.yaml"
    path.write_text(f"extends: {value}\n")
    with pytest.raises(ConfigError, match="expected the name of an experiment, or a list of them, found"):
        read_experiment(str(path))


def test_an_experiment_extends_several_the_last_of_them_on_top(tmp_path):
    for name, text in (("a", "training: {epochs: 1, batch_size: 1, clip: 1.0}"),
                       ("b", "training: {epochs: 2, clip: 2.0}"),
                       ("c", "extends: [a.yaml, b.yaml]\ntraining: {clip: 3.0}")):
        (tmp_path / f"{name}.yaml").write_text(text)
    assert read_experiment(str(tmp_path / "c.yaml")) == {"training": {"epochs": 2, "batch_size": 1, "clip": 3.0}}


def test_the_difference_of_two_configurations_names_the_key():
    one, two = Config().model_dump(mode="json"), Config().model_dump(mode="json")
    two["features"]["words"]["lower"] = False
    assert difference(one, two) == "features.words.lower: true against false"


# --- frozen ---


@pytest.mark.parametrize("section, key", [
    ("", "run"), ("run", "seed"), ("corpus.split", "dev"), ("features", "digits"), ("features.words", "lower"),
    ("model", "units"), ("model.dropout", "output"), ("loss", "weights"), ("training.optimizer", "learning_rate"),
    ("training", "epoch")])
def test_no_attribute_of_a_configuration_can_be_assigned(section, key):
    config = Config()
    target = config
    for part in filter(None, section.split(".")):
        target = getattr(target, part)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(target, key, 3)
    assert config == Config()


def test_an_updated_configuration_is_a_copy():
    config = Config()
    updated = config.updated({"training.epochs": 3, "model.dropout.output": 0.1, "corpus.types": ["PER"],
                              "training.schedule": "constant"})
    assert config == Config() and config.training.epochs == 30 and config.corpus.types is None
    assert list(differences(config.model_dump(mode="json"), updated.model_dump(mode="json"))) == [
        'corpus.types: null against ["PER"]', "model.dropout.output: 0.5 against 0.1",
        "training.epochs: 30 against 3", 'training.schedule.name: "linear" against "constant"',
        "training.schedule.final: 0.05 against null"]
    assert updated.updated({}) == updated != config


def test_an_update_leaves_its_argument_as_it_was():
    sources = {}
    updated = Config().updated({"features.lexicons.sources": sources, "features.lexicons.sources.own.path": "x"})
    assert list(updated.features.lexicons.sources) == ["own"] and sources == {}


@pytest.mark.parametrize("changes, message", [
    ({"training.epocs": 3}, "^training.epocs: unknown key; did you mean epochs"),
    ({"training.epochs": "3"}, "^training.epochs: should be a valid integer, found '3'"),
    ({"run.seed": 1, "run": 3}, "^run: should be a valid dictionary"),
    ({"run": 3, "run.seed": 1}, "^run.seed: expected a section at run, found a value"),
])
def test_an_update_is_checked(changes, message):
    with pytest.raises(ConfigError, match=message):
        Config().updated(changes)


# --- layers ---


def test_settings_override_the_experiment_and_it_overrides_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("training: {epochs: 7, batch_size: 8}\nrun: {seed: 4}\n")
    config = load_config(path, "gmb", ["run.seed=5"])
    assert (config.run.seed, config.training.epochs, config.training.batch_size) == (
        5, read_experiment("gmb")["training"]["epochs"], 32)
    assert config.corpus.reader == "gmb"


def test_an_experiment_by_itself_ignores_the_file_of_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text("run: {seed: 4}\n")
    monkeypatch.chdir(tmp_path)
    assert load_config(experiment="gmb").run.seed == 4
    assert load_experiment("gmb").run.seed == 1
    assert load_experiment("gmb", {"run.seed": 3}).run.seed == 3


def test_a_lexicon_of_an_experiment_can_be_removed():
    def names(*settings):
        return list(load_config(None, "conll2003-blstm-cnn-emb-lex", settings).features.lexicons.sources)
    assert names() == ["senna", "dbpedia"]
    assert names("features.lexicons.sources={}") == []
    assert names("features.lexicons.sources.dbpedia=null") == ["senna"]
    assert names("features.lexicons.sources={}", "features.lexicons.sources.own={path: x}") == ["own"]
    assert names("features.lexicons.sources.own={path: x}") == ["senna", "dbpedia", "own"]


def test_a_mapping_that_is_a_value_is_replaced(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("loss: {weights: {ORG: 2.0, PER: 3.0}}\n")
    assert load_config(path, None, ["loss.weights={LOC: 4.0}"]).loss.weights == {"LOC": 4.0}


def test_keys_that_contradict_each_other_name_the_layer_that_combines_them(tmp_path):
    problem = "the loss sentence learns transitions; decoding.method must be viterbi"
    path, experiment = tmp_path / "config.yaml", tmp_path / "x.yaml"
    path.write_text("loss: sentence\ndecoding: {method: argmax}")
    experiment.write_text("run: {name: x}")
    with pytest.raises(ConfigError, match=f"^{path}: {problem}$"):
        load_config(path, str(experiment), ["run.seed=2"])
    path.write_text("loss: sentence")
    experiment.write_text("decoding: {method: argmax}")
    with pytest.raises(ConfigError, match=f"^experiment {experiment}: {problem}$"):
        load_config(path, str(experiment), ["run.seed=2"])
    with pytest.raises(ConfigError, match=f"^{problem}$"):
        load_config(path, None, ["run.seed=2", "decoding.method=argmax", "run.name=x"])
    # A later layer may repair what an earlier one combines.
    assert load_config(path, str(experiment), ["decoding.method=viterbi"]).loss.name == "sentence"


def test_settings_that_only_fit_together_may_come_in_any_order():
    config = load_config(settings=["training.optimizer.momentum=0.9", "training.optimizer.name=sgd",
                                   "corpus.split.dev=0.9", "corpus.split.test=0.05"])
    assert config.training.optimizer.momentum == 0.9


def test_of_two_settings_of_one_key_the_later_counts():
    assert load_config(settings=["run.seed=2", "run.seed=3"]).run.seed == 3
    assert list(parse_settings(["a.b=1", "c=2", "a.b=3"]).items()) == [("c", 2), ("a.b", 3)]


# --- sections that are one of several kinds ---


def test_another_model_keeps_only_the_keys_that_it_has(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("model: {name: bilstm-cnn, units: 99, layers: 2, directions: joined,\n"
                    "        dropout: {input: 0.1, layers: 0.2, output: 0.3}}\n")
    config = load_config(path, None, ["model.name=feed-forward"])
    assert config.model.model_dump() == {"width": 5, "units": 99, "dropout": {"input": 0.1, "output": 0.3}}
    config = load_config(path, None, ["model={name: feed-forward, width: 7, dropout: {output: 0.4}}"])
    assert config.model.model_dump() == {"width": 7, "units": 99, "dropout": {"input": 0.1, "output": 0.4}}
    back = config.updated({"model.name": "bilstm-cnn"}).model
    assert (back.name, back.units, back.layers, back.dropout.model_dump()) == (
        "bilstm-cnn", 99, 1, {"input": 0.1, "spatial": 0.0, "recurrent": 0.0, "layers": 0.0, "output": 0.4})


def test_another_optimizer_and_schedule_keep_only_the_keys_that_they_have(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("training:\n  optimizer: {name: sgd, momentum: 0.9, learning_rate: 0.2}\n"
                    "  schedule: {name: linear, final: 0.2, warmup: 7}\n")
    training = load_config(path, None, ["training.optimizer.name=adam", "training.schedule=cosine"]).training
    assert training.optimizer.model_dump() == {"learning_rate": 0.2, "weight_decay": 0.0}
    assert (training.schedule.name, training.schedule.final, training.schedule.warmup) == ("cosine", 0.2, 7)
    training = load_config(path, None, ["training.schedule={name: inverse, decay: 0.5}"]).training
    assert training.schedule.model_dump() == {"warmup": 7, "decay": 0.5}
    assert training.optimizer.momentum == 0.9


def test_a_name_is_short_for_a_section_with_that_name():
    assert (load_config(settings=["training.optimizer=sgd", "loss=sentence"])
            == load_config(settings=["training.optimizer={name: sgd}", "loss.name=sentence"]))


# --- errors ---


@pytest.mark.parametrize("argument, message", [
    ("training.epoch=3", "training.epoch: unknown key; did you mean epochs"),
    ("trainning.epochs=3", "trainning: unknown key; did you mean training"),
    ("training.epochs=three", "training.epochs: should be a valid integer, found 'three'"),
    ("training.epochs=0", "training.epochs: should be greater than or equal to 1, found '0'"),
    ("training.epochs=2.5", "training.epochs: should be a valid integer, found '2.5'"),
    ("run.device=tpu", "run.device: should match pattern .*, found 'tpu'"),
    ("run.name=../x", "run.name: should match pattern .*, found '../x'"),
    ("run.seed=1:30", "run.seed: should be a valid integer, found '1:30'"),
    ("run.seed=yes", "run.seed: should be a valid integer, found 'yes'"),
    ("model.dropout.output=1.0", "model.dropout.output: should be less than 1, found '1.0'"),
    ("model.dropout.word=0.1",
     "model.dropout.word: unknown key; the keys here are input, spatial, recurrent, layers, output"),
    ("model=3", "model: expected a name, or a mapping with the key name, found '3'"),
    ("features=3", "features: should be a valid dictionary"),
    ("features.wrds.use=true", "features.wrds: unknown key; did you mean words.; a feature of your own must be"),
    ("loss.weights=-1.0", "loss.weights: every weight must be 0 or more"),
    ("loss.weights=heavy", "loss.weights: should be 'none' or 'balanced'"),
    ("corpus.split.test=0.95", r"corpus.split: dev \+ test must leave something to train on"),
    ("noequals", "noequals: expected KEY=VALUE, found no value"),
    ("run.seed=[1", "run.seed:1: expected YAML"),
    ("training.optimizer.learning_rate=.inf", "training.optimizer.learning_rate: should be a finite number"),
    ("run=&a {name: *a}", "run.name: should be a valid string"),
    ("features.lexicons.sources.a={}", "features.lexicons.sources.a.path: expected a value, found nothing"),
    ("features.lexicons.sources.a.pth=x", "features.lexicons.sources.a.pth: unknown key; did you mean path"),
    ("features.lexicons.dimenson=3", "features.lexicons.dimenson: unknown key; did you mean dimension"),
    ("training.callbacks.history.x=1", "training.callbacks.history.x: unknown key; there are no keys here"),
    ("training.optimizer.name=[sgd]", r"training.optimizer.name: expected one of .*adamw.*, found \"\['sgd'\]\"; "),
    ("model.name=null", "model.name: expected one of .*bilstm-cnn.*, found 'None'; "),
])
def test_a_wrong_setting_is_an_error_of_one_line_that_names_it(argument, message):
    with pytest.raises(ConfigError, match=f"^{message}") as error:
        load_config(settings=[argument])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("argument, message", [
    ("training.optimizer.momentum=0.9", "training.optimizer.momentum: unknown key for adam; it belongs to sgd"),
    ("training.schedule.decay=0.9", "training.schedule.decay: unknown key for linear; it belongs to inverse"),
    ("training.schedule={name: constant, final: 0.1}",
     "training.schedule.final: unknown key for constant; it belongs to linear and cosine"),
    ("model.width=5", "model.width: unknown key for bilstm-cnn; it belongs to feed-forward"),
    ("model={name: feed-forward, layers: 2}",
     "model.layers: unknown key for feed-forward; it belongs to bilstm-cnn and lstm"),
    ("loss={name: sentence, weights: none}", "loss.weights: unknown key for sentence; it belongs to cross-entropy"),
    ("model.untis=5", "model.untis: unknown key; did you mean units.")])
def test_a_key_of_another_kind_of_section_names_its_owner(argument, message):
    with pytest.raises(ConfigError, match=f"^{message}$"):
        load_config(settings=[argument])


@pytest.mark.parametrize("key, name, suggested", [
    ("corpus.reader", "connl", "conll"), ("corpus.scheme", "BILUO", "BILOU"),
    ("corpus.split.method", "fractions", "fraction"), ("features.tag_encoding", "IOB", "IOB2"),
    ("model.name", "bilstmcnn", "bilstm-cnn"), ("loss.name", "cross_entropy", "cross-entropy"),
    ("training.batches", "sort", "sorted"), ("training.optimizer.name", "adam-w", "adamw"),
    ("training.schedule.name", "cosin", "cosine")])
def test_an_unknown_name_names_the_nearest(key, name, suggested):
    with pytest.raises(ConfigError, match=f"^{key}: expected one of .*, found '{name}'; did you mean {suggested}\\?$"):
        load_config(settings=[f"{key}={name}"])


def test_an_unknown_callback_names_the_nearest():
    with pytest.raises(ConfigError, match="^training.callbacks: expected one of .*, found 'histry'; did you mean hist"):
        load_config(settings=["training.callbacks.histry={}"])


@pytest.mark.parametrize("registry, name, suggested", [
    (register.format, "docano", "doccano"), (register.split, "files-", "files"),
    (register.tag_encoding, "BILUO", "BILOU"), (register.feature, "word", "words"),
    (register.model, "bilstmcnn", "bilstm-cnn"),
    (register.loss, "sentences", "sentence"), (register.optimizer, "sdg", "sgd"),
    (register.schedule, "invers", "inverse"), (register.batching, "exakt", "exact"),
    (register.callback, "early-stoping", "early-stopping")])
def test_a_registry_names_the_nearest_of_an_unknown_name(registry, name, suggested):
    assert suggested in registry and name not in registry
    with pytest.raises(ConfigError) as error:
        registry[name]
    assert str(error.value) == (f"expected one of {', '.join(registry.names())}, found {name!r}; "
                                f"did you mean {suggested}?")


def test_a_name_that_is_like_no_other_says_how_to_add_one():
    with pytest.raises(ConfigError, match="found 'transformer'; a model of your own must be registered first$"):
        register.model["transformer"]
    with pytest.raises(ConfigError, match="found 'x'; an optimizer of your own must be registered first$"):
        register.optimizer["x"]


@pytest.mark.parametrize("text, message", [
    ("a: [", "bad.yaml:1: expected YAML"),
    ("run: {seed: 1}\nrun: {seed: 2}\n", "bad.yaml:2: expected YAML, found: the key 'run' is duplicated"),
    ("- a\n- b\n", "bad.yaml: expected 'key: value' lines, found a list"),
    ("run: {seeed: 1}", "bad.yaml: run.seeed: unknown key; did you mean seed"),
    ("network: {lstm_units: 9}", "bad.yaml: network.lstm_units: unknown key; it is called model.units now"),
])
def test_an_unreadable_file_is_an_error_of_one_line(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        load_config(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"run: {name: \xff}")
    with pytest.raises(ConfigError, match="expected UTF-8, found byte 0xff"):
        load_config(path)
    with pytest.raises(ConfigError, match="expected a readable file"):
        load_config(tmp_path / "none.yaml")


# --- YAML 1.2 ---


@pytest.mark.parametrize("text, value", [
    ("010", 10), ("-007", -7), ("+12", 12), ("0o17", 15), ("0x1f", 31), ("1e-3", 0.001), ("2E5", 2e5),
    ("1.5e+2", 150.0), ("-1e1", -10.0), (".5", 0.5), ("5.", 5.0), (".inf", float("inf")),
    ("true", True), ("False", False), ("TRUE", True), ("null", None), ("~", None), ("", None),
    ("1:30", "1:30"), ("1_000", "1_000"), ("0b1", "0b1"), ("0o8", "0o8"), ("-0x1f", "-0x1f"),
    ("yes", "yes"), ("No", "No"), ("on", "on"), ("OFF", "OFF"), ("y", "y"), ("n", "n"), ("nan", "nan"),
    ("2001-01-01", "2001-01-01"), ("2001-12-14t21:59:43Z", "2001-12-14t21:59:43Z"), ("=", "="), ("<<", "<<"),
    ("'010'", "010"), ('"true"', "true")])
def test_scalars_by_the_rules_of_yaml_1_2(text, value):
    parsed = parse_yaml(text, "x")
    assert (type(parsed), parsed) == (type(value), value)


def test_settings_by_the_rules_of_yaml_1_2():
    config = load_config(settings=["training.epochs=010", "corpus.types=[NO,PER]", "run.seed=0x1f",
                                   "training.optimizer.learning_rate=1e-3", "corpus.train=2001-01-01"])
    assert config.training.epochs == 10 and config.corpus.types == ["NO", "PER"]
    assert config.run.seed == 31 and config.corpus.train == "2001-01-01"
    assert config.training.optimizer.learning_rate == 1e-3


def test_a_value_that_yaml_reads_as_a_comment_is_a_value():
    assert load_config(settings=["corpus.comment=#"]).corpus.comment == "#"
    assert load_config(settings=["corpus.comment=<<"]).corpus.comment == "<<"
    assert load_config(settings=["corpus.dev=null"]).corpus.dev is None


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(),
                    st.text("0123456789-+.:eExXoO_ynNtTfF~<=#?!&* ", max_size=8),
                    st.sampled_from(["yes", "no", "null", "<<", "=", "2001-01-01", "0o17", "1e3", "\x85", "\u2028"]))
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(
    st.lists(inner, max_size=4),
    st.dictionaries(st.one_of(st.text(), st.integers(), st.sampled_from(["no", "<<", "1"])), inner, max_size=4),
), max_leaves=12)


@given(VALUES)
def test_what_is_written_as_yaml_is_read_as_the_same(value):
    # The representations tell 1, 1.0 and True apart, and have the order of keys.
    assert repr(parse_yaml(dump_yaml(value), "x")) == repr(value)


@pytest.mark.parametrize("text, values", [
    ("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n", {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}}),
    ("a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc: {<<: [*a, *b]}\n", {"a": {"x": 1}, "b": {"x": 2, "y": 3},
                                                              "c": {"x": 1, "y": 3}}),
    # The merged mapping is itself one with a merge, and is deeper in the document.
    ("a: &a {x: 1}\nb: {inner: &b {<<: *a, x: 2}}\nc: {<<: *b, x: 3}\n",
     {"a": {"x": 1}, "b": {"inner": {"x": 2}}, "c": {"x": 3}})])
def test_merged_keys_may_be_overridden(text, values):
    assert parse_yaml(text, "x") == values


@pytest.mark.parametrize("text, line, problem", [
    ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' is duplicated"), ("a: {b: 1,\n  b: 2}\n", 2, "the key 'b' is duplicated"),
    ("m0: &m0 {a: 1}\n" + "".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}], b{n}: 1}}\n"
                                  for n in range(1, 20)), 5, "a mapping that merges too many others"),
    ("1: a\n0x1: b\n", 2, "the key 1 is duplicated"), ("- {'a': 1,\n   a: 2}", 2, "the key 'a' is duplicated"),
    ("a: &a {x: 1}\nb: {<<: *a,\n  x: 2,\n  x: 3}\n", 4, "the key 'x' is duplicated"),
    ("[1]: a\n", 1, "expected a plain key, found a list or mapping"),
    ("a: !!python/name:os.system x\n", 1, "could not determine a constructor")])
def test_duplicated_and_impossible_keys_are_errors(text, line, problem):
    with pytest.raises(ConfigError, match=f"^file.yaml:{line}: expected YAML, found: {problem}"):
        parse_yaml(text, "file.yaml")


def test_a_configuration_as_yaml_is_read_back(tmp_path):
    config = load_experiment("conll2003-blstm-cnn-emb-lex", {"corpus.types": ["NO", "010", "1:30"], "run.name": "0x1f"})
    (tmp_path / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(tmp_path / "config.yaml") == config


# --- configurations of the first schema ---

GMB = {
    "run": {"name": "gmb-1", "directory": "runs", "seed": 1, "device": "auto", "threads": None},
    "corpus": {
        "name": "gmb", "processed": "data/processed", "reader": "gmb", "path": "ner_dataset.csv",
        "train": "train.txt", "dev": None, "test": None, "encoding": "windows-1252", "scheme": "auto",
        "columns": {"token": 0, "pos": 1, "tag": -1}, "separator": "whitespace", "comment": None, "types": None,
        "unknown_tags": "error", "split_digits": False, "documents": {"names": None, "leave_out": []},
        "split": {"method": "gmb-published", "dev": 0.05, "test": 0.1, "seed": 1, "by": "document"}},
    "features": {
        "digits": "run", "words": {"use": True, "lower": True, "min_count": 1},
        "characters": {"use": True, "types": False}, "casing": {"use": True}, "pos": {"use": True},
        "vectors": {"path": None, "encoding": "utf-8", "limit": None, "scale": None}, "lexicons": {}},
    "network": {
        "word_dimension": 100, "word_initial": "uniform", "word_trainable": True, "character_dimension": 25,
        "character_type_dimension": 4, "character_filters": 53, "character_width": 3, "character_activation": "none",
        "casing_dimension": 8, "pos_dimension": 16, "lexicon_dimension": 5, "context": "lstm", "window": 5,
        "window_units": 300, "lstm_units": 200, "lstm_layers": 1, "lstm_directions": "separate",
        "lstm_forget_bias": 1.0, "lstm_initial": "orthogonal", "output": "linear",
        "dropout": {"word": 0.25, "input": 0.25, "layers": 0.0, "output": 0.5}},
    "loss": {"name": "cross-entropy", "weights": "none"},
    "decoding": {"method": "viterbi", "valid_only": True},
    "training": {
        "epochs": 8, "patience": None, "batch_size": 32, "batches": "sorted", "normalise": "tokens",
        "optimizer": {"name": "adam", "learning_rate": 0.003, "momentum": 0.0, "weight_decay": 0.0, "clip": 5.0,
                      "sparse_words": True},
        "schedule": {"name": "linear", "warmup": 0, "final": 0.05, "decay": 0.05},
        "use_dev": False, "evaluation_batch": 128},
    "pos_tagger": {"epochs": 5, "lstm_units": 100}}


# What was done before the keys existed.
EARLIER = {"features.affixes.use": False, "decoding.outside_penalty": 0.0}


def from_first_schema(changes):
    """The configuration of today for values by dotted key over :data:`GMB`."""
    old = deepcopy(GMB)
    for key, value in changes.items():
        put(old, key, value)
    given = deepcopy(old)
    config = validate(migrated(old), "x")
    assert old == given  # the argument is left as it is
    return config


def test_an_old_configuration_is_the_experiment_of_today():
    expected = load_experiment("gmb", {"run.name": "gmb-1", **EARLIER})
    assert from_first_schema({}) == expected
    without_newer_keys = deepcopy(GMB)
    for key in ("context", "window", "window_units"):
        del without_newer_keys["network"][key]
    del without_newer_keys["corpus"]["documents"]
    assert validate(migrated(without_newer_keys), "x") == expected


def test_an_old_configuration_of_the_paper_is_the_experiment_of_today():
    config = from_first_schema({
        "run": {"name": "conll2003-blstm-1", "threads": 1},
        "corpus": {"name": "conll2003-blstm", "path": "conll2003", "train": ["train.txt", "eng.train"],
                   "dev": ["valid.txt", "dev.txt", "eng.testa"], "test": ["test.txt", "eng.testb"]},
        "features.characters.use": False, "features.casing.use": False, "features.pos.use": False,
        "network.word_dimension": 50, "network.word_initial": "normal", "network.lstm_units": 275,
        "network.output": "summed", "network.dropout": {"word": 0.25, "input": 0.0, "layers": 0.0, "output": 0.68},
        "loss": {"name": "sentence", "weights": "none"}, "decoding.valid_only": False,
        "training": {**GMB["training"], "epochs": 80, "batch_size": 9, "batches": "exact", "normalise": "sum",
                     "optimizer": {"name": "sgd", "learning_rate": 0.0105, "momentum": 0.0, "weight_decay": 0.0,
                                   "clip": 100.0, "sparse_words": True},
                     "schedule": {"name": "constant", "warmup": 0, "final": 0.05, "decay": 0.05}, "use_dev": True}})
    assert config == load_experiment("conll2003-blstm", {"run.name": "conll2003-blstm-1"})


@pytest.mark.parametrize("record, experiment, changed", [
    # Records have no folders: corpus.path is the default.
    ("gmb-1", "gmb", {"run.name": "gmb-1", **EARLIER}),
    ("conll2003-blstm-1", "conll2003-blstm",
     {"run.name": "conll2003-blstm-1", "corpus.name": "conll2003-blstm-5ecb3d74", "training.epochs": 30})])
def test_a_record_of_an_old_run_is_its_experiment(root, record, experiment, changed):
    values = json.loads((root / f"reports/runs/{record}.json").read_text())["config"]
    assert validate(migrated(values), record) == load_experiment(experiment, {**changed, "corpus.path": "data/sample"})


def test_every_record_of_a_run_is_valid(root):
    records = sorted((root / "reports/runs").glob("*.json"))
    assert records
    for path in records:
        values = json.loads(path.read_text())["config"]
        if "system" not in values:
            validate(migrated(values), str(path))


@pytest.mark.parametrize("old, value, new", [
    ("features.vectors.encoding", "latin-1", "features.words.vectors.encoding"),
    ("features.vectors.limit", 9, "features.words.vectors.limit"),
    ("features.vectors.scale", 0.5, "features.words.vectors.scale"),
    ("features.lexicons", {"own": {"path": "x"}}, "features.lexicons.sources"),
    ("network.word_dimension", 77, "features.words.dimension"),
    ("network.word_initial", "normal", "features.words.initial"),
    ("network.word_trainable", False, "features.words.trainable"),
    ("network.dropout.word", 0.125, "features.words.dropout"),
    ("training.optimizer.sparse_words", False, "features.words.sparse_gradients"),
    ("network.character_dimension", 77, "features.characters.dimension"),
    ("network.character_type_dimension", 77, "features.characters.type_dimension"),
    ("network.character_filters", 77, "features.characters.filters"),
    ("network.character_width", 77, "features.characters.width"),
    ("network.character_activation", "tanh", "features.characters.activation"),
    ("network.casing_dimension", 77, "features.casing.dimension"),
    ("network.pos_dimension", 77, "features.pos.dimension"),
    ("network.lexicon_dimension", 77, "features.lexicons.dimension"),
    ("pos_tagger.epochs", 77, "features.pos.tagger.epochs"),
    ("pos_tagger.lstm_units", 77, "features.pos.tagger.units"),
    ("network.lstm_units", 77, "model.units"), ("network.lstm_layers", 7, "model.layers"),
    ("network.lstm_directions", "joined", "model.directions"),
    ("network.lstm_forget_bias", 0.5, "model.forget_bias"), ("network.lstm_initial", "xavier", "model.initial"),
    ("network.output", "summed", "model.output"), ("network.dropout.input", 0.125, "model.dropout.input"),
    ("network.dropout.layers", 0.125, "model.dropout.layers"),
    ("network.dropout.output", 0.125, "model.dropout.output"),
    ("training.optimizer.clip", 77.0, "training.clip"), ("training.optimizer.clip", None, "training.clip"),
    ("training.epochs", 77, "training.epochs"),
    ("corpus.types", ["PER"], "corpus.types"), ("loss.weights", {"PER": 2.0}, "loss.weights")])
def test_an_old_key_is_read_as_its_new_one_and_changes_nothing_else(old, value, new):
    expected = load_experiment("gmb", {"run.name": "gmb-1", **EARLIER, new: value})
    assert from_first_schema({old: value}) == expected != from_first_schema({})


def test_old_keys_of_another_kind_are_left_out():
    window = from_first_schema({"network.context": "window", "network.window": 7, "network.window_units": 33,
                                "network.lstm_units": 44, "network.dropout.layers": 0.3}).model
    assert (window.name, window.width, window.units, window.dropout.input, window.dropout.output) == (
        "feed-forward", 7, 33, 0.25, 0.5)
    assert from_first_schema({"network.window_units": 33}).model.units == 200
    sgd = from_first_schema({"training.optimizer.name": "sgd", "training.optimizer.momentum": 0.9}).training.optimizer
    assert (sgd.name, sgd.momentum) == ("sgd", 0.9)
    for name, key in (("linear", "final"), ("cosine", "final"), ("inverse", "decay")):
        schedule = from_first_schema({"training.schedule.name": name, f"training.schedule.{key}": 0.75,
                                      "training.schedule.warmup": 3}).training.schedule
        assert (schedule.name, getattr(schedule, key), schedule.warmup) == (name, 0.75, 3)


def test_a_dimension_that_was_the_default_is_none_without_vectors():
    """The first schema wrote the default out; with vectors, only a number of the user's own was there."""
    assert from_first_schema({}).features.words.dimension is None
    assert from_first_schema({"network.word_dimension": None}).features.words.dimension is None
    assert from_first_schema({"features.vectors.path": "v.txt"}) == load_experiment("gmb", {
        "run.name": "gmb-1", **EARLIER, "features.words.vectors.path": "v.txt", "features.words.dimension": 100})


def test_a_stored_configuration_does_what_was_done_when_it_was_written():
    """A key that came later, and whose default changes results, has no effect on it."""
    today = Config().model_dump(mode="json")
    stored = deepcopy(today)
    del stored["features"]["affixes"], stored["decoding"]["outside_penalty"]
    before = deepcopy(stored)
    assert validate(migrated(stored), "x") == Config().updated(EARLIER) and stored == before
    assert with_earlier_defaults({"features": {}})["features"] == {"affixes": {"use": False}}
    assert with_earlier_defaults(None) is None and with_earlier_defaults(today) is today


def test_a_configuration_of_today_is_not_migrated():
    values = Config().model_dump(mode="json")
    assert migrated(values) is values
    assert migrated({"network": 3}) == {"network": 3}


@pytest.mark.parametrize("argument, old, new", [
    ("network.lstm_units=9", "network.lstm_units", "model.units"),
    ("network={lstm_layers: 2, window: 3}", "network.lstm_layers", "model.layers"),
    ("network.context=window", "network.context", "model.name"),
    ("network.dropout.output=0.1", "network.dropout.output", "model.dropout.output"),
    ("network.dropout.word=0.1", "network.dropout.word", "features.words.dropout"),
    ("network.casing_dimension=9", "network.casing_dimension", "features.casing.dimension"),
    ("network={}", "network", "features or model"),
    ("features.vectors.path=x", "features.vectors.path", "features.words.vectors.path"),
    ("features.vectors=null", "features.vectors", "features.words.vectors"),
    ("pos_tagger.epochs=3", "pos_tagger.epochs", "features.pos.tagger.epochs"),
    ("training.optimizer.clip=1.0", "training.optimizer.clip", "training.clip"),
    ("training.optimizer={name: sgd, sparse_words: true}", "training.optimizer.sparse_words",
     "features.words.sparse_gradients"),
    ("features.lexicons.senna={path: x}", "features.lexicons.senna", "features.lexicons.sources.senna"),
    ("features.lexicons.senna.path=x", "features.lexicons.senna", "features.lexicons.sources.senna"),
    ("features.lexicons.senna=null", "features.lexicons.senna", "features.lexicons.sources.senna")])
def test_an_old_key_in_a_setting_is_an_error_that_names_the_new_one(argument, old, new):
    with pytest.raises(ConfigError, match=f"^{old}: unknown key; it is called {new} now$"):
        load_config(settings=[argument])


# --- what a key decides ---

# Other values for the keys whose values are not numbers; those are varied below.
VARIED = {
    "run.name": "other", "run.directory": "elsewhere", "run.device": "cpu", "run.threads": 3, "corpus.name": "other",
    "corpus.processed": "elsewhere", "corpus.reader": "gmb", "corpus.path": "elsewhere", "corpus.train": "x.txt",
    "corpus.dev": "x.txt", "corpus.test": "x.txt", "corpus.encoding": "latin-1", "corpus.scheme": "IOB1",
    "corpus.separator": "tab", "corpus.comment": "#", "corpus.columns.token": 1, "corpus.columns.pos": None,
    "corpus.columns.tag": 2, "corpus.tag_names": ["O"], "corpus.label_key": "spans", "corpus.overlaps": "first",
    "corpus.tokenizer.name": "whitespace", "corpus.tokenizer.language": "de", "corpus.tokenizer.lines": "join",
    "corpus.types": ["PER"], "corpus.unknown_tags": "outside", "corpus.characters": "vote",
    "corpus.cut": 45, "corpus.pad": 45,
    "corpus.documents.names": "auto",  "corpus.documents.leave_out": ["pt/"], "corpus.split.method": "last",
    "corpus.split.by": "sentence", "features.pos.use": False, "features.digits": "keep",
    "features.tag_encoding": "IOB2",
    "features.words.max_size": 5, "features.characters.longest": 5,
    "features.words.dimension": 50, "features.words.initial": "normal", "features.words.vectors.path": "v.txt",
    "features.words.vectors.words": "w.txt",
    "features.words.vectors.encoding": "latin-1", "features.words.vectors.limit": 5,
    "features.words.vectors.scale": 0.1, "features.characters.activation": "relu",
    "features.transformer.path": "encoder", "features.transformer.pooling": "mean",
    "features.transformer.layers": "mix", "features.transformer.dropout": 0.2,
    "features.lexicons.sources": {"own": {"path": "x"}}, "model.name": "feed-forward", "model.directions": "joined",
    "model.initial": "xavier", "model.output": "summed", "loss.name": "sentence", "loss.weights": "balanced",
    "training.kvstore": "dist_sync",
    "decoding.outside_penalty": 0.5, "training.batch_size": 8, "decoding.method": "argmax", "training.patience": 3,
    "training.batches": "exact", "training.normalise": "sum",
    "training.optimizer.name": "sgd", "training.schedule.name": "constant", "training.callbacks": {"history": {}},
    "inference.rules": "rules.jsonl", "card.intended_use": "News.", "card.limits": "None.", "card.licence": "MIT"}
NOTHING = {"run.name", "run.directory", "run.device", "run.threads", "corpus.name", "corpus.path", "corpus.processed",
           "training.evaluation_batch", "training.callbacks", "features.transformer.cache", "card.intended_use",
           "card.limits", "card.licence"}
# Of the section features; of the section corpus, every key that decides anything decides the features.
PROCESSED = {"features.digits", "features.tag_encoding", "features.words.use", "features.words.lower",
             "features.words.min_count", "features.words.max_size", "features.words.vectors.path",
             "features.words.vectors.words",
             "features.words.vectors.encoding", "features.words.vectors.limit", "features.words.vectors.scale",
             "features.characters.use", "features.characters.types",
             "features.affixes.use", "features.affixes.longest", "features.affixes.min_count",
             "features.shape.use", "features.shape.min_count", "features.characters.longest", "features.casing.use",
             "features.pos.use",
             "features.transformer.use", "features.transformer.path", "features.lexicons.use",
             "features.lexicons.sources", "training.use_dev"}


def varied(key, value):
    """Another valid value for a key."""
    if key in VARIED:
        return VARIED[key]
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value / 2 or 0.125


DEFAULTS = Config().model_dump(mode="json")
LEAVES = [key for key in keys(DEFAULTS) if not isinstance(value_at(DEFAULTS, key), dict) or not value_at(DEFAULTS, key)]


@pytest.mark.parametrize("key", LEAVES)
def test_what_each_key_decides(key):
    expected = ("seed" if key == "run.seed" else "nothing" if key in NOTHING else
                "features" if key in PROCESSED or key.startswith("corpus.") else "result")
    config = Config()
    other = config.updated({key: varied(key, value_at(DEFAULTS, key))})
    assert other != config and decides(config, key) == expected
    assert (features_fingerprint(other) != features_fingerprint(config)) == (expected == "features")
    assert (result_fingerprint(other) != result_fingerprint(config)) == (expected in ("features", "result"))
    assert (result_fingerprint(other, seed=True) != result_fingerprint(config, seed=True)) == (expected != "nothing")


def test_what_keys_of_sections_and_mappings_decide():
    config = load_experiment("conll2003-blstm-cnn-emb-lex")
    assert decides(config, "features.lexicons.sources.senna.path") == "features"
    assert decides(config, "features.lexicons.sources.new.path") == "features"
    assert decides(config, "training.callbacks.history") == "nothing"
    assert [decides(config, key) for key in ("features", "corpus", "model", "training", "features.pos.tagger")] == [
        "features", "features", "result", "result", "result"]
    assert [decides(config, key) for key in (
        "x", "run.x", "model.width", "loss.weights", "corpus.split.name", "features.name")] == [None] * 6


def test_every_model_and_loss_has_the_features_fingerprint_of_the_others():
    prints = [features_fingerprint(Config().updated({"model.name": model, "loss.name": loss}))
              for model in ("bilstm-cnn", "feed-forward") for loss in ("cross-entropy", "sentence")]
    assert all(fingerprint == prints[0] for fingerprint in prints)
    assert set(prints[0]) == {"corpus", "features", "training"} and prints[0]["training"] == {"use_dev": False}


def test_input_files_are_compared_by_name():
    def fingerprint(vectors, lexicon):
        config = Config().updated({"features.words.vectors.path": vectors,
                                   "features.lexicons.sources": {"own": {"path": lexicon}}})
        return features_fingerprint(config), result_fingerprint(config)
    assert fingerprint("/a/v.txt", "/a/lists") == fingerprint("/b/v.txt", "b/lists")
    assert fingerprint("v.txt", "lists") != fingerprint("w.txt", "lists")
    assert fingerprint("v.txt", "lists") != fingerprint("v.txt", "others")


def test_the_dimension_of_words_does_not_matter_with_vectors():
    def fingerprint(dimension, path):
        return result_fingerprint(Config().updated({"features.words.dimension": dimension,
                                                    "features.words.vectors.path": path}))
    assert fingerprint(50, "v.txt") == fingerprint(None, "v.txt")
    assert fingerprint(50, None) != fingerprint(None, None)


def test_a_portable_configuration_has_no_folders_of_the_machine():
    config = load_experiment("conll2003-blstm-cnn-emb-lex", {
        "run.directory": "/home/ada/runs", "corpus.path": "/home/ada/conll", "corpus.processed": "/home/ada/processed",
        "features.words.vectors.path": "/home/ada/senna",
        "features.lexicons.sources.senna.path": "/home/ada/lists/hash"})
    values = portable(config)
    assert "/home/ada" not in json.dumps(values)
    assert set(keys(config.model_dump(mode="json"))) - set(keys(values)) == {
        "run.directory", "corpus.path", "corpus.processed"}
    assert values["features"]["words"]["vectors"]["path"] == "senna"
    assert values["features"]["lexicons"]["sources"]["senna"]["path"] == "hash"
    restored = validate(values, "x")
    assert portable(restored) == values
    assert result_fingerprint(restored, seed=True) == result_fingerprint(config, seed=True)
    assert features_fingerprint(restored) == features_fingerprint(config)


# --- values that people type ---

ODD = ["my data #2", "4e7", "010", "no", "true", "2026-01-31", "1:30", "~x", "a: b", "- x",
       "'", '"', "\u2028", "\x85", "[",
       "{", "null ", "0x1f", ".5", "1_000", "<<", "=", "!x", "&a", "*a", "%", "@", "`", "\U0001f600", " x ", "x\ty",
       "\ufeffx"]


@pytest.mark.parametrize("text", ODD)
def test_the_text_after_the_equals_sign_is_the_value_of_a_key_that_takes_text(text):
    for key in ("corpus.path", "corpus.comment", "corpus.train"):
        if not (key == "corpus.train" and text.startswith("[")):
            assert parse_settings([f"{key}={text}"]) == {key: text}


@given(st.one_of(st.text(), st.sampled_from(ODD), st.integers().map(str), st.floats().map(str), st.booleans().map(str),
                 st.dates().map(str), st.datetimes().map(str)))
def test_every_string_is_read_back_from_what_is_written(text):
    if not any("\ud800" <= character <= "\udfff" for character in text):
        values = {"key": text, "list": [text], "mapping": {"inner": text}}
        assert parse_yaml(dump_yaml(values), "x") == values


def test_other_keys_are_yaml_and_text_may_be_quoted_or_null():
    assert parse_settings(["training.epochs=3", "corpus.types=[NO, PER]", "corpus.dev=null", "corpus.train=[a, b]",
                           "corpus.comment='None'", 'run.name="x y"', "loss.weights={LOC: 2.0}", "model.units=7",
                           "features.words.vectors.path=~", "training.schedule.name=linear"]) == {
        "training.epochs": 3, "corpus.types": ["NO", "PER"], "corpus.dev": None, "corpus.train": ["a", "b"],
        "corpus.comment": "None", "run.name": "x y", "loss.weights": {"LOC": 2.0}, "model.units": 7,
        "features.words.vectors.path": None, "training.schedule.name": "linear"}
    with pytest.raises(ConfigError, match="corpus.comment: expected text or null, found None, which Python calls so"):
        parse_settings(["corpus.comment=None"])


def test_a_name_that_looks_like_a_number_is_read_again(tmp_path):
    config = Config().updated({"run.name": "4e7"})
    (tmp_path / "c.yaml").write_text(config.to_yaml())
    assert load_config(tmp_path / "c.yaml") == config
    (tmp_path / "c.yaml").write_text("corpus: {path: true}")
    with pytest.raises(ConfigError, match="corpus.path: should be a valid string, found 'True'; put it in quotes"):
        load_config(tmp_path / "c.yaml")


def test_a_section_whose_keys_are_all_commented_out_is_the_default(tmp_path):
    (tmp_path / "c.yaml").write_text("corpus:\n  # path: x\nmodel:\ntraining:\n  schedule:\nfeatures:\n  words:\n")
    assert load_config(tmp_path / "c.yaml") == Config()


def test_home_and_environment_are_expanded_in_paths(monkeypatch):
    monkeypatch.setenv("CORPORA", "/c")
    monkeypatch.setenv("HOME", "/h")
    config = Config().updated({"corpus.path": "~/x", "run.directory": "$CORPORA/runs",
                               "features.words.vectors.path": "${CORPORA}/v.txt", "features.lexicons.sources":
                                   {"own": {"path": "~/l"}}, "corpus.train": "~"})
    assert (config.corpus.path, config.run.directory, config.features.words.vectors.path) == (
        "/h/x", "/c/runs", "/c/v.txt")
    assert config.features.lexicons.sources["own"].path == "/h/l" and config.corpus.train == "~"


def test_an_experiment_is_found_beside_the_file_that_names_it(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/base.yaml").write_text("training: {epochs: 7}")
    (tmp_path / "sub/own.yaml").write_text("extends: base.yaml\nmodel: {units: 9}")
    (tmp_path / "base.yaml").write_text("training: {epochs: 8}")
    monkeypatch.chdir(tmp_path)
    config = load_experiment("sub/own.yaml")
    assert (config.training.epochs, config.model.units) == (7, 9)
    assert load_experiment("own.yaml", beside=tmp_path / "sub").training.epochs == 7


def test_names_are_those_of_the_corpus_if_none_are_given():
    assert Config(corpus={"path": "a/my data.v2.jsonl"}).run.name == "my-data"
    named = Config(corpus={"path": "x.txt", "name": "y"})
    assert (named.corpus.name, named.run.name) == ("y", "y")
    assert Config(run={"name": "z"}).corpus.name == "sample"


@pytest.mark.parametrize("path", ["9" * 5000, "a\0b"])
def test_a_path_that_no_file_can_have_is_reported_by_who_reads_it(path):
    config = Config.model_validate({"corpus": {"path": path}})
    assert config.corpus.name == "corpus"
