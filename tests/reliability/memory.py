"""The memory of Python's objects during a call."""

import tracemalloc


def peak(function):
    """The result of a call, and the most memory that Python's objects took, in bytes."""
    tracemalloc.start()
    try:
        return function(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
