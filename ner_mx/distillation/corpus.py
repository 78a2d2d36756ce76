"""The corpus of a student: annotated sentences, augmented ones and text, each token with what teachers say of it."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Collection, List, NamedTuple, Sequence, Tuple

import numpy as np

from ner_mx.config import Config
from ner_mx.data.annotation import check_annotation
from ner_mx.data.sentence import Sentence
from ner_mx.data.splits import read_splits
from ner_mx.distillation.unlabelled import Filter, labelled_text, probabilities_of
from ner_mx.errors import ConfigError, RunError, UserError
from ner_mx.files import sha256
from ner_mx.inference.ensemble import Ensemble
from ner_mx.preprocessing.pipeline import Teaching, process
from ner_mx.preprocessing.processed_corpus import META, SOFT, ProcessedCorpus, corpus_folder
from ner_mx.registry import register
from ner_mx.untyped import Values

log = logging.getLogger(__name__)


class Distilling(NamedTuple):
    """What a student learns from, beside the annotated sentences.

    texts : files of text.  choice : which of their sentences.
    augmentations : kinds of sentences that are made from the annotated ones, see
        :mod:`ner_mx.distillation.augmentation`.
    seed : of what is random in them.
    """

    texts: Sequence[Path] = ()
    choice: Filter = Filter()
    augmentations: Sequence[str] = ()
    seed: int = 1


def student_config(config: Config) -> Config:
    """The configuration of a student: its loss learns from teachers, and it reads no annotation that text lacks.

    Raises
    ------
    ConfigError : it is to read one.
    """
    changes: Values = {} if config.loss.learns_from_teachers else {"loss.name": "distillation"}
    for name, settings in config.features.settings().items():
        if register.feature[name].predicted_as and settings.use:
            if settings.use is True:
                raise ConfigError(f"features.{name}.use: text without annotation has none; set it to false")
            changes[f"features.{name}.use"] = False
    return config.updated(changes)


def distilled_corpus(paths: Sequence[Path], config: Config, settings: Distilling) -> ProcessedCorpus:
    """Let teachers read the training data and texts, and write the corpus of a student.

    Parameters
    ----------
    paths : of the teachers, runs or bundles.
    config : of the student, see :func:`student_config`.

    Returns
    -------
    What was written to ``data/processed/<corpus.name>/``, on which students are trained as on any other corpus.

    Raises
    ------
    UserError : a teacher, a text or a setting is not as expected.
    RunError : the folder holds the corpus of runs that are no students.
    """
    _check_place(corpus_folder(config))
    teachers = Ensemble(paths)
    unknown = [name for name in settings.augmentations if name not in register.augmentation]
    if unknown:
        raise UserError(register.augmentation.unknown(unknown[0]))
    read = read_splits(config.corpus)
    splits = check_annotation(read.splits, config.corpus).splits
    known = {tuple(sentence.tokens) for split in splits.values() for sentence in split}
    augmented = _augmented(splits["train"], settings, known)
    cache = Path(f"{corpus_folder(config)}.teachers") / _key(teachers, settings.choice)
    text = labelled_text(settings.texts, config.corpus.tokenizer, teachers, settings.choice, known, cache)
    extra = [*augmented, *text.sentences]
    log.info("%d annotated sentences, %d augmented ones, %d of text with %d tokens", len(splits["train"]),
             len(augmented), len(text.sentences), len(text.probabilities))

    def probabilities(tags: List[str], annotated: Sequence[Sentence]) -> np.ndarray:
        if set(tags) != set(teachers.tags):
            raise UserError(f"expected teachers with the tags of the corpus ({', '.join(tags[:9])}), found others "
                            f"({', '.join(teachers.tags[:9])})")
        parts = [probabilities_of(augmented, teachers, cache), text.probabilities,
                 probabilities_of([list(sentence.tokens) for sentence in annotated], teachers, cache)]
        return np.concatenate(parts)[:, [teachers.tags.index(tag) for tag in tags]].astype(np.float16)

    sources = {**teachers.sources, **{f"text/{path.name}": sha256(path) for path in settings.texts}}
    return process(config, Teaching([Sentence(tuple(tokens)) for tokens in extra], probabilities, sources))


def _check_place(folder: Path) -> None:
    """Refuse to replace a corpus on which others are trained, such as the teachers'."""
    if (folder / META).is_file() and not (folder / SOFT).is_file():
        raise RunError(f"{folder}: expected the corpus of a student or nothing, found another processed corpus; set "
                       "corpus.name")


def _augmented(train: Sequence[Sentence], settings: Distilling, known: Collection[Tuple[str, ...]]) -> List[List[str]]:
    """The augmented sentences of every kind, without those that there are already."""
    result: List[List[str]] = []
    seen = set(known)
    for name in settings.augmentations:
        random = np.random.RandomState(settings.seed)
        for tokens in register.augmentation[name](train, random):
            if tuple(tokens) not in seen:
                seen.add(tuple(tokens))
                result.append(tokens)
    return result


def _key(teachers: Ensemble, choice: Filter) -> str:
    """What the cache depends on beside its sentences, as the name of a folder."""
    made_by = json.dumps([teachers.sources, choice.confidence, choice.density], sort_keys=True)
    return hashlib.sha256(made_by.encode()).hexdigest()[:16]
