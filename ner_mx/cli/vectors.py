"""``ner-mx vectors``."""

from __future__ import annotations

from pathlib import Path
from typing import List, Mapping, Optional, Sequence

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import ConfigPath, Experiment, OverwriteResult, Settings, resolved
from ner_mx.data.sentence import Sentence
from ner_mx.registry import register

Texts = Annotated[List[Path], typer.Argument(
    help="Files with one sentence or paragraph per line, plain or .gz, .bz2, .xz, .zst.")]
VectorsFile = Annotated[Path, typer.Option("--output", "-o", help="The file of vectors to write.")]
Method = Annotated[str, typer.Option(help="skip-gram, cbow or fasttext.")]
Workers = Annotated[int, typer.Option(
    min=1, help="Threads; with more than one, the result differs from run to run.")]
Coverage = Annotated[bool, typer.Option(
    "--coverage", help="Report how much of the configuration's corpus the vectors cover.")]


Checkpoint = Annotated[Optional[str], typer.Option(
    help="Give words vectors from this pretrained encoder instead of training them: a folder, or a name on the hub.")]


@register.command("vectors")
def vectors(texts: Texts, output: VectorsFile, config: ConfigPath = None, experiment: Experiment = None,
            settings: Settings = None, method: Method = "skip-gram", encoder: Checkpoint = None, dimension: int = 50,
            window: int = 5, negative: int = 5, min_count: int = 5, epochs: int = 5, workers: Workers = 1,
            seed: int = 1, coverage: Coverage = False, overwrite: OverwriteResult = False) -> None:
    """Train word vectors on raw text, in the form in which the configuration looks words up."""
    from ner_mx.data.splits import read_splits
    from ner_mx.resources.vectors import training

    chosen = resolved(config, experiment, settings)
    splits = read_splits(chosen.corpus).splits if coverage else {}
    form = training.WordForm(chosen.features.digits, chosen.features.settings()["words"].model_dump()["lower"])
    if encoder is None:
        trained = training.train_vectors(texts, output, form, training.VectorTraining(
            method, dimension, window, negative, min_count, epochs, workers, seed), overwrite)
        typer.echo(training.summary(trained))
        words = trained.words
    else:
        from ner_mx import compat

        compat.tune_process(chosen.run.threads)
        from ner_mx.models.transformer.static_vectors import write_static_vectors

        static = write_static_vectors(texts, output, form, encoder, dimension, min_count, overwrite)
        words = static.words
        typer.echo(f"vectors   {len(words):,} words, {dimension} dimensions, {static.explained:.1%} of the variance")
    if splits:
        _echo_coverage(words, splits)
    typer.echo(f"\nwritten to {output}")


def _echo_coverage(words: Sequence[str], splits: Mapping[str, Sequence[Sentence]]) -> None:
    """Print how the tokens of a corpus find their vectors."""
    from ner_mx.resources.vectors import coverage

    positions = {word: position for position, word in enumerate(words)}

    def word_of(token: str) -> Optional[str]:
        position = coverage.find_word(positions, token)
        return words[position] if position >= 0 else None

    for split, sentences in splits.items():
        shares = coverage.coverage((token for sentence in sentences for token in sentence.tokens), word_of)
        typer.echo(f"vectors, {split:<7}" + ", ".join(f"{share:.2%} {match}" for match, share in shares.items()))
