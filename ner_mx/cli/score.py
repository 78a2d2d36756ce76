"""``ner-mx score``."""

from __future__ import annotations

from pathlib import Path

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import AsJson, print_evaluation
from ner_mx.registry import register

Predictions = Annotated[Path, typer.Argument(help="Columns; the last two are gold and predicted tag.")]


@register.command("score")
def score(file: Predictions, as_json: AsJson = False) -> None:
    """Score a file of predictions as conlleval does."""
    from ner_mx.evaluation.predictions import score_file

    print_evaluation(score_file(file), as_json)
