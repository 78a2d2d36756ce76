"""What one client may ask for at a time and per second, so that none takes the service from the others."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from contextlib import contextmanager
from typing import Callable, Dict, Iterator

from ner_mx.serving.limits import Limits, Refused

# How many clients are remembered beyond those with open requests.
REMEMBERED = 10_000


class _Client:
    """active : open requests.  allowance : requests that may begin now, as of ``updated``."""

    def __init__(self, allowance: float, updated: float):
        self.active, self.allowance, self.updated = 0, allowance, updated


class Clients:
    """Counts requests by the address of the client.

    Parameters
    ----------
    limits : ``client_requests`` and ``client_rate``; None does not limit.
    clock : seconds that only increase.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic):
        self._requests, self._rate, self._clock = limits.client_requests, limits.client_rate, clock
        self._burst = math.ceil(self._rate or 1)
        self._active: Dict[str, _Client] = {}
        self._silent: OrderedDict[str, _Client] = OrderedDict()

    @contextmanager
    def request(self, address: str) -> Iterator[None]:
        """Count a request while the block runs.

        Raises
        ------
        Refused : 429, the client has too many requests open, or began too many in the last second.
        """
        if self._requests is None and self._rate is None:
            yield
            return
        client = self._active.get(address) or self._silent.pop(address, None) or _Client(self._burst, self._clock())
        self._active[address] = client
        client.active += 1
        try:
            self._check(client)
            yield
        finally:
            client.active -= 1
            if not client.active:
                self._silent[address] = self._active.pop(address)
                if len(self._silent) > REMEMBERED:
                    self._silent.popitem(last=False)  # the one that has been silent longest

    def _check(self, client: _Client) -> None:
        """Check what a client has begun, this request included.

        Raises
        ------
        Refused : 429.
        """
        if self._requests is not None and client.active > self._requests:
            raise Refused(429, "too many requests of this client at a time; wait for the answers", "client_requests",
                          self._requests)
        if self._rate is not None:
            now = self._clock()
            client.allowance = min(self._burst, client.allowance + (now - client.updated) * self._rate)
            client.updated = now
            if client.allowance < 1:
                raise Refused(429, "too many requests of this client per second; slow down", "client_rate", self._rate)
            client.allowance -= 1
