"""The model card in the report of a run: data, intended use, figures by type, limits (Mitchell et al. 2019)."""

from __future__ import annotations

from typing import List, Optional

from ner_mx.evaluation.conditions import Condition
from ner_mx.reports.markdown import plain, table
from ner_mx.untyped import ReadOnlyValues

# A type of which a score is known to less than ± this many points, or whose F1 is lower than that, is a limit.
UNCERTAIN, WEAK = 5.0, 60.0
# The loss of F1, in points, from which text of another case, or names that are new, are a limit.
LOSS = 2.0


def model_card(metrics: ReadOnlyValues, data: Optional[ReadOnlyValues], config: ReadOnlyValues) -> List[str]:
    """The card in Markdown.

    Parameters
    ----------
    metrics, data, config : of a run; ``data`` is None for a run of an earlier version.
    """
    card = config.get("card", {})
    test = _as_raw_text(metrics)
    entity = test["entity"]
    lines = ["## Model card", "",
             f"- **Model:** {config['model']['name']}, seed {metrics['seed']}; finds "
             f"{', '.join(plain(label) for label in entity['types'])}."]
    if data:
        train = data["counts"]["train"]
        lines.append(f"- **Data:** {plain(config['corpus']['name'])}, {train['sentences']:,} sentences with "
                     f"{train['tokens']:,} tokens and {train['entities']:,} entities for training, split by the method "
                     f"{data['split']['method']}.")
    lines += [f"- **Intended use:** {plain(card.get('intended_use') or 'not stated; set card.intended_use')}",
              f"- **Licence:** {plain(card.get('licence') or 'not stated; set card.licence')}", ""]
    named = [*((plain(label), score) for label, score in entity["types"].items()), ("**all**", entity["micro"])]
    rows = [[name, f"{100 * score['f1']:.2f}", f"± {_half_width(score):.1f}", f"{score['gold']:,}"]
            for name, score in named]
    lines += table(("type", "test F1", "95 %, about", "entities of test"), rows)
    limits = [*([plain(card["limits"])] if card.get("limits") else []), *_limits(metrics, test)]
    return [*lines, "Limits:", "", *(f"- {limit}" for limit in limits), ""]


def _as_raw_text(metrics: ReadOnlyValues) -> ReadOnlyValues:
    """The figures on test under the condition of raw text."""
    conditions = sorted(condition for key, value in metrics.items() if isinstance(value, dict) and "entity" in value
                        for condition in [Condition.from_key(key)] if condition.split == "test")
    figures: ReadOnlyValues = metrics[conditions[-1].key]
    return figures


def _half_width(score: ReadOnlyValues) -> float:
    """Half of a 95 % interval of an F1 in points, as if it were a share of the gold entities."""
    gold = max(1, score["gold"])
    return float(196 * ((score["f1"] * (1 - score["f1"]) + 1 / (4 * gold)) / gold) ** 0.5)


def _limits(metrics: ReadOnlyValues, test: ReadOnlyValues) -> List[str]:
    """What the figures say that the model cannot do."""
    entity, f1 = test["entity"], 100 * test["entity"]["micro"]["f1"]
    limits = []
    if metrics.get("kept_types"):
        limits.append(f"It also finds {', '.join(map(plain, metrics['kept_types']))}, learned by the network that it "
                      "started from: this corpus does not annotate them, and no figure here counts them.")
    weak = [plain(label) for label, score in entity["types"].items() if 100 * score["f1"] < WEAK and score["gold"]]
    if weak:
        limits.append(f"It often misses or confuses {', '.join(weak)}: F1 below {WEAK:.0f}.")
    vague = [plain(label) for label, score in entity["types"].items() if _half_width(score) > UNCERTAIN]
    if vague:
        limits.append(f"Test has few entities of {', '.join(vague)}: their F1 is known to ± {UNCERTAIN:.0f} points at "
                      "most.")
    unseen = test.get("novelty", {}).get("unseen")
    if unseen and unseen["gold"] and f1 - 100 * unseen["f1"] > LOSS:
        limits.append(f"Names that are not in the training data are harder: F1 {100 * unseen['f1']:.2f}, against "
                      f"{f1:.2f} in all.")
    for case, name in (("lower", "in lower case"), ("upper", "in capitals")):
        score = metrics.get("other_case", {}).get(case)
        if score and f1 - 100 * score["f1"] > LOSS:
            limits.append(f"Text {name} has F1 {100 * score['f1']:.2f}; --experiment robust trains on such text, too.")
    raw = metrics.get("raw_text", {}).get("test")
    if raw and raw.get("impossible"):
        limits.append(f"{raw['impossible']:,} of {raw['micro']['gold']:,} entities of test do not fit the tokenizer, "
                      "and cannot be found in raw text.")
    return [*limits, "The figures hold for text like that of test; on other text, measure before use: ner-mx evaluate."]
