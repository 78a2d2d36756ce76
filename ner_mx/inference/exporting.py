"""A run folder to a bundle: the only part of inference that needs MXNet, and onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

import numpy as np

from ner_mx import __version__
from ner_mx.config import Config, portable, validate_as
from ner_mx.config.choices import dumped_choice
from ner_mx.data.detokenizer import restore_text
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.decoding.scoring import Scorer, scored_batches
from ner_mx.errors import BundleError, RunError, UserError
from ner_mx.evaluation.conditions import Condition
from ner_mx.evaluation.predictions import read_predictions
from ner_mx.evaluation.scores import evaluate
from ner_mx.evaluation.unscored_types import unscored_types, without_types
from ner_mx.features.batch import collate
from ner_mx.features.encoded import Encoded
from ner_mx.inference.bundle import (
    MODEL,
    WORDS,
    Bundle,
    BundleConfig,
    bundle_content,
    check_graphs,
    write_bundle,
)
from ner_mx.inference.bundle_folder import is_bundle_file
from ner_mx.inference.signatures import read_secret_key
from ner_mx.inference.tagger import Tagger
from ner_mx.models.layers.onnx_layers import word_graph
from ner_mx.training.encoder_outputs import EncoderOutputs, outputs_of_run
from ner_mx.training.run_evaluation import load_recognizer
from ner_mx.training.run_folder import finished_metrics, read_kept_types, read_run_config
from ner_mx.training.task import predicted_tags
from ner_mx.training.trainable import Trainable
from ner_mx.untyped import Values

# The tolerated difference between scores of the two engines; rounding alone is a hundredth of it.
TOLERANCE = 1e-4

PRECISIONS = ("float32", "float16", "int8")


class Export(NamedTuple):
    """The result of an export.

    difference : the largest between two scores of MXNet and onnxruntime.
    sentences : how many were compared.
    bytes : of the bundle.
    f1 : by split, the entity F1 by precision, under the conditions of raw text.
    """

    difference: float
    sentences: int
    bytes: int
    f1: Dict[str, Dict[str, float]]


def export_run(run: Path, folder: Path, precision: str = "float32", overwrite: bool = False,
               key: Optional[Path] = None) -> Export:
    """Write the best network of a run as a bundle.

    Parameters
    ----------
    precision : of the weights: ``float32``, ``float16`` (half the size, computed
        in 32 bits) or ``int8`` (a quarter of the size, computed in 32 bits).
    overwrite : whether an existing bundle may be replaced.
    key : the file of a secret key that signs the bundle, see :mod:`ner_mx.inference.signatures`.

    Raises
    ------
    UserError : the key cannot be read.
    RunError : the folder is not a finished run, the two engines disagree, or the network is too large.
    BundleError : the folder holds something else, or a bundle that may not be replaced.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision: expected one of {', '.join(PRECISIONS)}, found {precision!r}")
    _check_place(folder, overwrite)
    secret = None if key is None else read_secret_key(key)
    metrics, recognizer = finished_metrics(run), load_recognizer(run, "cpu", exact=True)
    bundle = bundle_of(recognizer, read_run_config(run), metrics)
    splits = {split: _stored_sentences(run, split) for split in ("dev", "test")}
    sentences = [sentence for split in splits.values() for sentence in split]
    if not sentences:
        raise RunError(f"{run}: expected the predictions of the run, on whose sentences the engines are "
                       "compared, found nothing; train again, replacing the run")
    difference = compare_scores(recognizer, Tagger.of_bundle(bundle), sentences)
    if not difference <= TOLERANCE:
        raise RunError(f"{run}: expected the scores of onnxruntime to be those of MXNet within {TOLERANCE:g}, "
                       f"found a difference of {difference:g}; nothing was written. Please report this")
    f1 = {}
    if precision != "float32":
        smaller = _converted(bundle, precision)
        kept = read_kept_types(run)
        f1 = {name: {"float32": _f1(bundle, split, kept), precision: _f1(smaller, split, kept)}
              for name, split in splits.items() if split}
        bundle = smaller
    bundle.card["examples"] = _examples(splits["dev"] or splits["test"])
    bundle.card.update(precision=precision, **({"f1_by_precision": f1} if f1 else {}))
    try:
        check_graphs(bundle_content(bundle).files, bundle.encoder)  # what is written can be read
    except ValueError as error:
        raise RunError(f"{run}: expected a network that a bundle may hold, found: {error}; nothing was "
                       "written") from None
    write_bundle(bundle, folder, secret)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return Export(difference, len(sentences), size, f1)


def _check_place(folder: Path, overwrite: bool) -> None:
    """Check that a bundle may be written to a folder.

    Raises
    ------
    BundleError
    """
    if not folder.exists():
        return
    other = ("a file" if not folder.is_dir() else next(
        (entry.name for entry in sorted(folder.iterdir())
         if entry.is_dir() or not is_bundle_file(entry.name)), None))
    if other:
        raise BundleError(f"{folder}: expected a bundle to replace or nothing, found {other}; "
                          "choose another folder")
    if any(folder.iterdir()) and not overwrite:
        raise BundleError(f"{folder}: holds a bundle already; choose another folder, or allow it with "
                          "--overwrite")


def bundle_of_run(run: Path) -> Bundle:
    """The best network of a run as a bundle in memory, without the comparisons of an export.

    Raises
    ------
    RunError : the folder is not a finished run.
    """
    metrics = finished_metrics(run)
    return bundle_of(load_recognizer(run, "cpu"), read_run_config(run), metrics)


def tagger_of_run(run: Path, shared: Dict[str, EncoderOutputs], threads: Optional[int] = None) -> Tagger:
    """A finished run as the bundle that would be exported: onnxruntime takes a tenth of the time.

    One with a frozen encoder, beside whose processed corpus there are outputs of it, reads these through MXNet.

    Parameters
    ----------
    shared : outputs by what they are made from, for several runs with the same encoder; this run's are added.
    threads : of onnxruntime; None takes all cores.

    Raises
    ------
    RunError : the folder is not a finished run.
    """
    outputs = outputs_of_run(run)
    if outputs is None:
        return Tagger.of_bundle(bundle_of_run(run), threads)
    recognizer = load_recognizer(run, "cpu")
    assert isinstance(recognizer.scorer, Trainable)
    recognizer.scorer.prepare = shared.setdefault(outputs.made_from, outputs)
    return Tagger(recognizer, {})


def bundle_of(recognizer: Recognizer, config: Config, metrics: Values) -> Bundle:
    """A network on MXNet as a bundle, in 32 bits."""
    model = recognizer.scorer
    assert isinstance(model, Trainable)
    transitions, start = model.transitions()
    settings = validate_as(BundleConfig, {
        "features": portable(config)["features"], "decoding": model.decoding.model_dump(mode="json"),
        "split_digits": config.corpus.split_digits, "characters": config.corpus.characters,
        "tokenizer": dumped_choice(config.corpus.tokenizer), "learns_transitions": config.loss.learns_transitions},
        "the configuration of the run")
    graphs: Dict[str, bytes] = {}
    for name, network in {MODEL: model, **recognizer.taggers}.items():
        assert isinstance(network, Trainable)
        parameters = network.network_parameters()
        graphs[name] = network.config.model.export(network.embedders, parameters).SerializeToString()
        if any(feature.of_word_type for feature in network.features):
            graphs[f"{name}{WORDS}"] = word_graph(network.embedders, parameters).SerializeToString()
    return Bundle(settings, recognizer.encoder, graphs, transitions, start, metrics.get("temperature", 1.0),
                  card(config, metrics), recognizer.rules)


# How many sentences of the development set a card shows, and their lengths in characters.
EXAMPLES, EXAMPLE_LENGTH = 3, range(40, 200)


def _examples(sentences: List[Sentence]) -> List[str]:
    """Sentences with several entities, for people who try the model."""
    found = []
    for sentence in sentences:
        text = restore_text([sentence.tokens]).text
        if len(text) in EXAMPLE_LENGTH and len({span.label for span in spans_of(sentence.gold)}) > 1:
            found.append(text)
        if len(found) == EXAMPLES:
            break
    return found


def card(config: Config, metrics: Values) -> Values:
    """What people want to know of a model: its corpus, its figures, what made it."""
    figures = {Condition.from_key(key).label: table["entity"]["micro"] for key, table in metrics.items()
               if isinstance(table, dict) and "entity" in table}
    figures.update({f"{split} from raw text": table["micro"] for split, table in metrics.get("raw_text", {}).items()})
    return {"name": config.run.name, "corpus": config.corpus.name, "data": metrics["data"],
            **{key: value for key, value in config.card.model_dump().items() if value},
            **({"kept_types": metrics["kept_types"]} if metrics.get("kept_types") else {}),
            "seed": metrics["seed"], "entity": figures, "config": portable(config), "ner_mx": __version__}


def _stored_sentences(run: Path, split: str) -> List[Sentence]:
    """The sentences of a split that the run scored, from its predictions."""
    path = run / "predictions" / f"{split}.conll"
    if not path.is_file():
        return []
    predictions = read_predictions(path)
    return [Sentence(tuple(tokens), tuple(tags)) for tokens, tags in zip(predictions.tokens, predictions.gold)]


def compare_scores(mxnet: Recognizer, tagger: Tagger, sentences: List[Sentence]) -> float:
    """The largest difference between two scores of any tag of any token."""
    onnx = tagger.recognizer
    encoded = mxnet.encoder.encode(sentences)
    pairs: List[Tuple[Scorer, Scorer, Encoded]] = [(mxnet.scorer, onnx.scorer, mxnet.with_predictions(encoded))]
    pairs += [(scorer, onnx.taggers[name], encoded) for name, scorer in mxnet.taggers.items()]
    largest = 0.0
    for ours, theirs, read in pairs:
        prepared = theirs.prepared(read)
        for batch, scores in scored_batches(ours, read, mxnet.size):
            real = np.arange(len(scores))[:, None] < batch.length
            other = theirs.emissions(collate(theirs.features, prepared, batch.sentence))
            difference = np.abs(scores - other)[real].max()
            largest = max(largest, float(difference)) if np.isfinite(difference) else float("inf")
    return largest


def _f1(bundle: Bundle, sentences: List[Sentence], kept: FrozenSet[str]) -> float:
    recognizer = Tagger.of_bundle(bundle).recognizer
    ids = recognizer.decode(recognizer.with_predictions(recognizer.encoder.encode(sentences)))
    gold = [list(sentence.gold) for sentence in sentences]
    predicted = predicted_tags(bundle.encoder.tags, ids)
    return evaluate(gold, without_types(predicted, unscored_types(kept, gold))).micro.f1


def _converted(bundle: Bundle, precision: str) -> Bundle:
    from ner_mx.inference.precision import half, quantized

    convert = {"float16": half, "int8": quantized}[precision]
    return bundle._replace(graphs={name: convert(graph) for name, graph in bundle.graphs.items()})
