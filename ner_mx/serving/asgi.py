"""The service for servers that take an application by its name, set up by variables of the environment.

``gunicorn --preload -w 2 -k uvicorn_worker.UvicornWorker ner_mx.serving.asgi:app``, with

- ``NER_MX_BUNDLE``: the folder of the bundle;
- ``NER_MX_API_KEY``: what clients must send; none if it is not set;
- ``NER_MX_ALLOWED_HOSTS``: the names by which requests may call the service, separated by commas; ``*`` for any,
  those of this machine if it is not set;
- ``NER_MX_TRUSTED``: the files of the keys that may have signed the bundle, separated by colons;
- ``NER_MX_THREADS``: per batch, 1 if it is not set.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Mapping

from fastapi import FastAPI

from ner_mx.errors import UserError
from ner_mx.inference.tagger import TaggerSource
from ner_mx.serving.app import create_app
from ner_mx.serving.guards import LOOPBACK


def app_of(environment: Mapping[str, str]) -> FastAPI:
    """The application.

    Raises
    ------
    UserError : a variable is missing, empty or not a number.
    BundleError : the bundle cannot be used.
    """
    for name in ("NER_MX_BUNDLE", "NER_MX_API_KEY", "NER_MX_ALLOWED_HOSTS", "NER_MX_TRUSTED", "NER_MX_THREADS"):
        if environment.get(name, "unset") == "" or (name == "NER_MX_BUNDLE" and name not in environment):
            raise UserError(f"{name}: expected a value, found an empty or missing variable")
    threads = environment.get("NER_MX_THREADS", "1")
    if not threads.isascii() or not threads.isdigit() or not 0 < int(threads[:6]) < 1000:
        raise UserError(f"NER_MX_THREADS: expected a number from 1 to 999, found {threads[:20]!r}")
    trusted = environment.get("NER_MX_TRUSTED")
    source = TaggerSource(Path(environment["NER_MX_BUNDLE"]),
                          trusted=tuple(map(Path, trusted.split(os.pathsep))) if trusted else None)
    hosts: List[str] = environment.get("NER_MX_ALLOWED_HOSTS", ",".join(LOOPBACK)).split(",")
    return create_app(source.load(int(threads)), api_key=environment.get("NER_MX_API_KEY"),
                      allowed_hosts=[host.strip() for host in hosts])


def __getattr__(name: str) -> FastAPI:
    """``app``, made when a server asks for it."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = app = app_of(os.environ)
    return app
