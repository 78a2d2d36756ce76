"""Imports in a new process: light where nothing is trained."""

import subprocess
import sys

import pytest

HEAVY = ["mxnet", "pandas", "sklearn", "scipy", "onnx", "typer"]


def loaded(root, modules, names):
    """Those of ``names`` that a new process has loaded after importing modules."""
    code = f"import sys\nimport {', '.join(modules)}\nprint([name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("modules", [
    ["ner_mx"],
    ["ner_mx.inference", "ner_mx.inference.tagger", "ner_mx.inference.output_formats"],
    ["ner_mx.serving", "ner_mx.serving.app", "ner_mx.serving.server"],
    ["ner_mx.bulk", "ner_mx.bulk.tagging", "ner_mx.bulk.worker_pool", "ner_mx.bulk.tables"],
    ["ner_mx.api"],
], ids=lambda modules: modules[0])
def test_an_import_loads_no_heavy_library(root, modules):
    assert loaded(root, modules, HEAVY) == "[]"


def test_modules_that_need_no_mxnet_do_not_import_it(root):
    modules = ["ner_mx.cli.main", "ner_mx.cli.train", "ner_mx.config", "ner_mx.preprocessing.pipeline",
               "ner_mx.decoding.entities", "ner_mx.evaluation.predictions", "ner_mx.reports.run_report"]
    assert loaded(root, modules, ["mxnet"]) == "[]"


@pytest.mark.parametrize("name", ["Callback", "Config", "Entity", "Run", "Tagger", "evaluate", "load", "load_code",
                                  "load_config", "preprocess", "register", "train"])
def test_every_public_name_exists(name):
    import ner_mx

    assert name in ner_mx.__all__ and getattr(ner_mx, name).__module__.startswith("ner_mx.")


def test_a_public_name_is_imported_without_heavy_libraries(root):
    code = ("import sys, ner_mx\n[getattr(ner_mx, name) for name in ner_mx.__all__]\n"
            f"print([name for name in {HEAVY!r} if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
