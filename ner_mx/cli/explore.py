"""``ner-mx explore``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import (
    ConfigPath,
    Experiment,
    NoText,
    OverwriteResult,
    PrintJson,
    Settings,
    check_output,
    corpus_config,
)
from ner_mx.registry import register

Source = Annotated[Optional[Path], typer.Argument(
    metavar="[CORPUS]", help="An annotated file or folder in any format; that of the configuration if not given.")]
Output = Annotated[Optional[Path], typer.Option(
    "-o", "--output", help="The folder to write; explore-NAME if not given.")]


@register.command("explore")
def explore(source: Source = None, config: ConfigPath = None, experiment: Experiment = None,
            settings: Settings = None, output: Output = None, overwrite: OverwriteResult = False,
            no_text: NoText = False, as_json: PrintJson = False) -> None:
    """Report what is in a corpus, and what its owner should worry about."""
    from ner_mx.analysis.exploration import explore as look_at
    from ner_mx.analysis.exploration import without_text
    from ner_mx.reports.corpus_report import write_corpus_report

    corpus = corpus_config(source, config, experiment, settings).corpus
    folder = output or Path(f"explore-{corpus.name}")
    check_output(folder, overwrite, "report.json")
    values = look_at(corpus, lambda stage: typer.echo(f"{stage} …", err=True))
    values = without_text(values) if no_text else values
    page = write_corpus_report(values, folder)
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False))
        return
    for worry in values["worries"]:
        typer.echo(f"{worry['severity']}: {worry['finding']}" + (f" ({worry['remedy']})" if worry["remedy"] else ""))
    typer.echo(f"\nwritten to {page}")
