"""``ner-mx simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import ConfigPath, Experiment, ParallelRuns, Settings, numbers, resolved, resumable
from ner_mx.registry import register

Strategies = Annotated[Optional[List[str]], typer.Option(
    "--strategy", help="May be repeated; random and expected-errors if not given, see ner-mx suggest.")]
Seeds = Annotated[int, typer.Option(min=1, help="Simulations of each strategy.")]
Shares = Annotated[str, typer.Option(
    help="The shares of the tokens of train that are annotated, round after round.")]
Output = Annotated[Optional[Path], typer.Option(
    "-o", "--output", help="The folder to write, in which an interrupted simulation resumes; simulation-NAME if not "
                           "given.")]
DEFAULT_SHARES = "0.025,0.05,0.1,0.15,0.2,0.3,0.4,0.5,0.7,1"


@register.command("simulate")
def simulate(config: ConfigPath = None, experiment: Experiment = None, settings: Settings = None,
             strategies: Strategies = None, seeds: Seeds = 3, shares: Shares = DEFAULT_SHARES,
             workers: ParallelRuns = None, output: Output = None) -> None:
    """Simulate annotation in rounds on an annotated corpus: what strategies reach with how many tokens."""
    from ner_mx.analysis.simulation import simulate as run
    from ner_mx.analysis.simulation import simulation_values
    from ner_mx.files import locked
    from ner_mx.reports.curve_report import simulation_report, write_curve_report

    chosen = resolved(config, experiment, settings)
    folder = output or Path(f"simulation-{chosen.corpus.name}")
    with resumable(), locked(folder, "wait for it, or choose another --output"):
        rounds = run(chosen, strategies or ["random", "expected-errors"], range(1, seeds + 1),
                     numbers(shares, "--shares"), folder, workers)
        values = simulation_values(chosen, rounds)
        page = write_curve_report(values, simulation_report(values, folder), folder, "simulation")
    typer.echo(page.with_suffix(".md").read_text(encoding="utf-8"))
    typer.echo(f"written to {page}")
