"""``ner-mx keys``."""

from __future__ import annotations

from pathlib import Path

import typer
from typing_extensions import Annotated

from ner_mx.errors import UserError
from ner_mx.registry import register

Name = Annotated[Path, typer.Argument(help="NAME.key and NAME.pub are written.")]


@register.command("keys")
def keys(name: Name) -> None:
    """Make a pair of keys: the secret one signs bundles (export --sign), the public one verifies them (--trusted)."""
    from ner_mx.inference.signatures import SUFFIXES, write_keys

    secret, public = (name.with_name(name.name + suffix) for suffix in SUFFIXES)
    try:
        write_keys(name)
    except FileExistsError as error:
        raise UserError(f"{error.filename}: expected the name of new keys, found existing ones; choose another name"
                        ) from None
    typer.echo(f"{secret}: keep it secret, it signs bundles\n{public}: give it to those who run them")
