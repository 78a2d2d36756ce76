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


def serve_forever(tagger: Tagger, host: str = "127.0.0.1", port: int = 8080, limits: Optional[Limits] = None,
                  api_key: Optional[str] = None) -> None:
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
                            limit_concurrency=limits.connections)
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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # From here on, clients wait instead of being refused.
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        problem = getattr(error, "strerror", None) or error
        raise UserError(f"{host}:{port}: expected an address to listen on, found: {problem}; "
                        "choose another host or port") from None
    return listening
