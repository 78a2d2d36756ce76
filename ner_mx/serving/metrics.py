"""The metrics for Prometheus."""

from __future__ import annotations

from typing import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The metrics of one service, in their own registry.

    Parameters
    ----------
    waiting : returns the number of characters in the queue.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, waiting: Callable[[], int]):
        self._registry = CollectorRegistry()
        self._requests = Counter("ner_mx_requests", "Requests by path and status.", ("path", "status"),
                                 registry=self._registry)
        self._seconds = Histogram("ner_mx_request_seconds", "Seconds per request, by path.", ("path",),
                                  buckets=SECONDS, registry=self._registry)
        self._batch_texts = Histogram("ner_mx_batch_texts", "Texts per batch.", buckets=TEXTS,
                                      registry=self._registry)
        self._batch_seconds = Histogram("ner_mx_batch_seconds", "Seconds per batch.",
                                        buckets=SECONDS, registry=self._registry)
        Gauge("ner_mx_queue_characters", "Waiting characters.",
              registry=self._registry).set_function(waiting)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def batch(self, texts: int, seconds: float) -> None:
        """Count a batch."""
        self._batch_texts.observe(texts)
        self._batch_seconds.observe(seconds)

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
