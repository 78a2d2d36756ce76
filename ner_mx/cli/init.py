"""``ner-mx init``."""

from __future__ import annotations

from pathlib import Path

import typer
from typing_extensions import Annotated

from ner_mx.errors import RunError
from ner_mx.registry import register

Source = Annotated[Path, typer.Argument(metavar="CORPUS", help="An annotated file or folder.")]
Output = Annotated[Path, typer.Option(help="The configuration to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing configuration.")]


@register.command("init")
def init(source: Source, output: Output = Path("config.yaml"), overwrite: Overwrite = False) -> None:
    """Look at a corpus and write a configuration for it: then preprocess, train and export need no argument."""
    from ner_mx.data.corpus_proposal import propose
    from ner_mx.files import write_text

    if output.exists() and not overwrite:
        raise RunError(f"{output}: exists already; choose another --output, or allow it with --overwrite")
    proposal = propose(source)
    write_text(output, proposal.to_yaml())
    typer.echo("\n".join(line.strip() for line in proposal.facts))
    typer.echo(f"\nwritten to {output}")
