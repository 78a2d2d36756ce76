"""The examples in docstrings."""

import doctest
import importlib
import pkgutil

import pytest

import ner_mx

MODULES = [module.name for module in pkgutil.walk_packages(ner_mx.__path__, "ner_mx.")
           if not module.name.endswith("__main__")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    assert sum(len(test.examples) for name in MODULES for test in finder.find(importlib.import_module(name))) > 20
