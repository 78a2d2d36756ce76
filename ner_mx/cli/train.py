"""``ner-mx train`` and ``train.py``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Sequence

import typer
from typing_extensions import Annotated

from ner_mx import compat
from ner_mx.cli.options import ConfigPath, Experiment, Settings, check_no_bundle, program, resolved
from ner_mx.config import Config, migrated, parse_settings, read_yaml, validate
from ner_mx.errors import RunError, UserError
from ner_mx.registry import register

if TYPE_CHECKING:
    from ner_mx.preprocessing.processed_corpus import ProcessedCorpus

Resume = Annotated[Optional[Path], typer.Option(help="The folder of a run to resume.")]
Finish = Annotated[Optional[Path], typer.Option(
    help="The folder of an interrupted run: evaluate its best epoch so far and write everything.")]
Start = Annotated[Optional[Path], typer.Option(
    "--from", metavar="RUN", help="Start from the network of a finished run: its words, types and parameters.")]
Overwrite = Annotated[bool, typer.Option(help="Replace a run of this name.")]


@register.command("train")
def train(config: ConfigPath = None, experiment: Experiment = None, settings: Settings = None,
          resume: Resume = None, finish: Finish = None, start: Start = None, overwrite: Overwrite = False) -> None:
    """Train on a processed corpus; writes a folder under runs/ and prints the entity-level tables."""
    from ner_mx.preprocessing.processed_corpus import read_processed

    if resume and overwrite:
        raise UserError("--overwrite: expected a new run or one to --resume, found both")
    if resume and finish:
        raise UserError("--finish: expected a run to resume or one to finish, found both")
    if start and (resume or finish):
        raise UserError("--from: expected a new run, found one to resume, which knows what it started from")
    is_finish, resume = finish is not None, resume or finish
    chosen = (resolved(config, experiment, settings) if resume is None else
              _resumed_config(resume, config, experiment, settings or ()))
    compat.tune_process(chosen.run.threads)
    train_and_show(read_processed(chosen), chosen, resume, overwrite, is_finish, start)


def train_and_show(corpus: ProcessedCorpus, config: Config, resume: Optional[Path], overwrite: bool,
                   finish: bool = False, start: Optional[Path] = None) -> None:
    """Train, write the report, and print the tables; the arguments are those of ``train_run``."""
    from ner_mx.evaluation.conlleval import conlleval
    from ner_mx.reports.run_report import write_report
    from ner_mx.training.distributed.launching import LAUNCH
    from ner_mx.training.interrupts import Stopped
    from ner_mx.training.run import train_run

    try:
        result = train_run(corpus, config, resume, overwrite, finish=finish, start=start)
    except KeyboardInterrupt as interrupt:
        if not isinstance(interrupt, Stopped):
            typer.echo("stopped before training; nothing was written", err=True)
        elif interrupt.is_first:
            launch = f"{os.environ[LAUNCH]} -- " if config.training.kvstore and LAUNCH in os.environ else ""
            use = f", or use what is there with: {program()} --finish {interrupt.folder}" if interrupt.epochs else ""
            typer.echo(f"stopped; resume with: {launch}{program()} --resume {interrupt.folder}{use}", err=True)
        raise typer.Exit(130) from None
    if not result.scores:  # of several workers, only the first judges and writes
        return
    write_report(result.folder)
    for condition, evaluation in result.scores.items():
        typer.echo(f"\n{condition.label}\n{conlleval(evaluation)}")
    typer.echo(f"\nwritten to {result.folder}")


def _resumed_config(resume: Path, config: Optional[Path], experiment: Optional[str],
                    settings: Sequence[str]) -> Config:
    """The configuration of a run to resume: its own, with settings over it, unless another is named."""
    path = resume / "config.yaml"
    check_no_bundle(resume)
    if not path.is_file():
        raise RunError(f"{resume}: expected a run to resume, found no config.yaml in it")
    given = parse_settings(settings)
    moved = next((key for key in given if key in ("run.name", "run.directory")), None)
    place = Path(given.get("run.directory") or resume.parent) / (given.get("run.name") or resume.name)
    if moved and place.resolve() != resume.resolve():
        raise UserError(f"--set {moved}: expected no other place for a run to resume, which goes on in {resume}; copy "
                        "the folder to resume a copy of it")
    if config is None and experiment is None:
        return validate(migrated(read_yaml(path)), str(path)).updated(parse_settings(settings))
    return resolved(config, experiment, settings)
