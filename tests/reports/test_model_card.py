"""The model card: what the owner says, and limits that the figures show."""

import pytest

from ner_mx.config import Config
from ner_mx.reports.model_card import model_card


def score(f1, gold):
    return {"precision": f1, "recall": f1, "f1": f1, "gold": gold, "found": gold, "correct": round(f1 * gold)}


def card(config=None, **changes):
    test = {"entity": {"micro": score(0.9, 1200), "types": {"PER": score(0.95, 1000), "ART": score(0.4, 200)}},
            "novelty": {"seen": score(0.95, 1000), "unseen": score(0.7, 200)}}
    metrics = {"seed": 3, "test": {"entity": {"micro": score(0.99, 9), "types": {"PER": score(0.99, 9)}}},
               "test_with_predicted_POS": test, "dev": test,
               "other_case": {"lower": score(0.5, 1200), "upper": score(0.895, 1200)},
               "raw_text": {"test": {"micro": score(0.9, 1200), "impossible": 4}}, **changes}
    data = {"counts": {"train": {"sentences": 10, "tokens": 2000, "entities": 30}}, "split": {"method": "files"}}
    return "\n".join(model_card(metrics, data, (config or Config()).model_dump(mode="json")))


def test_the_figures_are_those_of_raw_text():
    text = card()
    assert "| PER | 95.00 | ± 1.4 | 1,000 |" in text and "| **all** | 90.00 | ± 1.7 | 1,200 |" in text
    assert "10 sentences with 2,000 tokens and 30 entities" in text and "finds PER, ART" in text


@pytest.mark.parametrize("limit", [
    "It often misses or confuses ART: F1 below 60", "few entities of ART: their F1 is known to ± 5 points",
    "not in the training data are harder: F1 70.00, against 90.00", "Text in lower case has F1 50.00",
    "4 of 1,200 entities of test do not fit"])
def test_limits_follow_from_the_figures(limit):
    assert limit in card()


def test_types_of_an_earlier_network_are_named():
    assert "It also finds LAW, learned by the network that it started from" in card(kept_types=["LAW"])


def test_what_is_no_limit_is_not_listed():
    text = card(other_case={"lower": score(0.89, 1200)},
                raw_text={"test": {"micro": score(0.9, 1200), "impossible": 0}})
    assert "lower case" not in text and "do not fit" not in text and "capitals" not in text
    assert "measure before use" in text


def test_what_the_owner_says():
    text = card(Config().updated({"card.intended_use": "News of <2026>", "card.limits": "No poems.",
                                  "card.licence": "CC BY 4.0"}))
    assert "News of &lt;2026&gt;" in text and "- No poems." in text and "**Licence:** CC BY 4.0" in text
    assert "not stated; set card.licence" in card()
