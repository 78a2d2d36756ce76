"""Dynamic batching: texts of many clients are computed together.

Texts that arrive while a batch is computed form the next batch.  An idle
service answers at once, and a busy one fills its batches, without a delay to
tune.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Deque, List, NamedTuple, Optional, Sequence

from ner_mx.inference.entities import Entity
from ner_mx.serving.limits import Limits, Refused

PredictBatch = Callable[[Sequence[str]], List[List[Entity]]]


class QueuedText(NamedTuple):
    """A text in the queue, and the future of its entities."""

    text: str
    entities: asyncio.Future[List[Entity]]


class Batcher:
    """A queue of texts and the thread that tags them.

    Parameters
    ----------
    predict_batch : maps texts to their entities.
    limits : ``queue_characters``, ``batch_characters`` and ``seconds``.
    observe : called with the number of texts and the seconds of each batch.
    """

    def __init__(self, predict_batch: PredictBatch, limits: Limits,
                 observe: Callable[[int, float], None] = lambda texts, seconds: None):
        self._predict_batch, self._limits, self._observe = predict_batch, limits, observe
        self._queue: Deque[QueuedText] = deque()
        self._characters = 0
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tagger")
        self._task: Optional[asyncio.Task[None]] = None
        self._closing = False

    @property
    def characters(self) -> int:
        """The number of waiting characters."""
        return self._characters

    @property
    def ready(self) -> bool:
        """Whether texts are accepted."""
        return self._task is not None and not self._task.done() and not self._closing

    def start(self) -> None:
        """Start working; must be called inside the event loop."""
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Accept no more texts and finish the accepted ones."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def predict(self, texts: Sequence[str]) -> List[List[Entity]]:
        """The entities of each text.

        Raises
        ------
        Refused : 503 if the service closes or time runs out, 429 if the queue is full.
        """
        if not self.ready:
            raise Refused(503, "the service is shutting down; try again later")
        size = sum(map(_cost, texts))
        limits = self._limits
        # A request larger than the queue is accepted when nothing waits.
        if self._characters and self._characters + size > limits.queue_characters:
            raise Refused(429, "the queue is full; try again in a moment", "queue_characters",
                          limits.queue_characters)
        loop = asyncio.get_running_loop()
        queued = [QueuedText(text, loop.create_future()) for text in texts]
        self._queue.extend(queued)
        self._characters += size
        self._arrived.set()
        results = asyncio.gather(*(entry.entities for entry in queued))
        try:
            return await asyncio.wait_for(results, limits.seconds)
        except asyncio.TimeoutError:
            raise Refused(503, "the prediction took too long; try again, or send less text", "seconds",
                          limits.seconds) from None
        finally:
            if any(entry.entities.cancelled() for entry in queued):
                self._remove_cancelled()

    def _remove_cancelled(self) -> None:
        """Remove the texts that no client waits for any more."""
        self._queue = deque(entry for entry in self._queue if not entry.entities.cancelled())
        self._characters = sum(_cost(entry.text) for entry in self._queue)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = self._next_batch()
            if batch:
                started = time.perf_counter()
                try:
                    results = await loop.run_in_executor(self._thread, self._predict_batch,
                                                         [entry.text for entry in batch])
                except Exception as error:  # one batch must not end the service
                    for entry in batch:
                        if not entry.entities.done():
                            entry.entities.set_exception(error)
                    continue
                self._observe(len(batch), time.perf_counter() - started)
                for entry, entities in zip(batch, results):
                    if not entry.entities.done():
                        entry.entities.set_result(entities)
            elif self._closing:
                return
            else:
                self._arrived.clear()
                await self._arrived.wait()

    def _next_batch(self) -> List[QueuedText]:
        batch: List[QueuedText] = []
        room = self._limits.batch_characters
        while self._queue and (not batch or _cost(self._queue[0].text) <= room):
            entry = self._queue.popleft()
            self._characters -= _cost(entry.text)
            if not entry.entities.done():
                batch.append(entry)
                room -= _cost(entry.text)
        return batch


def _cost(text: str) -> int:
    """The size of a text in the queue; even an empty one costs something."""
    return len(text) + 1
