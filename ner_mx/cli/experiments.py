"""``ner-mx experiments``."""

from __future__ import annotations

import typer

from ner_mx.registry import register


@register.command("experiments")
def experiments() -> None:
    """List the named experiments."""
    from ner_mx.config import EXPERIMENTS

    for path in sorted(EXPERIMENTS.rglob("*.yaml"), key=lambda path: (path.parent, path.stem)):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        typer.echo(f"{path.stem:<36}{first.lstrip('# ')}")
