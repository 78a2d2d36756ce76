"""Options that several commands share, and what they need of a configuration."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

import typer
from typing_extensions import Annotated

from ner_mx.config import Config, load_config, parse_settings
from ner_mx.config.layers import with_values
from ner_mx.errors import RunError, UserError
from ner_mx.evaluation.scores import Evaluation

ConfigPath = Annotated[Optional[Path], typer.Option(
    "--config", help="The configuration; config.yaml of this folder if not given.")]
Experiment = Annotated[Optional[str], typer.Option(
    "--experiment", help="A named experiment, or a YAML file, laid over the configuration.")]
Settings = Annotated[Optional[List[str]], typer.Option(
    "--set", metavar="KEY=VALUE", help="One setting, such as run.seed=2; may be repeated.")]
RunFolder = Annotated[Path, typer.Argument(help="The folder of a run.")]
BundleArgument = Annotated[Path, typer.Argument(help="A bundle that ner-mx export wrote.")]
MinScore = Annotated[Optional[str], typer.Option(
    metavar="NUMBER", help="The least probability of an entity: 0.5, or by type: PER=0.9,LOC=0.8.")]
TRUSTED = "NER_MX_TRUSTED"
Trusted = Annotated[Optional[List[Path]], typer.Option(
    metavar="KEY.pub", envvar=TRUSTED,
    help="Refuse a bundle that this key did not sign; may be repeated.")]
Device = Annotated[Optional[str], typer.Option(help="Another device than the run's: cpu, gpu(0).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print fractions as JSON.")]
PrintJson = Annotated[bool, typer.Option("--json", help="Print what report.json holds.")]
NoText = Annotated[bool, typer.Option(
    "--no-text", help="Leave out every word of the corpus, for a report that others may read.")]
OverwriteResult = Annotated[bool, typer.Option("--overwrite", help="Replace an existing result.")]
Engine = Annotated[str, typer.Option(help="local or ray.")]
Address = Annotated[Optional[str], typer.Option(
    help="Of a Ray cluster, with --engine ray; one is started on this machine if not given.")]
ParallelRuns = Annotated[Optional[int], typer.Option(
    "--workers", min=1, help="Runs at a time, with one thread each; the cores of this machine if not given.")]


def trusted_keys(given: Optional[Sequence[Path]]) -> Optional[List[Path]]:
    """The keys of ``--trusted``; None asks for no signature.

    Raises
    ------
    UserError : the variable is set, but empty: typer takes it for an unset one.
    """
    if not given and TRUSTED in os.environ:
        raise UserError(f"{TRUSTED}: expected the files of keys, found an empty variable; set or unset it")
    return list(given) if given else None


def resolved(config: Optional[Path], experiment: Optional[str], settings: Optional[Sequence[str]]) -> Config:
    """The configuration of a command."""
    return load_config(config, experiment, settings or ())


def corpus_config(source: Optional[Path], config: Optional[Path], experiment: Optional[str],
                  settings: Optional[Sequence[str]]) -> Config:
    """The configuration of a command that looks at a corpus.

    Parameters
    ----------
    source : a file or folder in any format, which a configuration or experiment only applies to if it is named;
        None takes the corpus of the configuration.
    """
    if source is None:
        return resolved(config, experiment, settings)
    if config or experiment:
        return resolved(config, experiment, [*(settings or ()), f"corpus.path={source}"])
    from ner_mx.data.corpus_proposal import found_settings

    given = parse_settings(settings or ())
    return with_values(Config(), {**{f"corpus.{key}": value for key, value in found_settings(source).items()}, **given})


@contextmanager
def resumable() -> Iterator[None]:
    """On Ctrl-C, say that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped; the same command resumes", err=True)
        raise typer.Exit(130) from None


def check_output(path: Path, overwrite: bool, marker: Optional[str] = None) -> None:
    """Check, before any work, that a result may be written to a path.

    Parameters
    ----------
    overwrite : whether an earlier result may be replaced.
    marker : a file that every such result has, if it is a folder: nothing else is ever replaced.

    Raises
    ------
    RunError : there is something else, or a result that may not be replaced.
    """
    parent = next((folder for folder in path.resolve().parents if folder.exists()), None)
    if parent is not None and not parent.is_dir():
        raise RunError(f"{path}: expected a name in a folder, found {parent}, which is a file")
    if not path.exists():
        return
    if marker is None and path.is_dir():
        raise RunError(f"{path}: expected the name of a file, found a folder")
    if not overwrite:
        raise RunError(f"{path}: exists already; choose another --output, or allow it with --overwrite")
    if marker is not None and not (path / marker).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise RunError(f"{path}: expected an earlier result to replace, found no {marker} in it; choose another "
                       "--output")


def numbers(text: str, option: str) -> List[float]:
    """The numbers of an option, separated by commas.

    Raises
    ------
    UserError : one is no number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"{option}: expected numbers separated by commas, found {text!r}") from None


def print_evaluation(evaluation: Evaluation, as_json: bool, name: str = "") -> None:
    """Print scores as conlleval does, or as JSON."""
    from ner_mx.evaluation.conlleval import conlleval

    if as_json:
        typer.echo(json.dumps({"name": name, **evaluation.to_json()} if name else evaluation.to_json()))
    else:
        typer.echo((f"{name}\n" if name else "") + conlleval(evaluation))


def program() -> str:
    """How the running command was called, for messages that name the next one."""
    name = Path(sys.argv[0]).name
    return f"python {name}" if name == "train.py" else "ner-mx train"


def check_no_bundle(run: Path) -> None:
    """Say what a bundle is where a run is asked for.

    Raises
    ------
    UserError : it is one.
    """
    from ner_mx.inference.bundle_folder import is_bundle

    if is_bundle(run):
        raise UserError(f"{run}: expected the folder of a run, found a bundle; name the run it was made from")
