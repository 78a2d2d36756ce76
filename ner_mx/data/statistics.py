"""Counts of a corpus."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Sequence

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of


def counts(sentences: Sequence[Sentence]) -> Dict[str, Any]:
    """Sentences, tokens, documents, the longest sentence, and entities by type."""
    entities: Counter = Counter()
    for sentence in sentences:
        if sentence.tags:
            entities.update(span.label for span in spans_of(sentence.tags))
    return {
        "sentences": len(sentences),
        "tokens": sum(len(sentence.tokens) for sentence in sentences),
        "documents": len({(sentence.source, sentence.document) for sentence in sentences}),
        "longest_sentence": max(len(sentence.tokens) for sentence in sentences),
        "entities": sum(entities.values()),
        "types": dict(sorted(entities.items())),
    }
