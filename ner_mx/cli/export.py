"""``ner-mx export``."""

from __future__ import annotations

from pathlib import Path

import typer
from typing_extensions import Annotated

from ner_mx import compat
from ner_mx.cli.options import RunFolder
from ner_mx.registry import register

BundleFolder = Annotated[Path, typer.Argument(help="The folder of the bundle to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing bundle.")]
Precision = Annotated[str, typer.Option(help="float32, float16 (half the size) or int8 (a quarter).")]


@register.command("export")
def export(run: RunFolder, folder: BundleFolder, precision: Precision = "float32",
           overwrite: Overwrite = False) -> None:
    """Write the model of a run as a bundle that needs no MXNet; checks that both compute the same."""
    compat.tune_process()
    from ner_mx.inference.exporting import export_run

    result = export_run(run, folder, precision, overwrite)
    typer.echo(f"{result.sentences:,} sentences: scores of MXNet and onnxruntime differ by at most "
               f"{result.difference:.1e}")
    for split, scores in result.f1.items():
        typer.echo(f"{split:<5}entity F1  " + "  ".join(f"{name} {f1:.4f}" for name, f1 in scores.items()))
    typer.echo(f"{result.bytes / 1e6:.1f} MB\n\nwritten to {folder}")
