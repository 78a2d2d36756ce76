"""``ner-mx evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx import compat
from ner_mx.cli.options import AsJson, Device, RunFolder, Settings, check_no_bundle, print_evaluation
from ner_mx.config import parse_settings
from ner_mx.errors import ConfigError, CorpusError, UserError
from ner_mx.registry import register

CorpusFile = Annotated[Optional[Path], typer.Argument(
    help="A corpus in the format of the run's; its test set if not given.")]


@register.command("evaluate")
def evaluate(run: RunFolder, file: CorpusFile = None, as_json: AsJson = False, device: Device = None,
             settings: Settings = None) -> None:
    """Tag an annotated file with the model of a run and score it; --set corpus.… says how it is read."""
    from ner_mx.training.run_folder import read_run_config

    check_no_bundle(run)
    changes = parse_settings(settings or ())
    other = next((key for key in changes if not key.startswith("corpus.")), None)
    if other:
        raise ConfigError(f"--set {other}: expected a key of the section corpus, since everything else is the "
                          "run's")
    config = read_run_config(run).updated(changes)
    compat.tune_process(config.run.threads)
    from ner_mx.training.run_evaluation import score_run

    try:
        scores = score_run(run, config.corpus, file, device)
    except CorpusError as error:
        reader = config.corpus.reader
        if file is None or reader == "auto" or "corpus.reader" in changes:
            raise
        raise UserError(f"{error}; it was read as {reader}, like the corpus of the run: --set corpus.reader=auto finds "
                        "the format") from None
    for condition, evaluation in scores.by_condition.items():
        print_evaluation(evaluation, as_json, condition.label)
    name = f"{next(iter(scores.by_condition)).split} from raw text"
    micro = scores.raw_text.micro
    typer.echo(json.dumps({"name": name, **scores.raw_text.to_json()}) if as_json else (
        f"{name}: precision {100 * micro.precision:.2f}, recall {100 * micro.recall:.2f}, FB1 {100 * micro.f1:.2f}; "
        f"{scores.raw_text.impossible:,} of {micro.gold:,} entities do not fit the tokenizer's tokens"))
