"""What the endpoints share: the tagger with its queue, the limits, the metrics and the API key."""

from __future__ import annotations

import asyncio
import hmac
from typing import List, Optional

from fastapi import Request, Security
from fastapi.security import APIKeyHeader

from ner_mx.analysis.text_explanation import explain_text
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.decoding.entities import Entity
from ner_mx.errors import UserError
from ner_mx.inference.tagger import Tagger
from ner_mx.serving.batcher import Batcher
from ner_mx.serving.limits import Limits, Refused
from ner_mx.serving.metrics import Metrics
from ner_mx.serving.schemas import ExplainRequest, in_ascii
from ner_mx.untyped import Values

_KEY_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False)


class Service:
    """A tagger behind a queue.

    Parameters
    ----------
    tagger : finds the entities.
    limits : of requests and of the queue.
    api_key : the key that clients must send; None requires none.

    Raises
    ------
    UserError : an HTTP header cannot hold the key.
    """

    def __init__(self, tagger: Tagger, limits: Limits, api_key: Optional[str]):
        if api_key is not None and not (api_key and api_key.isascii() and api_key.isprintable()):
            raise UserError("API key: expected printable ASCII characters, found "
                            + ("other characters" if api_key else "an empty key; is the variable set?"))
        self.tagger, self.limits, self._api_key = tagger, limits, api_key
        self.metrics = Metrics(lambda: self.batcher.characters)
        self._is_explaining = False
        self.batcher = Batcher(tagger, limits, self.metrics.batch)

    def replace(self, tagger: Tagger) -> None:
        """Let another tagger find the entities of texts that arrive from now on."""
        self.tagger = self.batcher.tagger = tagger

    @property
    def needs_key(self) -> bool:
        """Whether clients must send a key."""
        return self._api_key is not None

    def accepts(self, key: str) -> bool:
        """Whether a client with this key may use the service; the comparison takes constant time."""
        return self._api_key is None or hmac.compare_digest(key.encode("utf-8", "replace"),
                                                            self._api_key.encode())

    async def predict(self, texts: List[str]) -> List[List[Entity]]:
        """The entities of each text of one request.

        Raises
        ------
        Refused : 422 for too many texts; otherwise see :meth:`Batcher.predict`.
        """
        if len(texts) > self.limits.texts:
            raise Refused(422, f"expected at most {self.limits.texts} texts, found {len(texts)}", "texts",
                          self.limits.texts)
        return await self.batcher.predict(texts)

    async def tag(self, tokens: List[str]) -> List[ScoredSpan]:
        """The entities of one tokenized sentence, as spans of its tokens.

        Raises
        ------
        Refused : 422 for too many tokens; otherwise see :meth:`Batcher.predict`.
        """
        if len(tokens) > self.limits.tokens:
            raise Refused(422, f"expected at most {self.limits.tokens} tokens, found {len(tokens)}", "tokens",
                          self.limits.tokens)
        if not tokens:
            return []
        return await self.batcher.tag(tokens)


    async def explain(self, request: ExplainRequest) -> Values:
        """What speaks for an entity of a text: the sentence with the effects of its parts.

        One explanation is computed at a time, beside the queue of predictions.

        Raises
        ------
        Refused : 422 for what can be no entity, or one in a long sentence; 429 while another explanation is computed;
            503 if time runs out.
        """
        sentence = next((tokens for tokens in self.tagger.iter_sentences(request.text)
                         if tokens[0].start <= request.start and request.end <= tokens[-1].end), None)
        if sentence is None:
            raise Refused(422, "expected an entity within one sentence, found other borders")
        if len(sentence) > self.limits.explained_tokens:
            raise Refused(422, f"expected a sentence of at most {self.limits.explained_tokens} tokens, found "
                               f"{len(sentence)}", "explained_tokens", self.limits.explained_tokens)
        if self._is_explaining:
            raise Refused(429, "another entity is being explained; try again in a moment")
        start, end = sentence[0].start, sentence[-1].end
        target = request.start - start, request.end - start, request.label
        self._is_explaining = True
        work = asyncio.ensure_future(asyncio.to_thread(explain_text, self.tagger, request.text[start:end], "occlusion",
                                                       target))
        # A thread cannot be stopped: until it ends, no other explanation begins.
        work.add_done_callback(self._explained)
        try:
            found = (await asyncio.wait_for(asyncio.shield(work), self.limits.seconds))[0]
        except asyncio.TimeoutError:
            raise Refused(503, "the explanation took too long") from None
        except UserError as error:
            raise Refused(422, in_ascii(str(error))) from None
        found["offsets"] = [[first + start, last + start] for first, last in found["offsets"]]
        for entity in found["entities"]:
            entity.update(start=entity["start"] + start, end=entity["end"] + start)
        return found

    def _explained(self, work: asyncio.Future[List[Values]]) -> None:
        self._is_explaining = False
        if not work.cancelled():
            work.exception()  # nobody may be waiting for it any more


def service_of(request: Request) -> Service:
    """The service of the application, for endpoints."""
    service: Service = request.app.state.service
    return service


def check_key(request: Request, key: Optional[str] = Security(_KEY_HEADER)) -> None:
    """Check the key in ``X-API-Key`` or ``Authorization: Bearer``.

    Raises
    ------
    Refused : 401, it is missing or wrong.
    """
    key = key or request.headers.get("authorization", "").partition(" ")[2]
    if not service_of(request).accepts(key):
        raise Refused(401, "expected the API key in the header X-API-Key")
