"""``ner-mx audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import (
    ConfigPath,
    Experiment,
    OverwriteResult,
    ParallelRuns,
    Settings,
    corpus_config,
    resumable,
)
from ner_mx.errors import UserError
from ner_mx.registry import register

# What is kept of the folds, below the folder of an audit.
FOLDS = "folds"

Source = Annotated[Optional[Path], typer.Argument(
    metavar="[CORPUS]", help="An annotated file or folder in any format; that of the configuration if not given.")]
Output = Annotated[Optional[Path], typer.Option(
    "-o", "--output", help="The folder to write, in which an interrupted audit resumes; audit-NAME if not given. "
    "With --apply, that of the corrected corpus; NAME-corrected if not given.")]
Folds = Annotated[int, typer.Option(
    min=2, help="Parts of the corpus, each of which is read by a network trained on the others.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many suspects are listed.")]
Decisions = Annotated[Optional[Path], typer.Option(
    "--apply", metavar="DECISIONS", help="Write the corpus with accepted corrections: decisions.json of the page, or "
                                         "what doccano or Label Studio exported.")]


@register.command("audit")
def audit(source: Source = None, config: ConfigPath = None, experiment: Experiment = None, settings: Settings = None,
          folds: Folds = 5, workers: ParallelRuns = None, limit: Limit = 500, output: Output = None,
          decisions: Decisions = None, overwrite: OverwriteResult = False) -> None:
    """Rank the annotations of a corpus that are probably wrong, and apply what a person decided."""
    chosen = corpus_config(source, config, experiment, settings)
    if decisions is not None:
        from ner_mx.analysis.decisions import apply_decisions

        applied = apply_decisions(decisions, chosen, output or Path(f"{chosen.corpus.name}-corrected"), overwrite)
        typer.echo(f"{applied.accepted:,} accepted, {applied.rejected:,} rejected, {applied.conflicting:,} in conflict "
                   f"with an earlier one; {applied.sentences:,} sentences changed")
        for path in applied.written:
            typer.echo(f"written to {path}")
        return
    from ner_mx.analysis.audit import audit as find_errors
    from ner_mx.analysis.audit import tasks_of
    from ner_mx.analysis.tool_export import write_tasks
    from ner_mx.files import locked
    from ner_mx.reports.audit_report import write_audit_report

    folder = output or Path(f"audit-{chosen.corpus.name}")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / FOLDS).is_dir():
        raise UserError(f"{folder}: expected the folder of an audit or nothing, found other files; choose another "
                        "--output")
    with resumable(), locked(folder, "wait for it, or choose another --output"):
        values = find_errors(chosen, folds, folder / FOLDS, workers, limit)
        page = write_audit_report(values, folder)
        write_tasks(tasks_of(values), folder)
    for kind, counts in values["kinds"].items():
        typer.echo(f"{kind:<18}{counts['suspects']:>7,} suspects, {counts['confident']:>6,} of them wrong by confident "
                   "learning")
    typer.echo(f"\nwritten to {page}, with the same for doccano and Label Studio beside it")
