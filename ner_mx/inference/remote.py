"""A tagger in another process: the client of ``ner-mx serve``."""

from __future__ import annotations

import http.client
import json
import logging
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Iterable, Iterator, List, Optional, Sequence

from ner_mx.decoding.entities import Entity, checked_texts
from ner_mx.errors import UserError, first_line, shown

log = logging.getLogger(__name__)

# Texts and bytes of a request, so that it stays below the limits that a service has by default.
TEXTS, BYTES = 256, 1 << 18
# Bytes of an answer: far more than the entities of a request can have.  It is read in pieces, between which the time
# that has passed is looked at.
LONGEST_ANSWER, PIECE = 1 << 28, 1 << 16
# Answers after which a request is sent again: the service, or a proxy before it, is busy or starting.
BUSY = (408, 429, 502, 503, 504)
# Seconds before the second attempt, doubled for each further one, and the longest that is waited.
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
# What rounding may add to a probability.
TOLERANCE = 1e-6


class RemoteTagger:
    """Finds entities through a service.

    Parameters
    ----------
    url : of the service, without ``/predict``, such as ``http://127.0.0.1:8080``.
    api_key : what the service requires as ``X-API-Key``.
    seconds : that an answer may take.
    attempts : of each request, while the service is busy or cannot be reached.

    Raises
    ------
    UserError : the URL is not one of http or https, or the key cannot be sent.
    """

    def __init__(self, url: str, api_key: Optional[str] = None, seconds: float = 60.0, attempts: int = 6):
        if not _is_url(url):
            raise UserError(f"expected the URL of a service, such as http://127.0.0.1:8080, found {shown(url)}")
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise UserError("expected an API key of printable ASCII characters, found another")
        self.url = url.rstrip("/")
        # Another host must not get the key.
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._headers = {"Content-Type": "application/json", **({"X-API-Key": api_key} if api_key else {})}
        self._seconds, self._attempts = seconds, attempts

    def predict(self, text: str) -> List[Entity]:
        """The entities of one text.

        Raises
        ------
        UserError : as :meth:`predict_batch`.
        """
        return self.predict_batch([text])[0]

    def predict_batch(self, texts: Iterable[str]) -> List[List[Entity]]:
        """The entities of many texts, in several requests if they are long.

        Raises
        ------
        UserError : the service cannot be reached, refuses a text, or answers something else.
        TypeError : the texts are a single string or a mapping, or one of them is not a string.
        """
        return [entities for part in _parts(list(checked_texts(texts))) for entities in self._predicted(part)]

    def _predicted(self, texts: Sequence[str]) -> List[List[Entity]]:
        results = _entities(self._answer({"texts": list(texts)}), texts)
        if results is None:
            raise UserError(f"{self.url}: expected the entities of {len(texts)} texts, found another answer; is it a "
                            "service of ner-mx?")
        return results

    def _answer(self, body: Any) -> Any:
        """The JSON of an answer; the request is repeated while the service is busy."""
        request = urllib.request.Request(f"{self.url}/predict", _encoded(body), self._headers)
        wait = FIRST_WAIT
        for attempt in range(1, self._attempts + 1):
            asked = None
            try:
                end = time.monotonic() + self._seconds
                with self._opener.open(request, timeout=self._seconds) as response:
                    return json.loads(_read(response, end))
            except urllib.error.HTTPError as error:
                with error:
                    problem = f"{error.code}: {_reason(error)}"
                if error.code not in BUSY:
                    break
                asked = error.headers.get("Retry-After", "")
            except (ValueError, RecursionError) as error:  # what is not JSON
                problem = first_line(error)
                break
            except (OSError, http.client.HTTPException) as error:  # refused, timed out, no such host, cut off
                problem = first_line(getattr(error, "reason", error)) or type(error).__name__
            if attempt < self._attempts:
                log.info("%s: %s; trying again", self.url, problem)
                time.sleep(min(LONGEST_WAIT, float(asked) if asked and asked.isdecimal()
                               else wait * random.uniform(0.5, 1.5)))
                wait *= 2
        tried = f" in {attempt} attempts" if attempt > 1 else ""
        raise UserError(f"{self.url}: expected an answer of the service, found{tried}: {problem}")


def _read(response: Any, end: float) -> bytes:
    """The body of an answer, for which the time and the memory are limited, however slowly it comes.

    Raises
    ------
    ValueError : it is too long.
    TimeoutError : it is not complete in time.
    """
    pieces: List[bytes] = []
    size = 0
    while piece := response.read1(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_ANSWER:
            raise ValueError(f"more than {LONGEST_ANSWER:,} bytes")
        if time.monotonic() > end:
            raise TimeoutError("timed out")
    if response.length:  # what the header promised and did not come
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(pieces)


def _entities(answer: Any, texts: Sequence[str]) -> Optional[List[List[Entity]]]:
    """The entities of an answer; None if it is another one than of these texts."""
    try:
        results = [[Entity(*map(entity.__getitem__, Entity._fields)) for entity in result["entities"]]
                   for result in answer["results"]]
    except (AttributeError, KeyError, TypeError):
        return None
    return results if len(results) == len(texts) and all(map(_are_of, results, texts)) else None


def _are_of(entities: Sequence[Entity], text: str) -> bool:
    """Whether entities can be those of a text: in order, without overlap, with the text at their offsets."""
    last = 0
    for entity in entities:
        offsets = (entity.start, entity.end)
        if not (all(type(offset) is int for offset in offsets) and last <= entity.start < entity.end <= len(text)
                and entity.text == text[entity.start:entity.end] and isinstance(entity.label, str)
                and type(entity.score) in (int, float) and 0 <= entity.score <= 1 + TOLERANCE):
            return False
        last = entity.end
    return True


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """Follow none: the answer becomes an error."""


def _is_url(url: str) -> bool:
    """Whether it is a URL of http or https with a host and a port that is a number, to which a path can be added."""
    if not url.isascii() or not url.isprintable() or any(character in url for character in " ?#"):
        return False
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _encoded(value: Any) -> bytes:
    """JSON in UTF-8; what UTF-8 cannot hold is escaped, and the service refuses it."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _reason(error: urllib.error.HTTPError) -> str:
    """The message of a refusal."""
    try:
        return str(json.loads(error.read(1 << 16))["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.reason)


def _parts(texts: Sequence[str]) -> Iterator[List[str]]:
    """Texts so many at a time that a request stays below the limits."""
    part: List[str] = []
    size = 0
    for text in texts:
        bytes_of_text = len(_encoded(text))
        if part and (len(part) == TEXTS or size + bytes_of_text > BYTES):
            yield part
            part, size = [], 0
        part.append(text)
        size += bytes_of_text
    if part:
        yield part
