"""The floor of every comparison: each word gets the tag that it has most often."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Counter as CounterType
from typing import Dict, List, Sequence

from ner_mx.data.sentence import Sentence
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.files import read_json, write_json
from ner_mx.registry import register
from ner_mx.systems import System, checked_settings
from ner_mx.untyped import ReadOnlyValues, Values

TAGS = "tags.json"


@register.system("majority")
class Majority(System):
    """The most frequent tag of each word in the training data; O for other words."""

    def __init__(self, settings: ReadOnlyValues, seed: int = 1):
        super().__init__(checked_settings(self.name, settings, {}), seed)
        self._tags: Dict[str, str] = {}

    def fit(self, train: Sequence[Sentence], dev: Sequence[Sentence]) -> None:
        """Count tags; among equal counts, the first in alphabetical order wins."""
        counts: Dict[str, CounterType[str]] = defaultdict(Counter)
        for sentence in train:
            for token, tag in zip(sentence.tokens, convert_tags(sentence.gold, "IOB2")):
                counts[token][tag] += 1
        self._tags = {token: min(tags, key=lambda tag: (-tags[tag], tag)) for token, tags in counts.items()}

    def tag(self, sentences: Sequence[Sentence]) -> List[List[str]]:
        """Look every word up; sequences are repaired by conlleval's rule."""
        return [list(convert_tags([self._tags.get(token, "O") for token in sentence.tokens], "IOB2"))
                for sentence in sentences]

    def describe(self) -> Values:
        """The number of words."""
        return {"words": len(self._tags)}

    def save(self, folder: Path) -> None:
        """Write the tags by word."""
        write_json(folder / TAGS, self._tags)

    def load(self, folder: Path) -> None:
        """Read them."""
        self._tags = read_json(folder / TAGS)
