"""Places of a corpus that are annotated differently although they read the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.analysis.names import BORDERS, Occurrence, Words, names_of, occurrences
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of

# The word before a name, the name, the word behind it; None at the ends of a sentence.
Context = Tuple[Optional[str], Words, Optional[str]]


class SentenceConflict(NamedTuple):
    """Sentences of the same words with different entities.

    versions : the entities, with the indices of the sentences that have them, the most frequent first.
    """

    tokens: Words
    versions: List[Tuple[Tuple[Span, ...], List[int]]]

    @property
    def minority(self) -> int:
        """How many sentences do not have the most frequent entities."""
        return sum(len(indices) for _, indices in self.versions[1:])


class NameConflict(NamedTuple):
    """A name that is annotated differently between the same two words.

    readings : the occurrences by how the name is annotated, the most frequent first.
    """

    context: Context
    readings: List[Tuple[str, List[Occurrence]]]

    @property
    def minority(self) -> int:
        """How many occurrences are not annotated like most."""
        return sum(len(places) for _, places in self.readings[1:])

    @property
    def doubt(self) -> float:
        """How likely the minority is wrong, up to 1: the lead of the majority, with one occurrence against it added.

        One deviation from twenty is suspicious, one from two says nothing.
        """
        total = sum(len(places) for _, places in self.readings)
        return (len(self.readings[0][1]) - self.minority) / (total + 1)


def sentence_conflicts(sentences: Sequence[Sentence]) -> List[SentenceConflict]:
    """The sentences that occur more than once, with different entities; those with the most copies first."""
    copies: Dict[Words, List[int]] = defaultdict(list)
    for index, sentence in enumerate(sentences):
        copies[sentence.tokens].append(index)
    conflicts = []
    for tokens, indices in copies.items():
        versions: Dict[Tuple[Span, ...], List[int]] = defaultdict(list)
        for index in indices if len(indices) > 1 else ():
            versions[tuple(spans_of(sentences[index].gold))].append(index)
        if len(versions) > 1:
            conflicts.append(SentenceConflict(tokens, sorted(versions.items(), key=lambda item: -len(item[1]))))
    return sorted(conflicts, key=lambda conflict: -sum(len(indices) for _, indices in conflict.versions))


def name_conflicts(sentences: Sequence[Sentence]) -> List[NameConflict]:
    """The names that are annotated differently between the same two words; the most doubtful first.

    Places at which the whole sentence is a name say nothing and are left out, as are occurrences in sentences with
    the same words: those are conflicts of sentences.
    """
    contexts: Dict[Context, Dict[str, List[Occurrence]]] = defaultdict(lambda: defaultdict(list))
    for words, place in occurrences(sentences, list(names_of(sentences))):
        tokens = sentences[place.sentence].tokens
        before = tokens[place.start - 1] if place.start else None
        behind = tokens[place.end] if place.end < len(tokens) else None
        if before is not None or behind is not None:
            contexts[before, words, behind][place.reading].append(place)
    conflicts = []
    for context, readings in contexts.items():
        if len(readings) > 1:
            conflicts.append(NameConflict(context, sorted(readings.items(), key=lambda item: -len(item[1]))))
    return sorted(conflicts, key=lambda conflict: (-conflict.doubt, -conflict.minority))


class BorderWord(NamedTuple):
    """A word that stands at the border of entities, inside some and directly beside others, such as a title.

    inside : how many entities have the word at their border, among the names that occur in both ways.
    beside : how many occurrences of the same names leave it out.
    example : one of the names.
    """

    word: str
    inside: int
    beside: int
    example: Words


def border_words(sentences: Sequence[Sentence]) -> List[BorderWord]:
    """The words that the same names sometimes include and sometimes leave out, the most frequent first."""
    names = names_of(sentences)
    beside: Dict[Tuple[str, Words], int] = Counter()
    spans = [{(start, end) for start, end, _ in spans_of(sentence.gold)} for sentence in sentences]
    for words, place in occurrences(sentences, [words for words in names if len(words) > 1]):
        if place.reading == BORDERS:
            for word, rest in ((words[0], (place.start + 1, place.end)), (words[-1], (place.start, place.end - 1))):
                beside[word, words] += rest in spans[place.sentence]
    totals: Dict[str, BorderWord] = {}
    for (word, words), count in beside.items():
        if count:
            inside = sum(names[words].values())
            old = totals.get(word, BorderWord(word, 0, 0, words))
            totals[word] = old._replace(inside=old.inside + inside, beside=old.beside + count)
    return sorted(totals.values(), key=lambda entry: -min(entry.inside, entry.beside))
