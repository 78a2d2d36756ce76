"""``ner-mx compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import AsJson, ConfigPath, Experiment, Settings, resolved
from ner_mx.errors import UserError, first_duplicate
from ner_mx.registry import register

Systems = Annotated[Optional[List[Path]], typer.Argument(
    help="Runs, bundles, systems that ner-mx baseline --folder wrote, and records.")]
Outside = Annotated[Optional[List[str]], typer.Option(
    "--predictions", metavar="NAME=FILE", help="The tags of another tool on the test set: a token first and its tag "
    "last in each line; may be repeated.")]
Plot = Annotated[Optional[Path], typer.Option(help="Plot F1 against words per second to this PNG.")]
Together = Annotated[bool, typer.Option(
    "--ensemble", help="Add a row for all runs and bundles together: their probabilities are averaged.")]
Timed = Annotated[bool, typer.Option(
    "--speed/--no-speed", help="Measure speed and size; without, networks with a frozen encoder read its cached "
    "outputs.")]
Threads = Annotated[Optional[int], typer.Option(min=1, help="Threads of each system; all cores if not given.")]


@register.command("compare")
def compare(systems: Systems = None, config: ConfigPath = None, experiment: Experiment = None,
            settings: Settings = None, threads: Threads = None, ensemble: Together = False, speed: Timed = True,
            predictions: Outside = None, plot: Plot = None, as_json: AsJson = False) -> None:
    """Score systems on one test set, measure their speed in turns, and print a table."""
    from ner_mx.inference.comparison import compare as compared
    from ner_mx.reports.comparison_table import comparison_table, plot_comparison

    files = [part.partition("=") for part in predictions or []]
    for name, equals, file in files:
        if not (name and equals and file):
            raise UserError(f"--predictions {name}{equals}{file}: expected NAME=FILE")
    duplicate = first_duplicate(name for name, *_ in files)
    if duplicate:
        raise UserError(f"--predictions: expected different names, found two of the name {duplicate}")
    if not systems and not files:
        raise UserError("expected a system, or --predictions NAME=FILE, found nothing to compare")
    if plot and not speed:
        raise UserError("--plot: expected the speeds that it shows; leave out --no-speed")
    if plot and not any(path.is_dir() for path in systems or []):
        raise UserError("--plot: expected runs, bundles or fitted systems, whose speed is measured, found records and "
                        "predictions alone")
    rows = compared(systems or [], resolved(config, experiment, settings), threads, ensemble, speed,
                    {name: Path(file) for name, _, file in files})
    if plot:
        plot_comparison(rows, plot)
    typer.echo(json.dumps([{**row._asdict(), "speed": row.speed and row.speed._asdict()} for row in rows])
               if as_json else comparison_table(rows))
