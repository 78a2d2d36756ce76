"""Precision, recall and F1 of entities, by conlleval's rules.

An entity counts as correct if its first token, its last token and its type
are those of a gold entity.
"""

from __future__ import annotations

from typing import Counter, Dict, Iterable, NamedTuple, Sequence

from ner_mx.data.spans import spans_of
from ner_mx.errors import UserError
from ner_mx.untyped import Values

Tags = Sequence[Sequence[str]]


class Score(NamedTuple):
    """Counts of entities (or of tokens, if the name says so)."""

    gold: int
    found: int
    correct: int

    @property
    def precision(self) -> float:
        """Correct among found, 0 if nothing was found."""
        return self.correct / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Correct among gold, 0 if there is no gold."""
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, 0 if both are 0."""
        return 2 * self.correct / (self.gold + self.found) if self.correct else 0.0

    def to_json(self) -> Values:
        """Fractions and counts."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1, **self._asdict()}


class Evaluation(NamedTuple):
    """The scores of one set of sentences.

    types : by entity type, for every type in gold or prediction.
    tokens : all tokens.  tokens_correct : tokens with the gold tag.
    token_types : the token-level scores that others have published as "F1".
    """

    types: Dict[str, Score]
    tokens: int
    tokens_correct: int
    token_types: Dict[str, Score]

    @property
    def micro(self) -> Score:
        """All entities together."""
        return _sum(self.types.values())

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the types; types that are only predicted count as 0."""
        return sum(score.f1 for score in self.types.values()) / len(self.types) if self.types else 0.0

    @property
    def accuracy(self) -> float:
        """The share of tokens with the right tag."""
        return self.tokens_correct / self.tokens if self.tokens else 0.0

    def to_json(self) -> Values:
        """Fractions: entity-level under ``entity``, token-level under ``token``."""
        token = _sum(self.token_types.values())
        return {
            "entity": {"micro": self.micro.to_json(), "macro": {"f1": self.macro_f1},
                       "types": {label: score.to_json() for label, score in self.types.items()}},
            "token": {"accuracy": self.accuracy, "count": self.tokens,
                      "micro_without_O": token.to_json()},
        }


def _sum(scores: Iterable[Score]) -> Score:
    scores = list(scores)
    return Score(*(sum(column) for column in zip(*scores))) if scores else Score(0, 0, 0)


def evaluate(gold: Tags, predicted: Tags) -> Evaluation:
    """Score predicted tags against gold tags, sentence by sentence.

    The two may be in different schemes: entities are compared, not tags (only the
    token figures compare tags, and need both in one scheme).

    Raises
    ------
    UserError : the numbers of sentences or tokens differ, or a tag is unknown.
    """
    if len(gold) != len(predicted):
        raise UserError(f"expected predictions for {len(gold)} sentences, found {len(predicted)}")
    in_gold: Counter[str] = Counter()
    in_predicted: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    token_gold: Counter[str] = Counter()
    token_predicted: Counter[str] = Counter()
    token_correct: Counter[str] = Counter()
    tokens = tokens_correct = 0
    for index, (gold_tags, predicted_tags) in enumerate(zip(gold, predicted)):
        if len(gold_tags) != len(predicted_tags):
            raise UserError(f"sentence {index + 1}: expected {len(gold_tags)} predicted tags, "
                            f"found {len(predicted_tags)}")
        try:
            gold_spans, predicted_spans = set(spans_of(gold_tags)), set(spans_of(predicted_tags))
        except ValueError as error:
            raise UserError(f"sentence {index + 1}: {error}") from None
        in_gold.update(span.label for span in gold_spans)
        in_predicted.update(span.label for span in predicted_spans)
        correct.update(span.label for span in gold_spans & predicted_spans)
        tokens += len(gold_tags)
        for gold_tag, tag in zip(gold_tags, predicted_tags):
            if gold_tag == tag:
                tokens_correct += 1
                if tag != "O":
                    token_correct[tag] += 1
            if gold_tag != "O":
                token_gold[gold_tag] += 1
            if tag != "O":
                token_predicted[tag] += 1
    return Evaluation(_table(in_gold, in_predicted, correct), tokens, tokens_correct,
                      _table(token_gold, token_predicted, token_correct))


def by_group(groups: Sequence[str], gold: Tags, predicted: Tags) -> Dict[str, Score]:
    """The score of all entities in the sentences of each group, such as a genre."""
    result = {}
    for group in sorted(set(groups)):
        chosen = [index for index, other in enumerate(groups) if other == group]
        result[group] = evaluate([gold[index] for index in chosen],
                                 [predicted[index] for index in chosen]).micro
    return result


def _table(gold: Counter[str], found: Counter[str], correct: Counter[str]) -> Dict[str, Score]:
    return {label: Score(gold[label], found[label], correct[label])
            for label in sorted({*gold, *found})}
