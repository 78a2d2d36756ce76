"""Runs, bundles and records as the rows of one table: judged by one evaluator on one test set, measured in turns."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ner_mx.config import Config
from ner_mx.data.annotation import check_annotation
from ner_mx.data.raw_text import raw_documents
from ner_mx.data.sentence import Sentence
from ner_mx.data.splits import read_splits
from ner_mx.data.tag_schemes import convert_tags, tags_of
from ner_mx.errors import RunError, UserError, first_duplicate
from ner_mx.evaluation.raw_scores import evaluate_raw
from ner_mx.evaluation.scores import Evaluation, evaluate
from ner_mx.evaluation.significance import entity_counts, paired_bootstrap
from ner_mx.experiments.records import read_record
from ner_mx.files import read_json
from ner_mx.inference.bundle import write_bundle
from ner_mx.inference.bundle_folder import MANIFEST
from ner_mx.inference.ensemble import Ensemble
from ner_mx.inference.measuring import Speed, measure
from ner_mx.inference.onnx_file import read_graph
from ner_mx.inference.tagger import Tagger
from ner_mx.machine import available_cores
from ner_mx.temporary import temporary_folder
from ner_mx.training.run_folder import is_run
from ner_mx.untyped import ReadOnlyValues


class ComparedSystem(NamedTuple):
    """One row of a comparison; what is not known is None.

    f1, precision, recall, macro_f1, raw_f1, dev_f1 : fractions.  types : the F1 by type.
    token_f1 : of the tags of tokens, micro, without O; others have published it as the F1.
    bytes : of the bundle.  parameters : of its networks.
    minutes : of training.
    p : of the difference in F1 to the first row, by paired bootstrap.
    """

    name: str
    f1: float
    precision: float
    recall: float
    macro_f1: float
    token_f1: float
    raw_f1: Optional[float]
    types: Dict[str, float]
    bytes: Optional[int] = None
    parameters: Optional[int] = None
    minutes: Optional[float] = None
    speed: Optional[Speed] = None
    p: Optional[float] = None
    dev_f1: Optional[float] = None


def compare(paths: Sequence[Path], config: Config, threads: Optional[int] = None,
            ensemble: bool = False, timed: bool = True) -> List[ComparedSystem]:
    """Score runs and bundles on the test set of a configuration, and measure them; records have their own figures.

    Parameters
    ----------
    paths : folders of runs and of bundles, and files of records.
    config : whose ``corpus`` says what is tagged; not read if there are records alone.
    ensemble : add a row for all runs and bundles together, whose probabilities are averaged.
    timed : whether speed and size are measured; if not, networks with a frozen encoder read its outputs from disk.

    Raises
    ------
    UserError : one is something else, or two have the same name.
    """
    duplicate = first_duplicate([path.name for path in paths])
    if duplicate:
        raise UserError(f"{duplicate}: expected different names, found two of the name")
    folders = [path for path in paths if path.is_dir()]
    other = next((path for path in paths if not path.is_file() and path not in folders), None)
    if other:
        raise RunError(f"{other}: expected a run, a bundle or the record of a run, found nothing")
    if not folders:
        return [_of_record(path) for path in paths]
    for path in folders:
        if not ((path / MANIFEST).is_file() or is_run(path)):
            raise RunError(f"{path}: expected a run, a bundle or the record of a run, found another folder")
    test, together = _test_set(config), Ensemble(folders, threads) if ensemble or not timed else None
    with temporary_folder(Path(gettempdir()) / "ner_mx-comparison", mode=0o700) as place:
        bundles = {path: _as_bundle(path, place / path.name) for path in folders} if timed else {}
        speeds = dict(zip(bundles, measure(list(bundles.values()), [
            sentence.tokens for sentence in test], threads or available_cores())))
        rows: List[ComparedSystem] = []
        counts: List[np.ndarray] = []
        for path in paths:
            if path not in folders:
                rows.append(_of_record(path))
                continue
            tagger = (Tagger.load(bundles[path], threads) if timed or together is None
                      else together.taggers[folders.index(path)])
            predicted = [list(tags_of([entity.span for entity in entities], len(sentence.tokens), "IOB2"))
                         for entities, sentence in zip(tagger.tag_batch([s.tokens for s in test]), test)]
            gold = [list(convert_tags(sentence.gold, "IOB2")) for sentence in test]
            counts.append(entity_counts(gold, predicted))
            raw = evaluate_raw(raw_documents(test), config.corpus.tokenizer, tagger.recognizer.tag_batch)
            p = paired_bootstrap(counts[0], counts[-1]) if len(counts) > 1 else None
            rows.append(_row(path, bundles.get(path), evaluate(gold, predicted), raw.micro.f1, speeds.get(path), p))
        if ensemble and together is not None:
            rows.append(_together(together, test, counts[0]))
    return rows


def _together(ensemble: Ensemble, test: Sequence[Sentence], first: np.ndarray) -> ComparedSystem:
    """The row of an ensemble."""
    tags = ensemble.tag_batch([sentence.tokens for sentence in test])
    predicted = [list(convert_tags(sentence, "IOB2")) for sentence in tags]
    gold = [list(convert_tags(sentence.gold, "IOB2")) for sentence in test]
    evaluation = evaluate(gold, predicted)
    micro = evaluation.micro
    return ComparedSystem(
        f"ensemble of {len(ensemble.taggers)}", micro.f1, micro.precision, micro.recall, evaluation.macro_f1,
        _token_f1(evaluation.to_json()), None,
        {label: score.f1 for label, score in evaluation.types.items()},
        p=paired_bootstrap(first, entity_counts(gold, predicted)))


def _test_set(config: Config) -> List[Sentence]:
    splits = check_annotation(read_splits(config.corpus).splits, config.corpus).splits
    return list(splits["test"])


def _as_bundle(path: Path, place: Path) -> Path:
    """A bundle as it is, or that which would be exported from a run."""
    if (path / MANIFEST).is_file():
        return path
    from ner_mx.inference.exporting import bundle_of_run

    write_bundle(bundle_of_run(path), place)
    return place


def _row(path: Path, bundle: Optional[Path], evaluation: Evaluation, raw_f1: float, speed: Optional[Speed],
         p: Optional[float]) -> ComparedSystem:
    size, parameters = (None, None) if bundle is None else _sizes(bundle)
    metrics = read_json(path / "metrics.json") if (path / "metrics.json").is_file() else {}
    minutes = metrics["train"]["seconds"] / 60 if metrics else None
    micro = evaluation.micro
    return ComparedSystem(
        path.name, micro.f1, micro.precision, micro.recall, evaluation.macro_f1, _token_f1(evaluation.to_json()),
        raw_f1,
        {label: score.f1 for label, score in evaluation.types.items()},
        size, parameters, minutes, speed, p, _dev_f1(metrics))


def _sizes(bundle: Path) -> Tuple[int, int]:
    """The bytes of a bundle, and the parameters of its networks."""
    return sum(file.stat().st_size for file in bundle.iterdir()), sum(
        constant.size for file in bundle.glob("*.onnx")
        for constant in read_graph(file.read_bytes()).constants.values())


def _of_record(path: Path) -> ComparedSystem:
    record = read_record(path)
    test = _last(record.metrics, "test")
    entity = test["entity"]
    raw = record.metrics.get("raw_text", {}).get("test", {}).get("micro", {}).get("f1")
    return ComparedSystem(
        record.name, entity["micro"]["f1"], entity["micro"]["precision"], entity["micro"]["recall"],
        entity["macro"]["f1"], _token_f1(test), raw, {label: score["f1"] for label, score in entity["types"].items()},
        minutes=record.metrics["train"]["seconds"] / 60, dev_f1=_dev_f1(record.metrics))


def _last(metrics: ReadOnlyValues, split: str) -> ReadOnlyValues:
    """The figures on a split; with predicted annotation, if there is any."""
    keys = [key for key in metrics if key == split or key.startswith(f"{split} ")]
    found: ReadOnlyValues = metrics[keys[-1]] if keys else {}
    return found


def _dev_f1(metrics: ReadOnlyValues) -> Optional[float]:
    dev = _last(metrics, "dev")
    return float(dev["entity"]["micro"]["f1"]) if dev else None


def _token_f1(figures: ReadOnlyValues) -> float:
    return float(figures["token"]["micro_without_O"]["f1"])
