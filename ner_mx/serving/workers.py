"""Processes that tag chunks of a corpus, and what is done when one of them dies.

Each has a pipe of its own.  The pool of the standard library shares one queue
for the answers, and a worker that is killed while it holds the lock of that
queue leaves the others waiting for ever.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple

from ner_mx.errors import RunError

log = logging.getLogger(__name__)

# A chunk whose worker dies so often is what kills it.
TRIES = 3

# What a worker calls once, and what it then calls with each chunk.
Begin = Callable[[], Callable[[Any], Any]]


class _Worker(NamedTuple):
    process: Any
    pipe: Connection


class _Given(NamedTuple):
    """What a worker has to do, and for which time it is tried."""

    worker: _Worker
    number: int
    chunk: Any
    tries: int


def _serve(begin: Begin, pipe: Connection) -> None:
    """The life of a worker; it ends with the process that started it."""
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        work = begin()
        while True:
            chunk = pipe.recv()
            try:
                answer = work(chunk)
            except Exception as error:
                answer = error
            pipe.send(answer)


class Workers:
    """Processes that work on chunks; answers come in the chunks' order, and few chunks are ahead of them.

    A worker that dies (for want of memory, or killed) costs its chunk a second
    try, in a new one.

    Parameters
    ----------
    begin : what a worker does first: it returns the function that works on a chunk.
        Both cross to another process, so they must be importable.
    processes : how many; a single one is this process itself.
    """

    def __init__(self, begin: Begin, processes: int):
        self._begin, self._processes = begin, processes
        self._context = get_context("spawn")
        self._work = begin() if processes == 1 else None
        self._idle: List[_Worker] = []
        self._busy: Dict[Connection, _Given] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: Any) -> None:
        for worker in [*self._idle, *(given.worker for given in self._busy.values())]:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()

    def map(self, chunks: Iterable[Any]) -> Iterator[Any]:
        """The answers to chunks, in order.

        Raises
        ------
        RunError : a chunk's workers died again and again.
        """
        if self._work is not None:
            yield from map(self._work, chunks)
            return
        waiting = enumerate(chunks)
        done: Dict[int, Any] = {}
        following, left = 0, True
        while left or self._busy or done:
            while left and len(self._busy) < self._processes and len(done) <= self._processes:
                number, chunk = next(waiting, (-1, None))
                left = number >= 0
                if left:
                    self._give(number, chunk, 1)
            # Whoever takes these may be a while, in which nobody is idle.
            while following in done:
                yield done.pop(following)
                following += 1
            for pipe in wait(list(self._busy)) if self._busy else ():
                self._take(self._busy.pop(pipe), done)

    def _take(self, given: _Given, done: Dict[int, Any]) -> None:
        """Put a worker's answer where it belongs; if it has died, give another its chunk."""
        try:
            answer = given.worker.pipe.recv()
        except (EOFError, OSError):
            given.worker.process.join()
            given.worker.pipe.close()
            log.warning("warning: a worker died; its chunk is tagged again")
            if given.tries == TRIES:
                raise RunError(f"{given.chunk}: its workers died {TRIES} times; is there memory enough? The "
                               "same command goes on from there") from None
            self._give(given.number, given.chunk, given.tries + 1)
            return
        self._idle.append(given.worker)
        if isinstance(answer, Exception):
            raise answer
        done[given.number] = answer

    def _give(self, number: int, chunk: Any, tries: int) -> None:
        worker = self._idle.pop() if self._idle else self._start()
        self._busy[worker.pipe] = _Given(worker, number, chunk, tries)
        # One that has died shows when its answer is waited for.
        with suppress(BrokenPipeError, ConnectionResetError):
            worker.pipe.send(chunk)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(self._begin, theirs), daemon=True)
        process.start()
        theirs.close()  # so that its end shows when it dies
        return _Worker(process, ours)
