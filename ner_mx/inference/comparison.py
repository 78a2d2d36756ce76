"""Runs, bundles and records as the rows of one table: judged by one evaluator on one test set, measured in turns."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir
from typing import Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np

from ner_mx.config import Config
from ner_mx.data.annotation import check_annotation
from ner_mx.data.raw_text import raw_documents
from ner_mx.data.sentence import Sentence
from ner_mx.data.splits import read_splits
from ner_mx.data.tag_schemes import convert_tags, tags_of
from ner_mx.decoding.entities import TagBatch
from ner_mx.errors import RunError, UserError, first_duplicate, first_line
from ner_mx.evaluation.conditions import Condition
from ner_mx.evaluation.predictions import read_predicted_tags
from ner_mx.evaluation.raw_scores import evaluate_raw
from ner_mx.evaluation.scores import evaluate
from ner_mx.evaluation.significance import entity_counts, paired_bootstrap
from ner_mx.evaluation.unscored_types import tagging_without, unscored_types
from ner_mx.experiments.records import read_record
from ner_mx.experiments.system_folder import is_system, read_system, system_record
from ner_mx.inference.bundle import write_bundle
from ner_mx.inference.bundle_folder import is_bundle
from ner_mx.inference.ensemble import Ensemble
from ner_mx.inference.measuring import Speed, measure
from ner_mx.inference.onnx_file import read_graph
from ner_mx.inference.tagger import Tagger
from ner_mx.machine import available_cores
from ner_mx.temporary import temporary_folder
from ner_mx.training.run_folder import finished_metrics, is_run, read_kept_types
from ner_mx.untyped import ReadOnlyValues


class ComparedSystem(NamedTuple):
    """One row of a comparison; what is not known is None.

    f1, precision, recall, macro_f1, raw_f1, dev_f1 : fractions.  types : the F1 by type.
    token_f1 : of the tags of tokens, micro, without O; others have published it as the F1.
    bytes : of the bundle.  parameters : of its networks.
    minutes : of training.
    p : of the difference in F1 to the first row, by paired bootstrap; None for all if that is a record.
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


def compare(paths: Sequence[Path], config: Config, threads: Optional[int] = None, ensemble: bool = False,
            timed: bool = True, predictions: Optional[Mapping[str, Path]] = None) -> List[ComparedSystem]:
    """Score systems on the test set of a configuration, and measure them; records have their own figures.

    Parameters
    ----------
    paths : folders of runs, of bundles and of fitted systems, and files of records.
    config : whose ``corpus`` says what is tagged; not read if there are records alone.
    ensemble : add a row for all runs and bundles together, whose probabilities are averaged.
    timed : whether speed and size are measured; if not, networks with a frozen encoder read its outputs from disk.
    predictions : of systems that are not here, as files by name, see
        :func:`~ner_mx.evaluation.predictions.read_predicted_tags`.

    Raises
    ------
    UserError : one is something else, or two have the same name.
    """
    outside = predictions or {}
    duplicate = first_duplicate([*(path.resolve().name for path in paths), *outside])
    if duplicate:
        raise UserError(f"{duplicate}: expected different names, found two of the name")
    _check_kinds(paths)
    folders = [path for path in paths if path.is_dir()]
    networks = [path for path in folders if not is_system(path)]
    if ensemble and not networks:
        raise UserError("--ensemble: expected runs or bundles, whose probabilities are averaged, found neither")
    if not folders and not outside:
        return [_of_record(path) for path in paths]
    test = _test_set(config)
    scoring = _Scoring(test, config, has_reference=not paths or paths[0] in folders)
    predicted = {name: read_predicted_tags(path, test) for name, path in outside.items()}
    together = Ensemble(networks, threads, alike=ensemble) if networks and (ensemble or not timed) else None
    rows: List[ComparedSystem] = []
    with temporary_folder(Path(gettempdir()) / "ner_mx-comparison", mode=0o700) as place:
        measured = {path: path if is_bundle(path) or is_system(path) else _exported(path, place / path.resolve().name)
                    for path in folders} if timed else {}
        speeds = dict(zip(measured, measure(list(measured.values()), [
            sentence.tokens for sentence in test], threads or available_cores())))
        for path in paths:
            if path not in folders:
                rows.append(_of_record(path))
                continue
            name = path.resolve().name
            if path in networks:
                tagger = (Tagger.load(measured[path], threads) if timed or together is None
                          else together.taggers[networks.index(path)])
                kept = tagger.card.get("kept_types", ()) if is_bundle(path) else read_kept_types(path)
                row = scoring.row(name, tagger.recognizer.tag_batch, kept)
            else:
                row = scoring.row(name, read_system(path).tag_batch)
            rows.append(_with_figures(row, path, measured.get(path), speeds.get(path)))
    rows += [scoring.row_of_tags(name, tags) for name, tags in predicted.items()]
    if ensemble and together is not None:
        tags = together.tag_batch([sentence.tokens for sentence in test])
        rows.append(scoring.row_of_tags(f"ensemble of {len(networks)}", [
            list(convert_tags(sentence, "IOB2")) for sentence in tags]))
    return rows


def _check_kinds(paths: Sequence[Path]) -> None:
    """Check that every path is something that can be compared.

    Raises
    ------
    RunError : one is not.
    """
    for path in paths:
        if not path.exists():
            raise RunError(f"{path}: expected a run, a bundle, a fitted system or the record of a run, found nothing")
        if path.is_dir() and not (is_bundle(path) or is_run(path) or is_system(path)):
            raise RunError(f"{path}: expected a run, a bundle, a fitted system or the record of a run, found another "
                           "folder")


class _Scoring:
    """Scores systems on one test set, with the significance of their difference to the first.

    has_reference : whether the first that is scored is the first row.
    """

    def __init__(self, test: Sequence[Sentence], config: Config, has_reference: bool):
        self._test, self._tokenizer = test, config.corpus.tokenizer
        self._gold = [list(convert_tags(sentence.gold, "IOB2")) for sentence in test]
        self._has_reference = has_reference
        self._first: Optional[np.ndarray] = None

    def row(self, name: str, tag_batch: TagBatch, kept: Collection[str] = ()) -> ComparedSystem:
        """The row of something that tags sentences, and that keeps types of an earlier corpus."""
        tag_batch = tagging_without(tag_batch, unscored_types(kept, self._gold))
        found = tag_batch([sentence.tokens for sentence in self._test])
        tags = [list(tags_of([entity.span for entity in entities], len(sentence.tokens), "IOB2"))
                for entities, sentence in zip(found, self._test)]
        raw = evaluate_raw(raw_documents(self._test), self._tokenizer, tag_batch)
        return self.row_of_tags(name, tags)._replace(raw_f1=raw.micro.f1)

    def row_of_tags(self, name: str, tags: Sequence[Sequence[str]]) -> ComparedSystem:
        """The row of tags in IOB2, one list for each sentence."""
        counts, evaluation = entity_counts(self._gold, tags), evaluate(self._gold, tags)
        p = None if self._first is None else paired_bootstrap(self._first, counts)
        if self._has_reference and self._first is None:
            self._first = counts
        micro = evaluation.micro
        return ComparedSystem(
            name, micro.f1, micro.precision, micro.recall, evaluation.macro_f1, _token_f1(evaluation.to_json()), None,
            {label: score.f1 for label, score in evaluation.types.items()}, p=p)


def _test_set(config: Config) -> List[Sentence]:
    return list(check_annotation(read_splits(config.corpus).splits, config.corpus).words["test"])


def _exported(run: Path, place: Path) -> Path:
    """The bundle that would be exported from a run."""
    from ner_mx.inference.exporting import bundle_of_run

    write_bundle(bundle_of_run(run), place)
    return place


def _with_figures(row: ComparedSystem, path: Path, measured: Optional[Path], speed: Optional[Speed]) -> ComparedSystem:
    """A row with what is known of a system beside its scores."""
    metrics: ReadOnlyValues = {}
    if is_system(path):
        metrics = system_record(path).metrics
    elif not is_bundle(path):
        metrics = finished_metrics(path)
    size = parameters = None
    if measured is not None:
        size = sum(file.stat().st_size for file in measured.rglob("*") if file.is_file())
        parameters = sum(constant.size for file in measured.glob("*.onnx")
                         for constant in read_graph(file.read_bytes()).constants.values()) or None
    return row._replace(bytes=size, parameters=parameters, speed=speed, dev_f1=_dev_f1(metrics),
                        minutes=metrics["train"]["seconds"] / 60 if metrics else None)


def _of_record(path: Path) -> ComparedSystem:
    record = read_record(path)
    try:
        test = _last(record.metrics, "test")
        entity = test["entity"]
        raw = record.metrics.get("raw_text", {}).get("test", {}).get("micro", {}).get("f1")
        micro = entity["micro"]
        return ComparedSystem(
            record.name, float(micro["f1"]), float(micro["precision"]), float(micro["recall"]),
            float(entity["macro"]["f1"]), _token_f1(test), None if raw is None else float(raw),
            {label: float(score["f1"]) for label, score in entity["types"].items()},
            minutes=record.metrics["train"]["seconds"] / 60, dev_f1=_dev_f1(record.metrics))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path}: expected the figures of a finished run, found others: {first_line(error)}") from None


def _last(metrics: ReadOnlyValues, split: str) -> ReadOnlyValues:
    """The figures on a split as raw text gets them: with predicted annotation, if the network reads any."""
    conditions = sorted(condition for key in metrics for condition in [Condition.from_key(key)]
                        if condition.split == split)
    found: ReadOnlyValues = metrics[conditions[-1].key] if conditions else {}
    return found


def _dev_f1(metrics: ReadOnlyValues) -> Optional[float]:
    dev = _last(metrics, "dev")
    return float(dev["entity"]["micro"]["f1"]) if dev else None


def _token_f1(figures: ReadOnlyValues) -> float:
    return float(figures["token"]["micro_without_O"]["f1"])
