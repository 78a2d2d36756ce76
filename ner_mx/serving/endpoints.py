"""The endpoints for programs: predictions, health, metrics, the model card and the hosting contract."""

from __future__ import annotations

import json
from typing import Annotated, Dict

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from ner_mx.serving.limits import Refused
from ner_mx.serving.page_html import documentation
from ner_mx.serving.schemas import (
    EXPLANATION,
    EXPLANATIONS,
    INVOCATION,
    KEY_REFUSED,
    NOT_READY,
    PREDICTION,
    PREDICTIONS,
    PredictRequest,
    decode_body,
    entities_json,
    parse_content_type,
    parse_explain_request,
    parse_json_request,
    parse_request,
    token_spans_json,
)
from ner_mx.serving.service import Service, check_key, service_of
from ner_mx.untyped import Values

JSON_LINES = {"application/jsonlines", "application/jsonl", "application/x-ndjson"}

# The state of the service is public; everything else requires the API key, if there is one.
public, keyed = APIRouter(), APIRouter(dependencies=[Depends(check_key)])

CurrentService = Annotated[Service, Depends(service_of)]


@keyed.post("/predict", responses=PREDICTIONS, response_model=None, openapi_extra=PREDICTION)
async def predict(request: Request, service: CurrentService) -> Response:
    """The entities of one text, of several, or of one sentence that is tokenized already."""
    return await _predicted(parse_json_request(await request.body(), request.headers.get("content-type", "")), service)


async def _predicted(payload: PredictRequest, service: Service) -> Response:
    if payload.tokens is not None:
        return JSONResponse(token_spans_json(payload.tokens, await service.tag(payload.tokens)))
    if payload.text is not None:
        return JSONResponse(entities_json((await service.predict([payload.text]))[0]))
    results = await service.predict(payload.texts or [])
    return JSONResponse({"results": [entities_json(entities) for entities in results]})


@keyed.post("/explain", responses=EXPLANATIONS, response_model=None, openapi_extra=EXPLANATION)
async def explain(request: Request, service: CurrentService) -> Response:
    """What speaks for an entity of a text, found or not: words, characters, features."""
    asked = parse_explain_request(await request.body(), request.headers.get("content-type", ""))
    return JSONResponse(await service.explain(asked))


@keyed.get("/openapi.json", include_in_schema=False)
async def schema(request: Request) -> JSONResponse:
    """The schema of the API."""
    root = request.scope.get("root_path", "")
    return JSONResponse({**request.app.openapi(), **({"servers": [{"url": root}]} if root else {})})


@keyed.get("/docs", include_in_schema=False)
async def show_documentation(request: Request) -> HTMLResponse:
    """The documentation of the API, as a table."""
    return HTMLResponse(documentation(request.app.openapi()))


@public.head("/health", include_in_schema=False)
@public.get("/health")
async def health() -> Dict[str, str]:
    """Whether the process is alive."""
    return {"status": "alive"}


@public.head("/ready", include_in_schema=False)
@public.get("/ready", responses=NOT_READY)
async def ready(service: CurrentService) -> Dict[str, str]:
    """Whether the service accepts texts."""
    if not service.batcher.ready:
        raise Refused(503, "the service is not ready")
    return {"status": "ready"}


@keyed.get("/metrics", response_class=Response, responses=KEY_REFUSED)
async def metrics(service: CurrentService) -> Response:
    """Counters for Prometheus."""
    return Response(service.metrics.text(), media_type=service.metrics.content_type)


@keyed.get("/model", responses=KEY_REFUSED)
async def model(service: CurrentService) -> Values:
    """The model card: corpus, scores, entity types and configuration."""
    return service.tagger.describe()


@public.head("/ping", include_in_schema=False)
@public.get("/ping", responses=NOT_READY)
async def ping(service: CurrentService) -> Dict[str, str]:
    """The name of /ready in the hosting contract."""
    return await ready(service)


@keyed.post("/invocations", responses=PREDICTIONS, response_model=None, openapi_extra=INVOCATION)
async def invocations(request: Request, service: CurrentService) -> Response:
    """The endpoint of the hosting contract: a text, the JSON of /predict, or one JSON object per line."""
    content_type, charset = parse_content_type(request.headers.get("content-type", "application/json"))
    body = decode_body(await request.body(), charset)
    if content_type == "text/plain":
        return JSONResponse(entities_json((await service.predict([body]))[0]))
    if content_type == "application/json":
        return await _predicted(parse_request(body, "body"), service)
    if content_type in JSON_LINES:
        return await _predict_lines(body, service)
    raise Refused(415, "expected text/plain, application/json or application/jsonlines")


async def _predict_lines(body: str, service: Service) -> Response:
    lines = [(number, line) for number, line in enumerate(body.split("\n"), start=1) if line.strip()]
    if len(lines) > service.limits.texts:
        raise Refused(422, f"expected at most {service.limits.texts} texts, found {len(lines)}", "texts",
                      service.limits.texts)
    requests = [parse_request(line, f"line {number}") for number, line in lines]
    texts = [request.text for request in requests if request.text is not None]
    if len(texts) < len(requests):
        raise Refused(422, "expected one text per line")
    results = await service.predict(texts) if texts else []
    return Response("".join(json.dumps(entities_json(entities)) + "\n" for entities in results),
                    media_type="application/jsonlines")
