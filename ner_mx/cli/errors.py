"""``ner-mx errors``."""

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
    resolved,
)
from ner_mx.config import parse_settings
from ner_mx.errors import UserError
from ner_mx.registry import register

Run = Annotated[Path, typer.Argument(
    help="The folder of a run, or a file of predictions: a token first and its tag last in each line.")]
Other = Annotated[Optional[Path], typer.Argument(help="A second run or file on the same corpus, to compare with.")]
SplitName = Annotated[str, typer.Option("--split", help="dev or test; what is changed after a look at test is tuned "
                                                        "on it.")]
Output = Annotated[Optional[Path], typer.Option(
    "-o", "--output", help="The folder to write; errors-NAME if not given.")]


@register.command("errors")
def errors(run: Run, other: Other = None, split: SplitName = "dev", config: ConfigPath = None,
           experiment: Experiment = None, settings: Settings = None, output: Output = None,
           overwrite: OverwriteResult = False, no_text: NoText = False, as_json: PrintJson = False) -> None:
    """Report what a tagger does wrong: kinds of errors, what makes entities hard, examples."""
    from ner_mx.analysis.error_analysis import analyse_errors, compare_errors
    from ner_mx.analysis.judged_runs import corpora_as_read, judged, predictions_of
    from ner_mx.inference.bundle_folder import is_bundle
    from ner_mx.reports.error_report import write_error_report
    from ner_mx.training.run_folder import is_run, read_run_config

    if split not in ("dev", "test"):
        raise UserError(f"--split: expected dev or test, found {split}")
    folder = output or Path(f"errors-{run.resolve().name if run.is_dir() else run.stem}")
    check_output(folder, overwrite, "report.json")
    if is_bundle(run):
        raise UserError(f"{run}: expected a run or a file of predictions, found a bundle; name the run that it was "
                        "made from")
    predictions_of(run, split)  # before the corpus is read
    chosen = (read_run_config(run).updated(parse_settings(settings or ())) if is_run(run)
              else resolved(config, experiment, settings))
    corpora = corpora_as_read(chosen)
    first = judged(run, split, corpora)
    values = {**analyse_errors(first, corpora["train"]), "split": split}
    comparison = compare_errors(first, judged(other, split, corpora)) if other else None
    if no_text:
        values = {**values, "examples": [], "names": []}
        comparison = comparison and {**comparison, "examples": {"first": [], "second": []}}
    page = write_error_report(values, comparison, folder)
    if as_json:
        typer.echo(json.dumps({"errors": values, "comparison": comparison}, ensure_ascii=False))
        return
    totals = {kind: sum(counts[kind] for counts in values["kinds"].values())
              for counts in values["kinds"].values() for kind in counts}
    typer.echo(f"F1 {100 * values['micro']['f1']:.2f} on {split}; errors: "
               + (", ".join(f"{kind} {count:,}" for kind, count in totals.items()) or "none"))
    if comparison:
        typer.echo(f"{comparison['names'][1]}: F1 {100 * comparison['f1'][1]:.2f}, difference "
                   f"{100 * comparison['difference']:+.2f}, p {comparison['bootstrap']:.4f} (bootstrap), "
                   f"{comparison['randomization']:.4f} (randomization)")
    typer.echo(f"\nwritten to {page}")
