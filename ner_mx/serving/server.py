"""Run the service until it is stopped."""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from typing import Optional

from ner_mx.errors import UserError, install
from ner_mx.inference.tagger import Tagger
from ner_mx.serving.limits import Limits

log = logging.getLogger(__name__)

# Connections beyond the limit, so that health checks and refusals are answered.
SPARE = 100


def serve_forever(tagger: Tagger, host: str = "127.0.0.1", port: int = 8080, limits: Optional[Limits] = None,
                  api_key: Optional[str] = None, root_path: str = "") -> None:
    """Serve until SIGINT or SIGTERM; requests accepted by then are answered.

    Raises
    ------
    UserError : FastAPI or uvicorn is not installed, or the address cannot be bound.
    """
    try:
        import uvicorn

        from ner_mx.serving.app import create_app
    except ImportError as error:
        raise UserError(f'the service needs {error.name}: {install("serve")}') from None
    limits = limits or Limits()
    listening = _listening_socket(host, port)
    config = uvicorn.Config(create_app(tagger, limits, api_key), log_level="warning", server_header=False,
                            timeout_graceful_shutdown=int(limits.seconds) + 1, timeout_keep_alive=30,
                            limit_concurrency=limits.connections + SPARE, root_path=root_path)
    host, port = listening.getsockname()[:2]
    log.info("serving on http://%s:%d", f"[{host}]" if ":" in host else host, port)
    # uvicorn raises the signal again after the last answer.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
    log.info("stopped")


def _listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on the address; port 0 takes a free port.

    Raises
    ------
    UserError : the address cannot be bound.
    """
    if not host:  # the system would listen on every address of the machine
        raise UserError("host: expected an address to listen on, found an empty one; is the variable set?")
    problem: object = "no address of this name"
    try:
        # A name may have addresses of IPv6 alone; of several addresses, the first that can be bound counts.
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, OverflowError, UnicodeError) as error:
        addresses, problem = [], getattr(error, "strerror", None) or error
    for family, kind, protocol, _, address in sorted(addresses, key=lambda entry: entry[0] != socket.AF_INET):
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            # From here on, clients wait instead of being refused.
            listening.listen(128)
            return listening
        except (OSError, OverflowError) as error:
            listening.close()
            problem = getattr(error, "strerror", None) or error
    raise UserError(f"{host}:{port}: expected an address to listen on, found: {problem}; choose another host or port")
