"""The network of a run on other text, through MXNet."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Sequence

from ner_mx.compat import choose_device
from ner_mx.config import Corpus
from ner_mx.data.annotation import check_annotation
from ner_mx.data.detection import format_of
from ner_mx.data.pieces import pieces_of
from ner_mx.data.raw_text import raw_documents
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.data.splits import read_split, read_splits
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.decoding.scoring import Scorer
from ner_mx.errors import CorpusError, RunError
from ner_mx.evaluation.conditions import Condition
from ner_mx.evaluation.raw_scores import RawEvaluation, evaluate_raw
from ner_mx.evaluation.scores import Evaluation, evaluate
from ner_mx.evaluation.unscored_types import tagging_without, unscored_types, without_types
from ner_mx.features.encoder import Encoder
from ner_mx.features.feature import TokenLookup
from ner_mx.files import read_json, sha256
from ner_mx.preprocessing.source_files import corpus_sources
from ner_mx.training.callbacks.checkpointing import BEST
from ner_mx.training.run_folder import (
    read_decision,
    read_kept_types,
    read_run_config,
    read_run_encoder,
    read_run_rules,
)
from ner_mx.training.task import predicted_tags, tagger_config, with_rules
from ner_mx.training.trainable import Trainable

log = logging.getLogger(__name__)


def load_recognizer(folder: Path, device: Optional[str] = None, exact: bool = False) -> Recognizer:
    """The best network of a run, on its own device or on ``device`` (as in ``run.device``).

    Parameters
    ----------
    exact : see :class:`~ner_mx.training.trainable.Trainable`.

    Raises
    ------
    RunError : the folder is not a run, has no network yet, or is damaged.
    """
    config = read_run_config(folder)
    context = choose_device(device or config.run.device)
    encoder = read_run_encoder(folder, config)
    model = _loaded(Trainable(config, encoder, encoder.tags, context, config.features.tag_encoding), folder)
    model.exact = exact
    decision = read_decision(folder, config)
    model.temperature = decision.temperature
    model.decoding = config.decoding.model_copy(update={"outside_penalty": decision.outside_penalty})
    taggers: Dict[str, Scorer] = {}
    for feature in encoder.predicted():
        assert isinstance(feature, TokenLookup)
        taggers[feature.name] = _loaded(Trainable(
            tagger_config(config, feature), encoder, feature.vocabulary.items, context, encoding=None),
            folder / feature.name)
    return Recognizer(encoder, model, taggers, config.training.evaluation_batch,
                      pieces_of(config.corpus.split_digits, config.corpus.characters),
                      rules=read_run_rules(folder, config))


def _loaded(model: Trainable, folder: Path) -> Trainable:
    model.initialize()
    model.load(folder / BEST)
    return model


class RunScores(NamedTuple):
    """by_condition : with the annotation of the corpus, and with a predicted one.  raw_text : without its tokens."""

    by_condition: Dict[Condition, Evaluation]
    raw_text: RawEvaluation


def score_run(folder: Path, settings: Corpus, file: Optional[Path] = None,
              device: Optional[str] = None) -> RunScores:
    """Score a run on its test set, or on another file, on tokens and from raw text.

    Parameters
    ----------
    settings : how the corpus or the file is read: those of the run, or others for a file in
        another format.

    Returns
    -------
    The evaluations on ``test`` or the name of the file, with the annotation of the corpus and,
    if the network reads one that raw text lacks, with a predicted one; and from raw text.

    Raises
    ------
    CorpusError, RunError, ConfigError
    """
    recognizer = load_recognizer(folder, device)
    split = file.name if file else "test"
    if file:
        if not format_of(file, settings).exists(file):
            raise CorpusError(file, None, "expected an annotated file, found nothing")
        reading = read_split(file, settings)
        sentences, warnings = reading.sentences, reading.warnings
    else:
        corpus = read_splits(settings)
        _check_same(folder, corpus.files, settings)
        sentences, warnings = corpus.splits["test"], corpus.warnings
    checked = check_annotation({split: sentences}, settings)
    for reason, count in (warnings + checked.warnings).described().items():
        log.warning("%d %s", count, reason)
    sentences, words = checked.splits[split], checked.words[split]
    _warn_of_types(sentences, recognizer.encoder)
    kept = unscored_types(read_kept_types(folder), [sentence.gold for sentence in sentences])
    raw = evaluate_raw(raw_documents(words), settings.tokenizer, tagging_without(recognizer.tag_batch, kept))
    return RunScores(_evaluations(recognizer, split, sentences, kept), raw)


def _evaluations(recognizer: Recognizer, split: str, sentences: Sequence[Sentence],
                 unscored: FrozenSet[str]) -> Dict[Condition, Evaluation]:
    gold = [convert_tags(sentence.gold, "IOB2") for sentence in sentences]
    encoded = recognizer.encoder.encode(sentences)
    inputs = {Condition(split): encoded}
    predicted = recognizer.encoder.predicted()
    if predicted:
        if any((encoded.by_token[feature.name] < 0).any() for feature in predicted):
            inputs.clear()  # the file lacks the annotation
        names = " and ".join(feature.predicted_as for feature in predicted)
        inputs[Condition(split, names)] = recognizer.with_predictions(encoded)
    return {condition: evaluate(gold, without_types(with_rules(recognizer.rules, encoded.tokens(), predicted_tags(
        recognizer.encoder.tags, recognizer.decode(read))), unscored)) for condition, read in inputs.items()}


def _check_same(folder: Path, files: List[Path], settings: Corpus) -> None:
    """Check that the files of the corpus are those that a run was made from.

    Raises
    ------
    RunError : one has changed.
    """
    made = read_json(folder / "environment.json").get("data", {})
    for name, path in corpus_sources(files, settings).items():
        if name in made and made[name] != sha256(path):
            raise RunError(f"{Path(settings.path) / name}: expected the file that {folder} was made from, "
                           "found another; name the file to score the run on it")


def _warn_of_types(sentences: Sequence[Sentence], encoder: Encoder) -> None:
    """Warn of types that the network does not know."""
    types = Counter(span.label for sentence in sentences for span in spans_of(sentence.gold))
    unknown = sorted(set(types) - set(encoder.entity_types))
    if unknown:
        log.warning("%d entities of types that the run does not know (%s); they count as missed",
                    sum(types[label] for label in unknown), ", ".join(unknown))
