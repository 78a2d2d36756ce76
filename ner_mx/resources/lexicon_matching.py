"""Lexicon matching: the positions of words in known names.

Chiu & Nichols 2016, section 2.3.3.  A lexicon is a list of entries of one
category.  An n-gram of a sentence matches an entry exactly or, with partial
matching, as its prefix or suffix of at least half its length.  Among
overlapping matches, exact goes before partial, longer before shorter,
earlier before later; each token takes its position in the first match that
covers it.  (Figure 4 of the paper, with a lone B before another B, requires
this.)

Entries are stored as 64-bit hashes in sorted arrays: about nine bytes for each
prefix and suffix, whatever the words.  Two different n-grams share a hash
with a probability of about 1e-19; for CoNLL-2003 and 2.3 million entries,
one wrong match is expected in a million corpora.
"""

from __future__ import annotations

import hashlib
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

# The positions of a token in the entry that its n-gram matches.
POSITIONS = ("none", "B", "I", "E", "S")

# Longer entries are no names; the time for a text grows with the longest.
MAX_WORDS = 64

# The base of the polynomial that hashes an n-gram: odd, with irregular bits.
_BASE = np.uint64(0x9E3779B97F4A7C15)


class Lexicon(NamedTuple):
    """The entries of one category, ready to be matched.

    exact, prefixes, suffixes : sorted hashes, uint64, of whole entries and of
        their prefixes and suffixes; the latter are empty without partial matching.
    longest : words in the longest entry.
    """

    exact: np.ndarray
    prefixes: np.ndarray
    suffixes: np.ndarray
    longest: int

    @classmethod
    def of(cls, entries: Iterable[Sequence[str]], partial: bool = False, single: bool = False) -> Lexicon:
        """Build a lexicon from the entries of a category.

        Parameters
        ----------
        entries : each a sequence of words, in the same form (case, digits) as the
            sentences will have.
        partial : match prefixes and suffixes, too.
        single : allow partial matches of a single token (the paper: Person only).
        """
        hashes: Dict[str, int] = {}
        flat: List[int] = []
        lengths: List[int] = []
        for entry in entries:
            if not entry:
                continue
            lengths.append(len(entry))
            for word in entry:
                code = hashes.get(word)
                if code is None:
                    code = hashes[word] = word_hash(word)
                flat.append(code)
        words = np.array(flat, np.uint64)
        size = np.array(lengths, np.int64)
        start = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64) if len(size) else size
        longest = int(size.max()) if len(size) else 0

        def affixes(from_end: bool) -> np.ndarray:
            """All proper prefixes (or suffixes) of at least half their entry."""
            arrays = [np.empty(0, np.uint64)]
            for length in range(1 if single else 2, longest if partial else 0):
                fits = (size > length) & (2 * length >= size)
                arrays.append(_ngrams(words, (start + size - length if from_end else start)[fits],
                                     np.full(int(fits.sum()), length)))
            return np.unique(np.concatenate(arrays))

        return cls(np.unique(_ngrams(words, start, size)), affixes(False), affixes(True), longest)

    @classmethod
    def restored(cls, exact: np.ndarray, prefixes: np.ndarray, suffixes: np.ndarray, longest: np.ndarray) -> Lexicon:
        """A lexicon from its arrays.

        Raises
        ------
        ValueError : they are not sorted hashes, or the longest entry has more than ``MAX_WORDS`` words.
        """
        for hashes in (exact, prefixes, suffixes):
            if hashes.ndim != 1 or hashes.dtype != np.uint64 or not (hashes[1:] > hashes[:-1]).all():
                raise ValueError(f"hashes of the shape {hashes.shape} and the type {hashes.dtype}, or unsorted ones")
        if longest.shape != () or longest.dtype.kind != "i" or not 0 <= longest <= MAX_WORDS:
            raise ValueError("entries of another length")
        return cls(exact, prefixes, suffixes, int(longest))

    def positions(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """The position of each token in the entry that it matches.

        Parameters
        ----------
        sentences : of words in the same form as the entries.

        Returns
        -------
        (tokens,) int32, indices in :data:`POSITIONS`, sentence after sentence.
        A match of a suffix has no B, a match of a prefix has no E.
        """
        hashes: Dict[str, int] = {}
        words = np.array([hashes[word] if word in hashes else hashes.setdefault(word, word_hash(word))
                          for sentence in sentences for word in sentence], np.uint64)
        size = np.fromiter(map(len, sentences), np.int64, len(sentences))
        left = np.repeat(np.cumsum(size), size) - np.arange(len(words))  # tokens to the sentence's end
        exact: List[np.ndarray] = []
        partial: List[Tuple[np.ndarray, np.ndarray]] = []
        # The hashes of all n-grams of one length at a time, over the whole corpus, each from the one before it.
        place, grams = np.arange(len(words)), np.zeros(len(words), np.uint64)
        for length in range(1, self.longest + 1):
            longer = left[place] >= length
            place = place[longer]
            with np.errstate(over="ignore"):
                grams = grams[longer] * _BASE + words[place + length - 1]
            if not len(place):
                break
            exactly = _is_in(grams, self.exact)
            prefix = _is_in(grams, self.prefixes) & ~exactly
            suffix = _is_in(grams, self.suffixes) & ~exactly & ~prefix
            exact.append(place[exactly])
            partial.append((place[prefix], place[suffix]))
        # Matches that take precedence are written last.
        result = np.zeros(len(words), np.int32)
        for length, (prefix, suffix) in enumerate(partial, start=1):
            _write(result, length, [(prefix, True, False), (suffix, False, True)])
        for length, place in enumerate(exact, start=1):
            _write(result, length, [(place, True, True)])
        return result


def _write(result: np.ndarray, length: int, matches: Sequence[Tuple[np.ndarray, bool, bool]]) -> None:
    """Write positions for matches of one length: (places, whether they reach the entry's beginning, its end)."""
    # The larger the offset at which a match covers a token, the earlier the match begins.
    for offset in range(length):
        for place, begins, ends in matches:
            first, last = begins and offset == 0, ends and offset == length - 1
            result[place + offset] = POSITIONS.index("S" if first and last else "B" if first else
                                                     "E" if last else "I")


def word_hash(word: str) -> int:
    """64 bits of a word, the same in every process."""
    data = word.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _ngrams(words: np.ndarray, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The hashes of the n-grams that begin at ``start`` and have ``length`` words."""
    result = np.zeros(len(start), np.uint64)
    for offset in range(int(length.max()) if len(length) else 0):
        inside = length > offset
        with np.errstate(over="ignore"):
            result[inside] = result[inside] * _BASE + words[start[inside] + offset]
    return result


def _is_in(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(len(values),) bool, whether each value is in a sorted table."""
    if not len(table):
        return np.zeros(len(values), bool)
    place = np.minimum(np.searchsorted(table, values), len(table) - 1)
    return table[place] == values
