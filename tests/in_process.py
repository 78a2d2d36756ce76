"""Commands of the project inside the process of the tests, which saves starting one and importing MXNet."""

import contextlib
import logging
import os
import signal
import subprocess
import sys

import pytest

from ner_mx.cli import main


@contextlib.contextmanager
def redirected(stdin, stdout, stderr):
    """The standard streams on open files, for C code as well as for Python."""
    originals = [os.dup(number) for number in range(3)]
    streams = sys.stdin, sys.stdout, sys.stderr
    for stream in streams[1:]:
        stream.flush()
    for number, file in enumerate((stdin, stdout, stderr)):
        os.dup2(file.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
        for number, mode in enumerate(("r", "w", "w")))
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, original in enumerate(originals):
            os.dup2(original, number)
            os.close(original)
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()
        sys.stdin, sys.stdout, sys.stderr = streams


@contextlib.contextmanager
def kept_signals():
    """What a command sets for signals ends with it, in fixtures as well: forked workers would inherit it."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def fresh_logging():
    """Logging without handlers, as in a new process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def call_main(root, folder, arguments, text):
    """Run a command as a new process would; its exit code, stdout and stderr.

    arguments : what follows the name of Python's own program: ``train.py ...`` or ``-m ner_mx ...``.
    folder : for files that stand in for the standard streams.  text : for its stdin.
    """
    if arguments[0] == "-m":
        arguments = ["ner-mx", *arguments[2:]]
    command = {"train.py": lambda: main.script("train"), "preprocess.py": lambda: main.script("preprocess"),
               "ner-mx": main.main}[arguments[0]]
    (folder / "stdin").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, fresh_logging(), kept_signals(), \
            open(folder / "stdin", "rb") as stdin, open(folder / "stdout", "wb") as stdout, \
            open(folder / "stderr", "wb") as stderr, redirected(stdin, stdout, stderr):
        patch.setattr(sys, "argv", arguments)
        patch.setattr(main, "_exit_safely", lambda function: function())  # the real one ends the process
        patch.chdir(root)
        with pytest.raises(SystemExit) as end:
            command()
    return subprocess.CompletedProcess(arguments, end.value.code, *(
        (folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr")))
