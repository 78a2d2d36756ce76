"""Types that a network finds and its corpus does not annotate, because it learned them from an earlier network."""

from __future__ import annotations

from typing import Collection, FrozenSet, List, Sequence

from ner_mx.decoding.entities import TagBatch


def unscored_types(kept: Collection[str], gold: Sequence[Sequence[str]]) -> FrozenSet[str]:
    """Those of the types that a run keeps from an earlier one, ``kept_types``, that an annotation lacks altogether."""
    return frozenset(kept) - {tag[2:] for tags in gold for tag in tags}


def without_types(predicted: List[List[str]], types: Collection[str]) -> List[List[str]]:
    """Predicted tags without entities of types that a corpus does not annotate; the same if there are none."""
    if not types:
        return predicted
    return [["O" if tag[2:] in types else tag for tag in tags] for tags in predicted]


def tagging_without(tag_batch: TagBatch, types: Collection[str]) -> TagBatch:
    """A tagger whose entities of some types are left out; the same if there are none."""
    if not types:
        return tag_batch
    return lambda sentences: [[entry for entry in found if entry.span.label not in types]
                              for found in tag_batch(sentences)]
