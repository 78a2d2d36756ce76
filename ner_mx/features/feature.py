"""What a feature is: fitted on training data, encoded once per corpus, collated for every batch."""

from __future__ import annotations

from copy import copy
from typing import (
    Any,
    Callable,
    ClassVar,
    Counter,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    Union,
)

import numpy as np

from ner_mx.config import Features, FeatureSettings, LookupSettings
from ner_mx.data.sentence import Sentence, Warnings, no_warnings
from ner_mx.errors import ConfigError
from ner_mx.features.batch import Batch, Layout
from ner_mx.features.encoded import Encoded, Ragged
from ner_mx.features.vocabulary import Vocabulary
from ner_mx.untyped import ReadOnlyValues, Values

# What a word type is encoded as: an id, or a sequence of ids.
TypeValue = Union[int, List[int]]
Arrays = Dict[str, np.ndarray]
Noise = Callable[[Arrays, np.random.RandomState], Arrays]


class TrainingData(NamedTuple):
    """What features are fitted on.

    sentences : of the training data.  types : its word types with their counts.
    split_digits : whether tokens were split at digits.
    """

    sentences: Sequence[Sentence]
    types: Counter[str]
    split_digits: bool = False


class Feature:
    """A property of words that models read.

    Most features are a :class:`TypeLookup` or a :class:`TokenLookup`, which get
    an embedding, their ONNX nodes and their place in the batch without more.
    Any other needs an embedder of its own, see :mod:`ner_mx.models.embedders`.

    Attributes
    ----------
    Settings : the section ``features.NAME`` of the configuration.
    rank : the order of the features in the concatenated vector.
    on_by_default : whether the feature is used if the configuration does not mention it.
    predicted_as : the name of an annotation that raw text lacks, such as ``"POS"``: a tagger is
        trained for it and exported beside the model.  ``""`` for all other features.
    unit : what the ids of the feature count, for the summary of a corpus; ``""`` leaves it out.
    cells : the memory that an id of a word takes in a model, as a multiple of that of a character.
    of_word_type : whether the vector of a token depends on its word type alone: a bundle computes it once per type.
    by_type, by_token : the names of the arrays that :meth:`encode_type` and :meth:`encode_tokens` fill.
    """

    name: ClassVar[str]
    Settings: ClassVar[Type[FeatureSettings]] = FeatureSettings
    rank: ClassVar[int] = 100
    on_by_default: ClassVar[bool] = False
    predicted_as: ClassVar[str] = ""
    unit: ClassVar[str] = ""
    cells: ClassVar[int] = 1
    of_word_type: ClassVar[bool] = False

    def __init__(self, features: Features):
        self.features = features
        self.settings: Any = features.settings()[self.name]
        self.warnings: Warnings = no_warnings()

    @classmethod
    def fit(cls, features: Features, data: TrainingData) -> Feature:
        """Build the feature from training data."""
        return cls(features)

    @classmethod
    def is_possible(cls, sentences: Sequence[Sentence]) -> bool:
        """Whether a corpus has what the feature needs; a feature whose ``use`` is ``auto`` is off where it has not."""
        return True

    @classmethod
    def check(cls, features: Features, sentences: Sequence[Sentence], path: str) -> None:
        """Check that a corpus has what the feature needs.

        Raises
        ------
        ConfigError : it has not; the message says what to set.
        """

    @property
    def by_type(self) -> Tuple[str, ...]:
        """The names of the arrays by word type."""
        return ()

    @property
    def by_token(self) -> Tuple[str, ...]:
        """The names of the arrays by token."""
        return ()

    def encode_type(self, word: str) -> Tuple[TypeValue, ...]:
        """The values of a word type, one for each name in :attr:`by_type`."""
        return ()

    def encode_tokens(self, sentences: Sequence[Sentence]) -> Tuple[np.ndarray, ...]:
        """Arrays of shape (tokens, ...), one for each name in :attr:`by_token`."""
        return ()

    def facts(self, tokens: Sequence[str], place: int) -> Dict[str, str]:
        """What the feature knows of a token of a sentence, in words, for explanations."""
        return {}

    def collate(self, encoded: Encoded, layout: Layout) -> Arrays:
        """The arrays of the feature in a batch."""
        raise NotImplementedError

    def tables(self, batch: Batch) -> Dict[str, Tuple[int, ...]]:
        """The shape, or its beginning, of the table in which a model looks up the ids of an array of a batch.

        By the name of the array; a model must read all of them, and a bundle is
        refused if its tables are of other shapes.
        """
        return {}

    def noise(self, encoded: Encoded) -> Optional[Noise]:
        """A function that changes the arrays of a training batch at random; None for no change.

        Parameters
        ----------
        encoded : the training data.
        """
        return None

    def state(self) -> Any:
        """What was fitted, as JSON values."""
        return None

    def arrays(self) -> Arrays:
        """What was fitted and is not JSON, as arrays; stored with runs and bundles."""
        return {}

    def pretrained(self) -> Arrays:
        """Arrays from which the parameters of the embedder start; stored with the processed corpus alone."""
        return {}

    @classmethod
    def restore(cls, features: Features, state: Any, arrays: Mapping[str, np.ndarray]) -> Feature:
        """The reverse of :meth:`state` and :meth:`arrays`.

        Raises
        ------
        RunError, KeyError, TypeError : the state is damaged.
        """
        return cls(features)

    def grown(self, later: Feature) -> Feature:
        """The feature as a later corpus fitted it, in which all ids of this one keep their meaning.

        Raises
        ------
        ConfigError : the later one knows other things that this one cannot learn.
        """
        arrays, others = self.arrays(), later.arrays()
        if self.state() != later.state() or arrays.keys() != others.keys() or any(
                not np.array_equal(array, others[name]) for name, array in arrays.items()):
            raise ConfigError(f"features.{self.name}: expected what the earlier run has, found other lists or pieces; "
                              "preprocess with the same files")
        return later

    def statistics(self, splits: Mapping[str, Sequence[Sentence]],
                   encoded: Mapping[str, Encoded]) -> Values:
        """Figures of the feature on a corpus, as JSON values; ``size`` counts its ids."""
        return {}

    @staticmethod
    def summary(statistics: ReadOnlyValues) -> List[Tuple[str, str]]:
        """Lines for the summary of a corpus: a label and a text each."""
        return []


class Lookup(Feature):
    """A feature that is looked up in one table of vectors.

    Attributes
    ----------
    size : the number of rows in the table.  columns : lookups per token.
    """

    Settings: ClassVar[Type[FeatureSettings]] = LookupSettings
    columns: int = 1

    @property
    def size(self) -> int:
        """The number of rows in the table."""
        raise NotImplementedError

    @property
    def dimension(self) -> int:
        """Of the vectors in the table."""
        return int(self.settings.dimension)

    def tables(self, batch: Batch) -> Dict[str, Tuple[int, ...]]:
        """The only one."""
        return {self.name: (self.size, self.dimension)}

    def statistics(self, splits: Mapping[str, Sequence[Sentence]],
                   encoded: Mapping[str, Encoded]) -> Values:
        """The size of the table."""
        return {"size": self.size}


def with_vocabulary(feature: Any, vocabulary: Vocabulary) -> Any:
    """A copy of a feature with another vocabulary."""
    result = copy(feature)
    result.vocabulary = vocabulary
    return result


class _FromVocabulary(Lookup):
    """A lookup whose rows are the strings of a vocabulary."""

    def __init__(self, features: Features, vocabulary: Vocabulary):
        super().__init__(features)
        self.vocabulary = vocabulary

    @property
    def size(self) -> int:
        """The number of strings, padding and unknown included."""
        return len(self.vocabulary)

    def grown(self, later: Feature) -> Feature:
        """With the strings of both, those of this one first."""
        assert isinstance(later, _FromVocabulary)
        return with_vocabulary(later, self.vocabulary.extended(later.vocabulary.to_json()))

    def state(self) -> Any:
        """The strings."""
        return self.vocabulary.to_json()

    @classmethod
    def restore(cls, features: Features, state: Any, arrays: Mapping[str, np.ndarray]) -> Feature:
        """From the strings."""
        return cls(features, Vocabulary.from_json(state))


class TypeLookup(_FromVocabulary):
    """A lookup that depends on the word type alone: subclasses define :meth:`value`.

    One that looks up several strings of a word defines :meth:`values` instead, and ``columns``, their number.  Strings
    that are rarer than ``min_count`` of its settings, if they have such a key, are unknown.  One that has an embedder
    of its own which looks at other words sets ``of_word_type`` to False.
    """

    of_word_type = True

    def value(self, word: str) -> str:
        """The string of a word."""
        raise NotImplementedError

    def values(self, word: str) -> Sequence[str]:
        """The strings of a word, one for each column."""
        return [self.value(word)]

    @classmethod
    def fit(cls, features: Features, data: TrainingData) -> Feature:
        """The vocabulary of the values of the training data."""
        feature = cls(features, Vocabulary([]))
        counts: Counter[str] = Counter()
        for word, count in data.types.items():
            for value in feature.values(word):
                counts[value] += count
        feature.vocabulary = Vocabulary.counted(counts, getattr(feature.settings, "min_count", 1))
        return feature

    @property
    def by_type(self) -> Tuple[str, ...]:
        """The ids of a word type."""
        return (self.name,)

    def encode_type(self, word: str) -> Tuple[TypeValue, ...]:
        """The ids of the strings of a word."""
        ids = self.vocabulary.ids(self.values(word))
        return (ids[0] if self.columns == 1 else ids,)

    def collate(self, encoded: Encoded, layout: Layout) -> Arrays:
        """(T, N) int32 ids, or (T, N, columns)."""
        array = encoded.by_type[self.name]
        ids = array.values.reshape(-1, self.columns) if isinstance(array, Ragged) else np.asarray(array)
        return {self.name: layout.laid_out(ids[layout.word_type])}


class TokenLookup(_FromVocabulary):
    """A lookup that depends on the sentence: subclasses define :meth:`values`."""

    def values(self, sentence: Sentence) -> Sequence[str]:
        """One string per token."""
        raise NotImplementedError

    @classmethod
    def fit(cls, features: Features, data: TrainingData) -> Feature:
        """The vocabulary of the values of the training data."""
        feature = cls(features, Vocabulary([]))
        counts: Counter[str] = Counter()
        for sentence in data.sentences:
            counts.update(feature.values(sentence))
        feature.vocabulary = Vocabulary.counted(counts)
        return feature

    @property
    def by_token(self) -> Tuple[str, ...]:
        """One id per token."""
        return (self.name,)

    def encode_tokens(self, sentences: Sequence[Sentence]) -> Tuple[np.ndarray, ...]:
        """(tokens,) int32 ids."""
        values = [value for sentence in sentences for value in self.values(sentence)]
        return (np.array(self.vocabulary.ids(values), np.int32),)

    def collate(self, encoded: Encoded, layout: Layout) -> Arrays:
        """(T, N) int32 ids."""
        return {self.name: layout.laid_out(encoded.by_token[self.name][layout.token])}
