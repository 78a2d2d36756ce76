"""``ner-mx convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Sequence

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import OverwriteResult, Settings, resolved
from ner_mx.config import Config, Corpus, parse_settings
from ner_mx.errors import UserError
from ner_mx.registry import register

Source = Annotated[Path, typer.Argument(help="An annotated file or folder.")]
Target = Annotated[Path, typer.Argument(help="The file or folder to write.")]
Reader = Annotated[Optional[str], typer.Option(
    "--from", help="The format of the source, see corpus.reader; by content and suffix if not given.")]
Writer = Annotated[Optional[str], typer.Option(
    "--to", help="The format of the target; by the suffix if not given.")]
Scheme = Annotated[str, typer.Option(help="Of the tags that are written.")]
RecordSize = Annotated[Optional[int], typer.Option(
    "--sentences-per-record", min=1, help="The size of the documents that are written, if the source marks none.")]


@register.command("convert")
def convert(source: Source, target: Target, reader: Reader = None, writer: Writer = None,
            scheme: Scheme = "IOB2", settings: Settings = None, overwrite: OverwriteResult = False,
            sentences_per_record: RecordSize = None) -> None:
    """Write an annotated corpus in another format; --set corpus.… says how it is read."""
    from ner_mx.data.conversion import convert_corpus
    from ner_mx.data.reading import shown_settings

    for option, name, registry in (("--from", reader, register.format), ("--to", writer, register.format),
                                   ("--scheme", scheme, register.tag_encoding)):
        if name is not None and name not in registry:
            raise UserError(f"{option}: {registry.unknown(name)}")
    done = convert_corpus(source, target, _reading(source, settings or ()), reader, writer, scheme, overwrite,
                          sentences_per_record)
    for reason, count in done.warnings.described().items():
        typer.echo(f"warning: {count:,} {reason}", err=True)
    typer.echo(f"{done.sentences:,} sentences, {done.tokens:,} tokens, read as {done.scheme}"
               + (f" ({shown_settings(done.proposed)})" if done.proposed else "") + "\n"
               f"\nwritten to {target}")


def _reading(source: Path, settings: Sequence[str]) -> Corpus:
    """How a corpus is read: by ``config.yaml`` if it is that one's, or a file of it, else by content."""
    configured = resolved(None, None, settings).corpus
    own = Path(configured.path).resolve()
    if own == source.resolve() or own in source.resolve().parents:
        return configured
    return Config().updated(parse_settings(settings)).corpus
