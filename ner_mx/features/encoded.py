"""One split of a corpus as arrays.

A corpus of a million tokens has some tens of thousands of word types.
Whatever depends on the word type alone (word id, casing, characters) is
stored once per type; a token is then the index of its type.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

import numpy as np


class Ragged(NamedTuple):
    """Sequences of different lengths in one array.

    values : all sequences, one after the other.
    bounds : (sequences + 1,) int64, where each begins in ``values``.
    """

    values: np.ndarray
    bounds: np.ndarray

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]], dtype: type = np.int32) -> Ragged:
        """The sequences as one."""
        bounds = bounds_of([len(sequence) for sequence in sequences])
        return cls(np.fromiter(chain.from_iterable(sequences), dtype, int(bounds[-1])), bounds)

    @property
    def lengths(self) -> np.ndarray:
        """(sequences,) int64."""
        return np.diff(self.bounds)

    def followed_by(self, other: Ragged) -> Ragged:
        """Both, one after the other."""
        return Ragged(np.concatenate([self.values, other.values]),
                      np.concatenate([self.bounds, other.bounds[1:] + self.bounds[-1]]))


TypeArray = Union[np.ndarray, Ragged]


def bounds_of(lengths: Sequence[int]) -> np.ndarray:
    """(lengths + 1,) int64, where sequences of these lengths begin in one array."""
    result = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=result[1:])
    return result


@dataclass(frozen=True)
class Encoded:
    """S sentences with N tokens of V word types.

    text : V sequences of uint8, the word types in UTF-8.
    word_type : (N,) int32, the word type of each token.
    bounds : (S + 1,) int64, where each sentence begins among the tokens.
    tags : (N,) int32, ids of tags; -1 for text without annotation.
    by_type : arrays of features by name, (V,) or V sequences.
    by_token : arrays of features by name, (N, ...).
    word_vectors : (V, D) float32, the vectors of the word types, if something has computed them; else None.
    """

    text: Ragged
    word_type: np.ndarray
    bounds: np.ndarray
    tags: np.ndarray
    by_type: Dict[str, TypeArray]
    by_token: Dict[str, np.ndarray]
    word_vectors: Optional[np.ndarray] = None

    def __len__(self) -> int:
        """The number of sentences."""
        return len(self.bounds) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(S,) int64, tokens per sentence."""
        return np.diff(self.bounds)

    def word_types(self) -> List[str]:
        """The V word types as strings."""
        text = self.text.values.tobytes()
        return [text[start:end].decode("utf-8", "surrogatepass")
                for start, end in zip(self.text.bounds[:-1], self.text.bounds[1:])]

    def tokens(self) -> List[List[str]]:
        """The tokens of each sentence as strings."""
        types = self.word_types()
        flat = [types[index] for index in self.word_type]
        return [flat[start:end] for start, end in zip(self.bounds[:-1], self.bounds[1:])]

    def longest_types(self, weights: Mapping[str, int]) -> np.ndarray:
        """(S,) int64, the length of the longest sequence of any feature in each sentence; at least 1.

        Parameters
        ----------
        weights : what the length of a sequence is multiplied by, by the name of its array.
        """
        longest = np.ones(len(self.text.bounds) - 1, np.int64)
        for name, array in self.by_type.items():
            if isinstance(array, Ragged):
                longest = np.maximum(longest, array.lengths * weights.get(name, 0))
        # No sentence is empty.
        return np.maximum.reduceat(longest[self.word_type], self.bounds[:-1]) if len(self) else longest[:0]

    def last(self, count: int) -> Encoded:
        """The last ``count`` sentences."""
        first = max(0, len(self) - count)
        start = self.bounds[first]
        return replace(self, word_type=self.word_type[start:], tags=self.tags[start:],
                       bounds=self.bounds[first:] - start,
                       by_token={name: array[start:] for name, array in self.by_token.items()})

    def types_alone(self, types: np.ndarray) -> Encoded:
        """Some of the word types, each as a sentence of one token without annotation."""
        return replace(self, word_type=types.astype(np.int32), bounds=np.arange(len(types) + 1),
                       tags=np.full(len(types), -1, np.int32), by_token={})

    def with_token_array(self, name: str, array: np.ndarray) -> Encoded:
        """The same sentences with another array for the feature ``name``."""
        return replace(self, by_token={**self.by_token, name: array})

    def followed_by(self, other: Encoded) -> Encoded:
        """Both splits as one."""
        by_type: Dict[str, TypeArray] = {}
        for name, array in self.by_type.items():
            following = other.by_type[name]
            if isinstance(array, Ragged) and isinstance(following, Ragged):
                by_type[name] = array.followed_by(following)
            else:
                by_type[name] = np.concatenate([np.asarray(array), np.asarray(following)])
        return Encoded(
            text=self.text.followed_by(other.text),
            word_type=np.concatenate([self.word_type, other.word_type + len(self.text.bounds) - 1]).astype(
                np.int32),
            bounds=np.concatenate([self.bounds, other.bounds[1:] + self.bounds[-1]]),
            tags=np.concatenate([self.tags, other.tags]),
            by_type=by_type,
            by_token={name: np.concatenate([array, other.by_token[name]])
                      for name, array in self.by_token.items()})

    def arrays(self) -> Dict[str, np.ndarray]:
        """The arrays by the names under which they are stored."""
        result = {"word_type": self.word_type, "bounds": self.bounds, "tags": self.tags,
                  "text.values": self.text.values, "text.bounds": self.text.bounds}
        for name, array in self.by_type.items():
            if isinstance(array, Ragged):
                result.update({f"type/{name}.values": array.values, f"type/{name}.bounds": array.bounds})
            else:
                result[f"type/{name}"] = array
        result.update({f"token/{name}": array for name, array in self.by_token.items()})
        return result

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Encoded:
        """The reverse of :meth:`arrays`.

        Raises
        ------
        KeyError : an array is missing.
        """
        by_type: Dict[str, TypeArray] = {}
        by_token: Dict[str, np.ndarray] = {}
        for stored, array in arrays.items():
            level, slash, name = stored.partition("/")
            if level == "token" and slash:
                by_token[name] = array
            elif level == "type" and slash and name.endswith(".values"):
                name = name[:-len(".values")]
                by_type[name] = Ragged(array, arrays[f"type/{name}.bounds"])
            elif level == "type" and slash and not name.endswith(".bounds"):
                by_type[name] = array
        return cls(Ragged(arrays["text.values"], arrays["text.bounds"]), arrays["word_type"],
                   arrays["bounds"], arrays["tags"], by_type, by_token)
