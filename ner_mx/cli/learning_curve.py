"""``ner-mx learning-curve``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import ConfigPath, Experiment, ParallelRuns, Settings, numbers, resolved, resumable
from ner_mx.errors import UserError
from ner_mx.registry import register

Seeds = Annotated[int, typer.Option(min=1, help="Runs of each size.")]
Shares = Annotated[str, typer.Option(help="The shares of the tokens of train.")]
Further = Annotated[str, typer.Option(help="Numbers of further sentences for which F1 is predicted.")]
Output = Annotated[Optional[Path], typer.Option(
    "-o", "--output", help="The folder to write, in which an interrupted command resumes; learning-curve-NAME if not "
                           "given.")]


@register.command("learning-curve")
def learning_curve(config: ConfigPath = None, experiment: Experiment = None, settings: Settings = None,
                   seeds: Seeds = 3, shares: Shares = "0.1,0.2,0.35,0.5,0.7,1", further: Further = "1000,5000,20000",
                   workers: ParallelRuns = None, output: Output = None) -> None:
    """Train on parts of a corpus, and predict what more annotated sentences would bring."""
    from ner_mx.analysis.learning_curve import FEWEST
    from ner_mx.analysis.simulation import learning_curve_values
    from ner_mx.analysis.simulation import simulate as run
    from ner_mx.files import locked
    from ner_mx.reports.curve_report import learning_curve_report, write_curve_report

    chosen = resolved(config, experiment, settings)
    folder = output or Path(f"learning-curve-{chosen.corpus.name}")
    counts = [int(number) for number in numbers(further, "--further")]
    if min(counts) < 1:
        raise UserError(f"--further: expected numbers of sentences from 1, found {further}")
    sizes = numbers(shares, "--shares")
    if len(sizes) < FEWEST:
        raise UserError(f"--shares: expected at least {FEWEST}, which a curve is fitted to, found {len(sizes)}")
    with resumable(), locked(folder, "wait for it, or choose another --output"):
        rounds = run(chosen, ["random"], range(1, seeds + 1), sizes, folder, workers)
        values = learning_curve_values(chosen, rounds, counts)
        page = write_curve_report(values, learning_curve_report(values, folder), folder, "learning-curve")
    typer.echo(page.with_suffix(".md").read_text(encoding="utf-8"))
    typer.echo(f"written to {page}")
