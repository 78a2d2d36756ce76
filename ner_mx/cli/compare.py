"""``ner-mx compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import AsJson, ConfigPath, Experiment, Settings, resolved
from ner_mx.registry import register

Systems = Annotated[List[Path], typer.Argument(help="Runs, bundles, and records of runs.")]
Plot = Annotated[Optional[Path], typer.Option(help="Plot F1 against words per second to this PNG.")]
Together = Annotated[bool, typer.Option(
    "--ensemble", help="Add a row for all runs and bundles together: their probabilities are averaged.")]
Timed = Annotated[bool, typer.Option(
    "--speed/--no-speed", help="Measure speed and size; without, networks with a frozen encoder read its cached "
    "outputs.")]
Threads = Annotated[Optional[int], typer.Option(min=1, help="Threads of each system; all cores if not given.")]


@register.command("compare")
def compare(systems: Systems, config: ConfigPath = None, experiment: Experiment = None, settings: Settings = None,
            threads: Threads = None, ensemble: Together = False, speed: Timed = True, plot: Plot = None,
            as_json: AsJson = False) -> None:
    """Score systems on one test set, measure their speed in turns, and print a table."""
    from ner_mx.inference.comparison import compare as compared
    from ner_mx.reports.comparison_table import comparison_table, plot_comparison

    rows = compared(systems, resolved(config, experiment, settings), threads, ensemble, speed)
    if plot:
        plot_comparison(rows, plot)
    typer.echo(json.dumps([{**row._asdict(), "speed": row.speed and row.speed._asdict()} for row in rows])
               if as_json else comparison_table(rows))
