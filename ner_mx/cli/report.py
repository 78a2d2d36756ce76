"""``ner-mx report``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.registry import register

RecordsFolder = Annotated[Path, typer.Option(help="The folder of the records.")]
ReportFile = Annotated[Path, typer.Option("--output", "-o", help="The report to write, Markdown.")]
Baseline = Annotated[Optional[str], typer.Option(
    help="Test every row against this one; neighbours in a table are tested if not given.")]


@register.command("report")
def report(records: RecordsFolder = Path("reports/runs"), output: ReportFile = Path("reports/replication.md"),
           baseline: Baseline = None) -> None:
    """Write the paper's tables beside those of our runs, with tests and plots.

    Remarks on the figures are taken from a file beside the report: replication.notes.md.
    """
    from ner_mx.reports.replication_report import write_replication

    rows = write_replication(records, output, baseline)
    typer.echo(f"{sum(len(row.records) for row in rows.values())} runs of {len(rows)} rows\n"
               f"written to {output} and {output.with_suffix('.html')}")
