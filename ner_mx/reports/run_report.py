"""``report.md`` of one run: scores, curves, confusions with examples, configuration, versions."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List

from ner_mx.errors import install
from ner_mx.evaluation.confusion import NOTHING, Confusion, confusions, matrix
from ner_mx.evaluation.files import Predictions, read_predictions
from ner_mx.files import read_json, write_text
from ner_mx.reports.markdown import table
from ner_mx.reports.plots import learning_curves, reliability

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
    lines = [f"# {folder.name}", ""]
    lines += _scores(metrics)
    lines += _training(metrics, history, plotted)
    lines += _calibration(metrics, folder)
    for name in ("test", "test-with-predicted-POS"):
        path = folder / "predictions" / f"{name}.conll"
        if path.is_file():
            lines += _errors(name.replace("-", " "), read_predictions(path))
    lines += ["## Configuration", "", "```yaml",
              (folder / "config.yaml").read_text(encoding="utf-8").rstrip(), "```", ""]
    lines += _environment(read_json(folder / "environment.json"), metrics["data"])
    write_text(folder / "report.md", "\n".join(lines))
    return folder / "report.md"


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _scores(metrics: Dict[str, Any]) -> List[str]:
    lines = ["## Entity-level scores", "",
             "Precision, recall and F1 in per cent, by conlleval's rules, on the whole gold.", ""]
    for name in ("dev", "test", "dev_with_predicted_POS", "test_with_predicted_POS"):
        if name not in metrics:
            continue
        entity = metrics[name]["entity"]
        rows = [(label, *(_percent(score[key]) for key in ("precision", "recall", "f1")),
                 score["gold"], score["found"], score["correct"])
                for label, score in [*entity["types"].items(), ("**all (micro)**", entity["micro"])]]
        lines += [f"### {name.replace('_', ' ')}", ""]
        lines += table(("type", "precision", "recall", "F1", "gold", "found", "correct"), rows)
        if "genres" in metrics[name]:
            rows = [(genre, *(_percent(score[key]) for key in ("precision", "recall", "f1")), score["gold"])
                    for genre, score in metrics[name]["genres"].items()]
            lines += table(("genre", "precision", "recall", "F1", "gold"), rows)
        token = metrics[name]["token"]
        lines += [f"Macro F1 {_percent(entity['macro']['f1'])}. Token-level, for comparison with others' "
                  f"figures: accuracy {_percent(token['accuracy'])}, micro F1 without O "
                  f"{_percent(token['micro_without_O']['f1'])}.", ""]
    if "pos_tagger" in metrics:
        accuracy = metrics["pos_tagger"]["accuracy"]
        lines += ["The tables named *with predicted POS* are what raw text gets: a tagger trained beside "
                  f"the network supplies the parts of speech (accuracy {_percent(accuracy['dev'])} on dev, "
                  f"{_percent(accuracy['test'])} on test). The others read the corpus' own.", ""]
    return lines


def _training(metrics: Dict[str, Any], history: List[Dict[str, Any]], plotted: bool) -> List[str]:
    train = metrics["train"]
    lines = ["## Training", "",
             f"Seed {metrics['seed']}; {train['epochs']} epochs, {train['seconds']:.0f} s of training steps "
             f"at {train['tokens_per_second']:,.0f} tokens/s; "
             + ("dev was trained on, and the last epoch counts: dev scores say nothing here."
                if train.get("use_dev") else f"best on dev in epoch {train['best_epoch']}."), ""]
    if plotted:
        lines += ["![loss and dev score by epoch](plots/learning-curves.png)", ""]
    else:
        lines += [f'Plots need matplotlib: {install("report")}.', ""]
    rows = [(record["epoch"], f"{record['loss']:.4f}", _percent(record["score"]),
             f"{record['learning_rate']:.5f}", f"{record['seconds']:.1f}") for record in history]
    return lines + table(("epoch", "loss a token", "dev score", "learning rate", "seconds"), rows)


def _calibration(metrics: Dict[str, Any], folder: Path) -> List[str]:
    calibrations = metrics.get("calibration", {})
    if not calibrations:
        return []
    lines = ["## Calibration", "",
             "An entity's score is the probability of exactly that entity under the model. Where 100 "
             "entities have a score of 0.9, 90 of them should be right; the expected calibration error is "
             "how far this is missed on the mean. "
             + ("Dev was trained on, so no temperature was fitted." if metrics["train"].get("use_dev") else
                f"Scores are divided by a temperature of {metrics['temperature']:.2f}, fitted on dev."), ""]
    rows = [(part, *(f"{100 * one[when]['expected_calibration_error']:.2f}" for when in ("before", "after")))
            for part, one in calibrations.items()]
    lines += table(("part", "error without temperature, %", "with, %"), rows)
    shown = "test" if "test" in calibrations else next(iter(calibrations))
    if reliability(calibrations[shown], folder / "plots" / "calibration.png"):
        lines += [f"![precision by score on {shown}](plots/calibration.png)", ""]
    return lines


def _errors(name: str, predictions: Predictions) -> List[str]:
    errors = confusions(*predictions)
    labels, counts = matrix(predictions.gold, predictions.predicted, errors)
    lines = [f"## Errors on {name}", "",
             "Rows are types of the gold, columns what was made of them.", ""]
    lines += table(("gold \\ found", *labels),
                   [(one, *(counts.get((one, two), "") for two in labels)) for one in labels])
    kinds = Counter(error.kind for error in errors)
    lines += ["By kind: " + (", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
                             or "none") + ".", ""]
    lines += [f"### The {WORST} confusions that happen most", ""]
    groups: Dict[Any, List[Confusion]] = {}
    for error in errors:
        groups.setdefault((error.gold, error.predicted, error.kind), []).append(error)
    for (one, two, kind), group in sorted(groups.items(), key=lambda item: -len(item[1]))[:WORST]:
        what = kind if NOTHING in (one, two) else f"{kind}, {one} as {two}"
        example = group[0]
        lines.append(f"- **{len(group)}** {what} ({one if one != NOTHING else two}): "
                     f"`{_code(example.text)}` in `{_code(_around(example))}`")
    return [*lines, ""]


def _around(error: Confusion, width: int = 60) -> str:
    """The sentence about an entity, cut to what shows it."""
    place = max(0, error.sentence.find(error.text))
    begin, end = max(0, place - width), place + len(error.text) + width
    cut = error.sentence[begin:end]
    return ("… " if begin else "") + cut + (" …" if end < len(error.sentence) else "")


def _code(text: str) -> str:
    return text.replace("`", "'")


def _environment(environment: Dict[str, Any], data: Dict[str, str]) -> List[str]:
    lines = ["## Environment", ""]
    lines += [f"- {key}: {value}" for key, value in environment.items() if key != "packages"]
    lines += [f"- {name} {version}" for name, version in environment["packages"].items()]
    lines += ["", "## Data", ""]
    return [*lines, *table(("file", "SHA-256"), [(name, f"`{digest}`")
                                                 for name, digest in data.items()])]
