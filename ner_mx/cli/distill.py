"""``ner-mx distill``."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import ConfigPath, Experiment, OverwriteResult, Settings, resolved
from ner_mx.config import parse_settings
from ner_mx.errors import ConfigError
from ner_mx.registry import register

TeacherPaths = Annotated[List[Path], typer.Argument(help="Runs or bundles; the probabilities of several are averaged.")]
Texts = Annotated[Optional[List[Path]], typer.Option(
    "--text", help="A file of text without annotation, a sentence or paragraph per line, plain or compressed.")]
Augmentations = Annotated[Optional[List[str]], typer.Option(
    "--augment", help="Further sentences from the training data: mask, pos, ngrams, swap.")]
Tokens = Annotated[int, typer.Option(min=0, help="The tokens of text that are kept at most.")]
Confidence = Annotated[float, typer.Option(
    min=0, max=1, help="The least mean probability of the likeliest tags of a sentence that is kept.")]
Density = Annotated[float, typer.Option(
    min=0, max=1, help="The least expected share of tokens in entities of a sentence that is kept.")]
Sample = Annotated[float, typer.Option(min=0, max=1, help="The share of lines of text that are read.")]


@register.command("distill")
def distill(teachers: TeacherPaths, config: ConfigPath = None, experiment: Experiment = None,
            settings: Settings = None, text: Texts = None, augment: Augmentations = None, tokens: Tokens = 1_000_000,
            confidence: Confidence = 0.9, density: Density = 0.05, sample: Sample = 1.0,
            overwrite: OverwriteResult = False) -> None:
    """Train a student on what teachers say of its training data and of text without annotation."""
    from ner_mx import compat

    chosen = resolved(config, experiment, settings)
    sections = [key.split(".")[0] for key in parse_settings(settings or ())]
    if "loss" in sections and not chosen.loss.learns_from_teachers:
        raise ConfigError(f"loss.name: expected a loss that learns from teachers, found {chosen.loss.name}; set it to "
                          "distillation, or leave it out")
    compat.tune_process(chosen.run.threads)
    from ner_mx.cli.train import train_and_show
    from ner_mx.distillation.corpus import Distilling, distilled_corpus, student_config
    from ner_mx.distillation.unlabelled import Filter
    from ner_mx.preprocessing.pipeline import summary
    from ner_mx.training.run_folder import check_place, run_folder

    chosen = student_config(chosen)
    check_place(run_folder(chosen), overwrite)
    corpus = distilled_corpus(teachers, chosen, Distilling(
        text or [], Filter(confidence, density, sample, tokens), augment or [], chosen.run.seed))
    typer.echo(summary(corpus.meta))
    train_and_show(corpus, chosen, None, overwrite)
