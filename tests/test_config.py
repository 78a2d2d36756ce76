"""The configuration: one file, strict, with errors that name the key."""

import pytest
import yaml

from ner_mx.config import Config, difference, experiment_names, load_config, parse_yaml, read_experiment
from ner_mx.errors import ConfigError
from ner_mx.features.processed import making_of


def keys(values, prefix=""):
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{key}.")


def test_config_yaml_is_the_schema_with_every_key(root):
    written = yaml.safe_load((root / "config.yaml").read_text())
    defaults = Config().model_dump(mode="json")
    defaults["network"]["word_dimension"] = None  # a number once it is known that there are no vectors
    assert difference(written, defaults) is None
    assert list(keys(written)) == list(keys(defaults))


@pytest.mark.parametrize("name", experiment_names())
def test_every_experiment_is_valid(name, root):
    load_config(root / "config.yaml", name)


def test_experiments_of_one_corpus_name_share_one_processed_corpus():
    made = {}
    for name in experiment_names():
        config = load_config(None, name)
        making = (making_of(config), config.corpus.path)
        assert made.setdefault(config.corpus.name, making) == making, name


def test_a_lexicon_that_an_experiment_brings_can_be_taken_out():
    def names(*settings):
        return list(load_config(None, "conll2003-blstm-cnn-emb-lex", settings).features.lexicons)
    assert names() == ["senna", "dbpedia"]
    assert names("features.lexicons={}") == []
    assert names("features.lexicons.dbpedia=null") == ["senna"]
    assert names("features.lexicons={}", "features.lexicons.own={path: x}") == ["own"]


def test_keys_that_do_not_go_together_name_the_layer_that_brought_them_together(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("training: {optimizer: {name: adam, momentum: 0.9}}")
    with pytest.raises(ConfigError, match=f"^{path}: training.optimizer.momentum belongs to sgd"):
        load_config(path, None, ["run.seed=2"])
    path.write_text("training: {optimizer: {name: sgd, momentum: 0.9}}")
    with pytest.raises(ConfigError, match="^--set training.optimizer.name=adam: "):
        load_config(path, None, ["run.seed=2", "training.optimizer.name=adam", "run.name=x"])


def test_the_experiments_of_the_mission_are_there():
    assert {"sample", "gmb", "gmb-80-20", "conll2003", "conll2003-paper", "un"} <= set(experiment_names())


@pytest.mark.parametrize("argument, message", [
    ("training.epoch=3", "training.epoch: unknown key; did you mean epochs"),
    ("trainning.epochs=3", "trainning: unknown key; did you mean training"),
    ("training.epochs=three", "training.epochs: should be a valid integer, found"),
    ("training.epochs=0", "training.epochs: should be greater than or equal to 1"),
    ("training.epochs=2.5", "training.epochs"),
    ("run.device=tpu", "run.device: "),
    ("run.name=../x", "run.name: "),
    ("network.dropout.output=1.0", "network.dropout.output: should be less than 1"),
    ("features=3", "features: "),
    ("loss.weights=-1.0", "loss.weights: every weight must be 0 or more"),
    ("loss.weights=heavy", "loss.weights: "),
    ("training.optimizer.momentum=0.9", "momentum belongs to sgd"),
    ("corpus.split.test=0.95", "dev \\+ test must leave"),
    ("noequals", "expected section.key=value"),
    ("run.seed=[1", "expected YAML"),
    ("training.optimizer.learning_rate=.inf", "training.optimizer.learning_rate: should be a finite number"),
    ("run=&a {name: *a}", "--set run"),
])
def test_a_wrong_setting_is_one_line_that_names_it(argument, message):
    with pytest.raises(ConfigError, match=message) as error:
        load_config(settings=[argument])
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("--set")


def test_settings_lie_over_experiments_over_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("training: {epochs: 7, batch_size: 8}\nrun: {seed: 4}\n")
    config = load_config(path, "gmb", ["run.seed=5"])
    assert (config.run.seed, config.training.epochs, config.training.batch_size) == (
        5, read_experiment("gmb")["training"]["epochs"], 32)
    assert config.corpus.reader == "gmb"


def test_numbers_in_scientific_notation_are_numbers():
    assert parse_yaml("[1e-3, 2E5, 1.5e+2, -1e1]", "x") == [1e-3, 2e5, 150.0, -10.0]
    config = load_config(settings=["training.optimizer.learning_rate=1e-3"])
    assert config.training.optimizer.learning_rate == 1e-3


@pytest.mark.parametrize("text, message", [
    ("a: [", "bad.yaml:1: expected YAML"),
    ("run: {seed: 1}\nrun: {seed: 2}\n", "bad.yaml:1: expected YAML, found: the key 'run' stands twice"),
    ("- a\n- b\n", "expected 'key: value' lines, found a list"),
    ("run: {seeed: 1}", "run.seeed: unknown key; did you mean seed"),
])
def test_an_unreadable_file_is_one_line(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"run: {name: \xff}")
    with pytest.raises(ConfigError, match="expected UTF-8, found byte 0xff"):
        load_config(path)
    with pytest.raises(ConfigError, match="expected a readable file"):
        load_config(tmp_path / "none.yaml")


def test_an_unknown_experiment_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean gmb"):
        load_config(experiment="gbm")


def test_an_experiment_that_extends_itself(tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text(f"extends: {path}\n")
    with pytest.raises(ConfigError, match="extends itself"):
        read_experiment(str(path))


def test_the_difference_of_two_configurations_names_the_key():
    one, two = Config().model_dump(), Config().model_dump()
    two["features"]["words"]["lower"] = False
    assert difference(one, two) == "features.words.lower: true against false"


def test_settings_that_only_fit_together_may_come_one_by_one():
    config = load_config(settings=["training.optimizer.momentum=0.9", "training.optimizer.name=sgd",
                                   "corpus.split.dev=0.9", "corpus.split.test=0.05"])
    assert config.training.optimizer.momentum == 0.9


def test_a_value_that_yaml_takes_for_a_comment_is_a_value():
    assert load_config(settings=["corpus.comment=#"]).corpus.comment == "#"
    assert load_config(settings=["corpus.dev=null"]).corpus.dev is None


def test_an_experiment_extends_by_name(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("extends: 3\n")
    with pytest.raises(ConfigError, match="expected the name of an experiment, found 3"):
        read_experiment(str(path))
