"""Entities as half-open spans, and the rule that reads them from any tag sequence.

The rule is conlleval's (CoNLL-2000 and CoNLL-2003 shared tasks): it gives
every sequence, well-formed or not, exactly one set of entities.  It is used
for scoring, for detecting the tag scheme of a corpus, and for repairing
ill-formed sequences.
"""

from __future__ import annotations

from functools import lru_cache
from typing import List, NamedTuple, Sequence, Tuple

from ner_mx.errors import shown


class Span(NamedTuple):
    """An entity: tokens ``start`` to ``end``, ``end`` excluded."""

    start: int
    end: int
    label: str


# The role of each prefix: B begins, I (or M) continues, E (or L) ends, S (or U) is a single-token entity.
ROLES = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "O": "O"}


@lru_cache(maxsize=65536)
def parse_tag(tag: str) -> Tuple[str, str]:
    """``"L-PER"`` as its role and type: ``("E", "PER")``; ``"O"`` as ``("O", "")``.

    Raises
    ------
    ValueError : the tag is neither O nor PREFIX-TYPE with a known prefix.
    """
    if tag == "O":
        return "O", ""
    prefix, dash, label = tag.partition("-")
    if not dash or not label or prefix == "O" or prefix not in ROLES:
        raise ValueError(f"expected O or B-, I-, E-, L-, S-, U- or M- and a type, found {shown(tag)}")
    return ROLES[prefix], label


def spans_of(tags: Sequence[str]) -> List[Span]:
    """The entities of one sentence by conlleval's rule, in order.

    An entity begins at B or S, after E or S, after O, and where the type
    changes; it ends before the next entity or O.

    Raises
    ------
    ValueError : a tag is not valid, see :func:`parse_tag`.
    """
    spans: List[Span] = []
    start = -1
    last_role, last_label = "O", ""
    for position, tag in enumerate(tags):
        if tag == "O" and start < 0:
            continue
        role, label = parse_tag(tag)
        begins = role != "O" and (
            role in "BS" or last_role in "OES" or label != last_label)
        if start >= 0 and (begins or role == "O"):
            spans.append(Span(start, position, last_label))
            start = -1
        if begins:
            start = position
        last_role, last_label = role, label
    if start >= 0:
        spans.append(Span(start, len(tags), last_label))
    return spans
