"""Run the service until it is stopped."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
from contextlib import suppress
from typing import Optional, Sequence

from ner_mx.errors import UserError, install
from ner_mx.inference.tagger import Tagger, TaggerSource
from ner_mx.serving.limits import Limits

log = logging.getLogger(__name__)

# Connections beyond the limit, so that health checks and refusals are answered.
SPARE = 100


def serve_forever(source: TaggerSource, host: str = "127.0.0.1", port: int = 8080, limits: Optional[Limits] = None,
                  api_key: Optional[str] = None, root_path: str = "", threads: Optional[int] = None,
                  allowed_hosts: Sequence[str] = (), proxies: Sequence[str] = (), access_log: bool = False) -> None:
    """Serve until SIGINT or SIGTERM; requests accepted by then are answered.  SIGHUP loads the bundle again.

    Parameters
    ----------
    source : what is served.
    threads : per batch; None takes all cores.
    allowed_hosts : the names by which requests may call the service, ``*`` for any; none takes the names of this
        machine if it listens there alone, else any.
    proxies : the addresses of proxies whose ``X-Forwarded-For`` names the client.

    Raises
    ------
    UserError : FastAPI or uvicorn is not installed, or the address cannot be bound.
    BundleError : the bundle cannot be used.
    """
    try:
        import uvicorn

        from ner_mx.serving.app import create_app
        from ner_mx.serving.protocol import PatientProtocol
    except ImportError as error:
        raise UserError(f'the service needs {error.name}: {install("serve")}') from None
    limits = limits or Limits()

    def load() -> Tagger:
        return source.load(threads)

    if hasattr(signal, "SIGHUP"):
        # Until the service can reload, the signal must not end it.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    tagger = load()
    listening = _listening_socket(host, port)
    hosts = allowed_hosts or _own_names(host, listening)
    app = create_app(tagger, limits, api_key, hosts, access_log, load)
    protocol = type("Protocol", (PatientProtocol,), {"head_seconds": limits.seconds})
    config = uvicorn.Config(app, http=protocol, log_level="warning", server_header=False, access_log=False,
                            proxy_headers=bool(proxies), forwarded_allow_ips=list(proxies),
                            timeout_graceful_shutdown=int(limits.seconds) + 1, timeout_keep_alive=30,
                            limit_concurrency=limits.connections + SPARE, root_path=root_path)
    host, port = listening.getsockname()[:2]
    log.info("serving on http://%s:%d", f"[{host}]" if ":" in host else host, port)
    # uvicorn raises the signal again after the last answer.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
    log.info("stopped")


def _own_names(host: str, listening: socket.socket) -> Sequence[str]:
    """The names of this machine, if others cannot connect; else any name."""
    from ner_mx.serving.guards import ANY, LOOPBACK

    is_local = ipaddress.ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback
    return (*LOOPBACK, host) if is_local else (ANY,)


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
