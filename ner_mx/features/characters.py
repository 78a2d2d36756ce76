"""The characters of a word, as sequences of ids (Chiu & Nichols 2016, sections 2.2.1 and 2.5)."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Counter, Dict, Literal, Mapping, Optional, Sequence, Tuple

import numpy as np
from pydantic import Field

from ner_mx.config import RESULT, Features, FeatureSettings
from ner_mx.data.normalization import fold_digits
from ner_mx.data.sentence import Sentence
from ner_mx.data.tokenizers.rules import LONGEST
from ner_mx.features.batch import Batch, Layout
from ner_mx.features.encoded import Encoded, Ragged
from ner_mx.features.feature import Arrays, Feature, Noise, TrainingData, TypeValue, with_vocabulary
from ner_mx.features.vocabulary import Vocabulary
from ner_mx.registry import register
from ner_mx.untyped import Values

# The paper's four character types.
CHARACTER_TYPES = ("other", "upper", "lower", "punctuation")

# Distinct words and their longest length are rounded up to multiples of these: MXNet plans memory
# for every new shape, and the character CNN halves the length three times.
ROW_STEP, LENGTH_STEP = 16, 8


class CharacterSettings(FeatureSettings):
    """The section ``features.characters``.

    types : read the four types of characters, too.
    longest : read so many of the first characters of a word; None for all.
    dimension, type_dimension : of the vectors of characters and of their types.
    filters : of the convolution, and thus the dimension of the vector of a word.
    width : characters that the convolution sees at once.
    dropout : the share of characters that are unknown while training.
    """

    types: bool = False
    longest: Optional[int] = Field(None, ge=1)
    dimension: Annotated[int, RESULT] = Field(25, ge=1)
    type_dimension: Annotated[int, RESULT] = Field(4, ge=1)
    filters: Annotated[int, RESULT] = Field(53, ge=1)
    width: Annotated[int, RESULT] = Field(3, ge=1, le=100)
    activation: Annotated[Literal["none", "relu", "tanh"], RESULT] = "none"
    dropout: Annotated[float, RESULT] = Field(0.0, ge=0, lt=1)


def character_type(character: str) -> int:
    """The index in :data:`CHARACTER_TYPES` of one character."""
    if character.isupper():
        return 1
    if character.islower():
        return 2
    return 3 if unicodedata.category(character)[0] in "PS" else 0


@register.feature("characters")
class Characters(Feature):
    """The ids of the characters of a word, digits folded, and of their types."""

    Settings = CharacterSettings
    rank = 20
    on_by_default = True
    unit = "characters"
    of_word_type = True

    def __init__(self, features: Features, vocabulary: Vocabulary):
        super().__init__(features)
        self.vocabulary = vocabulary

    @classmethod
    def fit(cls, features: Features, data: TrainingData) -> Feature:
        """The characters of the training data."""
        counts: Counter[str] = Counter()
        for word, count in data.types.items():
            for character in fold_digits(word, features.digits):
                counts[character] += count
        return cls(features, Vocabulary.counted(counts))

    @property
    def by_type(self) -> Tuple[str, ...]:
        """The sequences of a word type."""
        return ("characters", "character_types") if self.settings.types else ("characters",)

    def encode_type(self, word: str) -> Tuple[TypeValue, ...]:
        """The ids of the characters of a word, and their types."""
        # A word of raw text may be of any length; one of a corpus is not truncated by the tokenizer either.
        characters = fold_digits(word, self.features.digits)[:min(LONGEST, self.settings.longest or LONGEST)]
        ids = self.vocabulary.ids(characters)
        if not self.settings.types:
            return (ids,)
        return ids, [character_type(character) for character in characters]

    def collate(self, encoded: Encoded, layout: Layout) -> Arrays:
        """The distinct words of a batch, U of at most L characters.

        Returns
        -------
        characters, character_types : (L, U) int32 ids.
        character_length : (U,) int32, characters per word, at least 1.
        word_types : (T, N) int32, the index among the U words of each token.
        """
        distinct, local = layout.distinct
        arrays: Arrays = {"word_types": local}
        for name in self.by_type:
            array = encoded.by_type[name]
            assert isinstance(array, Ragged)
            arrays[name], arrays["character_length"] = _rectangle(array, distinct)
        return arrays

    def noise(self, encoded: Encoded) -> Optional[Noise]:
        """Replace characters at random by the unknown one, in each batch others."""
        rate = self.settings.dropout
        if not rate:
            return None

        def replace(arrays: Arrays, random: np.random.RandomState) -> Arrays:
            characters = arrays["characters"]
            hidden = (characters != 0) & (random.random_sample(characters.shape) < rate)
            return {"characters": np.where(hidden, Vocabulary.UNKNOWN_ID, characters).astype(np.int32)}

        return replace

    def tables(self, batch: Batch) -> Dict[str, Tuple[int, ...]]:
        """Those of the characters and of their types, multiplied by the weights of the convolution, and the words."""
        sizes = {"characters": len(self.vocabulary), "character_types": len(CHARACTER_TYPES)}
        return {**{name: (sizes[name], self.settings.filters) for name in self.by_type},
                "word_types": batch["character_length"].shape}

    def grown(self, later: Feature) -> Feature:
        """With the characters of both, those of this one first."""
        assert isinstance(later, Characters)
        grown: Feature = with_vocabulary(later, self.vocabulary.extended(later.vocabulary.to_json()))
        return grown

    def state(self) -> Any:
        """The characters."""
        return self.vocabulary.to_json()

    @classmethod
    def restore(cls, features: Features, state: Any, arrays: Mapping[str, np.ndarray]) -> Feature:
        """From the characters."""
        return cls(features, Vocabulary.from_json(state))

    def statistics(self, splits: Mapping[str, Sequence[Sentence]],
                   encoded: Mapping[str, Encoded]) -> Values:
        """The number of characters, padding and unknown included."""
        return {"size": len(self.vocabulary)}


def _rectangle(array: Ragged, chosen: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The chosen sequences as columns, (L, U) int32, and their lengths, (U,) int32."""
    starts = array.bounds[chosen]
    length = array.bounds[chosen + 1] - starts
    columns = -(-len(chosen) // ROW_STEP) * ROW_STEP
    rows = -(-int(length.max()) // LENGTH_STEP) * LENGTH_STEP
    place = np.arange(rows)[:, None]
    real = place < length  # (L, chosen)
    rectangle = np.zeros((rows, columns), np.int32)
    rectangle[:, :len(chosen)][real] = array.values[(starts + place)[real]]
    # A column that only fills up the array has one character, so that its maximum is over something.
    full = np.ones(columns, np.int32)
    full[:len(chosen)] = length
    return rectangle, full
