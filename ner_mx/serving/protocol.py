"""HTTP by uvicorn, with a limit on the time in which the head of a request arrives."""

from __future__ import annotations

import asyncio
from typing import Any, Optional

from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """Closes connections that send nothing, or a head of a request without end: they would take the place of others.

    Attributes
    ----------
    head_seconds : how long a head may take; set on a subclass.
    """

    head_seconds: float = 30.0

    def connection_made(self, transport: Any) -> None:
        """A client has connected, and a head is expected."""
        super().connection_made(transport)
        self._timer: Optional[asyncio.TimerHandle] = None
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """A part of a request has arrived."""
        super().data_received(data)
        answered = self.cycle is None or self.cycle.response_complete
        if answered:
            self._expect_head()
        else:
            self._stop()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """The connection has ended."""
        self._stop()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self._close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()
