"""``ner-mx predict``."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import typer
from typing_extensions import Annotated

from ner_mx.cli.options import Device, MinScore, Trusted, trusted_keys
from ner_mx.errors import UserError
from ner_mx.registry import register

log = logging.getLogger(__name__)

# What finds the entities of several texts, and the tokenizer of formats with columns.
Predictor = Tuple[Callable[[Sequence[str]], List[List[Any]]], Any]

Model = Annotated[Optional[str], typer.Argument(help="A bundle, or the folder of a run; left out with --url.")]
Url = Annotated[Optional[str], typer.Option(
    help="A service that ner-mx serve runs, such as http://127.0.0.1:8080, instead of a model. Requests are repeated "
         "while it is busy; NER_MX_API_KEY is sent if it is set.")]
Text = Annotated[Optional[str], typer.Argument(
    help="Raw text; each line of stdin is a text if not given.")]
TextFile = Annotated[Optional[Path], typer.Option(
    help="UTF-8: each line is a text, or a record of JSONL by the suffix; may be compressed.")]
AllSpans = Annotated[Optional[float], typer.Option(
    metavar="PROBABILITY", help="Every entity of at least this probability, also those that the best reading of a "
    "sentence does not have; they may overlap. Rules have no part in it.")]
Readings = Annotated[Optional[int], typer.Option(
    "--n-best", min=1, metavar="N", help="The N best readings of each sentence, with the probability of each.")]
OutputFormat = Annotated[str, typer.Option("--format", help="jsonl, conll, highlighted, or one of your own.")]


def _texts(stream: Any, file: Optional[Path]) -> Iterator[List[str]]:
    """The texts of a stream: each line, or the text of each record of JSONL.

    Raises
    ------
    UserError : a record has no text, or the file is in another format.
    """
    from ner_mx.bulk.record_formats import FORMATS, detect_format
    from ner_mx.inference.text_lines import line_groups

    chosen = (detect_format(file, None) if file else None) or "text"
    if chosen not in ("text", "jsonl"):
        raise UserError(f"{file}: expected lines of text or JSONL, found {chosen} by its suffix; ner-mx tag reads it")
    if file is None or chosen == "text":
        yield from line_groups(stream if file is None else stream[0], str(file or "stdin"))
        return
    records = FORMATS[chosen].read(stream[0])
    for number, record in enumerate(records, start=1):
        if record.text is None:
            raise UserError(f"{file}:{number}: {record.problem}")
        yield [record.text]


@register.command("predict")
def predict(model: Model = None, text: Text = None, file: TextFile = None, output: OutputFormat = "jsonl",
            device: Device = None, min_score: MinScore = None, trusted: Trusted = None, url: Url = None,
            all_spans: AllSpans = None, n_best: Readings = None) -> None:
    """Find the entities of raw text; prints one JSON object per text."""
    from ner_mx.data.compression import opened
    from ner_mx.inference.bundle_folder import is_bundle
    from ner_mx.training.run_folder import is_run

    if output not in register.output:
        raise UserError(f"--format: {register.output.unknown(output)}")
    if all_spans is not None and not 0 < all_spans <= 1:
        raise UserError(f"--all-spans: expected a probability above 0 and up to 1, found {all_spans}")
    if all_spans or n_best:
        option = "--all-spans" if all_spans else "--n-best"
        others = {"--n-best": all_spans and n_best, "--url": url, "--min-score": min_score,
                  f"--format {output}, which cannot hold what overlaps": output != "jsonl"}
        wrong = next((name for name, given in others.items() if given), None)
        if wrong:
            raise UserError(f"{option}: expected no other choice of entities with it, found {wrong}")
    if url is not None:
        if text is not None or device is not None or min_score is not None or trusted:
            raise UserError("--url: expected a text alone, or --file, found a model or its options, too")
        model, text = None, model
        if text and (is_bundle(Path(text)) or is_run(Path(text))):
            raise UserError(f"--url: expected a text, found the model {text}; leave it out")
    elif model is None:
        raise UserError("expected a bundle or the folder of a run, or --url, found neither")
    if text is not None and file:
        raise UserError("--file: expected a text or a file of texts, found both")
    if text is not None and len(text) < 1000 and Path(text).is_file():
        log.warning("%s is tagged as a text; --file tags what is in the file of this name", text)
    predict_batch, tokenizer = (_remote(url) if model is None
                                else _local(Path(model), device, min_score, trusted_keys(trusted), all_spans, n_best))
    written = register.output[output] if n_best is None else _written_readings
    with nullcontext(sys.stdin.buffer) if file is None else opened(file) as stream:
        for group in ([text],) if text is not None else _texts(stream, file):
            for line, entities in zip(group, predict_batch(group)):
                # Bytes of an argument that are not UTF-8 are written as they were given.
                sys.stdout.buffer.write(written(line, entities, tokenizer).encode("utf-8", "surrogateescape"))
            sys.stdout.buffer.flush()


def _local(model: Path, device: Optional[str], min_score: Any, trusted: Optional[Sequence[Path]],
           all_spans: Optional[float] = None, n_best: Optional[int] = None) -> Predictor:
    from ner_mx.api import load
    from ner_mx.inference.bundle_folder import is_bundle

    if is_bundle(model) and device not in (None, "auto", "cpu"):
        raise UserError(f"--device: expected cpu for a bundle, found {device!r}")
    tagger = load(model, device=device, min_score=min_score, trusted=trusted)
    if (all_spans or n_best) and tagger.recognizer.splits_tokens:
        raise UserError(f"{model}: expected a model that does not split tokens for --all-spans and --n-best")
    if n_best:
        return partial(_readings, tagger, n_best), tagger.tokenizer
    if all_spans:
        return partial(tagger.predict_likely, threshold=all_spans), tagger.tokenizer
    return tagger.predict_batch, tagger.tokenizer


def _readings(tagger: Any, count: int, texts: Sequence[str]) -> List[List[Any]]:
    try:
        return [tagger.predict_readings(text, count) for text in texts]
    except ValueError as error:  # a long sentence
        raise UserError(f"--n-best: {error}") from None


def _written_readings(text: str, sentences: Sequence[Sequence[Any]], tokenizer: Any) -> str:
    """A line of JSON: ``{"text": ..., "sentences": [[{"probability": ..., "entities": [...]}, ...], ...]}``."""
    return json.dumps({"text": text, "sentences": [
        [{"probability": reading.probability, "entities": [entity._asdict() for entity in reading.entities]}
         for reading in readings] for readings in sentences]}, ensure_ascii=False) + "\n"


def _remote(url: Optional[str]) -> Predictor:
    from ner_mx.inference.remote import RemoteTagger

    # The tokenizer of the bundle is not known here; the columns of --format conll have that of this package.
    return RemoteTagger(str(url), os.environ.get("NER_MX_API_KEY")).predict_batch, register.tokenizer["rules"]()
