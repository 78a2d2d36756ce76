"""``ner-mx clean``."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.errors import UserError
from ner_mx.registry import register

Folders = Annotated[Optional[List[Path]], typer.Argument(help="Folders that were written into; this one if not given.")]


@register.command("clean")
def clean(folders: Folders = None) -> None:
    """Remove what killed commands left: temporary files that no process owns, and chunks of complete results."""
    from ner_mx.bulk.jobs import remove_finished_parts
    from ner_mx.temporary import clean_tree

    for folder in folders or [Path(".")]:
        if not folder.is_dir():
            raise UserError(f"{folder}: expected a folder, found {'a file' if folder.exists() else 'nothing'}")
        for path, restored in clean_tree(folder):
            typer.echo(f"restored {restored} from {path}" if restored else f"removed {path}")
        for path in remove_finished_parts(folder):
            typer.echo(f"removed {path}")
