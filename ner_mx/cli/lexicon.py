"""``ner-mx lexicon build``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import OverwriteResult
from ner_mx.registry import register

TypesDump = Annotated[Path, typer.Argument(help="DBpedia's dump of instance types (.nt, .ttl, .bz2).")]
LabelsDump = Annotated[Path, typer.Argument(help="DBpedia's dump of labels.")]
LexiconFolder = Annotated[Path, typer.Option("--output", "-o", help="The folder to write the lists to.")]
OntologyDump = Annotated[Optional[Path], typer.Option(
    help="DBpedia's ontology (.nt), for the types below Person, Organisation, Place and Work.")]


@register.command("lexicon build")
def build(types: TypesDump, labels: LabelsDump, output: LexiconFolder, ontology: OntologyDump = None,
          language: str = "en", overwrite: OverwriteResult = False) -> None:
    """Make lists of names from DBpedia's published dumps."""
    from ner_mx.resources.dbpedia import build_lexicon

    built = build_lexicon(types, labels, output, ontology, language, overwrite)
    for category, count in built.names.items():
        typer.echo(f"{category:<5}{count:>10,} names")
    for dump, count in built.skipped.items():
        typer.echo(f"skipped {count:,} lines of {dump} that are not triples of names", err=True)
    if ontology is None:
        typer.echo("without --ontology, an instance of Athlete alone is not found as a person", err=True)
