"""Entities as half-open spans, and the rule that finds them in any tag sequence.

The rule is conlleval's (CoNLL-2000/2003 shared tasks): it gives every
sequence, well formed or not, exactly one set of entities.  It serves here for
three things at once: scoring, the recognition of a corpus' scheme, and the
repair of ill-formed sequences.
"""

from __future__ import annotations

from functools import lru_cache
from typing import List, NamedTuple, Sequence, Tuple


class Span(NamedTuple):
    """An entity: tokens ``start`` to ``end``, the latter not included."""

    start: int
    end: int
    label: str


# What a prefix says of its token: B begins, I continues, E ends, S stands alone.
ROLES = {"B": "B", "I": "I", "E": "E", "L": "E", "S": "S", "U": "S", "O": "O"}


@lru_cache(maxsize=65536)
def parse(tag: str) -> Tuple[str, str]:
    """``"L-PER"`` as its role and type: ``("E", "PER")``; ``"O"`` as ``("O", "")``.

    Raises
    ------
    ValueError : the tag is neither O nor PREFIX-TYPE with a known prefix.
    """
    if tag == "O":
        return "O", ""
    prefix, dash, label = tag.partition("-")
    if not dash or not label or prefix == "O" or prefix not in ROLES:
        raise ValueError(f"expected O or B-, I-, E-, L-, S- or U- and a type, found {tag!r}")
    return ROLES[prefix], label


def spans_of(tags: Sequence[str]) -> List[Span]:
    """The entities of one sentence by conlleval's rule, in order.

    An entity begins at B or S, after E or S, after O, and where the type
    changes; it ends before the next beginning or O.

    Raises
    ------
    ValueError : a tag that :func:`parse` refuses.
    """
    spans: List[Span] = []
    start = -1
    last_role, last_label = "O", ""
    for position, tag in enumerate(tags):
        if tag == "O" and start < 0:
            continue
        role, label = parse(tag)
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
