"""``ner-mx container``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer
from typing_extensions import Annotated

from ner_mx.registry import register

Task = Annotated[Literal["train", "serve"], typer.Argument(help="What the container is to do.")]
Root = Annotated[Path, typer.Option(help="The folder with input, model and output.")]


@register.command("container")
def container(task: Task, root: Root = Path("/opt/ml")) -> None:
    """Train or serve in a container, by the contract of SageMaker and hosts like it."""
    from ner_mx.hosting.layout import Layout

    if task == "serve":
        from ner_mx.hosting.endpoint import serve

        serve(Layout(root))
        return
    from ner_mx.hosting.training_job import train

    raise typer.Exit(train(Layout(root)))
