"""Worker processes that survive the death of one of them.

Each worker has its own pipe.  The pool of the standard library shares one queue
for the results, and a worker that is killed while it holds the lock of that
queue blocks the others for ever.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Callable, Dict, Generic, Iterable, Iterator, List, NamedTuple, TypeVar

from ner_mx.errors import RunError

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

# How often an item is tried: if so many workers die on it, it is the cause.
MAX_TRIES = 3


class _Worker(NamedTuple):
    process: SpawnProcess
    pipe: Connection


class _Assignment(NamedTuple):
    """The item that a worker has, and how often it has been tried, this time included."""

    worker: _Worker
    position: int
    item: Any
    tries: int


def _run_worker(setup: Callable[[], Callable[[Item], Result]], pipe: Connection) -> None:
    """The main loop of a worker; it ends with the process that started it."""
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        work = setup()
        while True:
            item = pipe.recv()
            result: object
            try:
                result = work(item)
            except Exception as error:
                result = error
            pipe.send(result)


class WorkerPool(Generic[Item, Result]):
    """Processes that work on items; results come in the order of the items, and few items are read ahead.

    When a worker dies (killed, or out of memory), its item is tried again in a new process.

    Parameters
    ----------
    setup : called once in each worker; returns the function that works on an item.
        Both must be picklable, as they are sent to other processes.
    processes : number of worker processes; 1 works in this process.
    """

    def __init__(self, setup: Callable[[], Callable[[Item], Result]], processes: int):
        self._setup, self._processes = setup, processes
        self._context = get_context("spawn")
        self._work = setup() if processes == 1 else None
        self._idle: List[_Worker] = []
        self._busy: Dict[Connection, _Assignment] = {}

    def __enter__(self) -> WorkerPool[Item, Result]:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in [*self._idle, *(assignment.worker for assignment in self._busy.values())]:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()

    def map(self, items: Iterable[Item]) -> Iterator[Result]:
        """The results of the items, in order.

        Raises
        ------
        RunError : the workers of an item died ``MAX_TRIES`` times.
        """
        if self._work is not None:
            yield from map(self._work, items)
            return
        unread = enumerate(items)
        results: Dict[int, Result] = {}
        following, exhausted = 0, False
        while not exhausted or self._busy or results:
            while not exhausted and len(self._busy) < self._processes and len(results) <= self._processes:
                try:
                    position, item = next(unread)
                except StopIteration:
                    exhausted = True
                else:
                    self._assign(position, item, 1)
            # The consumer may take its time here while the workers go on.
            while following in results:
                yield results.pop(following)
                following += 1
            for pipe in wait(list(self._busy)) if self._busy else ():
                assert isinstance(pipe, Connection)
                self._receive(self._busy.pop(pipe), results)

    def _receive(self, assignment: _Assignment, results: Dict[int, Result]) -> None:
        """Keep the result of a worker; if the worker died, give its item to a new one."""
        worker = assignment.worker
        try:
            result = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            worker.pipe.close()
            log.warning("a worker process died; its chunk is tagged again")
            if assignment.tries == MAX_TRIES:
                raise RunError(f"{assignment.item}: {MAX_TRIES} worker processes died on it; is there enough "
                               "memory? The same call resumes from there") from None
            self._assign(assignment.position, assignment.item, assignment.tries + 1)
            return
        self._idle.append(worker)
        if isinstance(result, Exception):
            raise result
        results[assignment.position] = result

    def _assign(self, position: int, item: Item, tries: int) -> None:
        worker = self._idle.pop() if self._idle else self._start()
        self._busy[worker.pipe] = _Assignment(worker, position, item, tries)
        # A dead worker is noticed when its result is received.
        with suppress(BrokenPipeError, ConnectionResetError):
            worker.pipe.send(item)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_run_worker, args=(self._setup, theirs), daemon=True)
        process.start()
        theirs.close()  # so that the worker's death closes the pipe
        return _Worker(process, ours)
