"""A service of a random network, on its own port."""

import re
import subprocess
import sys

import pytest


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
