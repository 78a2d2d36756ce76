"""Why a network reads an entity: what changes its probability when it is hidden."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ner_mx.analysis.occlusion import HIDDEN, Change, Variant, encode_variants
from ner_mx.data.spans import Span
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.decoding.scoring import for_each_sentence
from ner_mx.features.batch import Batch
from ner_mx.features.feature import Feature

# Probabilities beyond this and 1 minus it are as good as 0 and 1; the log-odds stay below 14.
LEAST = 1e-6
# Of the method sampling: sentences with random words hidden, and the width of the kernel of Ribeiro et al. 2016,
# section 3.4, as the share of words that are hidden at which a sentence counts 1/e.
SAMPLES, KERNEL, RIDGE = 400, 0.5, 1.0


class Explanation(NamedTuple):
    """How much each part of a sentence speaks for an entity: the log-odds of its probability that are lost without it.

    span, probability : the entity.
    words : of each token of the sentence.
    characters : of each character of each token of the entity, for the feature that reads characters; empty without.
    features : of each feature at all tokens of the sentence together.
    by_token : of each feature at each token of the entity.
    facts : of each token of the entity, what its features know of it, such as matches in lexicons.
    """

    span: Span
    probability: float
    words: List[float]
    characters: List[List[float]]
    features: Dict[str, float]
    by_token: Dict[str, List[float]]
    facts: List[Dict[str, str]]


def explain(recognizer: Recognizer, tokens: Sequence[str], spans: Sequence[Span], method: str = "occlusion",
            seed: int = 1) -> List[Explanation]:
    """What speaks for entities in a sentence.

    Parameters
    ----------
    spans : the entities, found or not: what speaks against one that was not found can be asked, too.
    method : of the effects of words: ``occlusion`` hides one at a time; ``sampling`` hides random subsets and fits a
        linear model of the log-odds to them, as LIME does (Ribeiro et al. 2016).

    Raises
    ------
    ValueError : the network splits tokens, or the sentence is longer than a window.
    """
    recognizer.check_whole([tokens])
    features = [feature for feature in recognizer.encoder.features if feature.by_type or feature.by_token]
    parts = _parts(tokens, spans, features)
    names = list(parts)
    odds = _log_odds(recognizer, tokens, [[], *parts.values()], spans)  # (variants, spans)
    lost = {name: odds[0] - row for name, row in zip(names, odds[1:])}
    words = [[float(lost["word", place, ""][number]) for place in range(len(tokens))] for number in range(len(spans))]
    if method == "sampling":
        words = _sampled(recognizer, tokens, spans, seed)
    reads_characters = any(feature.name == "characters" for feature in features)
    result = []
    for number, span in enumerate(spans):
        inside = range(span.start, span.end)
        characters = [[float(lost["character", place, str(offset)][number]) for offset in range(len(tokens[place]))]
                      for place in inside] if reads_characters else []
        result.append(Explanation(
            span, float(1 / (1 + np.exp(-odds[0, number]))), words[number], characters,
            {feature.name: float(lost["feature", -1, feature.name][number]) for feature in features},
            {feature.name: [float(lost["feature", place, feature.name][number]) for place in inside]
             for feature in features},
            [_facts(recognizer, tokens, place) for place in inside]))
    return result


# What is hidden: a kind, a token and the name of a feature or the number of a character.
Part = Tuple[str, int, str]


def _parts(tokens: Sequence[str], spans: Sequence[Span],
           features: Sequence[Feature]) -> Dict[Part, Variant]:
    """All that is hidden, one after the other."""
    parts: Dict[Part, Variant] = {("word", place, ""): [Change(place, HIDDEN)] for place in range(len(tokens))}
    inside = sorted({place for span in spans for place in range(span.start, span.end)})
    for feature in features:
        every = [Change(place, HIDDEN, (feature.name,)) for place in range(len(tokens))]
        parts["feature", -1, feature.name] = every
        for place in inside:
            parts["feature", place, feature.name] = [every[place]]
        if feature.name == "characters":
            for place in inside:
                word = tokens[place]
                for offset in range(len(word)):
                    without = word[:offset] + HIDDEN + word[offset + 1:]
                    parts["character", place, str(offset)] = [Change(place, without, (feature.name,))]
    return parts


def _log_odds(recognizer: Recognizer, tokens: Sequence[str], variants: Sequence[Variant],
              spans: Sequence[Span]) -> np.ndarray:
    """(variants, spans) the log-odds of each entity in each variant of a sentence."""
    decoder = recognizer.scorer.decoder()

    def work(batch: Batch, emissions: np.ndarray) -> List[List[float]]:
        lattice = decoder.lattice(emissions, batch.length)
        return [[sums.probability(span) for span in spans] for sums in decoder.span_sums(lattice, batch.length)]

    encoded = encode_variants(recognizer, tokens, variants)
    probabilities = np.array(for_each_sentence(recognizer.scorer, encoded, recognizer.size, work))
    clipped = np.clip(probabilities.reshape(len(variants), len(spans)), LEAST, 1 - LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _sampled(recognizer: Recognizer, tokens: Sequence[str], spans: Sequence[Span], seed: int) -> List[List[float]]:
    """The coefficients of a linear model of the log-odds by which words are there, for each entity."""
    random = np.random.RandomState(seed)
    size = len(tokens)
    shown = np.ones((SAMPLES, size), bool)
    for row in shown[1:]:
        row[random.permutation(size)[:random.randint(1, size + 1)]] = False
    variants = [[Change(int(place), HIDDEN) for place in np.flatnonzero(~row)] for row in shown]
    odds = _log_odds(recognizer, tokens, variants, spans)
    # The cosine between the sentence and what is left of it.
    distance = 1 - np.sqrt(shown.mean(axis=1))
    weights = np.exp(-(distance / KERNEL) ** 2)
    inputs = np.column_stack([shown.astype(float), np.ones(SAMPLES)])
    penalty = RIDGE * np.diag([1.0] * size + [0.0])
    left = inputs.T @ (weights[:, None] * inputs) + penalty
    coefficients = np.linalg.solve(left, inputs.T @ (weights[:, None] * odds))
    return [coefficients[:size, number].tolist() for number in range(len(spans))]


def _facts(recognizer: Recognizer, tokens: Sequence[str], place: int) -> Dict[str, str]:
    """What the features know of a token."""
    facts: Dict[str, str] = {}
    for feature in recognizer.encoder.features:
        facts.update(feature.facts(tokens, place))
    return facts


def deletion_curve(recognizer: Recognizer, tokens: Sequence[str], span: Span, order: Sequence[int]) -> List[float]:
    """The probability of an entity when the first 0, 1, … tokens of an order are hidden together."""
    variants = [[Change(place, HIDDEN) for place in order[:count]] for count in range(len(order) + 1)]
    odds = _log_odds(recognizer, tokens, variants, [span])[:, 0]
    return [float(value) for value in 1 / (1 + np.exp(-odds))]


def area(curve: Sequence[float]) -> float:
    """The mean height of a curve between its points, from 0 to 1: the lower, the faster the entity was lost."""
    points = np.asarray(curve, float)
    return float((points[1:] + points[:-1]).mean() / 2) if len(points) > 1 else float(points[0])
