"""The word itself, looked up in a table that may start from pretrained vectors."""

from __future__ import annotations

from typing import (
    Annotated,
    Any,
    Collection,
    Counter,
    Dict,
    List,
    Literal,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np
from pydantic import Field, model_validator

from ner_mx.config import RESULT, Features, FeatureSettings
from ner_mx.data.normalization import normal_form
from ner_mx.data.sentence import Sentence, Warnings, no_warnings
from ner_mx.data.unicode_text import visible
from ner_mx.errors import ConfigError, CorpusError
from ner_mx.features.encoded import Encoded
from ner_mx.features.feature import Arrays, Feature, Noise, TrainingData, TypeLookup
from ner_mx.features.vocabulary import Vocabulary
from ner_mx.registry import register
from ner_mx.resources.vectors import VectorSettings, WordVectors, read_vectors
from ner_mx.resources.vectors.coverage import coverage, find_word
from ner_mx.untyped import ReadOnlyValues, Values

# The dimension if neither the configuration nor a file of vectors says another.
DIMENSION = 100


class WordSettings(FeatureSettings):
    """The section ``features.words``.

    lower : look words up in lower case.
    min_count : rarer words of the training data are unknown.
    max_size : so many of its most frequent words are known; None for all.
    dimension : None takes that of the vectors, or :data:`DIMENSION`.
    initial : of rows without a pretrained vector: uniform in +-sqrt(3 / dimension), or N(0, 1).
    trainable : whether training changes the table.
    sparse_gradients : update only the rows of the words in a batch.
    dropout : z; while training, a word seen n times is replaced by the unknown word with z / (z + n).
    """

    lower: bool = True
    min_count: int = Field(1, ge=1)
    max_size: Optional[int] = Field(None, ge=1)
    dimension: Annotated[Optional[int], RESULT] = Field(None, ge=1)
    initial: Annotated[Literal["normal", "uniform"], RESULT] = "uniform"
    trainable: Annotated[bool, RESULT] = True
    sparse_gradients: Annotated[bool, RESULT] = True
    dropout: Annotated[float, RESULT] = Field(0.25, ge=0)
    vectors: VectorSettings = VectorSettings()

    @model_validator(mode="after")
    def _vectors_need_words(self) -> WordSettings:
        if self.vectors.path and not self.use:
            raise ValueError("vectors need use: true")
        return self

    def irrelevant(self) -> Collection[str]:
        """With vectors, the dimension is theirs."""
        return ("dimension",) if self.vectors.path else ()


class Pretrained(NamedTuple):
    """matrix : (words, dimension) float32, zeros where ``known`` is False.  known : (words,) bool.

    words : of the file, for each row of the table; None where it has no vector.
    """

    matrix: np.ndarray
    known: np.ndarray
    words: List[Optional[str]]


@register.feature("words")
class Words(TypeLookup):
    """The normal form of a word."""

    Settings = WordSettings
    rank = 10
    on_by_default = True
    unit = "words"

    def __init__(self, features: Features, vocabulary: Vocabulary, vector_dimension: Optional[int] = None,
                 pretrained: Optional[Pretrained] = None, warnings: Optional[Warnings] = None):
        super().__init__(features, vocabulary)
        self._vector_dimension, self._pretrained = vector_dimension, pretrained
        self.warnings = warnings or no_warnings()

    def value(self, word: str) -> str:
        """The form under which the table knows a word."""
        return normal_form(word, self.features.digits, self.settings.lower)

    @classmethod
    def fit(cls, features: Features, data: TrainingData) -> Feature:
        """The words of the training data, followed by those of the vectors.

        Raises
        ------
        ConfigError : the configuration asks for another dimension than that of the vectors.
        CorpusError : the vectors cannot be read.
        """
        words = cls(features, Vocabulary([]))
        settings: WordSettings = words.settings
        counts: Counter[str] = Counter()
        for word, count in data.types.items():
            counts[words.value(word)] += count
        words.vocabulary = Vocabulary.counted(counts, settings.min_count, settings.max_size)
        if not settings.vectors.path:
            return words
        vectors = read_vectors(settings.vectors)
        found = vectors.matrix.shape[1]
        _check_dimension(settings, found)
        trained = len(words.vocabulary)
        words.vocabulary = words.vocabulary.extended(words.value(word) for word in vectors.words)
        return cls(features, words.vocabulary, found, words._table(vectors, trained), vectors.warnings)

    def _table(self, vectors: WordVectors, trained: int) -> Pretrained:
        rows = self._vector_rows(vectors)
        known = rows >= 0
        if not known[:trained].any():
            raise CorpusError(self.settings.vectors.path, None, (
                "expected vectors of words of the training data, found nothing of the kind; the first words of the "
                f"file are {', '.join(map(repr, vectors.words[:5]))}: are they of another language, or no words?"))
        matrix = np.zeros((len(rows), vectors.matrix.shape[1]), np.float32)
        matrix[known] = vectors.matrix[rows[known]]
        scale = self.settings.vectors.scale
        if scale:
            spread = matrix[known].std()
            if not spread:
                raise ConfigError("features.words.vectors.scale: expected numbers that differ, found a single "
                                  f"one in {self.settings.vectors.path}; use other vectors")
            matrix *= scale / spread
        return Pretrained(matrix, known, [vectors.words[row] if row >= 0 else None for row in rows])

    def _vector_rows(self, vectors: WordVectors) -> np.ndarray:
        """(words,) the row of the vectors for each row of the table, -1 for none.

        The normal form is looked up first; failing that, the first word of the
        file that has this normal form (``Rome`` for ``rome``).
        """
        rows = np.full(len(self.vocabulary), -1)
        places = {word: position for position, word in enumerate(vectors.words)}
        for word, row in self.vocabulary.known().items():
            rows[row] = find_word(places, word)
        for position, word in enumerate(vectors.words):
            row = self.vocabulary.id(self.value(word))
            if rows[row] < 0 and row != Vocabulary.UNKNOWN_ID:
                rows[row] = position
        return rows

    @property
    def dimension(self) -> int:
        """That of the configuration, of the vectors, or the default, in this order."""
        return int(self.settings.dimension or self._vector_dimension or DIMENSION)

    def noise(self, encoded: Encoded) -> Optional[Noise]:
        """Replace words at random by the unknown word, after Kiperwasser & Goldberg 2016, section 4.

        It trains the vector of unknown words on the rare words of the training data.
        """
        z = self.settings.dropout
        if not z:
            return None
        ids = np.asarray(encoded.by_type[self.name])[encoded.word_type]
        counts = np.bincount(ids, minlength=self.size)
        rates = np.where(counts > 0, z / (z + counts), 0.0)

        def replace(arrays: Arrays, random: np.random.RandomState) -> Arrays:
            words = arrays[self.name]
            hidden = random.random_sample(words.shape) < rates[words]
            return {self.name: np.where(hidden, Vocabulary.UNKNOWN_ID, words).astype(np.int32)}

        return replace

    def facts(self, tokens: Sequence[str], place: int) -> Dict[str, str]:
        """The word as which the table knows a token."""
        form = self.value(visible(tokens[place]))
        is_known = self.vocabulary.id(form) != Vocabulary.UNKNOWN_ID
        return {"word": f"known as {form}" if is_known else "unknown"}

    def state(self) -> Any:
        """The words, and the dimension of the vectors."""
        return {"words": self.vocabulary.to_json(), "vector_dimension": self._vector_dimension}

    @classmethod
    def restore(cls, features: Features, state: Any, arrays: Mapping[str, np.ndarray]) -> Feature:
        """From :meth:`state`.

        Raises
        ------
        ConfigError : the configuration asks for another dimension than that of the vectors.
        """
        words = cls(features, Vocabulary.from_json(state["words"]), state["vector_dimension"])
        if state["vector_dimension"]:
            _check_dimension(words.settings, state["vector_dimension"])
        return words

    def pretrained(self) -> Arrays:
        """``matrix`` and ``known``; nothing without vectors."""
        if self._pretrained is None:
            return {}
        return {"matrix": self._pretrained.matrix, "known": self._pretrained.known}

    def statistics(self, splits: Mapping[str, Sequence[Sentence]],
                   encoded: Mapping[str, Encoded]) -> Values:
        """The size, shares of unknown words, and of tokens by how their vector was found."""
        result: Values = {"size": self.size, "unknown": {
            name: float((np.asarray(split.by_type[self.name])[split.word_type] == Vocabulary.UNKNOWN_ID).mean())
            for name, split in encoded.items() if name != "train"}}
        if self._pretrained is not None:
            result["with_vectors"] = int(self._pretrained.known.sum())
            words = self._pretrained.words
            result["coverage"] = {name: coverage(
                (token for sentence in sentences for token in sentence.tokens),
                lambda token: words[self.vocabulary.id(self.value(token))]) for name, sentences in splits.items()}
        return result

    @staticmethod
    def summary(statistics: ReadOnlyValues) -> List[Tuple[str, str]]:
        """Unknown words and the coverage of the vectors."""
        lines = [("unknown words", ", ".join(f"{share:.2%} of {name}"
                                             for name, share in statistics["unknown"].items()))]
        for name, shares in statistics.get("coverage", {}).items():
            lines.append((f"vectors, {name}", ", ".join(f"{share:.2%} {match}"
                                                        for match, share in shares.items())))
        return lines


def _check_dimension(settings: WordSettings, found: int) -> None:
    """Check that the configuration asks for no other dimension than that of the vectors.

    Raises
    ------
    ConfigError
    """
    if settings.dimension not in (None, found):
        raise ConfigError(f"features.words.vectors.path: expected {settings.dimension}-dimensional vectors, as "
                          f"features.words.dimension says, found {found}-dimensional ones in "
                          f"{settings.vectors.path}; set features.words.dimension to null or use other vectors")
