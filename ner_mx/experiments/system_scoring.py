"""A system on a corpus: fitted, scored by the evaluator of this package, and recorded."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Dict, Optional, Tuple

from ner_mx.config import Config, portable
from ner_mx.data.annotation import check_annotation
from ner_mx.data.raw_text import raw_documents
from ner_mx.data.splits import read_splits
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import UserError
from ner_mx.evaluation.raw_scores import evaluate_raw
from ner_mx.evaluation.scores import Evaluation, evaluate
from ner_mx.experiments.records import OWN_SYSTEM, Record, Settings
from ner_mx.experiments.system_folder import check_place, write_system
from ner_mx.files import sha256
from ner_mx.preprocessing.source_files import corpus_sources
from ner_mx.registry import register
from ner_mx.systems import System
from ner_mx.training.provenance import environment
from ner_mx.untyped import ReadOnlyValues


def score_system(name: str, config: Config, settings: ReadOnlyValues, folder: Optional[Path] = None,
                 overwrite: bool = False) -> Tuple[Record, Dict[str, Evaluation]]:
    """Fit a system on the corpus of a configuration, and score it on dev and test, on tokens and from raw text.

    Parameters
    ----------
    name : of a registered system.
    config : its sections ``corpus`` and ``run`` count.
    settings : of the system.
    folder : to which the system is written; None for none.
    overwrite : whether a fitted system in it may be replaced.

    Returns
    -------
    The record, and the evaluations of dev and test.

    Raises
    ------
    ConfigError, CorpusError
    RunError : the folder holds something else, or a system that may not be replaced.
    UserError : the system is to be written, and has no form on disk.
    """
    system: System = register.system[name](settings, config.run.seed)
    if folder:
        check_place(folder, overwrite)
        if type(system).save is System.save:
            raise UserError(f"{name}: expected a system that can be saved, found one without a form on disk")
    corpus = read_splits(config.corpus)
    # Whole tokens: pieces and joined documents are how networks read them.
    splits = check_annotation(corpus.splits, config.corpus).words
    started = time.perf_counter()
    system.fit(splits["train"], splits["dev"])
    seconds = time.perf_counter() - started
    evaluations, raw = {}, {}
    for split in ("dev", "test"):
        gold = [convert_tags(sentence.gold, "IOB2") for sentence in splits[split]]
        evaluations[split] = evaluate(gold, system.tag(splits[split]))
        raw[split] = evaluate_raw(raw_documents(splits[split]), config.corpus.tokenizer, system.tag_batch)
    sources = corpus_sources(corpus.files, config.corpus)
    metrics = {**{split: evaluation.to_json() for split, evaluation in evaluations.items()},
               "raw_text": {split: evaluation.to_json() for split, evaluation in raw.items()},
               "train": {"seconds": seconds}, "system": system.describe(),
               "data": {file: sha256(path) for file, path in sources.items()}, "seed": config.run.seed}
    record = Record(config.run.name, _recorded(name, config, system.settings), metrics,
                    environment(system.settings.get("device", "cpu")))
    if folder:
        write_system(system, record, folder, overwrite)
    return record, evaluations


def _recorded(name: str, config: Config, settings: ReadOnlyValues) -> Settings:
    """What made a run: a configuration if the system is our own, else its settings beside corpus and seed."""
    if name == OWN_SYSTEM:
        own = Config().model_copy(update={"run": config.run, "corpus": config.corpus})
        return Settings(portable(own.updated(settings)))
    made = portable(config)
    return Settings({"run": made["run"], "corpus": made["corpus"], "system": dict(settings)}, name)
