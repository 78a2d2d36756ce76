"""Ctrl-C and SIGTERM, deferred to the end of a step.

A KeyboardInterrupt that is raised inside a destructor or a ctypes callback is
printed and swallowed by Python, and every step of MXNet uses both: a run would
sometimes not stop.  Training checks between steps instead.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

_requested = threading.Event()


class Stopped(KeyboardInterrupt):
    """An interrupt after which training can be resumed.

    Attributes
    ----------
    folder : of the run.
    epochs : that are complete; the run can be finished as it is if there are any.
    is_first : whether this process judges and writes; False in further workers of several.
    """

    def __init__(self, folder: Path, epochs: int, is_first: bool = True):
        super().__init__()
        self.folder, self.epochs, self.is_first = folder, epochs, is_first


@contextmanager
def deferred() -> Iterator[None]:
    """Defer an interrupt to the next :func:`check`; a second one is raised at once.

    Signals belong to the main thread: in another one this has no effect.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def request(number: int, frame: Any) -> None:
        if _requested.is_set():
            signal.default_int_handler(number, frame)
        _requested.set()

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        _requested.clear()
        for number, handler in previous.items():
            signal.signal(number, handler)


def check() -> None:
    """Raise KeyboardInterrupt if there was an interrupt."""
    if _requested.is_set():
        raise KeyboardInterrupt
