"""The end of a run: the best network on every split, scored, calibrated and written."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, FrozenSet, Mapping, NamedTuple, Optional

import numpy as np

from ner_mx.config import Config
from ner_mx.decoding.entity_rules import EntityRules
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.evaluation.calibration import ConfidenceScores, calibration
from ner_mx.evaluation.conditions import Condition
from ner_mx.evaluation.decision import best_outside_penalty
from ner_mx.evaluation.predictions import Predictions, write_predictions
from ner_mx.evaluation.raw_scores import evaluate_raw
from ner_mx.evaluation.scores import Evaluation, Score, by_group, evaluate
from ner_mx.evaluation.seen_entities import Name, by_novelty, names_in
from ner_mx.evaluation.unscored_types import tagging_without, without_types
from ner_mx.evaluation.word_scores import word_scores
from ner_mx.features.encoded import Encoded
from ner_mx.files import read_json, sha256, write_json
from ner_mx.preprocessing.processed_corpus import ProcessedCorpus
from ner_mx.training.callbacks.checkpointing import BEST
from ner_mx.training.case_augmentation import changed_case
from ner_mx.training.checkpoints import State
from ner_mx.training.fitting import training_split
from ner_mx.training.roofline import roofline
from ner_mx.training.run_evaluation import load_recognizer
from ner_mx.training.run_folder import read_run_rules
from ner_mx.training.task import predicted_tags, with_rules
from ner_mx.training.trainable import Prepare, Trainable
from ner_mx.untyped import Values

# Chiu & Nichols 2016, section 3.4: runs on OntoNotes are judged by the last 5,000 training sentences.
JUDGED = 5000

Inputs = Mapping[Condition, Encoded]


class Evaluated(NamedTuple):
    """The scores of a split under a condition, by genre if documents have names, and of seen and unseen entities.

    words : of a network that reads characters, see :func:`~ner_mx.evaluation.word_scores.word_scores`.
    """

    evaluation: Evaluation
    genres: Optional[Dict[str, Score]]
    novelty: Dict[str, Score]
    words: Optional[Dict[str, Score]]


def write_results(folder: Path, config: Config, corpus: ProcessedCorpus, model: Trainable, state: State,
                  inputs: Inputs, prepare: Optional[Prepare] = None, workers: int = 1) -> Dict[Condition, Evaluation]:
    """Evaluate the best network and write predictions and ``metrics.json``.

    Parameters
    ----------
    inputs : the sentences of dev and test under each condition.
    prepare : what adds arrays to other sentences, see :class:`~ner_mx.training.trainable.Trainable`.
    workers : that trained together.
    """
    rules = read_run_rules(folder, corpus.config)
    penalty = _outside_penalty(model, inputs, corpus, config, rules)
    model.decoding = config.decoding.model_copy(update={"outside_penalty": penalty})
    train = _annotated(corpus, config)
    known = names_in(train.tokens(), predicted_tags(corpus.encoder.tags, np.split(train.tags, train.bounds[1:-1])))
    evaluated = {condition: _evaluate(folder, corpus, model, condition, encoded, known, rules)
                 for condition, encoded in inputs.items()}
    metrics: Values = {}
    for condition, scores in evaluated.items():
        metrics[condition.key] = scores.evaluation.to_json()
        metrics[condition.key]["novelty"] = {name: score.to_json() for name, score in scores.novelty.items()}
        if scores.genres is not None:
            metrics[condition.key]["genres"] = {genre: score.to_json() for genre, score in scores.genres.items()}
        if scores.words is not None:
            metrics[condition.key]["words"] = {rule: score.to_json() for rule, score in scores.words.items()}
    recognizer = load_recognizer(folder, config.run.device)
    assert isinstance(recognizer.scorer, Trainable)
    recognizer.scorer.prepare, recognizer.scorer.decoding = prepare, model.decoding
    kept = corpus.meta.get("kept_types", ())
    tag_batch = tagging_without(recognizer.tag_batch, kept)
    metrics["raw_text"] = {split: evaluate_raw(documents, config.corpus.tokenizer, tag_batch).to_json()
                           for split, documents in corpus.texts.items()}
    metrics["other_case"] = {case: _in_case(recognizer, corpus, case).to_json() for case in ("lower", "upper")}
    metrics["train"] = {**_training_figures(config, corpus, model, state), "workers": workers}
    if workers == len(model.devices) == 1:  # the speed of products is measured on one device
        metrics["train"]["roofline"] = roofline(model, metrics["train"]["tokens_per_second"])
    metrics["outside_penalty"] = penalty
    metrics.update(_calibrated(model, inputs, corpus, config))
    for feature in corpus.encoder.predicted():
        metrics[f"{feature.name}_tagger"] = read_json(folder / feature.name / "metrics.json")
    if kept:
        metrics["kept_types"] = list(kept)
    metrics["seed"] = config.run.seed
    metrics["best_params_sha256"] = sha256(folder / BEST)
    metrics["data"] = corpus.meta["sources"]
    write_json(folder / "metrics.json", metrics)
    return {condition: scores.evaluation for condition, scores in evaluated.items()}


def _annotated(corpus: ProcessedCorpus, config: Config) -> Encoded:
    """The sentences that a network is trained on, without those that teachers alone have annotated."""
    train = training_split(corpus, config.training.use_dev)
    teachers_alone = len(corpus.splits["train"]) - corpus.meta.get("annotated", len(corpus.splits["train"]))
    return train.last(len(train) - teachers_alone) if teachers_alone else train


def _in_case(recognizer: Recognizer, corpus: ProcessedCorpus, case: str) -> Score:
    """The score of all entities in a copy of test in lower case or in capitals, with predicted annotation."""
    changed = changed_case(corpus.encoder, corpus.splits["test"], case)
    ids = recognizer.decode(recognizer.with_predictions(changed))
    predicted = without_types(with_rules(recognizer.rules, changed.tokens(), predicted_tags(
        corpus.encoder.tags, ids)), corpus.meta.get("kept_types", ()))
    return evaluate(corpus.gold["test"], predicted).micro


def _evaluate(folder: Path, corpus: ProcessedCorpus, model: Trainable, condition: Condition,
              encoded: Encoded, known: FrozenSet[Name], rules: Optional[EntityRules]) -> Evaluated:
    """Tag a split, write the predictions and score them."""
    split = condition.split
    predicted = with_rules(rules, encoded.tokens(), predicted_tags(corpus.encoder.tags, model.predict(encoded)))
    predicted = without_types(predicted, corpus.meta.get("kept_types", ()))
    write_predictions(folder / "predictions" / f"{condition.file_name}.conll",
                      Predictions(encoded.tokens(), corpus.gold[split], predicted))
    genres = (by_group(corpus.genres[split], corpus.gold[split], predicted)
              if split in corpus.genres else None)
    novelty = by_novelty(known, encoded.tokens(), corpus.gold[split], predicted)
    words = word_scores(encoded.tokens(), corpus.gold[split], predicted) if corpus.config.corpus.characters else None
    return Evaluated(evaluate(corpus.gold[split], predicted), genres, novelty, words)


def _training_figures(config: Config, corpus: ProcessedCorpus, model: Trainable, state: State) -> Values:
    seconds = sum(record["seconds"] for record in state.history)
    tokens = sum(record["seconds"] * record["tokens_per_second"] for record in state.history)
    return {"seconds": seconds, "tokens_per_second": tokens / seconds, "epochs": state.epoch,
            "best_epoch": state.best_epoch, "use_dev": config.training.use_dev,
            "fitted_f1": _fitted_f1(model, corpus, config)}


def _fitted_f1(model: Trainable, corpus: ProcessedCorpus, config: Config) -> float:
    """The entity F1 on the last of the training sentences: low if training has failed."""
    split = _annotated(corpus, config).last(JUDGED)
    tags = corpus.encoder.tags
    gold = predicted_tags(tags, np.split(split.tags, split.bounds[1:-1]))
    return evaluate(gold, predicted_tags(tags, model.predict(split))).micro.f1


def _outside_penalty(model: Trainable, inputs: Inputs, corpus: ProcessedCorpus, config: Config,
                     rules: Optional[EntityRules]) -> float:
    """What the configuration says, or what is best on dev under the condition of raw text, after the rules."""
    given = config.decoding.outside_penalty
    if given != "auto":
        return given
    encoded = [split for condition, split in inputs.items() if condition.split == "dev"]
    if not encoded or config.training.use_dev:  # the best on what was trained on is of no use elsewhere
        return 0.0
    kept, tokens = corpus.meta.get("kept_types", ()), encoded[-1].tokens()
    return best_outside_penalty(
        model, encoded[-1], corpus.gold["dev"], config.training.evaluation_batch,
        lambda sentences, ids: without_types(with_rules(rules, [tokens[index] for index in sentences], predicted_tags(
            corpus.encoder.tags, ids)), kept))


def _calibrated(model: Trainable, inputs: Inputs, corpus: ProcessedCorpus, config: Config) -> Values:
    """Fit a temperature on dev, under the condition of raw text, and report its effect."""
    # The condition with predictions comes last, and replaces the one without.
    chosen = {condition.split: encoded for condition, encoded in inputs.items()}
    kept = corpus.meta.get("kept_types", ())
    scores = {split: ConfidenceScores(model, encoded, corpus.gold[split], config.training.evaluation_batch, kept)
              for split, encoded in chosen.items()}
    # On what it was trained on, a network is more confident than elsewhere.
    temperature = (scores["dev"].checked_temperature() if "dev" in scores and not config.training.use_dev
                   else 1.0)
    return {"temperature": temperature,
            "calibration": {split: calibration(score, temperature) for split, score in scores.items()}}
