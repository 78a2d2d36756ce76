"""``ner-mx search``."""

from __future__ import annotations

from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import ParallelRuns, Settings, resumable
from ner_mx.registry import register

SpaceName = Annotated[str, typer.Argument(help="A space that comes with the package, or a YAML file.")]
Trials = Annotated[Optional[int], typer.Option(min=1, help="How many trials, if not the space's number.")]


@register.command("search")
def search(space: SpaceName, settings: Settings = None, workers: ParallelRuns = None,
           trials: Trials = None) -> None:
    """Search for settings by trials that dev judges; an interrupted search is resumed."""
    from ner_mx.config import parse_settings
    from ner_mx.experiments.setting_search import search as execute
    from ner_mx.reports.search_report import search_summary, write_search_report

    with resumable():
        result = execute(space, parse_settings(settings or ()), workers, trials)
    typer.echo(search_summary(result))
    typer.echo(f"\nwritten to {write_search_report(result, result.folder)} and {result.folder / 'best.yaml'}")
