"""Positions in lists of known names (Chiu & Nichols 2016, section 2.3.3)."""

from __future__ import annotations

from typing import Annotated, Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np
from pydantic import Field

from ner_mx.config import RESULT, Features, LookupSettings
from ner_mx.data.sentence import Sentence
from ner_mx.errors import RunError
from ner_mx.features.batch import Layout
from ner_mx.features.encoded import Encoded
from ner_mx.features.feature import Arrays, Feature, Lookup, TrainingData
from ner_mx.registry import register
from ner_mx.resources.lexicon_lists import (
    Category,
    LexiconSource,
    lexicon_arrays,
    lexicons_from_arrays,
    lookup_form,
    read_lexicons,
)
from ner_mx.resources.lexicon_matching import POSITIONS
from ner_mx.untyped import ReadOnlyValues, Values


class LexiconSettings(LookupSettings):
    """The section ``features.lexicons``: the sources by name, and the dimension for each of their categories."""

    dimension: Annotated[int, RESULT] = Field(5, ge=1)
    sources: Dict[str, LexiconSource] = {}

    def active(self) -> bool:
        """There is something to look up."""
        return self.use and bool(self.sources)


@register.feature("lexicons")
class Lexicons(Lookup):
    """One position for each category of each source, all in one table with rows of their own."""

    Settings = LexiconSettings
    rank = 50
    on_by_default = True

    def __init__(self, features: Features, categories: Sequence[Category]):
        super().__init__(features)
        self.categories = list(categories)
        self.columns = len(self.categories)

    @classmethod
    def fit(cls, features: Features, data: TrainingData) -> Feature:
        """Read the lists.

        Raises
        ------
        CorpusError : a list is missing, is in another encoding, or is empty.
        """
        settings: Any = features.settings()[cls.name]
        reading = read_lexicons(settings.sources, features.digits, data.split_digits)
        lexicons = cls(features, reading.categories)
        lexicons.warnings = reading.warnings
        return lexicons

    @property
    def size(self) -> int:
        """A row for each position of each category."""
        return self.columns * len(POSITIONS)

    @property
    def by_token(self) -> Tuple[str, ...]:
        """(tokens, categories) positions."""
        return (self.name,)

    def encode_tokens(self, sentences: Sequence[Sentence]) -> Tuple[np.ndarray, ...]:
        """The position of each token in the entry that it matches, for each category."""
        count = sum(len(sentence.tokens) for sentence in sentences)
        positions = np.zeros((count, self.columns), np.int32)
        words = [lookup_form(sentence.tokens, self.features.digits) for sentence in sentences]
        for column, (source, _, lexicon) in enumerate(self.categories):
            positions[:, column] = lexicon.positions(words)
            if self.settings.sources[source].positions == "yes-no":
                positions[:, column] = positions[:, column] > 0
        return (positions,)

    def facts(self, tokens: Sequence[str], place: int) -> Dict[str, str]:
        """The categories with an entry that the token belongs to, with its position in it."""
        positions, = self.encode_tokens([Sentence(tuple(tokens))])
        return {f"lexicon {source} {category}": POSITIONS[position] for (source, category, _), position
                in zip(self.categories, positions[place]) if position}

    def collate(self, encoded: Encoded, layout: Layout) -> Arrays:
        """(T, N, categories) int32 rows of the table."""
        first_row = np.arange(self.columns) * len(POSITIONS)
        return {self.name: layout.laid_out(encoded.by_token[self.name][layout.token] + first_row)}

    def arrays(self) -> Arrays:
        """The hashed entries."""
        return lexicon_arrays(self.categories)

    @classmethod
    def restore(cls, features: Features, state: Any, arrays: Mapping[str, np.ndarray]) -> Feature:
        """From :meth:`arrays`."""
        lexicons = cls(features, lexicons_from_arrays(arrays))
        stored, expected = {category.source for category in lexicons.categories}, set(lexicons.settings.sources)
        if stored != expected:
            raise RunError(f"expected the lexicons {', '.join(sorted(expected))}, found "
                           f"{', '.join(sorted(stored)) or 'nothing'}; preprocess again")
        return lexicons

    def statistics(self, splits: Mapping[str, Sequence[Sentence]],
                   encoded: Mapping[str, Encoded]) -> Values:
        """For each category, its entries and the share of matched tokens of each split."""
        return {"size": self.size, "categories": {f"{source} {category}": {
            "entries": len(lexicon.exact),
            "matched": {name: float((split.by_token[self.name][:, column] > 0).mean())
                        for name, split in encoded.items()}}
            for column, (source, category, lexicon) in enumerate(self.categories)}}

    @staticmethod
    def summary(statistics: ReadOnlyValues) -> List[Tuple[str, str]]:
        """One line per category."""
        return [(f"lexicon {name}", f"{category['entries']:,} entries; matched: " + ", ".join(
            f"{share:.2%} of {split}" for split, share in category["matched"].items()))
            for name, category in statistics["categories"].items()]
