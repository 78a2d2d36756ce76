"""``ner-mx score``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import AsJson, print_evaluation
from ner_mx.errors import UserError
from ner_mx.registry import register

Predictions = Annotated[Path, typer.Argument(help="Columns; the last two are gold and predicted tag.")]


ByTag = Annotated[bool, typer.Option(
    "--by-tag", help="Print precision, recall and F1 of each tag without its prefix, and the confusion matrix, too.")]
Batches = Annotated[Optional[int], typer.Option(
    min=1, metavar="SIZE", help="Print the token F1 without O, too, and what others have published instead: its mean "
    "over batches of so many sentences, without the incomplete last one.")]


@register.command("score")
def score(file: Predictions, batches: Batches = None, by_tag: ByTag = False, as_json: AsJson = False) -> None:
    """Score a file of predictions as conlleval does."""
    from ner_mx.evaluation.predictions import batch_mean, read_predictions
    from ner_mx.evaluation.scores import evaluate

    predictions = read_predictions(file)
    evaluation = evaluate(predictions.gold, predictions.predicted)
    if by_tag and as_json:
        raise UserError("--by-tag: expected no --json, found both")
    if by_tag:
        from ner_mx.evaluation.tag_report import tag_report

        typer.echo(tag_report(predictions.gold, predictions.predicted) + "\n")
    if batches is None:
        print_evaluation(evaluation, as_json)
        return
    mean = batch_mean(predictions.gold, predictions.predicted, batches)
    token = evaluation.to_json()["token"]["micro_without_O"]["f1"]
    if as_json:
        typer.echo(json.dumps({**evaluation.to_json(), "batch_mean": mean._asdict()}))
        return
    print_evaluation(evaluation, as_json)
    typer.echo(f"token F1 without O: {100 * token:.2f}; as a mean over {mean.batches:,} batches of {batches} "
               f"sentences: {100 * mean.f1:.2f}, {mean.left_out} sentences left out")
