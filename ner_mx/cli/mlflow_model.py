"""``ner-mx mlflow-model``."""

from __future__ import annotations

from pathlib import Path

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import BundleArgument
from ner_mx.registry import register

Target = Annotated[Path, typer.Argument(help="The folder to write.")]


@register.command("mlflow-model")
def mlflow_model(bundle: BundleArgument, target: Target) -> None:
    """Write a bundle as a model of MLflow's pyfunc flavour, which needs no MXNet."""
    from ner_mx.inference.mlflow_model import write_mlflow_model

    write_mlflow_model(bundle, target)
    typer.echo(f"written to {target}; mlflow.pyfunc.load_model loads it")
