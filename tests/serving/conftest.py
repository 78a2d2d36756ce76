"""A service of a random network, on a port of its own."""

import re
import subprocess
import sys

import pytest
from random_networks import build

from ner_mx.runtime import Tagger
from ner_mx.runtime.bundle import write_bundle
from ner_mx.runtime.export import bundled


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "bundle"
    write_bundle(bundled(build(), {"data": {}, "seed": 1}), folder)
    return folder


@pytest.fixture(scope="session")
def tagger(bundle):
    return Tagger.load(bundle, threads=1)


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
