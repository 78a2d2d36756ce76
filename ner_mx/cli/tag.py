"""``ner-mx tag``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import (
    Address,
    BundleArgument,
    Engine,
    MinScore,
    OverwriteResult,
    Trusted,
    resumable,
    trusted_keys,
)
from ner_mx.errors import UserError
from ner_mx.registry import register

Source = Annotated[Path, typer.Argument(help="A file or a folder.")]
Target = Annotated[Path, typer.Argument(help="The file or folder to write.")]
SourceFormat = Annotated[Optional[str], typer.Option(
    "--form", help="text (one text per line), jsonl, conll or parquet; by the suffix if not given.")]
Processes = Annotated[int, typer.Option(min=1, help="Processes that tag; a single one takes all cores.")]


@register.command("tag")
def tag(bundle: BundleArgument, source: Source, target: Target, form: SourceFormat = None,
        processes: Processes = 1, engine: Engine = "local", address: Address = None,
        overwrite: OverwriteResult = False, min_score: MinScore = None, trusted: Trusted = None) -> None:
    """Tag a corpus: text, JSONL, CoNLL, Parquet, or a folder of them; resumes where it stopped."""
    if address and engine != "ray":
        raise UserError("--address: expected --engine ray with it, found another engine")
    if engine == "ray":
        from ner_mx.bulk.cluster import tag_tables

        done = tag_tables(bundle, source, target, form, processes, address, overwrite, min_score,
                          trusted_keys(trusted))
    elif engine == "local":
        from ner_mx.bulk.tagging import tag_files

        with resumable():
            done = tag_files(bundle, source, target, form, processes, overwrite, min_score, trusted_keys(trusted))
    else:
        raise UserError(f"--engine: expected local or ray, found {engine!r}")
    for failure in done.failures:
        typer.echo(f"error: {failure}", err=True)
    rate = done.words / max(done.seconds, 1e-9)
    aside = " (see .bad.jsonl beside the result)" if done.problems else ""
    typer.echo(f"{done.files:,} files, {done.records:,} records, {done.problems:,} of them bad{aside}; "
               f"{done.words:,} words in {done.seconds:.1f} s ({rate:,.0f} words/s)\n\nwritten to {target}")
    if done.failures or (done.records and done.problems == done.records):
        # Nothing of a file was tagged: whoever calls this in a script must see it.
        raise typer.Exit(2)
