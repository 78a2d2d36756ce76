"""Modules outside the package add one entry of every kind, and the whole path runs with them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ner_mx
from ner_mx.config import Config, load_config
from ner_mx.data.detection import format_named
from ner_mx.errors import ConfigError, RunError
from ner_mx.registry import Registry, load_code, loaded_code, register

HERE = Path(__file__).parent
CODE = [str(HERE / "corpus_addons.py"), str(HERE / "model_addons.py")]

EXPERIMENT = """
corpus:
  name: own
  reader: slashes
  path: corpus
  split: {method: every-fourth}
  tokenizer: letters
  train: all
features:
  tag_encoding: BIE
  words: {dimension: 10, sparse_gradients: false}
  characters: {use: false}
  affixes: {use: false}
  casing: {use: false}
  pos: {use: true, dimension: 4, tagger: {epochs: 1, units: 4}}
  suffix: {length: 2, dimension: 5}
  place: {}
  length_of_word: {dimension: 3}
model: {name: two-layer, hidden: 12}
loss: halved
run: {name: own}
training:
  epochs: 3
  batch_size: 4
  optimizer: {name: sign, learning_rate: 0.01}
  schedule: {name: halving, every: 1}
  clip: null
  callbacks: {notes: {file: diary.txt}}
"""


@pytest.fixture(scope="module", autouse=True)
def addons():
    """The modules are loaded once in the process of the tests."""
    for source in CODE:
        load_code(source)
    yield
    # Other tests of this process see them, too; what they register has names of its own.


@pytest.fixture
def workplace(tmp_path, short_sample, monkeypatch):
    """A folder with a corpus in a format of the user's own, and an experiment on it."""
    (tmp_path / "corpus" / "all").mkdir(parents=True)
    sample = load_config(settings=[f"corpus.path={short_sample}"]).corpus
    sentences = format_named("conll").read(short_sample / "train.txt", sample).sentences[:120]
    format_named("slashes").write(sentences[:60], tmp_path / "corpus" / "all" / "one.slashed")
    format_named("slashes").write(sentences[60:], tmp_path / "corpus" / "all" / "two.slashed")
    (tmp_path / "own.yaml").write_text(EXPERIMENT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(workplace, *arguments):
    """Run the command line with the modules; gives what it printed."""
    code = [argument for source in CODE for argument in ("--code", source)]
    done = subprocess.run(
        [sys.executable, "-m", "ner_mx", *code, *map(str, arguments)], cwd=workplace, capture_output=True,
        text=True, timeout=240, env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_whole_path_with_the_command_line(workplace):
    """preprocess -> train -> resume -> evaluate -> export -> predict and tag."""
    printed = command(workplace, "preprocess", "--experiment", "own.yaml")
    assert "60" in printed
    command(workplace, "train", "--experiment", "own.yaml")
    run = workplace / "runs/own"
    diary = (run / "diary.txt").read_text().splitlines()
    assert diary[0] == "start after 0" and diary[-1] == "end"
    # The schedule halves the rate after each epoch, and the optimizer is asked for it.
    assert [line.split()[-1] for line in diary[1:-1]] == ["0.01000", "0.00500", "0.00250"]

    _interrupted_copy("resumed")
    command(workplace, "train", "--resume", "runs/resumed")
    assert (workplace / "runs/resumed/best.params").read_bytes() == (run / "best.params").read_bytes()

    assert "test" in command(workplace, "evaluate", run)
    command(workplace, "export", run, "bundle")
    text = "Ada left Florence."
    answers = [json.loads(command(workplace, "predict", model, text)) for model in ("bundle", run)]
    assert [[entity["text"] for entity in answer["entities"]] for answer in answers][0] == [
        entity["text"] for entity in answers[1]["entities"]]
    assert command(workplace, "predict", "bundle", text, "--format", "brackets").endswith("\n")
    (workplace / "texts.txt").write_text(f"{text}\n" * 3)
    command(workplace, "tag", "bundle", "texts.txt", "tagged.jsonl", "--processes", "2")
    assert len((workplace / "tagged.jsonl").read_text().splitlines()) == 3
    assert command(workplace, "greet", "Ada") == "Good day, Ada\n"
    assert "FB1:   0.00" in command(workplace, "baseline", "nothing", "--experiment", "own.yaml")
    command(workplace, "convert", "corpus/all", "all.conll", "--from", "slashes")


class InterruptAfterTwo(ner_mx.Callback):
    """Ctrl-C after the second epoch."""

    def on_checkpoint(self, run, path):
        if run.state.epoch == 2:
            raise KeyboardInterrupt


def _interrupted_copy(name):
    """The run of the experiment under another name, interrupted after two of its three epochs."""
    with pytest.raises(KeyboardInterrupt):
        ner_mx.train(load_config(experiment="own.yaml"), name=name, callbacks=[InterruptAfterTwo()])


def test_the_whole_path_with_the_api(workplace):
    """The same from Python; the bundle answers as the run does."""
    corpus = ner_mx.preprocess(load_config(experiment="own.yaml"))
    assert [feature.name for feature in corpus.encoder.features] == [
        "words", "pos", "suffix", "place", "length_of_word"]
    assert corpus.encoder.tags[1].startswith("B-") and {tag[0] for tag in corpus.encoder.tags} == set("OBIE")
    run = ner_mx.train(corpus, seed=3, name="api")
    assert set(run.scores) == {"dev", "test", "dev with predicted POS", "test with predicted POS"}
    bundle = ner_mx.load(run.export(workplace / "bundle"))
    # The tokenizer travels with the bundle.
    assert [[token.text for token in tokens] for tokens in bundle.tokenizer.sentences("It's 12. So.")] == [
        ["It", "'", "s", "1", "2", "."], ["So", "."]]
    tokens = ["Ada", "left", "Florence", "."]
    np.testing.assert_allclose(bundle.marginals(tokens), run.tagger().marginals(tokens), atol=1e-5)
    assert bundle.marginals(tokens).shape == (4, len(bundle.tags))


def test_a_changed_file_of_a_format_of_ones_own_is_noticed(workplace):
    """The format says which files belong to a corpus; one that changes stops the training."""
    config = load_config(experiment="own.yaml")
    corpus = ner_mx.preprocess(config)
    assert set(corpus.meta["sources"]) == {"all/one.slashed", "all/two.slashed"}
    with open(workplace / "corpus/all/two.slashed", "a", encoding="utf-8") as file:
        file.write("Bert/N/B-PER\n")
    with pytest.raises(RunError, match=r"all/two\.slashed"):
        ner_mx.train(corpus, name="changed")


def test_keys_of_own_sections_are_checked(workplace):
    """An unknown key of an own section names the nearest; so does one of another kind's section."""
    with pytest.raises(ConfigError, match=r"model\.hiden: unknown key; did you mean hidden\?"):
        load_config(experiment="own.yaml", settings=["model.hiden=3"])
    with pytest.raises(ConfigError, match=r"features\.suffix\.size: unknown key"):
        load_config(experiment="own.yaml", settings=["features.suffix.size=3"])
    with pytest.raises(ConfigError, match="units: unknown key for two-layer; it belongs to bilstm-cnn"):
        load_config(experiment="own.yaml", settings=["model.units=3"])
    with pytest.raises(ConfigError, match=r"training\.callbacks"):
        load_config(experiment="own.yaml", settings=["training.callbacks.notes.fil=a"])


def test_a_feature_of_ones_own_is_off_unless_it_is_named():
    """Loading a module changes no experiment that does not mention it."""
    assert "suffix" not in Config().features.active()
    assert "suffix" in Config().updated({"features.suffix.length": 2, "features.suffix.use": True}).features.active()


def test_a_bundle_without_its_module_is_refused_in_one_line(workplace):
    """A process that has not loaded the modules says what is missing."""
    corpus = ner_mx.preprocess(load_config(experiment="own.yaml", settings=["training.epochs=1"]))
    ner_mx.train(corpus, name="alone").export(workplace / "bundle")
    for folder in ("bundle", "runs/alone"):
        done = subprocess.run([sys.executable, "-m", "ner_mx", "predict", folder, "Ada"], cwd=workplace,
                              capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)})
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1 and "must be registered first" in done.stderr, done.stderr


@pytest.mark.parametrize("content, message", [
    ("1 / 0", r"broken\.py:1: .*ZeroDivisionError: division by zero"),
    ("import nowhere_to_be_found", r"broken\.py:1: .*ModuleNotFoundError"),
    ("def half(", r"broken\.py.*SyntaxError"),
    ("from ner_mx.registry import register\n"
     "@register.schedule('linear')\ndef again(): pass", "schedule 'linear' is registered twice"),
])
def test_a_module_that_cannot_be_loaded_is_one_line(tmp_path, content, message):
    """Whatever a module does wrong, the error names it."""
    (tmp_path / "broken.py").write_text(content)
    register.schedule.names()
    with pytest.raises(ConfigError, match=message) as error:
        load_code(str(tmp_path / "broken.py"))
    assert "\n" not in str(error.value)
    assert str(tmp_path / "broken.py") not in loaded_code


def test_a_module_that_does_not_exist():
    """A path and a dotted name."""
    with pytest.raises(ConfigError, match=r"nowhere\.py: expected a Python module, found no file"):
        load_code("nowhere.py")
    with pytest.raises(ConfigError, match="no_such_package"):
        load_code("no_such_package")


def test_a_module_is_loaded_once():
    """Loading it again registers nothing twice."""
    before = list(loaded_code)
    load_code(CODE[0])
    assert loaded_code == before


def test_an_unknown_name_lists_the_known_ones():
    """The nearest is proposed."""
    with pytest.raises(ConfigError, match="found 'colours'"):
        Registry("thing", "ner_mx.training.schedules")["colours"]
    with pytest.raises(ConfigError, match="did you mean slashes"):
        load_config(settings=["corpus.reader=slashs"])


class EntryPoint:
    """What importlib.metadata finds in an installed package."""

    name, value = "colours", "colours:module"

    def __init__(self, action):
        self.load = action


def test_plugins_of_installed_packages_are_loaded(monkeypatch):
    """An entry point of the group is imported at the first lookup; one that fails is named."""
    from ner_mx import registry

    class EntryPoints(list):
        def select(self, group):
            return self if group == "ner_mx.plugins" else []

    loaded = []
    monkeypatch.setattr(registry, "_plugins_loaded", False)
    monkeypatch.setattr(registry.metadata, "entry_points", lambda: EntryPoints([EntryPoint(lambda: loaded.append(1))]))
    register.schedule.names()
    register.schedule.names()
    assert loaded == [1]
    monkeypatch.setattr(registry, "_plugins_loaded", False)
    monkeypatch.setattr(registry.metadata, "entry_points", lambda: EntryPoints([EntryPoint(lambda: 1 / 0)]))
    with pytest.raises(ConfigError, match=r"plugin colours \(colours:module\): .*ZeroDivisionError"):
        register.schedule.names()
