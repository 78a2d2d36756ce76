"""``ner-mx explain``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import OverwriteResult, check_output
from ner_mx.errors import UserError
from ner_mx.registry import register

Model = Annotated[Path, typer.Argument(help="A bundle, or the folder of a run.")]
Text = Annotated[str, typer.Argument(help="Raw text.")]
Method = Annotated[str, typer.Option(help="Of the effects of words: occlusion hides one at a time, sampling hides "
                                          "random subsets and fits a linear model, as LIME does.")]
Entity = Annotated[Optional[str], typer.Option(
    metavar="START:END:TYPE", help="Explain this entity alone, found or not; in characters.")]
Page = Annotated[Optional[Path], typer.Option("-o", "--output", help="A page of HTML to write.")]
PrintJson = Annotated[bool, typer.Option("--json", help="Print all effects as JSON.")]


@register.command("explain")
def explain(model: Model, text: Text, method: Method = "occlusion", entity: Entity = None, output: Page = None,
            overwrite: OverwriteResult = False, as_json: PrintJson = False) -> None:
    """Show what speaks for each entity of a text: words, characters, features."""
    from ner_mx.analysis.text_explanation import explain_text
    from ner_mx.api import load
    from ner_mx.files import write_text
    from ner_mx.reports.explanation_page import explanation_lines, explanation_page

    if output is not None:
        check_output(output, overwrite)
    target = None
    if entity is not None:
        try:
            start, end, label = entity.split(":", 2)
            target = int(start), int(end), label
        except ValueError:
            raise UserError(f"--entity: expected START:END:TYPE, found {entity!r}") from None
    sentences = explain_text(load(model), text, method, target)
    if output is not None:
        write_text(output, explanation_page(text, sentences, method))
    if as_json:
        typer.echo(json.dumps({"text": text, "method": method, "sentences": sentences}, ensure_ascii=False))
        return
    for line in explanation_lines(sentences):
        typer.echo(line)
    if output is not None:
        typer.echo(f"\nwritten to {output}")
