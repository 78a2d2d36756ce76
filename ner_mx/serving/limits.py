"""What the service takes, and how it says that something was too much."""

from __future__ import annotations

from typing import Any, Dict, Optional

from pydantic import Field

from ner_mx.config import Section


class Limits(Section):
    """All of them can be set on the command line.

    body_bytes : of one request.
    texts : of one request.
    queue_characters : that wait at any time; beyond it, clients are asked to come again.
    batch_characters : that are computed together; 1 turns batching off.
    seconds : for a body to arrive, and again for its answer.
    connections : at a time; beyond it, 503.
    """

    body_bytes: int = Field(1 << 20, ge=1)
    texts: int = Field(256, ge=1)
    queue_characters: int = Field(1 << 22, ge=1)
    batch_characters: int = Field(1 << 15, ge=1)
    seconds: float = Field(30.0, gt=0)
    connections: int = Field(1000, ge=1)


class Refused(Exception):
    """A request that is not answered, with its HTTP status and the limit that it met."""

    def __init__(self, status: int, problem: str, limit: Optional[str] = None, value: Any = None):
        super().__init__(problem)
        self.status = status
        self.body: Dict[str, Any] = {"error": problem}
        if limit:
            self.body.update(limit=limit, value=value)
