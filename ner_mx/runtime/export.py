"""A run folder to a bundle: the only part of the runtime that needs MXNet, and onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np

from ner_mx import __version__
from ner_mx.corpora.sentence import Sentence
from ner_mx.decoding.recogniser import Recogniser, scored
from ner_mx.errors import BundleError, RunError, UserError
from ner_mx.evaluation.files import read_predictions
from ner_mx.evaluation.scores import evaluate
from ner_mx.features.encoder import Encoded
from ner_mx.files import read_json, stranger
from ner_mx.runtime.bundle import MANIFEST, OPTIONAL, REQUIRED, Bundle, write_bundle
from ner_mx.runtime.tagger import Tagger
from ner_mx.training.model import Model
from ner_mx.training.predictor import load_recogniser
from ner_mx.training.records import from_portable, portable
from ner_mx.training.task import predicted_tags

# Scores of the two engines may differ by this much; rounding alone gives a hundredth of it.
TOLERANCE = 1e-4


class Export(NamedTuple):
    """What an export came to.

    difference : the largest between two scores of MXNet and onnxruntime.
    sentences : how many were compared.
    bytes : of the bundle.
    f1 : by part, the entity F1 with predicted parts of speech; float32's and the variant's.
    """

    difference: float
    sentences: int
    bytes: int
    f1: Dict[str, Dict[str, float]]


def export(run: Path, folder: Path, precision: str = "float32", overwrite: bool = False) -> Export:
    """Write a run's best network as a bundle.

    Parameters
    ----------
    precision : of the weights: ``float32``, ``float16`` (half the size, computed
        in 32 bits) or ``int8`` (weights in 8 bits, computed in them).

    Raises
    ------
    RunError : the run is none, or unfinished; the two engines disagree.
    BundleError : the folder holds something else, or a bundle and not ``overwrite``.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision: expected one of {', '.join(PRECISIONS)}, found {precision!r}")
    _check_place(folder, overwrite)
    if not (run / "metrics.json").is_file():
        raise RunError(f"{run}: expected a finished run, found no metrics.json in it")
    recogniser = load_recogniser(run, "cpu")
    bundle = bundled(recogniser, read_json(run / "metrics.json"))
    parts = {part: _kept(run, part) for part in ("dev", "test")}
    sentences = [sentence for part in parts.values() for sentence in part]
    if not sentences:
        raise RunError(f"{run}: expected the run's predictions, whose sentences the engines are compared on, "
                       "found none; train again with --overwrite")
    difference = compare(recogniser, Tagger(bundle), sentences)
    if not difference <= TOLERANCE:
        raise RunError(f"{run}: expected onnxruntime's scores to be MXNet's to {TOLERANCE:g}, found a "
                       f"difference of {difference:g}; nothing was written. Please report this")
    f1 = {}
    if precision != "float32":
        smaller = PRECISIONS[precision](bundle)
        f1 = {name: {"float32": _f1(bundle, part), precision: _f1(smaller, part)}
              for name, part in parts.items() if part}
        bundle = smaller
    bundle.card.update(precision=precision, **({"f1_by_precision": f1} if f1 else {}))
    write_bundle(bundle, folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return Export(difference, len(sentences), size, f1)


def _check_place(folder: Path, overwrite: bool) -> None:
    other = stranger(folder, {MANIFEST, *REQUIRED, *OPTIONAL})
    if other:
        raise BundleError(f"{folder}: expected a bundle to replace or nothing, found {other}; "
                          "choose another folder")
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        raise BundleError(f"{folder}: holds a bundle already; choose another folder, or give --overwrite")


def bundled(recogniser: Recogniser, metrics: Dict[str, Any]) -> Bundle:
    """A network as MXNet has it as a bundle, in 32 bits."""
    from ner_mx.runtime.graph import network_graph

    parameters = _parameters(recogniser.network)
    pos_model = None
    if recogniser.pos_network is not None:
        pos_model = network_graph(recogniser.pos_network.config.network,
                                  _of_network(_parameters(recogniser.pos_network))).SerializeToString()
    config = from_portable(portable(recogniser.config), "the run's configuration")
    return Bundle(config, recogniser.encoder,
                  network_graph(config.network, _of_network(parameters)).SerializeToString(), pos_model,
                  parameters.get("loss.transitions"), parameters.get("loss.start"),
                  metrics.get("temperature", 1.0), card(recogniser, metrics))


def card(recogniser: Recogniser, metrics: Dict[str, Any]) -> Dict[str, Any]:
    """What people want to know of a network: its corpus, its figures, what made it."""
    figures = {part.replace("_", " "): table["entity"]["micro"] for part, table in metrics.items()
               if isinstance(table, dict) and "entity" in table}
    return {"name": recogniser.config.run.name, "corpus": recogniser.config.corpus.name,
            "data": metrics["data"], "seed": metrics["seed"], "entity": figures, "ner_mx": __version__}


def _parameters(model: Model) -> Dict[str, np.ndarray]:
    return {name: parameter.data().asnumpy() for name, parameter in model.parameters().items()}


def _of_network(parameters: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
    return {name[len("network."):]: values for name, values in parameters.items()
            if name.startswith("network.")}


def _kept(run: Path, part: str) -> List[Sentence]:
    """The sentences of a part that the run scored, from its predictions."""
    path = run / "predictions" / f"{part}.conll"
    if not path.is_file():
        return []
    predictions = read_predictions(path)
    return [Sentence(tuple(tokens), tuple(tags), None, "", 0, 0)
            for tokens, tags in zip(predictions.tokens, predictions.gold)]


def compare(mxnet: Recogniser, tagger: Tagger, sentences: List[Sentence]) -> float:
    """The largest difference between two scores of any tag of any token."""
    onnx = tagger.recogniser
    encoded = mxnet.encoder.encode(sentences)
    pairs: List[Tuple[Any, Any, Encoded]] = [(mxnet.network, onnx.network, mxnet.with_predicted_pos(encoded))]
    if mxnet.pos_network is not None:
        pairs.append((mxnet.pos_network, onnx.pos_network, encoded))
    largest = 0.0
    for one, two, read in pairs:
        for batch, scores in scored(one, read, mxnet.config.network.character_width,
                                    mxnet.config.training.evaluation_batch):
            real = np.arange(len(scores))[:, None] < batch.length
            apart = np.abs(scores - two.emissions(batch))[real].max()
            largest = max(largest, float(apart)) if np.isfinite(apart) else float("inf")
    return largest


def _f1(bundle: Bundle, sentences: List[Sentence]) -> float:
    recogniser = Tagger(bundle).recogniser
    rows = recogniser.rows(recogniser.with_predicted_pos(recogniser.encoder.encode(sentences)))
    gold = [list(sentence.tags or ()) for sentence in sentences]
    return evaluate(gold, predicted_tags(bundle.encoder.tags, rows)).micro.f1


def _converted(bundle: Bundle, how: str) -> Bundle:
    from ner_mx.runtime import precision

    change = getattr(precision, how)
    return bundle._replace(model=change(bundle.model),
                           pos_model=bundle.pos_model and change(bundle.pos_model))


PRECISIONS = {"float32": lambda bundle: bundle,
              "float16": lambda bundle: _converted(bundle, "half"),
              "int8": lambda bundle: _converted(bundle, "quantized")}
