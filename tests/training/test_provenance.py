"""The digest of the code that decides a result: what changes it, and what does not."""

import functools
import shutil

import pytest

import ner_mx
from ner_mx.training import provenance
from ner_mx.training.provenance import DECIDING, code_digest, environment, essence

CODE = '''
"""A module."""
import logging

log = logging.getLogger(__name__)
LIMIT = 20.0


class Model:
    """A model."""

    def predict(self, value):
        """Predict."""
        log.info("predicting %s", value)
        if value > LIMIT:
            raise ValueError(f"expected at most {LIMIT}, found {value}")
        return value + 1
'''

# Modules of the packages below the commands that decide no number of a run.
NOT_DECIDING = {
    "config/__init__.py", "config/choices.py", "config/differences.py", "config/fingerprints.py",
    "config/experiments.py", "config/layers.py", "config/merging.py", "config/migration.py", "config/schema.py",
    "config/section.py", "config/validation.py",
    "config/yaml_documents.py",  # the configuration of a run is recorded itself
    "evaluation/__init__.py", "evaluation/conditions.py", "evaluation/confusion.py", "evaluation/conlleval.py",
    "evaluation/partial_matches.py", "evaluation/precision_thresholds.py", "evaluation/predictions.py",
    "evaluation/significance.py", "evaluation/tag_report.py",
    "training/__init__.py", "training/callbacks/__init__.py", "training/callbacks/epoch_log.py",
    "training/callbacks/history.py", "training/callbacks/mlflow.py", "training/callbacks/progress_bar.py",
    "training/callbacks/tensorboard.py", "training/distributed/__init__.py", "training/distributed/launching.py",
    "training/distributed/parameter_server.py", "training/interrupts.py", "training/provenance.py",
    "training/roofline.py", "training/run_evaluation.py", "training/run_folder.py", "training/tracked_values.py"}


@pytest.mark.parametrize("old, new", [
    ("LIMIT = 20.0", "LIMIT = 20.0  # chosen by hand"),
    ("\n\nclass Model", "\n# The model of the paper.\n\n\n\nclass Model"),
    ('"""A module."""', '"""Another text."""'),
    ('"""A module."""', ""),
    ('    """A model."""\n', ""),
    ('"""Predict."""', '"""Predict a number.\n\n        It is one more."""'),
    ('        """Predict."""\n', ""),
    ("predicting %s", "computing %s"),
    ('log.info("predicting %s", value)', 'log.warning("so far: %r", value)'),
    ('        log.info("predicting %s", value)\n', ""),
    ("expected at most {LIMIT}, found {value}", "too large: {value}"),
    ('raise ValueError(f"expected', 'raise ValueError("sorry, " f"expected'),
    ("value + 1", "(value + 1)"),
])
def test_texts_have_no_effect_on_the_essence(old, new):
    assert CODE.count(old) == 1
    assert essence(CODE.replace(old, new)) == essence(CODE)


@pytest.mark.parametrize("old, new", [
    ("LIMIT = 20.0", "LIMIT = 20.5"),
    ("value > LIMIT", "value >= LIMIT"),
    ("value + 1", "value - 1"),
    ("raise ValueError", "raise TypeError"),
    ("raise ValueError(f\"expected at most {LIMIT}, found {value}\")", "value = LIMIT"),
    ("def predict", "def guess"),
    ("import logging", "import logging, sys"),
    ("log = logging", "other = logging"),
    ("return value + 1", "return str(value + 1)"),
    ("self, value", "self, value=1"),
    ("class Model:", "class Model(dict):"),
])
def test_code_has_an_effect_on_the_essence(old, new):
    assert CODE.count(old) == 1
    assert essence(CODE.replace(old, new)) != essence(CODE)


def test_empty_blocks_stay_valid_code():
    code = "def nothing():\n    '''Nothing.'''\n\nfor number in range(3):\n    log.info('%d', number)\n"
    assert essence(code) == "def nothing():\n    pass\nfor number in range(3):\n    pass"
    assert essence("'''Only a docstring.'''\n") == essence("")


# Tests compute the digest often, of files of which most are the same.
cached_essence = functools.lru_cache(maxsize=None)(essence)


@pytest.fixture
def package(root, tmp_path, monkeypatch):
    """A copy of the package, which the digest is computed of."""
    shutil.copytree(root / "ner_mx", tmp_path / "ner_mx", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(ner_mx, "__file__", str(tmp_path / "ner_mx/__init__.py"))
    monkeypatch.setattr(provenance, "loaded_code", [])
    monkeypatch.setattr(provenance, "essence", cached_essence)
    provenance._digest_of.cache_clear()  # a process computes it once
    yield tmp_path / "ner_mx"
    provenance._digest_of.cache_clear()


def digest():
    """The digest of the files as they are now."""
    provenance._digest_of.cache_clear()
    return code_digest()


def edit(path, old, new):
    """Replace a text that occurs once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_digest_is_that_of_deciding_code(package):
    before = digest()
    assert len(before) == 16 and int(before, 16) >= 0 and digest() == before
    edit(package / "training/loop.py", '"""The training loop."""', '"""The loop."""')
    edit(package / "training/loop.py", "lower training.optimizer.learning_rate or set training.clip", "be careful")
    edit(package / "training/run.py", "%s tagger: accuracy %.4f on dev, %.4f on test", "%s: %.3f, %.3f")
    with open(package / "models/losses/cross_entropy.py", "a", encoding="utf-8") as file:
        file.write("# The end.\n")
    edit(package / "cli/version.py", "__version__)", "__version__ * 2)")
    assert digest() == before
    edit(package / "training/loop.py", "EXPLODED = 20.0", "EXPLODED = 30.0")
    after = digest()
    assert after != before
    edit(package / "training/loop.py", "EXPLODED = 30.0", "EXPLODED = 20.0")
    assert digest() == before


def test_every_deciding_module_counts(package):
    """A function that is added to each in turn changes the digest each time."""
    digests = [digest()]
    for name in DECIDING:
        path = package / name
        with open(path if path.is_file() else sorted(path.rglob("*.py"))[-1], "a", encoding="utf-8") as file:
            file.write("\n\ndef addition():\n    return 1\n")
        digests.append(digest())
    assert len(set(digests)) == len(digests) == 1 + len(DECIDING)


def test_loaded_modules_count(package, tmp_path, monkeypatch):
    before = digest()
    module = tmp_path / "own.py"
    module.write_text("SIZE = 1\n")
    monkeypatch.setattr(provenance, "loaded_code", [str(module)])
    with_module = digest()
    assert with_module != before
    module.write_text("SIZE = 1  # small\n")
    assert digest() == with_module
    module.write_text("SIZE = 2\n")
    assert digest() not in (before, with_module)


def test_every_module_below_the_commands_is_deciding_or_known_not_to_be(root):
    """A new module has to be put into one of the two lists."""
    package = root / "ner_mx"
    names = {path.relative_to(package).as_posix() for part in (
        "compat.py", "config", "data", "resources", "features", "preprocessing", "models", "decoding", "evaluation",
        "training") for path in ([package / part] if part.endswith(".py") else (package / part).rglob("*.py"))}
    deciding = {name for name in names if any(name == part or name.startswith(f"{part}/") for part in DECIDING)}
    assert names - deciding == NOT_DECIDING


def test_the_environment_names_code_and_versions_and_nothing_of_the_user(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    recorded = environment("cpu(0)")
    assert recorded["code"] == code_digest() and recorded["ner_mx"] == ner_mx.__version__
    assert recorded["threads"] == "3" and recorded["device"] == "cpu(0)"
    assert {"numpy", "pydantic"} <= set(recorded["packages"])
    assert set(recorded) == {"ner_mx", "code", "python", "packages", "platform", "processor", "cpus", "threads",
                             "device"}
