"""Another bundle in the place of the one that is served, at SIGHUP, without a lost request."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import contextmanager
from typing import Callable, Iterator, Optional

from ner_mx.errors import UserError
from ner_mx.inference.tagger import Tagger
from ner_mx.serving.service import Service

log = logging.getLogger(__name__)

# Loads the tagger again from where it came from.
Reloading = Callable[[], Tagger]


@contextmanager
def reloads(service: Service, reloading: Optional[Reloading]) -> Iterator[None]:
    """Reload at SIGHUP while the block runs; must be called inside the event loop."""
    if reloading is None or not hasattr(signal, "SIGHUP"):
        yield
        return
    loop = asyncio.get_running_loop()
    running, lock = set(), asyncio.Lock()

    def start() -> None:
        task = loop.create_task(reload(service, reloading, lock))
        running.add(task)
        task.add_done_callback(running.discard)

    loop.add_signal_handler(signal.SIGHUP, start)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


async def reload(service: Service, reloading: Reloading, lock: asyncio.Lock) -> None:
    """Load a tagger beside the one that answers, and let it take over; an error changes nothing and is logged."""
    async with lock:  # the last signal gives the last tagger
        try:
            tagger = await asyncio.get_running_loop().run_in_executor(None, reloading)
        except (UserError, MemoryError, OSError) as error:
            log.error("the bundle was not reloaded: %s", error)
            return
        service.replace(tagger)
        log.info("reloaded the bundle")
