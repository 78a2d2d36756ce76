"""``ner-mx preprocess`` and ``preprocess.py``."""

from __future__ import annotations

import typer

from ner_mx.cli.options import ConfigPath, Experiment, Settings, resolved
from ner_mx.registry import register


@register.command("preprocess")
def preprocess(config: ConfigPath = None, experiment: Experiment = None, settings: Settings = None) -> None:
    """Turn a corpus into features in data/processed/."""
    from ner_mx.preprocessing.pipeline import process, summary

    corpus = process(resolved(config, experiment, settings))
    typer.echo(summary(corpus.meta))
    typer.echo(f"\nwritten to {corpus.folder}")
