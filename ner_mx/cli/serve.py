"""``ner-mx serve``."""

from __future__ import annotations

import os
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import BundleArgument, MinScore, Trusted, trusted_keys
from ner_mx.errors import UserError
from ner_mx.registry import register

API_KEY = "NER_MX_API_KEY"

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
ApiKey = Annotated[Optional[str], typer.Option(
    envvar=API_KEY, help="What clients must send as X-API-Key; none is required if not given.")]
RootPath = Annotated[str, typer.Option(help="The path under which a proxy serves it, such as /ner.")]
ClientRequests = Annotated[Optional[int], typer.Option(help="Open requests of one address; no limit if not given.")]
ClientRate = Annotated[Optional[float], typer.Option(
    help="Requests per second of one address; no limit if not given.")]
AllowedHosts = Annotated[Optional[List[str]], typer.Option(
    metavar="NAME", help="A name by which requests may call the service, * for any; may be repeated. This machine's "
                         "own names if not given and nobody else can connect.")]
Proxies = Annotated[Optional[List[str]], typer.Option(
    metavar="ADDRESS", help="A proxy whose X-Forwarded-For names the client; may be repeated.")]
AccessLog = Annotated[bool, typer.Option("--access-log", help="Log each request, without texts.")]
Threads = Annotated[Optional[int], typer.Option(min=1, help="Threads per batch; all cores if not given.")]


@register.command("serve")
def serve(bundle: BundleArgument, host: str = "127.0.0.1", port: Port = 8080, api_key: ApiKey = None,
          threads: Threads = None, body_bytes: int = 1 << 20, texts: int = 256,
          queue_characters: int = 1 << 22, batch_characters: int = 1 << 15, seconds: float = 30.0,
          connections: int = 1000, client_requests: ClientRequests = None, client_rate: ClientRate = None,
          allowed_hosts: AllowedHosts = None, proxies: Proxies = None, access_log: AccessLog = False,
          root_path: RootPath = "", min_score: MinScore = None, trusted: Trusted = None) -> None:
    """Serve a bundle over HTTP, with a page; listens on this machine only, unless a host is given."""
    from pydantic import ValidationError

    if api_key is None and API_KEY in os.environ:
        # Whoever sets it wants a key to be required; typer takes an empty variable for an unset one.
        raise UserError(f"{API_KEY}: expected a key, found an empty variable; set or unset it")
    from ner_mx.inference.tagger import TaggerSource
    from ner_mx.serving.limits import Limits
    from ner_mx.serving.server import serve_forever

    try:
        limits = Limits(body_bytes=body_bytes, texts=texts, queue_characters=queue_characters,
                        batch_characters=batch_characters, seconds=seconds, connections=connections,
                        client_requests=client_requests, client_rate=client_rate)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}") from None
    keys = trusted_keys(trusted)
    serve_forever(TaggerSource(bundle, min_score, None if keys is None else tuple(keys)), host, port, limits, api_key,
                  root_path, threads, allowed_hosts or (), proxies or (), access_log)
