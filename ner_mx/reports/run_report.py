"""``report.md`` of one run: scores, curves, confusions with examples, configuration, versions."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple

from ner_mx.config import read_yaml
from ner_mx.errors import install
from ner_mx.evaluation.conditions import Condition
from ner_mx.evaluation.confusion import NOTHING, Confusion, confusions, matrix
from ner_mx.evaluation.predictions import Predictions, read_predictions
from ner_mx.files import read_json, write_text
from ner_mx.reports.markdown import table
from ner_mx.reports.model_card import model_card
from ner_mx.reports.plots import learning_curves, reliability
from ner_mx.untyped import ReadOnlyValues, Values

WORST = 20


def write_report(folder: Path) -> Path:
    """Write ``report.md`` and ``plots/*.png`` into a finished run.

    Raises
    ------
    RunError : the run is not finished.
    """
    metrics = read_json(folder / "metrics.json")
    history = [json.loads(line) for line
               in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    plotted = learning_curves(history, folder / "plots" / "learning-curves.png")
    conditions = [Condition.from_key(key) for key, value in metrics.items()
                  if isinstance(value, dict) and "entity" in value]
    lines = [f"# {folder.name}", ""]
    data = read_json(folder / "data.json") if (folder / "data.json").is_file() else None
    lines += model_card(metrics, data, read_yaml(folder / "config.yaml"))
    lines += _scores(metrics, conditions)
    lines += _raw_text(metrics)
    lines += _data(folder)
    lines += _training(metrics, history, plotted)
    lines += _calibration(metrics, folder)
    for condition in conditions:
        path = folder / "predictions" / f"{condition.file_name}.conll"
        if condition.split == "test" and path.is_file():
            lines += _errors(condition.label, read_predictions(path))
    lines += ["## Configuration", "", "```yaml",
              (folder / "config.yaml").read_text(encoding="utf-8").rstrip(), "```", ""]
    lines += _environment(read_json(folder / "environment.json"), metrics["data"])
    write_text(folder / "report.md", "\n".join(lines))
    return folder / "report.md"


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _scores(metrics: ReadOnlyValues, conditions: Sequence[Condition]) -> List[str]:
    lines = ["## Entity-level scores", "",
             "Precision, recall and F1 in per cent, by conlleval's rules, on all entities of the processed corpus.", ""]
    for condition in conditions:
        lines += [f"### {condition.label}", "", *_score_table(metrics[condition.key])]
    for condition in conditions:
        if condition.split == "test" and condition.predicted:
            taggers = [key for key in metrics if key.endswith("_tagger")]
            accuracy = {split: metrics[key]["accuracy"][split] for key in taggers for split in ("dev", "test")}
            lines += [f"The tables *with predicted {condition.predicted}* are what raw text gets: a tagger trained "
                      f"beside the model predicts it (accuracy {_percent(accuracy['dev'])} on dev, "
                      f"{_percent(accuracy['test'])} on test). The others use the annotation of the corpus.", ""]
    return lines


def _score_table(figures: ReadOnlyValues) -> List[str]:
    """The scores of one condition by type, and by genre if there are genres."""
    entity, token = figures["entity"], figures["token"]
    rows = [(label, *(_percent(score[key]) for key in ("precision", "recall", "f1")),
             score["gold"], score["found"], score["correct"])
            for label, score in [*entity["types"].items(), ("**all (micro)**", entity["micro"])]]
    lines = table(("type", "precision", "recall", "F1", "gold", "found", "correct"), rows)
    if "novelty" in figures:
        rows = [(f"{name} in training", *(_percent(score[key]) for key in ("precision", "recall", "f1")), score["gold"])
                for name, score in figures["novelty"].items()]
        lines += table(("entities", "precision", "recall", "F1", "gold"), rows)
    if "words" in figures:
        rows = [(f"by {rule}", *(_percent(score[key]) for key in ("precision", "recall", "f1")), score["gold"])
                for rule, score in figures["words"].items()]
        lines += table(("whole tokens", "precision", "recall", "F1", "gold"), rows)
    if "genres" in figures:
        rows = [(genre, *(_percent(score[key]) for key in ("precision", "recall", "f1")), score["gold"])
                for genre, score in figures["genres"].items()]
        lines += table(("genre", "precision", "recall", "F1", "gold"), rows)
    return [*lines, f"Macro F1 {_percent(entity['macro']['f1'])}. Token-level, for comparison with other "
                    f"figures: accuracy {_percent(token['accuracy'])}, micro F1 without O "
                    f"{_percent(token['micro_without_O']['f1'])}.", ""]


def _raw_text(metrics: ReadOnlyValues) -> List[str]:
    """What the same text gets without the tokens and sentences of the corpus."""
    figures = metrics.get("raw_text")
    if not figures:
        return []
    lines = ["## From raw text", "",
             "The documents as text, tokenized and divided into sentences by the tokenizer that is stored with the "
             "model, scored by exact character spans. An entity is impossible if it does not consist of whole tokens "
             "of one sentence.", ""]
    rows = [(split, *(_percent(score["micro"][key]) for key in ("precision", "recall", "f1")), score["micro"]["gold"],
             score["impossible"]) for split, score in figures.items()]
    lines += table(("split", "precision", "recall", "F1", "gold", "impossible"), rows)
    cases = {"lower": "in lower case", "upper": "IN CAPITALS"}
    rows = [(cases[case], *(_percent(score[key]) for key in ("precision", "recall", "f1")))
            for case, score in metrics.get("other_case", {}).items()]
    return lines + (table(("copy of test", "precision", "recall", "F1"), rows) if rows else [])


def _data(folder: Path) -> List[str]:
    """The corpus: counts, how it was split and read, duplicates, unknown words, warnings."""
    if not (folder / "data.json").is_file():  # a run of an earlier version
        return []
    data = read_json(folder / "data.json")
    types = sorted({label for count in data["counts"].values() for label in count["types"]})
    rows = [(name, *(f"{count[key]:,}" for key in ("sentences", "tokens", "documents", "entities")),
             *(f"{count['types'].get(label, 0):,}" for label in types)) for name, count in data["counts"].items()]
    lines = ["## Corpus", "", *table(("split", "sentences", "tokens", "documents", "entities", *types), rows)]
    facts = [f"Tag scheme {data['scheme']}; split by the method {data['split']['method']}."]
    facts += [f"{name} was read with {', '.join(f'{key}={value}' for key, value in proposed.items())}."
              for name, proposed in data["proposed"].items()]
    facts += [f"{count:,} sentences of {name.replace(' in ', ' are in ')}, too." if " in " in name else
              f"{count:,} sentences of {name} repeat another." for name, count in data["duplicates"].items() if count]
    facts += [f"{share:.2%} of the tokens of {name} are unknown words."
              for name, share in data["features"].get("words", {}).get("unknown", {}).items()]
    facts += [f"{name}: the tokenizer finds {figures['equal_tokens']:,} of the {figures['tokens']:,} tokens and "
              f"{figures['equal_sentences']:,} of the {figures['sentences']:,} sentences of the corpus."
              for name, figures in data["raw_text"].items()]
    facts += [f"**Warning:** {count:,} {reason}." for reason, count in data["warnings"].items()]
    return [*lines, *(f"- {fact}" for fact in facts), ""]


def _training(metrics: ReadOnlyValues, history: List[Values], plotted: bool) -> List[str]:
    train = metrics["train"]
    lines = ["## Training", "",
             f"Seed {metrics['seed']}; {train['epochs']} epochs, {train['seconds']:.0f} s of training steps "
             f"at {train['tokens_per_second']:,.0f} tokens/s; "
             + ("dev was trained on, and the last epoch counts: dev scores mean nothing here."
                if train.get("use_dev") else f"best on dev in epoch {train['best_epoch']}."), ""]
    reached = train.get("roofline", {})
    if reached.get("share"):
        lines += [f"The matrices that every token passes took {reached['gflops']:.0f} GFLOP/s, "
                  f"{reached['share']:.0%} of the {reached['matrix_gflops']:.0f} GFLOP/s that products of large "
                  "matrices reach on this machine.", ""]
    if plotted:
        lines += ["![loss and dev score by epoch](plots/learning-curves.png)", ""]
    else:
        lines += [f'Plots need matplotlib: {install("report")}.', ""]
    rows = [(record["epoch"], f"{record['loss']:.4f}", _percent(record["score"]),
             f"{record['learning_rate']:.5f}", f"{record['seconds']:.1f}") for record in history]
    return lines + table(("epoch", "loss per token", "dev score", "learning rate", "seconds"), rows)


def _calibration(metrics: ReadOnlyValues, folder: Path) -> List[str]:
    calibrations = metrics.get("calibration", {})
    if not calibrations:
        return []
    lines = ["## Calibration", "",
             "The score of an entity is the probability of exactly this entity under the model. Of 100 "
             "entities with a score of 0.9, 90 should be right; the expected calibration error is the mean "
             "deviation from this. "
             + ("Dev was trained on, so no temperature was fitted." if metrics["train"].get("use_dev") else
                f"Scores are divided by a temperature of {metrics['temperature']:.2f}, fitted on dev."), ""]
    rows = [(split, *(f"{100 * figures[when]['expected_calibration_error']:.2f}" for when in ("before", "after")))
            for split, figures in calibrations.items()]
    lines += table(("split", "error without temperature, %", "with, %"), rows)
    shown = "test" if "test" in calibrations else next(iter(calibrations))
    if reliability(calibrations[shown], folder / "plots" / "calibration.png"):
        lines += [f"![precision by score on {shown}](plots/calibration.png)", ""]
    return lines


def _errors(name: str, predictions: Predictions) -> List[str]:
    errors = confusions(*predictions)
    labels, counts = matrix(predictions.gold, predictions.predicted, errors)
    lines = [f"## Errors on {name}", "",
             "Rows are gold types, columns what was predicted.", ""]
    lines += table(("gold \\ predicted", *labels),
                   [(gold, *(counts.get((gold, predicted), "") for predicted in labels)) for gold in labels])
    kinds = Counter(error.kind for error in errors)
    lines += ["By kind: " + (", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
                             or "no errors") + ".", ""]
    lines += [f"### The {WORST} most frequent confusions", ""]
    groups: Dict[Tuple[str, str, str], List[Confusion]] = {}
    for error in errors:
        groups.setdefault((error.gold, error.predicted, error.kind), []).append(error)
    for (gold, predicted, kind), group in sorted(groups.items(), key=lambda item: -len(item[1]))[:WORST]:
        what = kind if NOTHING in (gold, predicted) else f"{kind}, {gold} as {predicted}"
        example = group[0]
        lines.append(f"- **{len(group)}** {what} ({gold if gold != NOTHING else predicted}): "
                     f"`{_code(example.text)}` in `{_code(_context(example))}`")
    return [*lines, ""]


def _context(error: Confusion, width: int = 60) -> str:
    """The sentence around an entity, truncated."""
    place = max(0, error.sentence.find(error.text))
    begin, end = max(0, place - width), place + len(error.text) + width
    shown = error.sentence[begin:end]
    return ("… " if begin else "") + shown + (" …" if end < len(error.sentence) else "")


def _code(text: str) -> str:
    return text.replace("`", "'")


def _environment(environment: ReadOnlyValues, data: Mapping[str, str]) -> List[str]:
    lines = ["## Environment", ""]
    lines += [f"- {key}: {value}" for key, value in environment.items() if key not in ("packages", "data")]
    lines += [f"- {name} {version}" for name, version in environment["packages"].items()]
    lines += ["", "## Data", ""]
    return [*lines, *table(("file", "SHA-256"), [(name, f"`{digest}`")
                                                 for name, digest in data.items()])]
