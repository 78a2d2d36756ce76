"""The service as an ASGI application."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import AsyncIterator, Optional

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ner_mx import __version__
from ner_mx.inference.tagger import Tagger
from ner_mx.serving import endpoints, web_page
from ner_mx.serving.guards import Guards
from ner_mx.serving.limits import Limits, Refused
from ner_mx.serving.schemas import printable
from ner_mx.serving.service import Service


def create_app(tagger: Tagger, limits: Optional[Limits] = None, api_key: Optional[str] = None) -> FastAPI:
    """The service as an ASGI application.

    Parameters
    ----------
    limits : of requests and of the queue.
    api_key : the key that clients must send as ``X-API-Key`` or ``Authorization: Bearer``; None requires none.

    Raises
    ------
    UserError : an HTTP header cannot hold the key.
    """
    service = Service(tagger, limits or Limits(), api_key)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        yield
        await service.batcher.close()

    app = FastAPI(title="ner_mx", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
                  description="Named entities in text.")
    app.state.service = service
    app.add_middleware(Guards, limits=service.limits, observe=service.metrics.request)
    for error, handler in ((Refused, _refused), (RequestValidationError, _invalid), (HTTPException, _failed)):
        app.add_exception_handler(error, handler)
    for router in (web_page.router, endpoints.public, endpoints.keyed):
        app.include_router(router)
    return app


async def _refused(request: Request, refusal: Refused) -> JSONResponse:
    headers = {"retry-after": "1"} if refusal.status in (429, 503) else None
    return JSONResponse(refusal.body, refusal.status, headers)


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"error": printable(f"{place}: {first['msg']}")}, 422)


async def _failed(request: Request, error: HTTPException) -> JSONResponse:
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)
