"""``ner-mx version``."""

from __future__ import annotations

import typer

from ner_mx import __version__
from ner_mx.registry import register


@register.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
