"""The JSON of requests and responses."""

from __future__ import annotations

from typing import Dict, List, Optional, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ner_mx.inference.entities import Entity
from ner_mx.serving.limits import Refused
from ner_mx.untyped import Values


class PredictRequest(BaseModel):
    """One text, or several."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={
        "oneOf": [{"required": ["text"]}, {"required": ["texts"]}]})

    text: Optional[str] = None
    texts: Optional[List[str]] = None

    @model_validator(mode="after")
    def _check(self) -> PredictRequest:
        if (self.text is None) == (self.texts is None):
            raise ValueError("expected either text or texts")
        for text in self.texts or [self.text or ""]:
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise ValueError(f"expected valid Unicode, found a lone surrogate at index {error.start}") from None
        return self


class EntityResponse(BaseModel):
    """``text[start:end]``, counted in Unicode characters."""

    start: int = Field(ge=0)
    end: int = Field(ge=1)
    label: str
    text: str
    score: float = Field(ge=0, le=1)


class PredictResponse(BaseModel):
    """The entities of one text."""

    entities: List[EntityResponse]


class BatchResponse(BaseModel):
    """The entities of several texts, in their order."""

    results: List[PredictResponse]


class Problem(BaseModel):
    """Why a request was refused; ``limit`` names the limit it exceeded, ``value`` is the limit's value."""

    error: str
    limit: Optional[str] = None
    value: Optional[float] = None


# For OpenAPI: FastAPI's type of the keys is Union[int, str].
PREDICTIONS: Dict[Union[int, str], Values] = {
    200: {"model": Union[PredictResponse, BatchResponse]},
    **{status: {"model": Problem} for status in (400, 401, 408, 413, 415, 422, 429, 503)}}
KEY_REFUSED: Dict[Union[int, str], Values] = {401: {"model": Problem}}
NOT_READY: Dict[Union[int, str], Values] = {503: {"model": Problem}}

INVOCATION: Values = {"requestBody": {"required": True, "content": {
    "application/json": {"schema": PredictRequest.model_json_schema()},
    "text/plain": {"schema": {"type": "string"}},
    "application/jsonlines": {"schema": {"type": "string"}}}}}


def entities_json(entities: List[Entity]) -> Values:
    """The JSON of a :class:`PredictResponse`, without the cost of validating one."""
    return {"entities": [entity._asdict() for entity in entities]}


def decode_body(body: bytes) -> str:
    """A body as text.

    Raises
    ------
    Refused : 422, it is not UTF-8.
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(422, f"expected UTF-8, found byte {body[error.start]:#04x} at index {error.start}") from None


def parse_request(content: Union[str, bytes], place: str) -> PredictRequest:
    """JSON as a request; ``place`` is named in errors.

    Raises
    ------
    Refused : 422, it is not a request.
    """
    try:
        return PredictRequest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(part) for part in (place, *first["loc"]))
        raise Refused(422, printable(f"{path}: {first['msg']}")) from None


def printable(message: str) -> str:
    """A message in ASCII, as the names of fields that a client sent may hold any characters."""
    return message.encode("ascii", "replace").decode()
