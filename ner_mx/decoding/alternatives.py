"""What a lattice holds beside its best path: every likely span, and the best sequences after the first."""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np

from ner_mx.data.spans import Span, parse_tag
from ner_mx.decoding.lattice import Lattice


def continuations(tags: Sequence[str]) -> np.ndarray:
    """(K, K) bool, whether a tag continues the entity of the tag before it, by conlleval's rule."""
    parsed = [parse_tag(tag) for tag in tags]
    return np.array([[role not in "OBS" and before not in "OES" and label == label_before for role, label in parsed]
                     for before, label_before in parsed])


def likely_spans(lattice: Lattice, row: int, size: int, tags: Sequence[str],
                 threshold: float) -> Iterator[Tuple[Span, float]]:
    """Every span of a sentence whose probability is at least ``threshold``, by start, end and type.

    The probability is that of all tag sequences in which conlleval's rule reads exactly this entity, whatever the
    other tokens are: exact under the model.  It is computed from left to right over the tags of one type, and a span
    is extended as long as the probability of all longer ones is not below the threshold.

    Parameters
    ----------
    row : of the sentence in the lattice.  size : its tokens.  tags : the names of the K tags.
    """
    continues = continuations(tags)
    inside = np.where(continues, lattice.chain, 0.0)   # (K, K) within an entity
    border = np.where(continues, 0.0, lattice.chain)   # (K, K) between what belongs to different entities, or to none
    alpha, beta = lattice.alpha[:size, row], lattice.beta[:size, row]            # (size, K)
    weight = lattice.factors[:size, row] / lattice.scale[:size, row, None]       # (size, K)
    begin = np.concatenate([alpha[:1], (alpha[:-1] @ border) * weight[1:]])      # an entity begins here
    end = np.concatenate([(weight[1:] * beta[1:]) @ border.T, beta[-1:]])        # and ends here
    labels = {label: [place for place, tag in enumerate(tags) if parse_tag(tag)[1] == label]
              for label in sorted({parse_tag(tag)[1] for tag in tags} - {""})}
    found: List[Tuple[Span, float]] = []
    for label, ids in labels.items():
        steps = inside[np.ix_(ids, ids)]
        for start in np.flatnonzero((begin[:, ids] * beta[:, ids]).sum(axis=1) >= threshold):
            values, last = begin[start, ids], int(start)
            while values @ beta[last, ids] >= threshold:
                probability = float(values @ end[last, ids])
                if probability >= threshold:
                    found.append((Span(int(start), last + 1, label), min(1.0, probability)))
                last += 1
                if last == size:
                    break
                values = (values @ steps) * weight[last, ids]
    return iter(sorted(found))


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
