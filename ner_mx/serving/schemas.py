"""The JSON of requests and responses."""

from __future__ import annotations

from email.message import Message
from typing import Dict, List, Optional, Tuple, Type, TypeVar, Union
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ner_mx.data.unicode_text import has_surrogates
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.decoding.entities import Entity
from ner_mx.errors import first_line
from ner_mx.serving.limits import Refused
from ner_mx.strict_json import parse_json
from ner_mx.untyped import Json, Values

# The character sets in use. Other codecs of Python take quadratic time (idna, punycode), or make of bytes what no
# text can hold (utf-7, unicode_escape).
CHARSETS = frozenset([
    "utf-8", "utf8", "utf-8-sig", "utf-16", "utf-16le", "utf-16be", "utf-16-le", "utf-16-be", "utf-32", "utf-32le",
    "utf-32be", "utf-32-le", "utf-32-be", "ascii", "us-ascii", "latin-1", "latin1",
    *(f"iso-8859-{number}" for number in range(1, 17) if number != 12), *(f"iso8859-{number}" for number in (1, 2, 15)),
    *(f"windows-125{number}" for number in range(9)), *(f"cp125{number}" for number in range(9)), "koi8-r", "koi8-u",
    "shift-jis", "euc-jp", "euc-kr", "gb2312", "gbk", "gb18030", "big5", "tis-620"])
LONGEST_HEADER = 200
MOST_FIELDS = 10


class PredictRequest(BaseModel):
    """One text, several, or the tokens of one sentence."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={
        "oneOf": [{"required": ["text"]}, {"required": ["texts"]}, {"required": ["tokens"]}],
        "examples": [{"text": "Ada left Rome."}, {"texts": ["Ada left.", "Rome fell."]},
                     {"tokens": ["Ada", "left", "Rome", "."]}]})

    text: Optional[str] = None
    texts: Optional[List[str]] = None
    tokens: Optional[List[str]] = None

    @model_validator(mode="after")
    def _check(self) -> PredictRequest:
        if sum(value is not None for value in (self.text, self.texts, self.tokens)) != 1:
            raise ValueError("expected either text, texts or tokens")
        if not all(self.tokens or ()):
            raise ValueError("expected tokens of at least one character, found an empty one")
        for text in self.texts or self.tokens or [self.text or ""]:
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise ValueError(f"expected valid Unicode, found a lone surrogate at index {error.start}") from None
        return self


class ExplainRequest(BaseModel):
    """A text, and an entity in it: ``text[start:end]``, and its type."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={
        "examples": [{"text": "Ada left Rome.", "start": 9, "end": 13, "label": "LOC"}]})

    text: str
    start: int = Field(ge=0)
    end: int = Field(ge=1)
    label: str

    @model_validator(mode="after")
    def _check(self) -> ExplainRequest:
        if has_surrogates(self.text) or has_surrogates(self.label):
            raise ValueError("expected valid Unicode, found a lone surrogate")
        return self


class ExplainedEntity(BaseModel):
    """How much each part speaks for an entity: the log-odds of its probability that are lost when it is hidden.

    ``words`` has a number for each token of the sentence, ``characters`` for each character of the tokens of the
    entity, ``features`` for each feature at all tokens, ``by_token`` for each feature at each token of the entity.
    """

    start: int
    end: int
    label: str
    tokens: List[int]
    score: float
    words: List[float]
    characters: List[List[float]]
    features: Dict[str, float]
    by_token: Dict[str, List[float]]
    facts: List[Dict[str, str]]


class ExplainResponse(BaseModel):
    """The sentence of the entity, with the offsets of its tokens in the text."""

    tokens: List[str]
    offsets: List[List[int]]
    entities: List[ExplainedEntity]


class EntityResponse(BaseModel):
    """``text[start:end]``, counted in Unicode characters; for tokens, ``tokens[start:end]``."""

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
EXPLANATIONS: Dict[Union[int, str], Values] = {
    200: {"model": ExplainResponse},
    **{status: {"model": Problem} for status in (400, 401, 408, 413, 415, 422, 429, 503)}}
KEY_REFUSED: Dict[Union[int, str], Values] = {401: {"model": Problem}}
NOT_READY: Dict[Union[int, str], Values] = {503: {"model": Problem}}

FORM = "application/x-www-form-urlencoded"
PREDICTION: Values = {"requestBody": {"required": True, "content": {
    "application/json": {"schema": PredictRequest.model_json_schema()}}}}
EXPLANATION: Values = {"requestBody": {"required": True, "content": {
    "application/json": {"schema": ExplainRequest.model_json_schema()}}}}
INVOCATION: Values = {"requestBody": {"required": True, "content": {
    "application/json": {"schema": PredictRequest.model_json_schema()},
    "text/plain": {"schema": {"type": "string"}},
    "application/jsonlines": {"schema": {"type": "string"}}}}}


def entities_json(entities: List[Entity]) -> Values:
    """The JSON of a :class:`PredictResponse`, without the cost of validating one."""
    return {"entities": [entity._asdict() for entity in entities]}


def token_spans_json(tokens: List[str], spans: List[ScoredSpan]) -> Values:
    """The same for a sentence of tokens; the text of an entity is its tokens, separated by spaces."""
    return {"entities": [{"start": span.start, "end": span.end, "label": span.label,
                          "text": " ".join(tokens[span.start:span.end]), "score": probability}
                         for span, probability in spans]}


def parse_content_type(header: str) -> Tuple[str, str]:
    """The type and the character set of a content-type header, in lower case.

    Raises
    ------
    Refused : 415, it is too long.
    """
    if len(header) > LONGEST_HEADER:
        raise Refused(415, f"expected a content-type of at most {LONGEST_HEADER} characters")
    message = Message()
    message["content-type"] = header
    charset = message.get_param("charset", "utf-8")
    return message.get_content_type() if "/" in header else "", str(charset).lower()


def decode_body(body: bytes, charset: str) -> str:
    """A body as text, without a byte-order mark.

    Raises
    ------
    Refused : 415 for a character set that is not one of :data:`CHARSETS`, 422 for a body that is not in it.
    """
    check_charset(charset)
    try:
        text = body.decode(charset)
    except UnicodeDecodeError as error:
        raise Refused(422, f"expected {charset}, found byte {body[error.start]:#04x} at index "
                           f"{error.start}") from None
    except UnicodeError as error:  # UTF-16 and UTF-32 without an even number of bytes, or a byte-order mark
        raise Refused(422, f"expected {charset}, found: {in_ascii(first_line(error))}") from None
    return text[1:] if text.startswith("\ufeff") else text


def parse_json_request(body: bytes, header: str) -> PredictRequest:
    """A body as a request.

    Parameters
    ----------
    header : of the content type.

    Raises
    ------
    Refused : 415 for another content type or an unknown character set, 422 for what is not a request.
    """
    content_type, charset = parse_content_type(header)
    if content_type != "application/json":
        raise Refused(415, in_ascii(f"expected application/json as the content-type, found {content_type or 'none'}"))
    return parse_request(decode_body(body, charset), "body")


def parse_explain_request(body: bytes, header: str) -> ExplainRequest:
    """A body as a request to explain an entity.

    Raises
    ------
    Refused : see :func:`parse_json_request`.
    """
    content_type, charset = parse_content_type(header)
    if content_type != "application/json":
        raise Refused(415, in_ascii(f"expected application/json as the content-type, found {content_type or 'none'}"))
    return _validated(ExplainRequest, decode_body(body, charset), "body")


def parse_form(body: bytes, header: str) -> Dict[str, str]:
    """The fields of a posted form.

    Raises
    ------
    Refused : 415 for another content type or an unknown character set, 422 for too many fields.
    """
    content_type, charset = parse_content_type(header)
    if content_type != FORM:
        raise Refused(415, in_ascii(f"expected {FORM} as the content-type, found {content_type or 'none'}"))
    try:
        return dict(parse_qsl(decode_body(body, charset), keep_blank_values=True, encoding=charset, errors="replace",
                              max_num_fields=20))
    except ValueError:
        raise Refused(422, "expected at most 20 fields") from None


def check_charset(charset: str) -> None:
    """Check that a character set is one of :data:`CHARSETS`.

    Raises
    ------
    Refused : 415.
    """
    if charset.replace("_", "-") not in CHARSETS:
        raise Refused(415, f"expected a known charset, found {in_ascii(charset)[:40]}")


def parse_request(content: str, place: str) -> PredictRequest:
    """JSON as a request; ``place`` is named in errors.

    Raises
    ------
    Refused : 422, it is not a request.
    """
    return _validated(PredictRequest, content, place)


Request = TypeVar("Request", bound=BaseModel)


def _validated(schema: Type[Request], content: str, place: str) -> Request:
    """JSON as an object of a schema.

    Raises
    ------
    Refused : 422, the content is not JSON, or not of the schema.
    """
    try:
        value = parse_json(content)
    except ValueError as error:
        raise Refused(422, in_ascii(f"{place}: Invalid JSON: {first_line(error, 100)}")) from None
    _check_size(value, place)
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(part) for part in (place, *first["loc"]))
        raise Refused(422, in_ascii(f"{path}: {first['msg']}")) from None


def _check_size(value: Json, place: str) -> None:
    """Check what can be wrong many times: pydantic would list every problem, of which only the first is told.

    Raises
    ------
    Refused : 422.
    """
    if not isinstance(value, dict):
        return
    if len(value) > MOST_FIELDS:
        raise Refused(422, f"{place}: expected text, texts or tokens, found {len(value)} fields")
    for key in ("texts", "tokens"):
        items = value.get(key)
        if isinstance(items, list):
            wrong = next((index for index, item in enumerate(items) if not isinstance(item, str)), None)
            if wrong is not None:
                raise Refused(422, f"{place}.{key}.{wrong}: Input should be a valid string")


def in_ascii(message: str) -> str:
    """A message in ASCII, as the names of fields that a client sent may hold any characters."""
    return message.encode("ascii", "replace").decode()
