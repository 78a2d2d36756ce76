"""``ner-mx suggest``."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import OverwriteResult, check_output
from ner_mx.registry import register

Model = Annotated[Path, typer.Argument(help="A bundle, or the folder of a run.")]
Texts = Annotated[List[Path], typer.Argument(help="UTF-8 text, a sentence or a paragraph per line; may be compressed.")]
Count = Annotated[int, typer.Option("--count", "-n", min=1, help="How many sentences are chosen.")]
Strategy = Annotated[str, typer.Option(help="expected-errors, entropy, sequence-entropy, least-confidence, random, or "
                                            "one of your own.")]
Tokens = Annotated[Optional[int], typer.Option(min=1, help="How many tokens are chosen at most.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the strategy random.")]
Similar = Annotated[bool, typer.Option("--similar", help="Also choose what is about the same as other sentences.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")]


@register.command("suggest")
def suggest(model: Model, texts: Texts, count: Count = 200, strategy: Strategy = "expected-errors",
            tokens: Tokens = None, seed: Seed = 1, similar: Similar = False, output: Output = Path("suggestions"),
            overwrite: OverwriteResult = False) -> None:
    """Choose the sentences of texts that are most worth annotating, annotated with what the model reads."""
    from ner_mx.analysis.suggestion import suggest as choose
    from ner_mx.analysis.suggestion import suggestion_values, task_of
    from ner_mx.analysis.tool_export import write_tasks
    from ner_mx.api import load
    from ner_mx.files import replacing_folder
    from ner_mx.reports.suggestion_report import write_suggestion_report

    check_output(output, overwrite, "suggestions.json")
    found = choose(load(model), texts, count, strategy, seed, tokens, not similar)
    with replacing_folder(output) as temporary:
        write_suggestion_report(suggestion_values(found, strategy), temporary)
        write_tasks([task_of(entry, strategy) for entry in found.chosen], temporary)
    words = sum(len(entry.candidate.tokens) for entry in found.chosen)
    errors = sum(entry.found.expected_errors for entry in found.chosen)
    typer.echo(f"{len(found.chosen):,} of {found.candidates:,} sentences, {words:,} tokens, {errors:.0f} expected "
               "errors" + (f"; {found.too_long:,} sentences were too long" if found.too_long else ""))
    typer.echo(f"\nwritten to {output}: report.html, doccano.jsonl and label-studio.json")
