"""Middleware: limits on request bodies, security headers, request metrics and unexpected errors."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Callable, List

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ner_mx.serving.limits import Limits, Refused
from ner_mx.serving.schemas import printable
from ner_mx.untyped import Values

log = logging.getLogger(__name__)

# The page has its own script and style; nothing else may run or load.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
                               "img-src 'self'; connect-src 'self'; form-action 'self'; "
                               "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


# These are answered however many requests there are: whoever watches the service must see that it lives.
HEALTH = ("/health", "/ready", "/ping")


class Guards:
    """ASGI middleware.

    Parameters
    ----------
    app : the application.
    limits : ``body_bytes``, and the ``seconds`` within which a body must arrive.
    observe : called with the path, the status and the seconds of each request.
    """

    def __init__(self, app: ASGIApp, limits: Limits, observe: Callable[[str, int, float], None]):
        self._app, self._limits, self._observe = app, limits, observe
        self._active = 0  # requests, without those for the state of the service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, responding = 500, False
        counted = scope["path"].removeprefix(scope.get("root_path", "")) not in HEALTH
        self._active += counted

        async def guarded_send(message: Message) -> None:
            nonlocal status, responding
            if message["type"] == "http.response.start":
                status, responding = message["status"], True
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(
                    (name.encode(), value.encode()) for name, value in HEADERS.items()
                    if name.encode() not in present)]
            await send(message)

        try:
            if counted and self._active > self._limits.connections:
                raise Refused(503, "too many requests at a time; try again in a moment", "connections",
                              self._limits.connections)
            _check_encoding(scope)
            messages = await asyncio.wait_for(self._body(scope, receive), self._limits.seconds)

            async def replay() -> Message:
                return messages.pop(0) if messages else await receive()

            await self._app(scope, replay, guarded_send)
        except _Disconnected:
            status = 499  # the client has gone; proxies use this status for a closed request
        except asyncio.TimeoutError:
            await send_json(guarded_send, 408, {"error": "the body did not arrive in time", "limit": "seconds",
                                                "value": self._limits.seconds})
        except Refused as refused:
            await send_json(guarded_send, refused.status, refused.body)
        except Exception:  # a bug: the client gets JSON, as for every other error
            log.exception("a request failed")
            if not responding:
                await send_json(guarded_send, 500, {"error": "internal error; see the log of the service"})
        finally:
            self._active -= counted
            path = getattr(scope.get("route"), "path", "other")
            self._observe(path, status, time.perf_counter() - started)

    async def _body(self, scope: Scope, receive: Receive) -> List[Message]:
        """Receive all messages of a body, in which no more than the limit is read.

        Raises
        ------
        Refused : 413, the body is too large.
        """
        limit = self._limits.body_bytes
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        size = int(declared) if declared.isdigit() else 0
        messages: List[Message] = []
        if size <= limit:
            size = 0
            while size <= limit:
                messages.append(await receive())
                if messages[-1]["type"] == "http.disconnect":
                    raise _Disconnected
                size += len(messages[-1].get("body", b""))
                if not messages[-1].get("more_body"):
                    break
        if size > limit:
            raise Refused(413, "the body is too large; send less at a time", "body_bytes", limit)
        return messages


def _check_encoding(scope: Scope) -> None:
    """Check that a body is not compressed, and call a body without a content type JSON, as most clients mean it.

    Raises
    ------
    Refused : 415, it is compressed.
    """
    headers = dict(scope["headers"])
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
    if encoding not in ("", "identity"):
        raise Refused(415, printable(f"expected a body without content-encoding, found {encoding[:40]}"))
    if scope["method"] == "POST" and b"content-type" not in headers:
        scope["headers"] = [*scope["headers"], (b"content-type", b"application/json")]


class _Disconnected(Exception):
    """The client disconnected before its body arrived."""


async def send_json(send: Send, status: int, body: Values) -> None:
    """Send a JSON response without the framework."""
    content = json.dumps(body).encode()
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()),
        # The rest of the body is not read.
        (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": content})
