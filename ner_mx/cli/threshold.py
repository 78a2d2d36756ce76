"""``ner-mx threshold``."""

from __future__ import annotations

import math
from pathlib import Path

import typer
from typing_extensions import Annotated

from ner_mx import compat
from ner_mx.cli.options import Device, RunFolder
from ner_mx.errors import RunError, UserError
from ner_mx.registry import register

Precision = Annotated[float, typer.Option(help="The precision that is wanted, such as 0.95.")]


@register.command("threshold")
def threshold(run: RunFolder, precision: Precision, device: Device = None) -> None:
    """Find the --min-score that gives a precision on the development set of a run."""
    if not 0 < precision <= 1:
        raise UserError(f"--precision: expected a number above 0, up to 1, found {precision}")
    compat.tune_process()
    from ner_mx.api import Run
    from ner_mx.evaluation.precision_thresholds import choose_thresholds
    from ner_mx.evaluation.predictions import read_predictions
    from ner_mx.evaluation.unscored_types import tagging_without, unscored_types
    from ner_mx.training.run_folder import read_kept_types

    path = Path(run) / "predictions" / "dev.conll"
    if not path.is_file():
        raise RunError(f"{run}: expected a finished run with predictions/dev.conll, found nothing; train it to its end")
    dev = read_predictions(path)
    tag_batch = Run(run).tagger(device).tag_batch
    found = tagging_without(tag_batch, unscored_types(read_kept_types(Path(run)), dev.gold))(dev.tokens)
    chosen = choose_thresholds(dev.gold, found, precision)
    parts = []
    for label, best in chosen.items():
        name = label or "all types"
        if best is None:
            typer.echo(f"{name:<12} no threshold gives a precision of {precision}")
            continue
        # Rounded down, so that the entity that made it is kept.
        score = math.floor(best.score * 1e4) / 1e4
        typer.echo(f"{name:<12} {score:.4f}  precision {best.precision:.4f}, recall {best.recall:.4f} on dev")
        parts.append(f"{label}={score}" if label else str(score))
    if parts:
        typer.echo(f"\n--min-score {parts[0]}, or by type: --min-score {','.join(parts[1:]) or parts[0]}")
