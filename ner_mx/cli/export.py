"""``ner-mx export``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx import compat
from ner_mx.cli.options import check_no_bundle
from ner_mx.config import load_config
from ner_mx.files import named_path
from ner_mx.registry import register

Run = Annotated[Optional[Path], typer.Argument(
    help="The folder of a run; that of the configuration if not given.")]
BundleFolder = Annotated[Optional[Path], typer.Argument(
    help="The folder of the bundle to write; bundles/NAME if not given.")]
BUNDLES = Path("bundles")
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing bundle.")]
Precision = Annotated[str, typer.Option(help="float32, float16 (half the size) or int8 (a quarter).")]

SecretKey = Annotated[Optional[Path], typer.Option(
    metavar="KEY", help="A secret key that signs the bundle; ner-mx keys makes one.")]


@register.command("export")
def export(run: Run = None, folder: BundleFolder = None, precision: Precision = "float32",
           overwrite: Overwrite = False, sign: SecretKey = None) -> None:
    """Write the model of a run as a bundle that needs no MXNet; checks that both compute the same."""
    from ner_mx.training.run_folder import is_run, read_run_config, run_folder

    run = run or run_folder(load_config())
    check_no_bundle(run)
    folder = folder or BUNDLES / named_path(run).name
    compat.tune_process(read_run_config(run).run.threads if is_run(run) else None)
    from ner_mx.inference.exporting import export_run

    result = export_run(run, folder, precision, overwrite, sign)
    typer.echo(f"{result.sentences:,} sentences: scores of MXNet and onnxruntime differ by at most "
               f"{result.difference:.1e}")
    for split, scores in result.f1.items():
        typer.echo(f"{split:<5}entity F1  " + "  ".join(f"{name} {f1:.4f}" for name, f1 in scores.items()))
    typer.echo(f"{result.bytes / 1e6:.1f} MB\n\nwritten to {folder}")
