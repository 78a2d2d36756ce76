"""Entities by what makes them easy or hard, and the scores of each group."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ner_mx.analysis.names import BORDERS, Words, readings_of
from ner_mx.analysis.overlap import NOVELTY, novelty_of
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.evaluation.scores import Score, Tags

# A name is ambiguous if at least this share of its occurrences in train is annotated in another way than most.
AMBIGUOUS = 0.1

# The lowest values of the groups of a number, with their names.
Ranges = Sequence[Tuple[int, str]]
ENTITY_LENGTHS: Ranges = ((1, "1 token"), (2, "2 tokens"), (3, "3 tokens"), (4, "4 or more"))
SENTENCE_LENGTHS: Ranges = ((1, "1 to 9 tokens"), (10, "10 to 19"), (20, "20 to 29"), (30, "30 to 49"),
                            (50, "50 or more"))
FREQUENCIES: Ranges = ((0, "never in train"), (1, "once"), (2, "2 to 9 times"), (10, "10 to 99 times"),
                       (100, "100 times or more"))


class TrainingNames(NamedTuple):
    """What training data says of names: how each is annotated, and all words."""

    readings: Dict[Words, Counter[str]]
    words: Set[str]

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> TrainingNames:
        """Of annotated sentences."""
        return cls(readings_of(sentences), {token for sentence in sentences for token in sentence.tokens})


Group = Callable[[Sentence, Span], str]


def group_functions(train: TrainingNames, genres: Sequence[str]) -> Dict[str, Group]:
    """The groups of an entity in a sentence, by what they are about; genres only if there are several."""
    functions: Dict[str, Group] = {
        "train knows the entity": lambda sentence, span: novelty_of(_words(sentence, span), span.label, train.readings,
                                                                   train.words),
        "occurrences of the name": lambda sentence, span: _range(FREQUENCIES, sum(
            train.readings.get(_words(sentence, span), Counter()).values())),
        "ambiguity of the name": lambda sentence, span: _ambiguity(train.readings.get(_words(sentence, span))),
        "length of the entity": lambda sentence, span: _range(ENTITY_LENGTHS, span.end - span.start),
        "length of the sentence": lambda sentence, span: _range(SENTENCE_LENGTHS, len(sentence.tokens)),
        "capitals": _capitals,
    }
    if len(set(genres)) > 1:
        functions["genre"] = lambda sentence, span: sentence.title.partition("/")[0]
    return functions


# The order in which groups are shown; others follow in alphabetical order.
ORDER = [*NOVELTY, *(name for ranges in (FREQUENCIES, ENTITY_LENGTHS, SENTENCE_LENGTHS) for _, name in ranges),
         "always the same", "ambiguous", "not in train"]


def sliced_scores(sentences: Sequence[Sentence], gold: Tags, predicted: Tags,
                  functions: Dict[str, Group]) -> Dict[str, Dict[str, Score]]:
    """The scores of each group of entities; a predicted entity is in the group of its own words.

    Returns
    -------
    Scores by what the groups are about and by group.  The counts of the groups of one kind add up to those of all.
    """
    counts: Dict[str, Dict[str, List[int]]] = {name: defaultdict(lambda: [0, 0, 0]) for name in functions}
    for sentence, gold_tags, tags in zip(sentences, gold, predicted):
        expected, found = set(spans_of(gold_tags)), set(spans_of(tags))
        for column, spans in enumerate((expected, found, expected & found)):
            _count(counts, column, sentence, spans, functions)
    return {name: {group: Score(*groups[group]) for group in sorted(groups, key=_place)}
            for name, groups in counts.items()}


def _count(counts: Dict[str, Dict[str, List[int]]], column: int, sentence: Sentence, spans: Iterable[Span],
           functions: Dict[str, Group]) -> None:
    for span in spans:
        for name, function in functions.items():
            counts[name][function(sentence, span)][column] += 1


def _place(group: str) -> Tuple[int, str]:
    return (ORDER.index(group) if group in ORDER else len(ORDER)), group


def _words(sentence: Sentence, span: Span) -> Words:
    return sentence.tokens[span.start:span.end]


def _range(ranges: Ranges, value: int) -> str:
    return [name for lowest, name in ranges if lowest <= value][-1]


def _ambiguity(readings: Optional[Counter[str]]) -> str:
    counts = [count for reading, count in (readings or Counter()).items() if reading != BORDERS]
    if not counts:
        return "not in train"
    return "always the same" if sum(counts) - max(counts) < AMBIGUOUS * sum(counts) else "ambiguous"


def _capitals(sentence: Sentence, span: Span) -> str:
    words = "".join(_words(sentence, span))
    if words.isupper() and "".join(sentence.tokens).isupper():
        return "sentence in capitals"
    return "entity in capitals" if words.isupper() else "lower case" if words.islower() else "others"
