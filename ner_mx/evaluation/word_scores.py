"""The scores of a network that reads characters, on whole tokens."""

from __future__ import annotations

from typing import Dict, List, Sequence

from ner_mx.data.pieces import BLANK, CHARACTERS, Pieces
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import tags_of
from ner_mx.evaluation.scores import Score, Tags, evaluate


def word_scores(characters: Sequence[Sequence[str]], gold: Tags, predicted: Tags) -> Dict[str, Score]:
    """The score of all entities on tokens, by the rule that gives a token the tag of its characters.

    Parameters
    ----------
    characters : of each sentence, with a blank between tokens; a token with blanks inside counts as several.
    gold, predicted : the tags of the characters.
    """
    words = ["".join(sentence).split(BLANK) for sentence in characters]
    return {name: evaluate(_merged(pieces, words, gold), _merged(pieces, words, predicted)).micro
            for name, pieces in CHARACTERS.items()}


def _merged(pieces: Pieces, words: Sequence[Sequence[str]], tags: Tags) -> List[Sequence[str]]:
    """The tags of tokens in IOB2."""
    return [tags_of([span for span in pieces.merge(spans_of(sentence), tokens) if span], len(tokens), "IOB2")
            for tokens, sentence in zip(words, tags)]
