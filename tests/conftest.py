"""What tests share: the project's folder, small corpora, the command line as a user has it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHARED = ROOT.parent / "shared" / "data"

# Two test processes side by side on two cores do not wait for each other with one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# The suite draws the same examples every time; make fuzz draws others, and more of them.
settings.register_profile("suite", derandomize=True, database=None)
settings.register_profile("fuzz", max_examples=int(os.environ.get("EXAMPLES", "5000")), database=None, print_blob=True)
settings.load_profile("suite")


def pytest_collection_modifyitems(items):
    if SHARED.is_dir():
        return
    for item in items:
        if "corpus" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="the real corpora are not here"))


@pytest.fixture(autouse=True)
def signal_handlers():
    """Restores the handlers that a command called in this process sets: forked workers would inherit them."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def root():
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared():
    """The folder of the real corpora."""
    return SHARED


@pytest.fixture(scope="session")
def short_sample(tmp_path_factory):
    """The first sentences of the sample corpus, where a test is about trainings and not what they learn."""
    folder = tmp_path_factory.mktemp("short")
    for name, count in (("train", 200), ("dev", 50), ("test", 50)):
        sentences = (ROOT / f"data/sample/{name}.txt").read_text(encoding="utf-8").split("\n\n")
        (folder / f"{name}.txt").write_text("\n\n".join(sentences[:count]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """The folder of a bundle: a small network with random parameters."""
    from random_networks import build

    from ner_mx.inference.bundle import write_bundle
    from ner_mx.inference.exporting import bundle_of

    folder = tmp_path_factory.mktemp("random") / "bundle"
    made = bundle_of(*build(), {"data": {}, "seed": 1})
    made.card["examples"] = ["Ada said Bert left the bank of Florence."]  # as an export takes them from the corpus
    write_bundle(made, folder)
    return folder


@pytest.fixture(scope="session")
def tagger(bundle):
    """The tagger of the random bundle, on one thread."""
    from ner_mx.inference.tagger import Tagger

    return Tagger.load(bundle, threads=1)


@pytest.fixture(scope="session")
def run_command():
    """Run a command of the project as a process; gives its exit code, stdout and stderr."""
    def run(*arguments, cwd=ROOT, timeout=240, **options):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
        return subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, timeout=timeout,
                              capture_output=True, text=True, encoding="utf-8", env=environment,
                              **options)
    return run


@pytest.fixture(scope="session")
def call_command(tmp_path_factory):
    """Run a command inside this process; takes and gives what ``run_command`` does."""
    from in_process import call_main

    folder = tmp_path_factory.mktemp("streams")

    def call(*arguments, input=""):
        return call_main(ROOT, folder, list(map(str, arguments)), input)
    return call


@pytest.fixture
def browser():
    """Chromium without a screen."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def start(bundle, root):
    """Start ``ner-mx serve`` as a process; gives it and its address."""
    processes = []

    def start(*options):
        process = subprocess.Popen([sys.executable, "-m", "ner_mx", "serve", str(bundle), "--port", "0",
                                    "--threads", "1", *options], cwd=root, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        line = process.stderr.readline()
        return process, re.search(r"http://\S+", line).group()
    yield start
    for process in processes:
        process.kill()
        process.communicate()
