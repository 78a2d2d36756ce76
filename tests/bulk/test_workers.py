"""Workers that are killed at any moment: every result comes, once and in order."""

import multiprocessing
import os
import random
import signal
import threading
import time

import pytest

from ner_mx.bulk.worker_pool import MAX_TRIES, WorkerPool
from ner_mx.errors import RunError


def squares():
    """A function that squares numbers; 100.5 raises an error, and -1 kills the worker."""
    def work(number):
        if number == -1:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 100.5:
            raise ZeroDivisionError("a hundred and a half")
        # Results are large, so that workers also die while they send one.
        return number * number, b"x" * 200_000
    return work


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_results_come_in_order_and_few_items_are_read_ahead(processes):
    read = []

    def items():
        for number in range(50):
            read.append(number)
            yield number

    with WorkerPool(squares, processes) as workers:
        for number, (square, _) in enumerate(workers.map(items())):
            assert square == number * number
            assert len(read) - number <= 2 * processes + 2
        assert number == 49
        # The same workers take the items of the next call.
        assert [square for square, _ in workers.map([3])] == [9]
        assert list(workers.map([])) == []


def test_no_result_is_lost_when_workers_die_at_random_moments(monkeypatch):
    """A pool with one queue for all results hangs here, when a worker dies that holds the lock of the queue."""
    monkeypatch.setattr("ner_mx.bulk.worker_pool.MAX_TRIES", 1000)
    ended, kills = threading.Event(), []
    generator = random.Random(5)

    def kill():
        while not ended.is_set():
            time.sleep(generator.uniform(0.05, 0.4))
            for child in multiprocessing.active_children()[:1]:
                child.kill()
                kills.append(child.pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with WorkerPool(squares, 2) as workers:
            results = []
            for square, _ in workers.map(range(400)):
                results.append(square)
                time.sleep(0.005)
    finally:
        ended.set()
        killer.join()
    assert results == [number * number for number in range(400)] and len(kills) > 3


def test_an_item_that_kills_its_workers_is_named_after_some_tries(caplog):
    problem = f"-1: {MAX_TRIES} worker processes died on it"
    with WorkerPool(squares, 2) as workers, pytest.raises(RunError, match=problem):
        list(workers.map([1, 2, -1, 3]))
    assert caplog.text.count("a worker process died; its chunk is tagged again") == MAX_TRIES
    assert not multiprocessing.active_children()


def test_an_error_in_a_worker_is_raised_in_the_calling_process():
    with WorkerPool(squares, 2) as workers, pytest.raises(ZeroDivisionError, match="a hundred and a half"):
        list(workers.map([1, 100.5, 2]))
