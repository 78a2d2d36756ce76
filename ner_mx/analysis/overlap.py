"""What one split shares with another: repeated sentences, known and new words, known and new names."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List, Sequence, Set

from ner_mx.analysis.names import Words, names_of
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of

# Shorter sentences, such as headlines of a date, are repeated by chance.
SHORTEST_REPEATED = 5

# What training data knows of an entity, the most first.
NOVELTY = ("same name and type", "same name, another type", "known words, new name", "some unknown words",
           "all words unknown")


def repeated(sentences: Sequence[Sentence]) -> Dict[str, int]:
    """How many sentences repeat an earlier one of at least :data:`SHORTEST_REPEATED` tokens, by what is compared."""
    exact = [sentence.tokens for sentence in sentences if len(sentence.tokens) >= SHORTEST_REPEATED]
    near = [_normalized(sentence) for sentence in sentences if len(sentence.tokens) >= SHORTEST_REPEATED]
    return {"exact": len(exact) - len(set(exact)), "near": len(near) - len(set(near))}


def shared_sentences(sentences: Sequence[Sentence], earlier: Sequence[Sentence]) -> Dict[str, Any]:
    """How many sentences of at least :data:`SHORTEST_REPEATED` tokens also occur in an earlier split.

    Returns
    -------
    ``exact``, ``near`` (but for case and digits), and the place of the first, ``""`` without a match.
    """
    known, nearly = {sentence.tokens for sentence in earlier}, {_normalized(sentence) for sentence in earlier}
    long = [sentence for sentence in sentences if len(sentence.tokens) >= SHORTEST_REPEATED]
    exact = [sentence for sentence in long if sentence.tokens in known]
    near = [sentence for sentence in long if _normalized(sentence) in nearly]
    return {"exact": len(exact), "near": len(near), "first": near[0].place() if near else ""}


def _normalized(sentence: Sentence) -> Words:
    """The tokens in lower case, with 0 for every digit."""
    return tuple("".join("0" if character.isdigit() else character for character in token.lower())
                 for token in sentence.tokens)


def unknown_words(sentences: Sequence[Sentence], earlier: Sequence[Sentence]) -> Dict[str, Any]:
    """How many tokens and different words do not occur in an earlier split, and the most frequent of them."""
    known = {token for sentence in earlier for token in sentence.tokens}
    new = Counter(token for sentence in sentences for token in sentence.tokens if token not in known)
    return {"tokens": sum(new.values()), "words": len(new), "frequent": new.most_common(10)}


def novelty(sentences: Sequence[Sentence], earlier: Sequence[Sentence]) -> Dict[str, Dict[str, int]]:
    """By type, how many entities an earlier split knows how well; the kinds are :data:`NOVELTY`."""
    known = names_of(earlier)
    words: Set[str] = {token for sentence in earlier for token in sentence.tokens}
    counts: Dict[str, Counter[str]] = {}
    for sentence in sentences:
        for start, end, label in spans_of(sentence.gold):
            name = sentence.tokens[start:end]
            counts.setdefault(label, Counter())[novelty_of(name, label, known, words)] += 1
    return {label: {kind: counts[label][kind] for kind in NOVELTY} for label in sorted(counts)}


def novelty_of(name: Words, label: str, known: Dict[Words, Counter[str]], words: Set[str]) -> str:
    """What training data knows of an entity, one of :data:`NOVELTY`.

    Parameters
    ----------
    known : how each name is annotated.
    words : all words.
    """
    if name in known:
        return NOVELTY[0] if label in known[name] else NOVELTY[1]
    new: List[bool] = [token not in words for token in name]
    return NOVELTY[4] if all(new) else NOVELTY[3] if any(new) else NOVELTY[2]
