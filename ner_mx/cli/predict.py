"""``ner-mx predict``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import Device
from ner_mx.errors import UserError
from ner_mx.registry import register

Model = Annotated[Path, typer.Argument(help="A bundle, or the folder of a run.")]
Text = Annotated[Optional[str], typer.Argument(
    help="Raw text; each line of stdin is a text if not given.")]
TextFile = Annotated[Optional[Path], typer.Option(help="UTF-8; each line is a text.")]
OutputFormat = Annotated[str, typer.Option("--format", help="jsonl, conll, highlighted, or one of your own.")]


@register.command("predict")
def predict(model: Model, text: Text = None, file: TextFile = None, output: OutputFormat = "jsonl",
            device: Device = None) -> None:
    """Find the entities of raw text; prints one JSON object per text."""
    from ner_mx.api import load
    from ner_mx.inference.bundle import is_bundle
    from ner_mx.inference.text_lines import line_groups

    if output not in register.output:
        raise UserError(f"--format: {register.output.unknown(output)}")
    if text is not None and file:
        raise UserError("--file: expected a text or a file of texts, found both")
    if is_bundle(model) and device not in (None, "auto", "cpu"):
        raise UserError(f"--device: expected cpu for a bundle, found {device!r}")
    tagger = load(model, device=device)
    written = register.output[output]
    source: Any = open(file, "rb") if file else nullcontext(sys.stdin.buffer)  # noqa: SIM115
    with source as stream:
        for group in ([text],) if text is not None else line_groups(stream, str(file or "stdin")):
            for line, entities in zip(group, tagger.predict_batch(group)):
                # Bytes of an argument that are not UTF-8 are written as they were given.
                sys.stdout.buffer.write(written(line, entities).encode("utf-8", "surrogateescape"))
            sys.stdout.buffer.flush()
