"""Interrupts wait for the end of a training step."""

import os
import signal
import threading

import pytest

from ner_mx.training import interrupts


class InterruptedDestructor:
    """An object during whose destruction an interrupt arrives, as it may with MXNet's arrays."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_in_a_destructor_waits_for_the_check(number):
    before = signal.getsignal(number)
    with interrupts.deferred():
        interrupts.check()
        if number == signal.SIGINT:
            InterruptedDestructor()
        else:
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert signal.getsignal(number) is before
    interrupts.check()


def test_a_second_interrupt_is_raised_at_once():
    with interrupts.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_other_threads_train_without_signal_handlers():
    problems = []

    def work():
        try:
            with interrupts.deferred():
                interrupts.check()
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not problems
