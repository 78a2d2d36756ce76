"""Dynamic batching: sentences of many clients are computed together, in turns.

Sentences that arrive while a batch is computed form the next batch.  An idle
service answers at once, and a busy one fills its batches, without a delay to
tune.  Every waiting request gives one sentence after the other in turns, so that a
long text delays nobody, nor do many texts, and nothing is computed for a client that has gone.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Callable, Deque, Dict, Iterator, List, NamedTuple, Optional, Protocol, Sequence, Tuple

from ner_mx.data.spans import Span
from ner_mx.data.tokenizers import Token
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.decoding.entities import Entity
from ner_mx.serving.limits import Limits, Refused

# What a sentence and a token cost at least, in characters: many short ones would make a batch long.
SENTENCE_COST, TOKEN_COST = 32, 6
# How many seconds are spent on dividing texts into sentences before what was found is computed.
TAKING = 0.1


class SentenceTagger(Protocol):
    """What the batcher needs of a tagger."""

    def iter_sentences(self, text: str) -> Iterator[List[Token]]:
        """The sentences of a text."""

    def tag_sentences(self, sentences: Sequence[Tuple[str, List[Token]]]) -> List[List[Entity]]:
        """The entities of sentences, each given with its text."""


class QueuedText:
    """A text whose sentences are computed one after the other.

    Attributes
    ----------
    tagger : finds all of its entities, also if another is loaded meanwhile.
    request : which takes turns with other requests.
    entities : the future of all entities.
    found : the entities of the sentences so far.
    started : whether the first sentence was taken.
    following : the next sentence; None at the end, and before the first is read.
    """

    def __init__(self, text: str, tagger: SentenceTagger, entities: asyncio.Future[List[Entity]], request: object,
                 sentence: Optional[List[Token]] = None):
        self.text, self.tagger, self.entities, self.request = text, tagger, entities, request
        self.found: List[Entity] = []
        self.started = False
        self.following: Optional[List[Token]] = None
        self._sentence = sentence
        self._sentences: Optional[Iterator[List[Token]]] = None

    def read_next(self) -> None:
        """Read the next sentence."""
        if self._sentences is None:
            self._sentences = iter([self._sentence]) if self._sentence else self.tagger.iter_sentences(self.text)
        self.following = next(self._sentences, None)

    @property
    def is_read(self) -> bool:
        """Whether reading has begun."""
        return self._sentences is not None


class TakenSentence(NamedTuple):
    """A sentence in a batch, and the text that it is from."""

    source: QueuedText
    tokens: List[Token]


class Batcher:
    """A queue of texts and the thread that tags them.

    Parameters
    ----------
    tagger : finds the entities of sentences.
    limits : ``queue_characters``, ``batch_characters`` and ``seconds``.
    observe : called with the number of sentences and the seconds of each batch.
    """

    def __init__(self, tagger: SentenceTagger, limits: Limits,
                 observe: Callable[[int, float], None] = lambda sentences, seconds: None):
        self.tagger, self._limits, self._observe = tagger, limits, observe
        self._queue: Deque[QueuedText] = deque()
        self._characters = 0
        # Processes that are forked from this one start their own.
        self._arrived: asyncio.Event
        self._thread: ThreadPoolExecutor
        self._task: Optional[asyncio.Task[None]] = None
        self._closing = False

    @property
    def characters(self) -> int:
        """The number of characters of the texts that wait for their first sentence to be taken."""
        return self._characters

    @property
    def ready(self) -> bool:
        """Whether texts are accepted."""
        return self._task is not None and not self._task.done() and not self._closing

    def start(self) -> None:
        """Start working; must be called inside the event loop."""
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tagger")
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Accept no more texts and finish the accepted ones."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def tag(self, tokens: Sequence[str]) -> List[ScoredSpan]:
        """The entities of one sentence that is tokenized already, as spans of its tokens.

        Raises
        ------
        Refused : as :meth:`predict`.
        """
        starts = list(accumulate((len(token) + 1 for token in tokens), initial=0))
        sentence = [Token(start, start + len(token), token) for start, token in zip(starts, tokens)]
        first = {token.start: index for index, token in enumerate(sentence)}
        last = {token.end: index + 1 for index, token in enumerate(sentence)}
        entities, = await self.predict([" ".join(tokens)], [sentence])
        return [ScoredSpan(Span(first[entity.start], last[entity.end], entity.label), entity.score)
                for entity in entities]

    async def predict(self, texts: Sequence[str],
                      sentences: Optional[Sequence[List[Token]]] = None) -> List[List[Entity]]:
        """The entities of each text.

        Parameters
        ----------
        sentences : the tokens of each text, if each is one sentence that is tokenized already.

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
        request = object()
        queued = [QueuedText(text, self.tagger, loop.create_future(), request,
                             None if sentences is None else sentences[number]) for number, text in enumerate(texts)]
        self._queue.extend(queued)
        self._characters += size
        self._arrived.set()
        answers = [entry.entities for entry in queued]
        try:
            _, late = await asyncio.wait(answers, timeout=limits.seconds) if answers else ((), ())
            if late:
                raise Refused(503, "the prediction took too long; try again, or send less text", "seconds",
                              limits.seconds)
            failures = [answer.exception() for answer in answers]
            if any(failures):
                raise next(filter(None, failures))
            return [answer.result() for answer in answers]
        finally:
            # Nothing is computed for a client that has gone.
            cancelled = [answer for answer in answers if answer.cancel()]
            if cancelled:
                self._remove_done()

    def _remove_done(self) -> None:
        """Remove the texts that are finished, and those that no client waits for any more."""
        self._queue = deque(entry for entry in self._queue if not entry.entities.done())
        self._characters = sum(_cost(entry.text) for entry in self._queue if not entry.started)

    async def _work(self) -> None:
        while True:
            self._remove_done()
            if self._queue:
                # A text has the tagger that was there when it came; a batch has one tagger.
                tagger = self._queue[0].tagger
                await self._compute_batch([entry for entry in self._queue if entry.tagger is tagger])
            elif self._closing:
                return
            else:
                self._arrived.clear()
                await self._arrived.wait()

    async def _compute_batch(self, texts: List[QueuedText]) -> None:
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        batch: List[TakenSentence] = []
        try:
            batch = await loop.run_in_executor(self._thread, self._take, texts)
            self._remove_done()
            results = await loop.run_in_executor(
                self._thread, texts[0].tagger.tag_sentences, [(taken.source.text, taken.tokens) for taken in batch])
        except Exception as error:  # one batch must not end the service
            for entry in {id(taken.source): taken.source for taken in batch}.values() if batch else texts:
                if not entry.entities.done():
                    entry.entities.set_exception(error)
            return
        self._observe(len(batch), time.perf_counter() - started)
        for taken, entities in zip(batch, results):
            taken.source.found += entities
        for entry in texts:
            if entry.is_read and entry.following is None and not entry.entities.done():
                entry.entities.set_result(entry.found)
        # Requests that gave sentences wait behind those that did not.
        given = {id(taken.source.request) for taken in batch}
        self._queue = deque(sorted(self._queue, key=lambda entry: id(entry.request) in given))

    def _take(self, texts: List[QueuedText]) -> List[TakenSentence]:
        """The next sentences of the requests, in turns, up to the limit of a batch; runs in the thread."""
        batch: List[TakenSentence] = []
        room = self._limits.batch_characters
        end = time.monotonic() + TAKING
        requests: Dict[int, Deque[QueuedText]] = {}
        for entry in texts:
            requests.setdefault(id(entry.request), deque()).append(entry)
        turns = deque(requests.values())
        while turns and (not batch or time.monotonic() < end):
            waiting = turns.popleft()
            source = _first_unfinished(waiting)
            if source is None or source.following is None:
                continue
            cost = _sentence_cost(source.following)
            if batch and cost > room:
                break
            source.started = True
            batch.append(TakenSentence(source, source.following))
            room -= cost
            source.read_next()
            turns.append(waiting)
        return batch


def _first_unfinished(texts: Deque[QueuedText]) -> Optional[QueuedText]:
    """The first text that has a sentence to give; those before it are taken away."""
    while texts:
        entry = texts[0]
        if not entry.entities.done():
            if not entry.is_read:
                entry.read_next()
            if entry.following is not None:
                return entry
            entry.started = True
        texts.popleft()
    return None


def _sentence_cost(tokens: List[Token]) -> int:
    """The size of a sentence in a batch."""
    return max(tokens[-1].end - tokens[0].start, TOKEN_COST * len(tokens)) + SENTENCE_COST


def _cost(text: str) -> int:
    """The size of a text in the queue; even an empty one costs something."""
    return len(text) + 1
