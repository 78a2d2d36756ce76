"""Further sentences from annotated ones; what their tags are, teachers say.

Each kind is a function under ``@register.augmentation("name")``.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Dict, List, Sequence

import numpy as np

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.errors import UserError
from ner_mx.registry import register

MASK = "[MASK]"
# After Tang et al. 2019, who distil BERT with the first three kinds.
MASKED, REPLACED, LONGEST_PIECE = 0.1, 0.1, 5


@register.augmentation("mask")
def mask(sentences: Sequence[Sentence], random: np.random.RandomState) -> List[List[str]]:
    """Each word is hidden with a probability of 0.1."""
    return [[MASK if hidden else token for token, hidden in zip(
        sentence.tokens, random.random_sample(len(sentence.tokens)) < MASKED)] for sentence in sentences]


@register.augmentation("pos")
def replace_by_pos(sentences: Sequence[Sentence], random: np.random.RandomState) -> List[List[str]]:
    """Each word becomes another of the same part of speech with a probability of 0.1.

    Raises
    ------
    UserError : the sentences have no parts of speech.
    """
    words: Dict[str, List[str]] = defaultdict(list)
    for sentence in sentences:
        if sentence.pos is None:
            raise UserError("augmentation pos: expected parts of speech in the training data, found nothing")
        for token, pos in zip(sentence.tokens, sentence.pos):
            words[pos].append(token)
    result = []
    for sentence in sentences:
        assert sentence.pos is not None
        changed = random.random_sample(len(sentence.tokens)) < REPLACED
        result.append([words[pos][random.randint(len(words[pos]))] if change else token
                       for token, pos, change in zip(sentence.tokens, sentence.pos, changed)])
    return result


@register.augmentation("ngrams")
def ngrams(sentences: Sequence[Sentence], random: np.random.RandomState) -> List[List[str]]:
    """One to five words in a row of each sentence."""
    result = []
    for sentence in sentences:
        size = min(len(sentence.tokens), 1 + random.randint(LONGEST_PIECE))
        start = random.randint(len(sentence.tokens) - size + 1)
        result.append(list(sentence.tokens[start:start + size]))
    return result


@register.augmentation("swap")
def swap_entities(sentences: Sequence[Sentence], random: np.random.RandomState) -> List[List[str]]:
    """Each entity becomes another of its type; sentences without entities are left out (Dai & Adel 2020)."""
    spans = [spans_of(sentence.gold) for sentence in sentences]
    names: Dict[str, List[Sequence[str]]] = defaultdict(list)
    for sentence, entities in zip(sentences, spans):
        for start, end, label in entities:
            names[label].append(sentence.tokens[start:end])
    result = []
    for sentence, entities in zip(sentences, spans):
        tokens: List[str] = []
        position = 0
        for start, end, label in entities:
            tokens += [*sentence.tokens[position:start], *names[label][random.randint(len(names[label]))]]
            position = end
        if entities:
            result.append([*tokens, *sentence.tokens[position:]])
    return result
