"""The limits of the service, and the exception for requests beyond them."""

from __future__ import annotations

from typing import Optional, Union

from pydantic import Field

from ner_mx.config import Section
from ner_mx.data.tokenizers import LONGEST_SENTENCE
from ner_mx.untyped import Values


class Limits(Section):
    """The limits of the service.

    body_bytes : maximum size of a request body.
    texts : maximum number of texts per request.
    tokens : maximum number of tokens of a sentence that is tokenized already; a sentence of raw text has no more.
    explained_tokens : maximum number of tokens of a sentence of which an entity is explained; its cost is quadratic.
    queue_characters : maximum number of waiting characters; beyond it, requests get status 429.
    batch_characters : maximum number of characters per batch; 1 turns batching off.
    seconds : timeout of the head of a request, of its body, and again of its prediction.
    connections : maximum number of open requests; beyond it, requests get status 503.
    client_requests : maximum number of open requests of one address; beyond it, they get status 429.
    client_rate : requests per second of one address, and in one burst; beyond it, they get status 429.
    """

    body_bytes: int = Field(1 << 20, ge=1)
    texts: int = Field(256, ge=1)
    tokens: int = Field(LONGEST_SENTENCE, ge=1)
    explained_tokens: int = Field(100, ge=1)
    queue_characters: int = Field(1 << 22, ge=1)
    batch_characters: int = Field(1 << 15, ge=1)
    seconds: float = Field(30.0, gt=0)
    connections: int = Field(1000, ge=1)
    client_requests: Optional[int] = Field(None, ge=1)
    client_rate: Optional[float] = Field(None, gt=0)


class Refused(Exception):
    """A refused request.

    Parameters
    ----------
    status : of HTTP.
    problem : what is wrong, for the client.
    limit, value : the limit that the request exceeded, if any.
    """

    def __init__(self, status: int, problem: str, limit: Optional[str] = None, value: Union[int, float, None] = None):
        super().__init__(problem)
        self.status = status
        self.body: Values = {"error": problem}
        if limit:
            self.body.update(limit=limit, value=value)
