"""Finished runs and files of predictions beside the corpus that they tagged."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

from ner_mx.analysis.error_analysis import Judged
from ner_mx.config import Config
from ner_mx.data.annotation import check_annotation
from ner_mx.data.document_titles import genre
from ner_mx.data.fixed_length import of_fixed_length
from ner_mx.data.sentence import Sentence, no_warnings
from ner_mx.data.splits import read_splits
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import RunError
from ner_mx.evaluation.conditions import Condition
from ner_mx.evaluation.predictions import read_predicted_tags
from ner_mx.training.run_folder import is_run

Corpora = Dict[str, List[Sentence]]


def corpora_as_read(config: Config) -> Corpora:
    """The splits of a corpus as a network reads them, with tags in IOB2.

    Raises
    ------
    CorpusError, ConfigError : the corpus cannot be read.
    """
    corpus = config.corpus
    splits = check_annotation(read_splits(corpus).splits, corpus).splits
    return {name: [sentence._replace(tags=convert_tags(sentence.gold, "IOB2"))
                   for sentence in of_fixed_length(sentences, corpus.cut, corpus.pad, no_warnings())]
            for name, sentences in splits.items()}


def judged(path: Path, split: str, corpora: Corpora) -> Judged:
    """The predictions of a run, or in a file, on a split of its corpus.

    Raises
    ------
    RunError : it is neither a finished run nor a file.
    CorpusError : the predictions are of other sentences.
    """
    sentences = corpora[split]
    name = path.resolve().name if path.is_dir() else path.stem
    return Judged(name, sentences, read_predicted_tags(predictions_of(path, split), sentences, split),
                  [genre(sentence.title) for sentence in sentences])


def predictions_of(path: Path, split: str) -> Path:
    """The file with the predictions of a run on a split as raw text gets them; a file is one by itself.

    Raises
    ------
    RunError : it is neither a finished run nor a file.
    """
    if path.is_file():
        return path
    if not is_run(path):
        raise RunError(f"{path}: expected a run, or a file of predictions with a token first and its tag last in each "
                       "line; found neither")
    conditions = sorted(Condition.from_key(file.stem.replace("-", "_"))
                        for file in (path / "predictions").glob("*.conll"))
    chosen = [condition for condition in conditions if condition.split == split]
    if not chosen:
        raise RunError(f"{path}: expected predictions on {split}, found no such file; finish the run with "
                       f"ner-mx train --finish {path}")
    return path / "predictions" / f"{chosen[-1].file_name}.conll"
