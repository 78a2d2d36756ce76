"""What a lattice holds beside its best path: every likely span, and the best sequences after the first."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ner_mx.data.spans import Span, parse_tag
from ner_mx.decoding.lattice import Lattice


def continuations(tags: Sequence[str]) -> np.ndarray:
    """(K, K) bool, whether a tag continues the entity of the tag before it, by conlleval's rule."""
    parsed = [parse_tag(tag) for tag in tags]
    return np.array([[role not in "OBS" and before not in "OES" and label == label_before for role, label in parsed]
                     for before, label_before in parsed])


class SpanSums:
    """The probabilities of the entities of one sentence, each summed over all tag sequences that have it.

    Those are the sequences in which conlleval's rule reads exactly this entity, whatever the other tokens are: the
    probabilities are exact under the model.

    Parameters
    ----------
    row : of the sentence in the lattice.  size : its tokens.  tags : the names of the K tags.
    """

    def __init__(self, lattice: Lattice, row: int, size: int, tags: Sequence[str]):
        continues = continuations(tags)
        self._inside = np.where(continues, lattice.chain, 0.0)  # (K, K) within an entity
        border = np.where(continues, 0.0, lattice.chain)        # (K, K) between what is not one entity
        alpha, self._beta = lattice.alpha[:size, row], lattice.beta[:size, row]             # (size, K)
        self._weight = weight = lattice.factors[:size, row] / lattice.scale[:size, row, None]
        # An entity begins, or ends, with this token and tag.
        self._begin = np.concatenate([alpha[:1], (alpha[:-1] @ border) * weight[1:]])
        self._end = np.concatenate([(weight[1:] * self._beta[1:]) @ border.T, self._beta[-1:]])
        self._labels: Dict[str, List[int]] = {}
        for place, tag in enumerate(tags):
            if tag != "O":
                self._labels.setdefault(parse_tag(tag)[1], []).append(place)

    def probability(self, span: Span) -> float:
        """The probability of one entity; 0 for a type without tags."""
        ids = self._labels.get(span.label)
        if ids is None:
            return 0.0
        steps = self._inside[np.ix_(ids, ids)]
        values = self._begin[span.start, ids]
        for place in range(span.start + 1, span.end):
            values = (values @ steps) * self._weight[place, ids]
        return min(1.0, float(values @ self._end[span.end - 1, ids]))

    def likely(self, threshold: float) -> List[Tuple[Span, float]]:
        """Every entity whose probability is at least ``threshold``, by start, end and type.

        From each token, an entity is extended as long as all longer ones together are not below the threshold.
        """
        found: List[Tuple[Span, float]] = []
        for label, ids in self._labels.items():
            steps = self._inside[np.ix_(ids, ids)]
            for start in np.flatnonzero((self._begin[:, ids] * self._beta[:, ids]).sum(axis=1) >= threshold):
                values, last = self._begin[start, ids], int(start)
                while values @ self._beta[last, ids] >= threshold:
                    probability = float(values @ self._end[last, ids])
                    if probability >= threshold:
                        found.append((Span(int(start), last + 1, label), min(1.0, probability)))
                    last += 1
                    if last == len(self._beta):
                        break
                    values = (values @ steps) * self._weight[last, ids]
        return sorted(found)


class ScoredPath(NamedTuple):
    """A tag sequence as ids, and its score S(y)."""

    tags: np.ndarray
    score: float


def best_paths(emissions: np.ndarray, transitions: np.ndarray, start: np.ndarray, count: int) -> List[ScoredPath]:
    """The best tag sequences of one sentence, the best first; fewer if no others have a finite score.

    Parameters
    ----------
    emissions : (tokens, K).
    """
    steps, tags = emissions.shape
    scores = (start + emissions[0])[:, None].astype(np.float64)  # (K, paths so far)
    origins: List[np.ndarray] = []
    for step in range(1, steps):
        paths = (scores[:, :, None] + transitions[:, None, :]).reshape(-1, tags)  # (K * paths, K)
        chosen = np.argsort(-paths, axis=0, kind="stable")[:count]                # (paths, K)
        origins.append(chosen)
        scores = np.take_along_axis(paths, chosen, axis=0).T + emissions[step][:, None]
    flat = scores.ravel()
    widths = [1, *(len(chosen) for chosen in origins)]
    result = []
    for place in np.argsort(-flat, kind="stable")[:count]:
        if not np.isfinite(flat[place]):
            break
        path = np.empty(steps, np.int64)
        tag, rank = divmod(int(place), widths[-1])
        for step in range(steps - 1, 0, -1):
            path[step] = tag
            tag, rank = divmod(int(origins[step - 1][rank, tag]), widths[step - 1])
        path[0] = tag
        result.append(ScoredPath(path, float(flat[place])))
    return result
