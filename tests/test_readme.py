"""The README's code runs as it is printed."""

import re
import shutil
import subprocess
import sys

import pytest


def blocks(root, language="python"):
    """The fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def workplace(root, tmp_path_factory):
    """A folder with the embedded corpus."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(root / "data/sample", folder / "data/sample")
    return folder


def test_the_python_section_runs(root, workplace, run_command):
    """From a configuration to marginals, and then a bundle without MXNet."""
    api = next(block for block in blocks(root) if "ner_mx.preprocess" in block)
    assert len([line for line in api.splitlines() if line and not line.startswith("import")]) <= 10
    done = run_command("-c", api, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert re.match(r"\{'dev': 0\.\d+, 'test': 0\.\d+, 'dev with predicted POS'", done.stdout)
    runtime = next(block for block in blocks(root) if "ner_mx.inference" in block)
    code = f"texts = ['Ada left Florence.']\n{runtime}\nimport sys\nassert 'mxnet' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=workplace, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_example_of_a_feature_runs(root, workplace, run_command):
    """The module of the README, loaded with --code by both scripts."""
    example = next(block for block in blocks(root) if "TypeLookup" in block)
    (workplace / "suffix.py").write_text(example, encoding="utf-8")
    settings = ["--code", "suffix.py", "--set", "features.suffix.length=2", "--set", "training.epochs=1",
                "--set", "features.pos.use=false", "--set", "corpus.name=suffix", "--set", "run.name=suffix"]
    for script in ("preprocess.py", "train.py"):
        done = run_command(root / script, *settings, cwd=workplace)
        assert done.returncode == 0, done.stderr


def test_every_key_and_file_that_the_readme_names_exists(root):
    """Dotted keys of the configuration, and links to files."""
    from ner_mx.config import Config

    text = (root / "README.md").read_text(encoding="utf-8")
    values = Config().model_dump(mode="json")
    for key in set(re.findall(r"`((?:features|training|corpus|model|run)(?:\.[a-z_]+)+)", text)):
        node = values
        for part in key.split("."):
            assert part in node, key
            node = node[part]
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (root / link).exists(), link
