"""Signs that a corpus was read wrongly although every line could be read."""

from __future__ import annotations

import re
from collections import Counter
from typing import Callable, List, Sequence

from ner_mx.data.sentence import Sentence, Warnings, no_warnings

# Smaller corpora prove nothing.
FEWEST_SENTENCES = 20
FEWEST_TOKENS = 50
TAG = re.compile(r"[BIOELUSM]-.")

COUNTING = ("sentences whose tokens are numbers that count up; is corpus.columns.token the column of the line "
            "numbers?")
FEW_WORDS = "distinct words in all of the training data; is corpus.columns.token the right column?"
ONE_TOKEN = "sentences of a single token, which are most of them; is there an empty line after each token?"
ONE_SENTENCE = "tokens in a single sentence; is there an empty line after each sentence?"
TAG_LIKE = "sentences with a type that begins like a tag; the labels of spans need no B- or I- before them"
DUPLICATES = "sentences that repeat another, which are most of them; was the corpus read as it should be?"


def implausible(sentences: Sequence[Sentence]) -> Warnings:
    """Warnings about training data that is probably not what its owner thinks."""
    warnings = no_warnings()
    tokens = sum(len(sentence.tokens) for sentence in sentences)
    longer = [sentence for sentence in sentences if len(sentence.tokens) > 1]
    _add(warnings, COUNTING, longer, _counts_up, 1, len(longer))
    if len(sentences) >= FEWEST_SENTENCES:
        _add(warnings, ONE_TOKEN, sentences, lambda sentence: len(sentence.tokens) == 1, FEWEST_SENTENCES,
             len(sentences))
        seen: Counter[Sequence[str]] = Counter()

        def is_repeated(sentence: Sentence) -> bool:
            seen[sentence.tokens] += 1
            return seen[sentence.tokens] > 1

        _add(warnings, DUPLICATES, sentences, is_repeated, FEWEST_SENTENCES, len(sentences))
    if len(sentences) == 1 and tokens > FEWEST_TOKENS * 10:
        warnings.add(ONE_SENTENCE, sentences[0].place(), tokens)
    annotated = [sentence for sentence in sentences if sentence.tags and set(sentence.tags) != {"O"}]
    _add(warnings, TAG_LIKE, annotated, lambda sentence: any(TAG.match(tag[2:]) for tag in sentence.gold), 1,
         len(annotated))
    words = {token for sentence in sentences for token in sentence.tokens}
    if len(words) <= 3 and tokens >= FEWEST_TOKENS:
        warnings.add(FEW_WORDS, sentences[0].place(), len(words))
    return warnings


def _add(warnings: Warnings, reason: str, sentences: Sequence[Sentence], is_odd: Callable[[Sentence], bool],
         fewest: int, total: int) -> None:
    """Warn if more than half of the sentences are odd."""
    odd: List[Sentence] = [sentence for sentence in sentences if is_odd(sentence)]
    if len(odd) >= fewest and 2 * len(odd) > total:
        warnings.add(reason, odd[0].place(), len(odd))


def _counts_up(sentence: Sentence) -> bool:
    tokens = sentence.tokens
    if not all(token.isdecimal() and len(token) < 10 for token in tokens):
        return False
    return all(int(after) - int(before) == 1 for before, after in zip(tokens, tokens[1:]))
