"""What stands before the endpoints: the size of a body, security headers, the time of a request, defects."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any, Callable, List

from ner_mx.serving.limits import Limits, Refused

log = logging.getLogger(__name__)

# The page brings its own script and style; nothing else may run or load.
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


class Guards:
    """ASGI middleware.

    Parameters
    ----------
    app : what it stands before.
    limits : ``body_bytes``, and the ``seconds`` within which a body must be there.
    observe : called with the path, the status and the seconds of each request.
    """

    def __init__(self, app: Any, limits: Limits, observe: Callable[[str, int, float], None]):
        self._app, self._limits, self._observe = app, limits, observe

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, begun = 500, False

        async def guarded_send(message: Any) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(
                    (name.encode(), value.encode()) for name, value in HEADERS.items()
                    if name.encode() not in present)]
            await send(message)

        try:
            messages = await asyncio.wait_for(self._body(scope, receive), self._limits.seconds)

            async def replay() -> Any:
                return messages.pop(0) if messages else await receive()

            await self._app(scope, replay, guarded_send)
        except _Gone:
            status = 499  # nobody is there to be answered; what proxies call a closed request
        except asyncio.TimeoutError:
            await answer(guarded_send, 408, {"error": "the body did not arrive in time", "limit": "seconds",
                                             "value": self._limits.seconds})
        except Refused as refused:
            await answer(guarded_send, refused.status, refused.body)
        except Exception:  # a defect: the client is told in the form of every other answer
            log.exception("a request failed")
            if not begun:
                await answer(guarded_send, 500, {"error": "the service failed; its log says why"})
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self._observe(path, status, time.perf_counter() - started)

    async def _body(self, scope: Any, receive: Any) -> List[Any]:
        """The messages of a whole body; nothing of a larger one is kept."""
        limit = self._limits.body_bytes
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        taken, messages = int(declared) if declared.isdigit() else 0, []
        if taken <= limit:
            taken = 0
            while taken <= limit:
                messages.append(await receive())
                if messages[-1]["type"] == "http.disconnect":
                    raise _Gone
                taken += len(messages[-1].get("body", b""))
                if not messages[-1].get("more_body"):
                    break
        if taken > limit:
            raise Refused(413, "the body is too large; send less at a time", "body_bytes", limit)
        return messages


class _Gone(Exception):
    """The client left before its body was there."""


async def answer(send: Any, status: int, body: Any) -> None:
    """Send JSON below the framework."""
    content = json.dumps(body).encode()
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()),
        # What is left of the body is not read.
        (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": content})
