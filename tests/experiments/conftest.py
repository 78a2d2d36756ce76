"""What the tests of many runs share: a corpus that is trained on in a second, small models, code of a user's own."""

import sys

import pytest

from ner_mx.registry import loaded_code, register

HALVES = '''
import numpy as np

from ner_mx.registry import register


@register.batching("halves")
def halves(lengths, size, random):
    return np.array_split(np.arange(len(lengths)), 2)
'''


@pytest.fixture(scope="session")
def tiny_sample(tmp_path_factory, root):
    """The first sentences of the sample corpus: a run on them takes the time that its process takes to start."""
    folder = tmp_path_factory.mktemp("tiny")
    for name, count in (("train", 60), ("dev", 20), ("test", 20)):
        sentences = (root / f"data/sample/{name}.txt").read_text(encoding="utf-8").split("\n\n")
        (folder / f"{name}.txt").write_text("\n\n".join(sentences[:count]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def own_processes(root, monkeypatch, tmp_path):
    """Trainings are processes of their own, in a folder without config.yaml, and load no code of other tests."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.chdir(tmp_path)
    code = list(loaded_code)
    loaded_code.clear()
    yield
    loaded_code[:] = code


@pytest.fixture
def halves(tmp_path, monkeypatch):
    """A module of a user's own, which registers the batching ``halves``; it is forgotten after the test."""
    register.batching.names()  # the built-in entries must stay
    monkeypatch.setattr(register.batching, "_entries", dict(register.batching._entries))
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "halves.py"
    path.write_text(HALVES, encoding="utf-8")
    yield path
    sys.modules.pop("ner_mx_code_halves", None)
