"""Ctrl-C and SIGTERM that wait for the end of a step.

A KeyboardInterrupt that strikes inside a destructor or a ctypes callback is
printed and swallowed by Python, and MXNet's arrays pass through both in every
step: a run would sometimes not stop.  Training asks between steps instead.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

_asked = threading.Event()


class Stopped(KeyboardInterrupt):
    """An interrupt after which training can go on from the folder."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder


@contextmanager
def deferred() -> Iterator[None]:
    """Let an interrupt wait for :func:`check`; a second one strikes at once.

    Signals belong to the main thread: in another one this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number, frame):
        if _asked.is_set():
            signal.default_int_handler(number, frame)
        _asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        _asked.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


def check() -> None:
    """Raise KeyboardInterrupt if one was asked for."""
    if _asked.is_set():
        raise KeyboardInterrupt
