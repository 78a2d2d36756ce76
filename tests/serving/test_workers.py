"""Workers that are killed at any moment: every answer comes, once and in order."""

import multiprocessing
import os
import random
import signal
import threading
import time

import pytest

from ner_mx.errors import RunError
from ner_mx.serving.workers import TRIES, Workers


def squares():
    """Numbers squared; a hundred and a half is an error, and -1 kills."""
    def work(number):
        if number == -1:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 100.5:
            raise ZeroDivisionError("a hundred and a half")
        # Answers of some size, so that deaths fall into their sending.
        return number * number, b"x" * 200_000
    return work


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_answers_come_in_order_and_few_chunks_are_ahead(processes):
    taken = []

    def chunks():
        for number in range(50):
            taken.append(number)
            yield number

    with Workers(squares, processes) as workers:
        for number, (square, _) in enumerate(workers.map(chunks())):
            assert square == number * number
            assert len(taken) - number <= 2 * processes + 2
        assert number == 49
        # The same workers take the next file's.
        assert [square for square, _ in workers.map([3])] == [9]
        assert list(workers.map([])) == []


def test_deaths_at_random_moments_cost_nothing_but_time(monkeypatch):
    """A pool with one queue for all answers hangs here, when the one that dies holds its lock."""
    monkeypatch.setattr("ner_mx.serving.workers.TRIES", 1000)
    ended, kills = threading.Event(), []
    chooser = random.Random(5)

    def kill():
        while not ended.is_set():
            time.sleep(chooser.uniform(0.05, 0.4))
            for child in multiprocessing.active_children()[:1]:
                child.kill()
                kills.append(child.pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with Workers(squares, 2) as workers:
            found = []
            for square, _ in workers.map(range(400)):
                found.append(square)
                time.sleep(0.005)
    finally:
        ended.set()
        killer.join()
    assert found == [number * number for number in range(400)] and len(kills) > 3


def test_a_chunk_that_kills_is_named_after_some_tries(caplog):
    with Workers(squares, 2) as workers, pytest.raises(RunError, match=f"-1: its workers died {TRIES} times"):
        list(workers.map([1, 2, -1, 3]))
    assert caplog.text.count("a worker died") == TRIES
    assert not multiprocessing.active_children()


def test_an_error_of_the_work_is_the_caller_s():
    with Workers(squares, 2) as workers, pytest.raises(ZeroDivisionError, match="a hundred and a half"):
        list(workers.map([1, 100.5, 2]))
