"""Texts of many clients, computed together.

While one batch is computed, the texts that arrive wait; they are the next
batch.  So an idle service answers at once, and a busy one fills its batches,
without a delay to choose.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Deque, List, NamedTuple, Optional, Sequence

from ner_mx.runtime.text import Entity
from ner_mx.serving.limits import Limits, Refused

PredictBatch = Callable[[Sequence[str]], List[List[Entity]]]


class Waiting(NamedTuple):
    """A text in the queue."""

    text: str
    answer: asyncio.Future


class Batcher:
    """A queue of texts and the thread that works it off.

    Parameters
    ----------
    predict_batch : texts -> their entities.
    limits : ``queue_characters``, ``batch_characters`` and ``seconds``.
    observe : called with the number of texts and the seconds of each batch.
    """

    def __init__(self, predict_batch: PredictBatch, limits: Limits,
                 observe: Callable[[int, float], None] = lambda texts, seconds: None):
        self._predict_batch, self._limits, self._observe = predict_batch, limits, observe
        self._queue: Deque[Waiting] = deque()
        self._characters = 0
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tagger")
        self._task: Optional[asyncio.Task] = None
        self._closing = False

    @property
    def characters(self) -> int:
        """How many characters wait."""
        return self._characters

    @property
    def ready(self) -> bool:
        """Whether texts are taken."""
        return self._task is not None and not self._task.done() and not self._closing

    def start(self) -> None:
        """Begin to work; inside the event loop."""
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Take nothing more, finish what was accepted."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def predict(self, texts: Sequence[str]) -> List[List[Entity]]:
        """The entities of each text.

        Raises
        ------
        Refused : 503 where the service closes or time ran out, 429 where too much waits.
        """
        if not self.ready:
            raise Refused(503, "the service is shutting down; try another or come again")
        size = sum(map(_cost, texts))
        limits = self._limits
        # What is larger than the queue may come when nothing waits.
        if self._characters and self._characters + size > limits.queue_characters:
            raise Refused(429, "too much is waiting; come again in a moment", "queue_characters",
                          limits.queue_characters)
        loop = asyncio.get_running_loop()
        waiting = [Waiting(text, loop.create_future()) for text in texts]
        self._queue.extend(waiting)
        self._characters += size
        self._arrived.set()
        together = asyncio.gather(*(one.answer for one in waiting))
        try:
            return await asyncio.wait_for(together, limits.seconds)
        except asyncio.TimeoutError:
            raise Refused(503, "the answer took too long; come again, or send less", "seconds",
                          limits.seconds) from None
        finally:
            if any(one.answer.cancelled() for one in waiting):
                self._forget_cancelled()

    def _forget_cancelled(self) -> None:
        """Take out of the queue what nobody waits for any more."""
        self._queue = deque(one for one in self._queue if not one.answer.cancelled())
        self._characters = sum(_cost(one.text) for one in self._queue)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = self._next()
            if batch:
                started = time.perf_counter()
                try:
                    answers = await loop.run_in_executor(self._thread, self._predict_batch,
                                                         [one.text for one in batch])
                except Exception as error:  # one batch must not end the service
                    for one in batch:
                        if not one.answer.done():
                            one.answer.set_exception(error)
                    continue
                self._observe(len(batch), time.perf_counter() - started)
                for one, answer in zip(batch, answers):
                    if not one.answer.done():
                        one.answer.set_result(answer)
            elif self._closing:
                return
            else:
                self._arrived.clear()
                await self._arrived.wait()

    def _next(self) -> List[Waiting]:
        batch: List[Waiting] = []
        room = self._limits.batch_characters
        while self._queue and (not batch or _cost(self._queue[0].text) <= room):
            one = self._queue.popleft()
            self._characters -= _cost(one.text)
            if not one.answer.done():
                batch.append(one)
                room -= _cost(one.text)
        return batch


def _cost(text: str) -> int:
    """What a text counts for; an empty one is no less work to take and give."""
    return len(text) + 1
