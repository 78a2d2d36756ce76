"""The service as an ASGI application."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import AsyncIterator, Optional, Sequence

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ner_mx import __version__
from ner_mx.inference.tagger import Tagger
from ner_mx.serving import endpoints, web_page
from ner_mx.serving.guards import LOOPBACK, Exchange, Guards
from ner_mx.serving.limits import Limits, Refused
from ner_mx.serving.reloading import Reloading, reloads
from ner_mx.serving.service import Service

access = logging.getLogger("ner_mx.access")


def create_app(tagger: Tagger, limits: Optional[Limits] = None, api_key: Optional[str] = None,
               allowed_hosts: Sequence[str] = LOOPBACK, access_log: bool = False,
               reloading: Optional[Reloading] = None) -> FastAPI:
    """The service as an ASGI application.

    Parameters
    ----------
    limits : of requests and of the queue.
    api_key : the key that clients must send as ``X-API-Key`` or ``Authorization: Bearer``; None requires none.
    allowed_hosts : the names by which requests may call the service; ``*`` for any.
    access_log : whether each request is logged under the name ``ner_mx.access``, without texts and headers.
    reloading : what gives another tagger at a signal; None for none.

    Raises
    ------
    UserError : an HTTP header cannot hold the key.
    """
    service = Service(tagger, limits or Limits(), api_key)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        with reloads(service, reloading):
            yield
        await service.batcher.close()

    def observe(exchange: Exchange) -> None:
        service.metrics.request(exchange.path, exchange.status, exchange.seconds)
        if access_log:
            access.info("%s %s %s %d %.1f ms %d bytes", exchange.client, exchange.method, exchange.path,
                        exchange.status, 1000 * exchange.seconds, exchange.received)

    app = FastAPI(title="ner_mx", version=__version__, docs_url=None, redoc_url=None, openapi_url=None,
                  lifespan=lifespan, description="Named entities in text.")
    app.state.service = service
    app.add_middleware(Guards, limits=service.limits, allowed_hosts=allowed_hosts, observe=observe)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _failed)
    for router in (web_page.router, endpoints.public, endpoints.keyed):
        app.include_router(router)
    return app


async def _refused(request: Request, refusal: Refused) -> JSONResponse:
    headers = {"retry-after": "1"} if refusal.status in (429, 503) else None
    return JSONResponse(refusal.body, refusal.status, headers)


async def _failed(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)
