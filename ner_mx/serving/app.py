"""The service: a tagger behind HTTP."""

# No "from __future__ import annotations": FastAPI reads the annotations of the functions inside create_app.

import hmac
import json
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Dict, List, Optional, Union
from urllib.parse import parse_qsl

from fastapi import Depends, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.exceptions import HTTPException

from ner_mx import __version__
from ner_mx.errors import UserError
from ner_mx.runtime.tagger import Tagger
from ner_mx.runtime.text import Entity
from ner_mx.serving.batcher import Batcher
from ner_mx.serving.guards import Guards
from ner_mx.serving.limits import Limits, Refused
from ner_mx.serving.metrics import Metrics
from ner_mx.serving.page import STATIC, documentation, page, style

JSON_LINES = {"application/jsonlines", "application/jsonl", "application/x-ndjson"}


class Asked(BaseModel):
    """One text, or several."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={
        "oneOf": [{"required": ["text"]}, {"required": ["texts"]}]})

    text: Optional[str] = None
    texts: Optional[List[str]] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Asked":
        if (self.text is None) == (self.texts is None):
            raise ValueError("expected text or texts, one of them")
        for text in self.texts or [self.text or ""]:
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise ValueError(f"expected Unicode, found half a character at {error.start}") from None
        return self


class FoundEntity(BaseModel):
    """``text[start:end]``, counted in Unicode characters."""

    start: int = Field(ge=0)
    end: int = Field(ge=1)
    label: str
    text: str
    score: float = Field(ge=0, le=1)


class Answer(BaseModel):
    """The entities of one text."""

    entities: List[FoundEntity]


class Answers(BaseModel):
    """The entities of several texts, in their order."""

    results: List[Answer]


class Problem(BaseModel):
    """Why there is no answer; ``limit`` names the limit that was met, ``value`` is what it is set to."""

    error: str
    limit: Optional[str] = None
    value: Optional[float] = None


REFUSALS: Dict[Any, Dict[str, Any]] = {status: {"model": Problem} for status in (
    400, 401, 408, 413, 415, 422, 429, 503)}


INVOCATION = {"required": True, "content": {
    "application/json": {"schema": Asked.model_json_schema()},
    "text/plain": {"schema": {"type": "string"}},
    "application/jsonlines": {"schema": {"type": "string"}}}}


def create_app(tagger: Tagger, limits: Optional[Limits] = None, api_key: Optional[str] = None) -> FastAPI:
    """The service as an ASGI application.

    Parameters
    ----------
    limits : what a request and the queue may hold.
    api_key : what clients must send as ``X-API-Key`` or ``Authorization: Bearer``; None asks for none.

    Raises
    ------
    UserError : a key that no header can hold.
    """
    if api_key is not None and not (api_key and api_key.isascii() and api_key.isprintable()):
        raise UserError("--api-key: expected printable ASCII characters, found "
                        + ("others" if api_key else "none; is the variable set?"))
    limits = limits or Limits()
    metrics = Metrics(lambda: batcher.characters)
    batcher = Batcher(tagger.predict_batch, limits, metrics.batch)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        await batcher.close()

    app = FastAPI(title="ner_mx", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
                  description="Named entities in text.")
    app.add_middleware(Guards, limits=limits, observe=metrics.request)
    header = APIKeyHeader(name="X-API-Key", auto_error=False)

    # Whether the service lives is told to everybody, and the page asks for the key.
    def check_key(request: Request, given: Optional[str] = Security(header)) -> None:
        given = given or request.headers.get("authorization", "").partition(" ")[2]
        if api_key is not None and not _same(given, api_key):
            raise Refused(401, "expected the API key in the header X-API-Key")

    keyed: Dict[str, Any] = {"dependencies": [Depends(check_key)]}

    @app.exception_handler(Refused)
    async def refused(request: Request, refusal: Refused) -> JSONResponse:
        headers = {"retry-after": "1"} if refusal.status in (429, 503) else None
        return JSONResponse(refusal.body, refusal.status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        # What was sent is not sent back: it may be anything.
        return JSONResponse({"error": f"{place}: {first['msg']}".encode("ascii", "replace").decode()}, 422)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    async def found(texts: List[str]) -> List[List[Entity]]:
        if len(texts) > limits.texts:
            raise Refused(422, f"expected at most {limits.texts} texts, found {len(texts)}", "texts",
                          limits.texts)
        return await batcher.predict(texts)

    @app.get("/", response_class=HTMLResponse)
    async def show_page() -> HTMLResponse:
        """The page."""
        return HTMLResponse(page(tagger.labels, tagger.card, bool(api_key)))

    @app.post("/", response_class=HTMLResponse, include_in_schema=False)
    async def answer_form(request: Request) -> HTMLResponse:
        form = _form(await request.body())
        text, problem, status = form.get("text", ""), "", 200
        entities: Optional[List[Entity]] = None
        if api_key is not None and not _same(form.get("key", ""), api_key):
            problem, status = "The API key is missing or wrong.", 401
        else:
            try:
                entities = (await found([text]))[0]
            except Refused as refusal:
                problem, status = refusal.body["error"], refusal.status
        return HTMLResponse(page(tagger.labels, tagger.card, bool(api_key), text,
                                 _fraction(form.get("threshold", "")), entities, problem), status)

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> HTMLResponse:
        return HTMLResponse(documentation(app.openapi()))

    @app.get("/style.css", include_in_schema=False)
    async def stylesheet() -> Response:
        return Response(style(tagger.labels), media_type="text/css")

    @app.get("/page.js", include_in_schema=False)
    async def script() -> FileResponse:
        return FileResponse(STATIC / "page.js", media_type="text/javascript")

    @app.get("/icon.svg", include_in_schema=False)
    async def icon() -> FileResponse:
        return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")

    @app.post("/predict", responses={200: {"model": Union[Answer, Answers]}, **REFUSALS},
              response_model=None, **keyed)
    async def predict(asked: Asked) -> Response:
        """The entities of one text (an Answer) or of several (Answers)."""
        if asked.text is not None:
            return JSONResponse(_answer((await found([asked.text]))[0]))
        return JSONResponse({"results": [_answer(one) for one in await found(asked.texts or [])]})

    @app.get("/health")
    async def health() -> Dict[str, str]:
        """Whether the process lives."""
        return {"status": "alive"}

    @app.get("/ready", responses={503: {"model": Problem}})
    async def ready() -> Dict[str, str]:
        """Whether texts are taken."""
        if not batcher.ready:
            raise Refused(503, "the service is not ready")
        return {"status": "ready"}

    @app.get("/metrics", response_class=Response, responses={401: {"model": Problem}}, **keyed)
    async def tell_metrics() -> Response:
        """Counters for Prometheus."""
        return Response(metrics.text(), media_type=metrics.content_type)

    @app.get("/model", responses={401: {"model": Problem}}, **keyed)
    async def model() -> Dict[str, Any]:
        """The card of the model: corpus, figures, entity types, configuration."""
        return {**tagger.describe(), "config": tagger.config.model_dump(mode="json")}

    @app.get("/ping", responses={503: {"model": Problem}})
    async def ping() -> Dict[str, str]:
        """The hosting contract's name for /ready."""
        return await ready()

    @app.post("/invocations", responses={200: {"model": Union[Answer, Answers]}, **REFUSALS},
              openapi_extra={"requestBody": INVOCATION}, **keyed)
    async def invocations(request: Request) -> Response:
        """The hosting contract's endpoint: a text, the JSON of /predict, or a JSON object a line."""
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        body = await request.body()
        if kind == "text/plain":
            return JSONResponse(_answer((await found([_decoded(body)]))[0]))
        if kind == "application/json":
            return await predict(_parsed(body, "body"))
        if kind in JSON_LINES:
            asked = [_parsed(line, f"line {number}") for number, line
                     in enumerate(_decoded(body).split("\n"), start=1) if line.strip()]
            texts = [one.text for one in asked if one.text is not None]
            if len(texts) < len(asked):
                raise Refused(422, "expected one text a line")
            answers = [json.dumps(_answer(one)) for one in await found(texts)] if texts else []
            return Response("".join(f"{line}\n" for line in answers), media_type="application/jsonlines")
        raise Refused(415, "expected text/plain, application/json or application/jsonlines")

    return app


def _same(given: str, api_key: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), api_key.encode())


def _answer(entities: List[Entity]) -> Dict[str, Any]:
    return {"entities": [entity._asdict() for entity in entities]}


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(422, f"expected UTF-8, found byte {body[error.start]:#04x} at {error.start}") from None


def _parsed(content: Any, place: str) -> Asked:
    """JSON as a request.

    Raises
    ------
    Refused : it is none.
    """
    try:
        return Asked.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(part) for part in (place, *first["loc"]))
        raise Refused(422, f"{path}: {first['msg']}".encode("ascii", "replace").decode()) from None


def _form(body: bytes) -> Dict[str, str]:
    """The fields of a posted form."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _fraction(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        return 0.0
    return min(1.0, max(0.0, number)) if number == number else 0.0
