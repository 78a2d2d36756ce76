"""Middleware: what every request has to pass, security headers, the log of requests and unexpected errors."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Callable, Dict, FrozenSet, List, NamedTuple, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ner_mx.serving.clients import Clients
from ner_mx.serving.limits import Limits, Refused
from ner_mx.serving.schemas import in_ascii
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

# These are answered however many requests there are, and under any name: whoever watches the service must see
# that it lives.
HEALTH = ("/health", "/ready", "/ping")

# The names under which a browser of this machine reaches it. A page of another name that resolves to this machine
# (DNS rebinding) could otherwise read what the service answers.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY = "*"


class Exchange(NamedTuple):
    """A request and its response, without what is in them.

    path : of the route, such as ``/predict``; ``other`` for a path without one.
    status : of HTTP, 499 for a client that went away.
    received : bytes of the body.
    """

    client: str
    method: str
    path: str
    status: int
    seconds: float
    received: int


class Guards:
    """ASGI middleware.

    Parameters
    ----------
    app : the application.
    limits : ``body_bytes``, the ``seconds`` within which a body must arrive, and those of connections and clients.
    allowed_hosts : the names by which requests may call the service; ``*`` for any.
    observe : called with each exchange.
    """

    def __init__(self, app: ASGIApp, limits: Limits, allowed_hosts: Sequence[str], observe: Callable[[Exchange], None]):
        self._app, self._limits, self._observe = app, limits, observe
        self._hosts: FrozenSet[str] = frozenset(name.lower().strip("[]") for name in allowed_hosts)
        self._clients = Clients(limits)
        self._active = 0  # requests, without those for the state of the service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, responding, received = 500, False, 0
        client = (scope.get("client") or ("unknown",))[0]

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
            if scope["path"].removeprefix(scope.get("root_path", "")) in HEALTH:
                await self._app(scope, receive, guarded_send)
            else:
                with self._clients.request(client):
                    self._active += 1
                    try:
                        self._check_head(scope)
                        messages = await asyncio.wait_for(self._body(scope, receive), self._limits.seconds)
                        received = sum(len(message.get("body", b"")) for message in messages)
                        await self._answer(scope, messages, receive, guarded_send)
                    finally:
                        self._active -= 1
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
            path = getattr(scope.get("route"), "path", "other")
            self._observe(Exchange(client, scope["method"], path, status, time.perf_counter() - started, received))

    def _check_head(self, scope: Scope) -> None:
        """Check the head of a request, and call a body without a content type JSON, as most clients mean it.

        Raises
        ------
        Refused : 503 with too many requests, 400 for another host or two lengths of the body, 415 for a compressed one.
        """
        if self._active > self._limits.connections:
            raise Refused(503, "too many requests at a time; try again in a moment", "connections",
                          self._limits.connections)
        headers: Dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name == b"host" and ANY not in self._hosts and host_name(value) not in self._hosts:
                raise Refused(400, "expected another host; --allowed-hosts names those that are answered")
            headers[name] = value
        if {b"content-length", b"transfer-encoding"} <= set(headers):
            # A proxy and this service could disagree about where the request ends.
            raise Refused(400, "expected either content-length or transfer-encoding, found both")
        encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        if encoding not in ("", "identity"):
            raise Refused(415, in_ascii(f"expected a body without content-encoding, found {encoding[:40]}"))
        if scope["method"] == "POST" and b"content-type" not in headers:
            scope["headers"] = [*scope["headers"], (b"content-type", b"application/json")]

    async def _body(self, scope: Scope, receive: Receive) -> List[Message]:
        """Receive all messages of a body, in which no more than the limit is read.

        Raises
        ------
        Refused : 413, the body is too large.
        """
        limit = self._limits.body_bytes
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        size = int(declared) if declared.isdigit() and len(declared) < 20 else limit + 1
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

    async def _answer(self, scope: Scope, messages: List[Message], receive: Receive, send: Send) -> None:
        """Run the application on a body that has arrived, until the client has gone.

        Raises
        ------
        _Disconnected : it has; what the application was waiting for is cancelled.
        """
        gone = asyncio.ensure_future(receive())  # after the body, the only other message is that of the end

        async def replay() -> Message:
            return messages.pop(0) if messages else await asyncio.shield(gone)

        answering = asyncio.ensure_future(self._app(scope, replay, send))
        try:
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise _Disconnected
            await answering
        finally:
            for task in (answering, gone):
                if not task.done():
                    task.cancel()
            await asyncio.gather(answering, gone, return_exceptions=True)


def host_name(header: bytes) -> str:
    """The name in a host header, without port and brackets, in lower case."""
    text = header.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


class _Disconnected(Exception):
    """The client disconnected before it was answered."""


async def send_json(send: Send, status: int, body: Values) -> None:
    """Send a JSON response without the framework."""
    content = json.dumps(body).encode()
    retry = [(b"retry-after", b"1")] if status in (429, 503) else []
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()), *retry,
        # The rest of the body is not read.
        (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": content})
