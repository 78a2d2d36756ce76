"""``ner-mx fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import OverwriteResult, resumable
from ner_mx.registry import register

Name = Annotated[Optional[str], typer.Argument(help="What is fetched; all names are listed if not given.")]
Output = Annotated[Optional[Path], typer.Option("-o", "--output", help="The folder; that of the name if not given.")]


@register.command("fetch")
def fetch(name: Name = None, output: Output = None, overwrite: OverwriteResult = False) -> None:
    """Fetch a public corpus, vectors, a lexicon or a checkpoint, and say under which licence."""
    from ner_mx.resources.downloads import catalogue
    from ner_mx.resources.downloads import fetch as download

    if name is None:
        for known, resource in catalogue().items():
            by_hand = " (to be fetched by hand)" if resource.manual else ""
            typer.echo(f"{known:<20}{resource.about}; {resource.licence}{by_hand}")
        return
    with resumable():
        fetched = download(name, output or Path(name), overwrite=overwrite)
    resource = catalogue()[name]
    for file, digest in fetched.hashes.items():
        typer.echo(f"{file}: SHA-256 {digest}")
    typer.echo(f"licence: {resource.licence}, {resource.page}\n"
               f"to use it: {resource.use.format(folder=fetched.folder)}\n\nwritten to {fetched.folder}")
