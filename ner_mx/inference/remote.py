"""A tagger in another process: the client of ``ner-mx serve``."""

from __future__ import annotations

import json
import random
import time
import urllib.error
import urllib.request
from typing import Any, Iterable, Iterator, List, Optional, Sequence

from ner_mx.decoding.entities import Entity, checked_texts
from ner_mx.errors import UserError, first_line, shown

# Of a request, so that it stays below the limits that a service has by default.
TEXTS, CHARACTERS = 256, 1 << 17
# Answers after which a request is sent again: the service, or a proxy before it, is busy or starting.
BUSY = (408, 429, 502, 503, 504)
# Seconds before the second attempt, doubled for each further one, and the longest that is waited.
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0


class RemoteTagger:
    """Finds entities through a service.

    Parameters
    ----------
    url : of the service, without a path of its own, such as ``http://127.0.0.1:8080``.
    api_key : what the service requires as ``X-API-Key``.
    seconds : that an answer may take.
    attempts : of each request, while the service is busy or cannot be reached.

    Raises
    ------
    UserError : the URL is none of http or https.
    """

    def __init__(self, url: str, api_key: Optional[str] = None, seconds: float = 60.0, attempts: int = 6):
        if not url.lower().startswith(("http://", "https://")):
            raise UserError(f"expected the URL of a service, such as http://127.0.0.1:8080, found {shown(url)}")
        self.url = url.rstrip("/")
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
        answer = self._answer({"texts": list(texts)})
        try:
            results = [[Entity(entity["start"], entity["end"], entity["label"], entity["text"], entity["score"])
                        for entity in result["entities"]] for result in answer["results"]]
            if len(results) == len(texts):
                return results
        except (KeyError, TypeError):
            pass
        raise UserError(f"{self.url}: expected the entities of {len(texts)} texts, found another answer; is it a "
                        "service of ner-mx?")

    def _answer(self, body: Any) -> Any:
        """The JSON of an answer; the request is repeated while the service is busy."""
        request = urllib.request.Request(f"{self.url}/predict", json.dumps(body).encode(), self._headers)
        wait = FIRST_WAIT
        for attempt in range(1, self._attempts + 1):
            asked = None
            try:
                with urllib.request.urlopen(request, timeout=self._seconds) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                with error:
                    problem = f"{error.code}: {_reason(error)}"
                if error.code not in BUSY:
                    break
                asked = error.headers.get("Retry-After", "")
            except ValueError as error:  # what is not JSON
                problem = first_line(error)
                break
            except OSError as error:  # refused, timed out, no such host
                problem = first_line(getattr(error, "reason", error))
            if attempt < self._attempts:
                time.sleep(min(LONGEST_WAIT, float(asked) if asked and asked.isdecimal()
                               else wait * random.uniform(0.5, 1.5)))
                wait *= 2
        tried = f" in {attempt} attempts" if attempt > 1 else ""
        raise UserError(f"{self.url}: expected an answer of the service, found{tried}: {problem}")


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
        if part and (len(part) == TEXTS or size + len(text) > CHARACTERS):
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        yield part
