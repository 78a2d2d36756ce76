"""The floor of CoNLL-2003: the entities of the training data, looked up."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Counter as CounterType
from typing import Dict, Iterator, List, Mapping, Sequence, Set, Tuple

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.files import read_json, write_json
from ner_mx.registry import register
from ner_mx.systems import System, checked_settings
from ner_mx.untyped import ReadOnlyValues, Values

Phrase = Tuple[str, ...]

PHRASES = "phrases.json"
# share: of the occurrences of a phrase in the training data, those that are the entity at least.
DEFAULTS = {"share": 0.0}


@register.system("phrases")
class Phrases(System):
    """The most frequent type of each entity of the training data; the longest at each place, from left to right.

    The baseline of Tjong Kim Sang and De Meulder 2003, section 3, https://aclanthology.org/W03-0419: without a
    share, it has their figures on CoNLL-2003 (71.18 on dev, 59.61 on test).
    """

    def __init__(self, settings: ReadOnlyValues, seed: int = 1):
        super().__init__(checked_settings(self.name, settings, DEFAULTS, {"share": (0, 1)}), seed)
        self._types: Dict[Phrase, str] = {}
        self._lengths: Mapping[str, List[int]] = {}

    def fit(self, train: Sequence[Sentence], dev: Sequence[Sentence]) -> None:
        """Collect the entities; among types of equal counts, the first in alphabetical order wins."""
        counts: Dict[Phrase, CounterType[str]] = defaultdict(Counter)
        for sentence in train:
            for span in spans_of(sentence.gold):
                counts[sentence.tokens[span.start:span.end]][span.label] += 1
        types = {phrase: min(labels, key=lambda label: (-labels[label], label)) for phrase, labels in counts.items()}
        self._look_up(types)
        if self.settings["share"]:
            seen = Counter(phrase for sentence in train for place in range(len(sentence.tokens))
                           for phrase in self._phrases_at(sentence.tokens, place))
            self._look_up({phrase: label for phrase, label in types.items()
                           if counts[phrase][label] >= self.settings["share"] * seen[phrase]})

    def _look_up(self, types: Dict[Phrase, str]) -> None:
        lengths: Dict[str, Set[int]] = defaultdict(set)
        for phrase in types:
            lengths[phrase[0]].add(len(phrase))
        self._types = types
        self._lengths = {word: sorted(sizes, reverse=True) for word, sizes in lengths.items()}

    def _phrases_at(self, tokens: Phrase, place: int) -> Iterator[Phrase]:
        """The known phrases that begin at a token, the longest first."""
        for size in self._lengths.get(tokens[place], ()):
            phrase = tokens[place:place + size]
            if len(phrase) == size and phrase in self._types:
                yield phrase

    def tag(self, sentences: Sequence[Sentence]) -> List[List[str]]:
        """Look up the longest phrase at each place."""
        return [self._tagged(sentence.tokens) for sentence in sentences]

    def _tagged(self, tokens: Phrase) -> List[str]:
        tags: List[str] = []
        while len(tags) < len(tokens):
            phrase = next(self._phrases_at(tokens, len(tags)), ())
            tags += [f"{'I' if number else 'B'}-{self._types[phrase]}" for number in range(len(phrase))] or ["O"]
        return tags

    def describe(self) -> Values:
        """The number of phrases."""
        return {"phrases": len(self._types)}

    def save(self, folder: Path) -> None:
        """Write the phrases, each after its type."""
        write_json(folder / PHRASES, [[label, *phrase] for phrase, label in self._types.items()])

    def load(self, folder: Path) -> None:
        """Read them."""
        self._look_up({tuple(phrase): label for label, *phrase in read_json(folder / PHRASES)})
