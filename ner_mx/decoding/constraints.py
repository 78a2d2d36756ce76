"""Which tag sequences are well-formed, as scores of a linear chain."""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from ner_mx.data.tag_schemes import grammar, parse_prefix

# Not -inf: an emission of -inf would make peaks and gradients undefined.
FORBIDDEN = -1e4


class Constraints(NamedTuple):
    """0 where a tag may follow another, or begin; ``-inf`` where not.

    transitions : (K, K) float32.  start : (K,) float32.
    open_tags : ids of the tags with which a sentence must not end.
    """

    transitions: np.ndarray
    start: np.ndarray
    open_tags: np.ndarray


def constraints_of(tags: Sequence[str], encoding: str = "BILOU") -> Constraints:
    """The constraints of an encoding, see :func:`ner_mx.data.tag_schemes.grammar`.

    A chain has no score for the end, so the end of a sentence is not part of the
    transitions; :func:`forbid_open_end` handles it.
    """
    rules = grammar(encoding)
    parsed = [parse_prefix(tag) for tag in tags]

    def allowed(is_allowed: bool) -> float:
        return 0.0 if is_allowed else -np.inf

    transitions = [[allowed((prefix, following, label == following_label) in rules.pairs)
                    for following, following_label in parsed] for prefix, label in parsed]
    start = [allowed(prefix in rules.starts) for prefix, _ in parsed]
    open_tags = [index for index, (prefix, _) in enumerate(parsed) if prefix not in rules.ends]
    return Constraints(np.array(transitions, np.float32), np.array(start, np.float32),
                       np.array(open_tags, int))


def forbid_open_end(emissions: np.ndarray, length: np.ndarray, open_tags: np.ndarray) -> np.ndarray:
    """A copy of the emissions with some tags impossible on the last token of each sentence.

    Parameters
    ----------
    emissions : (T, N, K).  length : (N,).
    """
    closed = emissions.copy()
    closed[length[:, None] - 1, np.arange(len(length))[:, None], open_tags] = FORBIDDEN
    return closed
