"""All that ``ner-mx errors`` says about predictions, as values of JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from ner_mx.analysis.slices import TrainingNames, group_functions, sliced_scores
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.evaluation.confusion import NOTHING, Confusion, confusions, matrix
from ner_mx.evaluation.partial_matches import count_matches
from ner_mx.evaluation.scores import evaluate
from ner_mx.evaluation.significance import approximate_randomization, entity_counts, paired_bootstrap
from ner_mx.untyped import Values

# How many kinds of errors, examples of each, and names are listed.
KINDS, EXAMPLES, NAMES = 15, 4, 25
# Words to either side of an entity in an example.
CONTEXT = 8


class Judged(NamedTuple):
    """A tagger's tags of annotated sentences.

    name : of the tagger.
    sentences : with their gold tags.
    predicted : tags of each sentence, in any scheme.
    genres : of the sentences; "" without names of documents.
    """

    name: str
    sentences: Sequence[Sentence]
    predicted: List[List[str]]
    genres: List[str]

    @property
    def gold(self) -> List[Tuple[str, ...]]:
        """The gold tags."""
        return [sentence.gold for sentence in self.sentences]


def analyse_errors(judged: Judged, train: Sequence[Sentence]) -> Values:
    """What a tagger does wrong, by kind and by what makes entities easy or hard."""
    gold, predicted = judged.gold, judged.predicted
    errors = confusions([sentence.tokens for sentence in judged.sentences], gold, predicted)
    labels, counts = matrix(gold, predicted, errors)
    evaluation = evaluate(gold, predicted)
    sliced = sliced_scores(judged.sentences, gold, predicted,
                           group_functions(TrainingNames.of(train), judged.genres))
    return {
        "name": judged.name, "sentences": len(judged.sentences),
        "micro": evaluation.micro.to_json(),
        "types": {label: score.to_json() for label, score in evaluation.types.items()},
        "kinds": _kinds(errors),
        "matrix": {"labels": labels, "counts": [[counts.get((row, column), 0) for column in labels] for row in labels]},
        "matches": {name: matches.to_json() for name, matches in count_matches(gold, predicted).items()},
        "slices": {name: {group: score.to_json() for group, score in groups.items()}
                   for name, groups in sliced.items()},
        "examples": _examples(judged),
        "names": [{"name": name, "errors": count, "kinds": kinds} for name, count, kinds in _worst_names(errors)],
    }


def _kinds(errors: Sequence[Confusion]) -> Dict[str, Dict[str, int]]:
    """How many errors of each kind concern each type; invented entities count with their own type."""
    counts: Dict[str, Counter[str]] = {}
    for error in errors:
        label = error.gold if error.gold != NOTHING else error.predicted
        counts.setdefault(label, Counter())[error.kind] += 1
    kinds = ("missed", "invented", "type", "borders", "borders and type")
    return {label: {kind: counts[label][kind] for kind in kinds} for label in sorted(counts)}


def _examples(judged: Judged) -> List[Values]:
    """The most frequent kinds of errors with examples."""
    groups: Dict[Tuple[str, str, str], List[Tuple[int, Confusion]]] = {}
    for index, sentence in enumerate(judged.sentences):
        for error in confusions([sentence.tokens], [sentence.gold], [judged.predicted[index]]):
            groups.setdefault((error.kind, error.gold, error.predicted), []).append((index, error))
    result = []
    for (kind, gold, predicted), errors in sorted(groups.items(), key=lambda item: -len(item[1]))[:KINDS]:
        step = max(1, len(errors) // EXAMPLES)  # spread over the corpus, which is often sorted by subject
        result.append({"kind": kind, "gold": gold, "predicted": predicted, "count": len(errors),
                       "examples": [marked_sentence(judged.sentences[index], judged.predicted[index], error.text)
                                    for index, error in errors[::step][:EXAMPLES]]})
    return result


def marked_sentence(sentence: Sentence, predicted: Sequence[str], around: str) -> Values:
    """A sentence with its gold and predicted entities, cut to some words around a name.

    Returns
    -------
    ``tokens``, ``gold`` and ``predicted`` as [start, end, type] in these tokens, and the place.
    """
    words = around.split(" ")
    tokens = sentence.tokens
    start = next((place for place in range(len(tokens)) if list(tokens[place:place + len(words)]) == words), 0)
    first, last = max(0, start - CONTEXT), start + len(words) + CONTEXT

    def shown(tags: Sequence[str]) -> List[List[Any]]:
        return [[max(0, span.start - first), min(span.end, last) - first, span.label] for span in spans_of(tags)
                if span.end > first and span.start < last]

    return {"tokens": list(tokens[first:last]), "gold": shown(sentence.gold), "predicted": shown(predicted),
            "cut": [first > 0, last < len(tokens)], "place": sentence.place(start)}


def _worst_names(errors: Sequence[Confusion]) -> List[Tuple[str, int, Dict[str, int]]]:
    """The names with the most errors, with what happened to them."""
    names: Dict[str, Counter[str]] = {}
    for error in errors:
        names.setdefault(error.text, Counter())[f"{error.gold} → {error.predicted}"] += 1
    worst = sorted(names.items(), key=lambda item: (-sum(item[1].values()), item[0]))[:NAMES]
    return [(name, sum(counts.values()), dict(counts.most_common())) for name, counts in worst]


def compare_errors(first: Judged, second: Judged) -> Values:
    """What one tagger finds and the other does not, on the same sentences, and whether chance explains the difference.

    Returns
    -------
    Counts of the gold entities found by both, by one and by neither, in all and by type; F1, the difference and its
    p values in all; examples of what one alone finds.
    """
    counts, others = (entity_counts(judged.gold, judged.predicted) for judged in (first, second))
    found: Dict[str, Counter[str]] = {}
    examples: Dict[str, List[Values]] = {"first": [], "second": []}
    for index, sentence in enumerate(first.sentences):
        tags = [first.predicted[index], second.predicted[index]]
        spans = [set(spans_of(one)) for one in tags]
        for span in spans_of(sentence.gold):
            kind = ("both" if span in spans[1] else "first") if span in spans[0] else (
                "second" if span in spans[1] else "neither")
            found.setdefault(span.label, Counter())[kind] += 1
            if kind in examples:
                wrong = tags[1] if kind == "first" else tags[0]
                examples[kind].append(marked_sentence(
                    sentence, wrong, " ".join(sentence.tokens[span.start:span.end])))
    scores = [evaluate(judged.gold, judged.predicted).micro.f1 for judged in (first, second)]
    return {"names": [first.name, second.name], "f1": scores, "difference": scores[0] - scores[1],
            "bootstrap": paired_bootstrap(counts, others), "randomization": approximate_randomization(counts, others),
            "found": {label: {kind: found[label][kind] for kind in ("both", "first", "second", "neither")}
                      for label in sorted(found)},
            "examples": {kind: entries[::max(1, len(entries) // KINDS)][:KINDS] for kind, entries in examples.items()}}
