"""The endpoints for people: the page, its form without JavaScript, and the documentation of the API."""

from __future__ import annotations

from typing import Annotated, List, Optional

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from ner_mx.decoding.entities import Entity
from ner_mx.serving.limits import Refused
from ner_mx.serving.page_html import STATIC, page, style
from ner_mx.serving.schemas import parse_form
from ner_mx.serving.service import Service, service_of

router = APIRouter()

CurrentService = Annotated[Service, Depends(service_of)]


@router.get("/", response_class=HTMLResponse)
async def show_page(service: CurrentService) -> HTMLResponse:
    """The page."""
    return HTMLResponse(page(service.tagger.labels, service.tagger.card, service.needs_key))


@router.post("/", response_class=HTMLResponse, include_in_schema=False)
async def submit_form(request: Request, service: CurrentService) -> HTMLResponse:
    """The page with the entities of the text that was sent."""
    form = parse_form(await request.body(), request.headers.get("content-type", ""))
    tagger = service.tagger  # another may take its place meanwhile
    text, problem, status = form.get("text", ""), "", 200
    entities: Optional[List[Entity]] = None
    if not service.accepts(form.get("key", "")):
        problem, status = "The API key is missing or wrong.", 401
    else:
        try:
            entities = (await service.predict([text]))[0]
        except Refused as refusal:
            problem, status = refusal.body["error"], refusal.status
    return HTMLResponse(page(tagger.labels, tagger.card, service.needs_key, text,
                             _fraction(form.get("threshold", "")), entities, problem), status)


@router.get("/style.css", include_in_schema=False)
async def stylesheet(service: CurrentService) -> Response:
    """The stylesheet, with a color per label."""
    return Response(style(service.tagger.labels), media_type="text/css")


@router.get("/page.js", include_in_schema=False)
async def script() -> FileResponse:
    """The page's script."""
    return FileResponse(STATIC / "page.js", media_type="text/javascript")


@router.get("/icon.svg", include_in_schema=False)
async def icon() -> FileResponse:
    """The page's icon."""
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")


def _fraction(value: str) -> float:
    """Parse a number, clipped to 0..1; anything else gives 0."""
    try:
        number = float(value)
    except ValueError:
        return 0.0
    return min(1.0, max(0.0, number)) if number == number else 0.0
