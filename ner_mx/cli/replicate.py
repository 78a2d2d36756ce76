"""``ner-mx replicate``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import Address, Engine, ParallelRuns, resumable
from ner_mx.errors import UserError
from ner_mx.registry import register

PlanFile = Annotated[Path, typer.Argument(help="The plan, YAML; see README.")]
PlansRecords = Annotated[Optional[Path], typer.Option(
    "--records", help="Another folder for the records than the plan's.")]


@register.command("replicate")
def replicate(plan: PlanFile, workers: ParallelRuns = None, engine: Engine = "local",
              address: Address = None, records: PlansRecords = None) -> None:
    """Execute a plan of experiments and seeds; finished runs are never repeated."""
    from ner_mx.experiments.engines import INTERRUPTED, REFUSED
    from ner_mx.experiments.replication import replicate as execute

    with resumable():
        outcomes = execute(plan, workers, engine, address, records)
    for outcome in outcomes:
        typer.echo(f"{outcome.name:<44}{outcome.state}" + (f"  {outcome.reason}" if outcome.reason else ""))
    states = {outcome.state for outcome in outcomes}
    if INTERRUPTED in states:
        typer.echo("the same command resumes the interrupted runs", err=True)
    if REFUSED in states:
        typer.echo("once their input is as expected, the same command starts the refused runs", err=True)
        raise typer.Exit(UserError.exit_code)
    if INTERRUPTED in states:
        raise typer.Exit(1)
