"""``ner-mx summary``."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import OverwriteResult
from ner_mx.registry import register

Runs = Annotated[List[Path], typer.Argument(help="Run folders, or records of runs.")]
Save = Annotated[Optional[Path], typer.Option(help="Write a record of each run into this folder.")]
Plot = Annotated[Optional[Path], typer.Option(help="Plot the test F1 of each row to this PNG.")]


@register.command("summary")
def summary(runs: Runs, save: Save = None, overwrite: OverwriteResult = False, plot: Plot = None) -> None:
    """Print a table of several runs: mean and standard deviation over seeds."""
    from ner_mx.experiments.records import check_record_place, read_records, write_record
    from ner_mx.reports.run_summary import plot_rows, summary_rows, summary_table

    records = read_records(runs)
    if save:
        for record in records:
            check_record_place(record.name, save, overwrite)
        for record in records:
            write_record(record, save)
    rows = summary_rows(records)
    if plot:
        plot_rows(rows, plot)
    typer.echo(summary_table(rows))
