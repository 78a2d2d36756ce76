"""Sentences to arrays: the fitted features, and the tags that models learn."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Any, Counter, Dict, Iterable, List, Mapping, Sequence, Set, Tuple

import numpy as np

from ner_mx.config import Features
from ner_mx.data.sentence import Sentence
from ner_mx.data.tag_schemes import convert_tags, grammar
from ner_mx.data.unicode_text import visible
from ner_mx.errors import RunError, shown
from ner_mx.features.encoded import Encoded, Ragged, TypeArray, bounds_of
from ner_mx.features.feature import Feature, TrainingData, TypeValue
from ner_mx.features.vocabulary import Vocabulary
from ner_mx.registry import register
from ner_mx.untyped import Values

# How many word types are cached with their values, some 10 MB.
CACHED, LONGEST_CACHED = 1 << 14, 64


class Encoder:
    """Turns sentences into :class:`~ner_mx.features.encoded.Encoded`; fitted on training data alone.

    Parameters
    ----------
    settings : the section ``features`` of the configuration.
    features : in the order in which their vectors are concatenated.
    tags : O first; the id of a tag is its index.
    """

    def __init__(self, settings: Features, features: Sequence[Feature], tags: Sequence[str]):
        self.settings, self.features = settings, list(features)
        self.tags: List[str] = list(tags)
        self._tag_ids = {tag: index for index, tag in enumerate(self.tags)}
        # Text that comes piece by piece repeats the same word types.
        self._values = lru_cache(maxsize=CACHED)(self._encode_type)

    @classmethod
    def fit(cls, settings: Features, sentences: Sequence[Sentence], split_digits: bool = False) -> Encoder:
        """Fit the features that are used on training sentences."""
        types: Counter[str] = Counter()
        labels: Set[str] = set()
        for sentence in sentences:
            types.update(map(visible, sentence.tokens))
            labels.update(tag.partition("-")[2] for tag in set(sentence.gold) if tag != "O")
        data = TrainingData(sentences, types, split_digits)
        features = [register.feature[name].fit(settings, data) for name in settings.active()]
        return cls(settings, features, tags_of_types(labels, settings.tag_encoding))

    def feature(self, name: str) -> Feature:
        """The feature of this name.

        Raises
        ------
        KeyError : it is not used.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    def predicted(self) -> List[Feature]:
        """The features that are annotation, which raw text gets from taggers."""
        return [feature for feature in self.features if feature.predicted_as]

    @property
    def entity_types(self) -> List[str]:
        """The entity types of the tags, in alphabetical order."""
        return sorted({tag.partition("-")[2] for tag in self.tags} - {""})

    def encode(self, sentences: Sequence[Sentence]) -> Encoded:
        """Turn sentences into arrays.

        Tags are converted to the tag encoding by way of their spans.  A type that
        the training data lacks has no id; it is encoded as O (callers count it), and
        scoring works on the strings, so that it remains in the gold.
        """
        tokens = list(chain.from_iterable(sentence.tokens for sentence in sentences))
        types = list(dict.fromkeys(tokens))
        indices = dict(zip(types, range(len(types))))
        word_type = np.fromiter(map(indices.__getitem__, tokens), np.int32, len(tokens))
        by_token: Dict[str, np.ndarray] = {}
        for feature in self.features:
            if feature.by_token:
                by_token.update(zip(feature.by_token, feature.encode_tokens(sentences)))
        text, by_type = self._encode_types(types)
        return Encoded(text=text, word_type=word_type, by_type=by_type, by_token=by_token,
                       bounds=bounds_of([len(sentence.tokens) for sentence in sentences]),
                       tags=self._encode_tags(sentences, len(word_type)))

    def with_words(self, encoded: Encoded, words: Sequence[str]) -> Encoded:
        """The same sentences with another word for each word type; annotation by token is kept."""
        text, by_type = self._encode_types(words)
        kept = {name for feature in self.features for name in feature.by_token}
        return replace(encoded, text=text, by_type=by_type, word_vectors=None,
                       by_token={name: array for name, array in encoded.by_token.items() if name in kept})

    def _encode_types(self, words: Sequence[str]) -> Tuple[Ragged, Dict[str, TypeArray]]:
        """Word types in UTF-8, and their arrays by name."""
        # A cache of very long words would have no bound in bytes.
        values = [(self._values if len(word) <= LONGEST_CACHED else self._encode_type)(word) for word in words]
        text = [value[0] for value in values]
        return (Ragged(np.frombuffer(b"".join(text), np.uint8), bounds_of([len(word) for word in text])),
                self._by_type([value[1] for value in values]))

    def _encode_type(self, word: str) -> Tuple[bytes, Tuple[TypeValue, ...]]:
        """A word type in UTF-8, and its values for all features."""
        # Features see what a reader sees; the text is kept as it is.
        form = visible(word)
        values = tuple(value for feature in self.features for value in feature.encode_type(form))
        return word.encode("utf-8", "surrogatepass"), values

    def _by_type(self, values: Sequence[Tuple[TypeValue, ...]]) -> Dict[str, TypeArray]:
        names = [name for feature in self.features for name in feature.by_type]
        result: Dict[str, TypeArray] = {}
        for place, name in enumerate(names):
            column: List[Any] = [value[place] for value in values]
            is_ragged = bool(column) and isinstance(column[0], list)
            result[name] = Ragged.of(column) if is_ragged else np.array(column, np.int32)
        return result

    def _encode_tags(self, sentences: Sequence[Sentence], count: int) -> np.ndarray:
        ids = np.full(count, -1, np.int32)
        start = 0
        for sentence in sentences:
            if sentence.tags is not None:
                ids[start:start + len(sentence.tags)] = [
                    self._tag_ids.get(tag, 0) for tag in convert_tags(sentence.tags, self.settings.tag_encoding)]
            start += len(sentence.tokens)
        return ids

    def grown(self, later: Encoder) -> Encoder:
        """The encoder of a later corpus, which knows everything that this one does, under the same ids.

        Raises
        ------
        ConfigError : a feature cannot grow, or the two have different features.
        """
        features = [self.feature(feature.name).grown(feature) for feature in later.features]
        labels = {*self.entity_types, *later.entity_types}
        return Encoder(later.settings, features, tags_of_types(labels, later.settings.tag_encoding))

    def to_json(self) -> Values:
        """The tags and the state of every feature."""
        return {"tags": self.tags, "features": {feature.name: feature.state() for feature in self.features}}

    def arrays(self) -> Dict[str, np.ndarray]:
        """The arrays of every feature, under ``FEATURE/NAME``."""
        return {f"{feature.name}/{name}": array
                for feature in self.features for name, array in feature.arrays().items()}

    @classmethod
    def restore(cls, settings: Features, value: Any, arrays: Mapping[str, np.ndarray]) -> Encoder:
        """The reverse of :meth:`to_json` and :meth:`arrays`.

        Raises
        ------
        RunError : the state of a feature is missing or damaged.
        """
        try:
            tags = Vocabulary.from_json(value["tags"]).to_json()
            _check_tags(tags, settings.tag_encoding)
            states = value["features"]
            features = [register.feature[name].restore(settings, states[name], {
                key.partition("/")[2]: array for key, array in arrays.items()
                if key.partition("/")[0] == name}) for name in settings.active()]
        except (KeyError, TypeError, AttributeError) as error:
            raise RunError(f"vocab.json: expected the tags and the state of every feature, found nothing for "
                           f"{error}; preprocess again") from None
        encoder = cls(settings, features, tags)
        if set(states) != set(settings.active()) or set(encoder.arrays()) != set(arrays):
            raise RunError("expected the state of every feature that is used and of no other, found other names; "
                           "preprocess again")
        return encoder


def tags_of_types(labels: Iterable[str], encoding: str) -> List[str]:
    """The tags of entity types, O first."""
    prefixes = grammar(encoding).prefixes
    return ["O"] + [f"{prefix}-{label}" for label in sorted(labels) for prefix in prefixes]


def _check_tags(tags: Sequence[str], encoding: str) -> None:
    """Check that tags are those of entity types.

    Raises
    ------
    RunError : they are others, or in another order.
    """
    expected = tags_of_types({tag.partition("-")[2] for tag in tags[1:]}, encoding)
    if tags != expected or "" in (tag.partition("-")[2] for tag in tags[1:]):
        raise RunError(f"expected tags in {encoding}, O first, found {shown(', '.join(tags[:8]))}; preprocess again")
