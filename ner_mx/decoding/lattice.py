"""The linear chain over tag sequences: best path, likelihood, marginals.

A sentence's score of a tag sequence y (Collobert et al. 2011, section 3.3.2;
Chiu & Nichols 2016, on their objective) is::

    S(y) = start[y_0] + sum_t emissions[t, y_t] + sum_t transitions[y_{t-1}, y_t]

with no score for the end.  ``-inf`` in ``start`` or ``transitions`` forbids.
All functions work on a whole batch: emissions are (T, N, K) for N sentences of
at most T tokens and K tags, ``length`` is (N,) and at least 1.  Values in the
padding are never read.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

import numpy as np

# exp(-300) is 5e-131: the product of two such steps is still representable.
DEEPEST = 300.0


def viterbi(emissions: np.ndarray, transitions: np.ndarray, start: np.ndarray,
            length: np.ndarray) -> List[np.ndarray]:
    """The best tag sequence of each sentence; the lowest tag wins a tie.

    Returns
    -------
    N arrays of as many tags as the sentence has tokens.
    """
    steps, count, tags = emissions.shape
    length = np.asarray(length)
    with np.errstate(over="ignore", invalid="ignore"):  # in the padding
        scores = np.empty((steps, count, tags), np.result_type(emissions, transitions, start))
        scores[0] = start + emissions[0]
        chain = np.ascontiguousarray(transitions)[:, None, :]  # (from, 1, to)
        for step in range(1, steps):
            paths = scores[step - 1].T[:, :, None] + chain  # (from, N, to)
            np.maximum.reduce(paths, axis=0, out=scores[step])
            scores[step] += emissions[step]
        # The predecessor is computed again on the way back: for one tag then, not for all.
        into = np.ascontiguousarray(transitions.T)
        path = np.empty((steps, count), np.int32)
        current = scores[length - 1, np.arange(count)].argmax(axis=1)
        shortest = length.min()
        for step in range(steps - 1, -1, -1):
            path[step] = current
            if step:
                previous = (scores[step - 1] + into[current]).argmax(axis=1)
                # A sentence's path begins at its own last token.
                current = previous if step < shortest else np.where(step < length, previous, current)
    return [path[:size, row] for row, size in enumerate(length)]


class Lattice(NamedTuple):
    """The forward and backward sums of a batch; each forward step is scaled to sum to 1.

    alpha, beta : (T, N, K) float64; ``alpha[t] * beta[t]`` are the marginals.
    scale : (T, N) float64, the sum that each forward step was divided by.
    factors : (T, N, K) float64, exp(emissions - peak).
    chain : (K, K) float64, exp(transitions).
    log_z : (N,) float64, the log of the sum over all tag sequences.
    """

    alpha: np.ndarray
    beta: np.ndarray
    scale: np.ndarray
    factors: np.ndarray
    chain: np.ndarray
    log_z: np.ndarray

    def marginals(self) -> np.ndarray:
        """(T, N, K) the probability of each tag at each token; 0 in padding."""
        return self.alpha * self.beta


def sum_paths(emissions: np.ndarray, transitions: np.ndarray, start: np.ndarray,
              length: np.ndarray) -> Lattice:
    """Run the forward and the backward sum over a batch.

    Sums are kept as probabilities, scaled at each step (Rabiner 1989, section
    V.A), so that a step is one matrix product.  An emission more than
    ``DEEPEST`` below the best one of its token is raised to that: the best tag may
    be a forbidden one, and the others must not underflow.

    Raises
    ------
    FloatingPointError : a sentence has no possible tag sequence, or scores are not
        finite.
    """
    steps, count, tags = emissions.shape
    length = np.asarray(length)
    real = (np.arange(steps)[:, None] < length)[:, :, None]  # (T, N, 1)
    scores = np.where(real, emissions, 0.0).astype(np.float64)
    peak = scores.max(axis=2)  # (T, N)
    with np.errstate(under="ignore", divide="ignore", invalid="ignore"):
        factors = np.exp(np.maximum(scores - peak[:, :, None], -DEEPEST))
        # Adding one number to every transition adds the same number to every path.
        shift, start_shift = _peak(transitions), _peak(start)
        chain = np.exp(transitions.astype(np.float64) - shift)
        alpha = np.empty((steps, count, tags))
        totals = np.empty((steps, count, 1))
        current = np.exp(start.astype(np.float64) - start_shift) * factors[0]
        for step in range(steps):
            if step:
                current = alpha[step - 1] @ chain
                current *= factors[step]
            np.add.reduce(current, axis=1, keepdims=True, out=totals[step])
            np.divide(current, totals[step], out=alpha[step])
        scale = np.where(real, totals, 1.0)
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise FloatingPointError("a sentence has no tag sequence with a finite score")
        # The values that the steps computed in the padding are discarded.
        alpha[~real[:, :, 0]] = 0.0
        weights = np.where(real, factors / scale, 0.0)
        back = np.ascontiguousarray(chain.T)
        beta = np.zeros_like(alpha)
        beta[length - 1, np.arange(count)] = 1.0
        for step in range(steps - 2, -1, -1):
            beta[step] += (weights[step + 1] * beta[step + 1]) @ back
    scale = scale[:, :, 0]
    log_z = (np.log(scale) + np.where(real[:, :, 0], peak, 0.0)).sum(axis=0)
    log_z += start_shift + shift * (length - 1)
    return Lattice(alpha, beta, scale, factors, chain, log_z)


def _peak(scores: np.ndarray) -> float:
    finite = scores[np.isfinite(scores)]
    return float(finite.max()) if finite.size else 0.0


def expected_transitions(lattice: Lattice, weight: Optional[np.ndarray] = None) -> np.ndarray:
    """(K, K) the expected count of each transition, summed over the batch.

    Parameters
    ----------
    weight : (N,) of each sentence; None for 1.
    """
    following = lattice.factors[1:] * lattice.beta[1:] / lattice.scale[1:, :, None]
    if weight is not None:
        following *= weight[:, None]
    tags = lattice.alpha.shape[2]
    pairs = lattice.alpha[:-1].reshape(-1, tags).T @ following.reshape(-1, tags)
    return pairs * lattice.chain


def sequence_entropy(lattice: Lattice) -> np.ndarray:
    """(N,) the entropy of the distribution over tag sequences, in nats.

    By the chain rule, it is the entropy of the first tag and of each tag given the one before it.
    """
    entropy = -_x_log_x(lattice.alpha[0] * lattice.beta[0]).sum(axis=1)
    for step in range(1, len(lattice.alpha)):
        real = lattice.alpha[step].any(axis=1)  # (N,)
        before = lattice.alpha[step - 1] * lattice.beta[step - 1]
        following = lattice.factors[step] * lattice.beta[step] / lattice.scale[step][:, None]
        pairs = lattice.alpha[step - 1][:, :, None] * lattice.chain * following[:, None, :]  # (N, K, K)
        entropy += np.where(real, _x_log_x(before).sum(axis=1) - _x_log_x(pairs).sum(axis=(1, 2)), 0.0)
    return entropy


def _x_log_x(values: np.ndarray) -> np.ndarray:
    return values * np.log(np.maximum(values, 1e-300))


def path_score(emissions: np.ndarray, transitions: np.ndarray, start: np.ndarray,
               length: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """(N,) float64, the score S(y) of the given tags, (T, N) with anything in padding."""
    real = np.arange(len(emissions))[:, None] < length
    tags = np.where(real, tags, 0)
    score = start[tags[0]].astype(np.float64)
    score += np.where(real, np.take_along_axis(
        emissions, tags[:, :, None], axis=2)[:, :, 0], 0.0).sum(axis=0, dtype=np.float64)
    score += np.where(real[1:], transitions[tags[:-1], tags[1:]], 0.0).sum(axis=0, dtype=np.float64)
    return score


def span_probability(lattice: Lattice, row: int, first: int, tags: Sequence[int]) -> float:
    """The probability that tokens ``first``, ``first + 1``, ... of a sentence have ``tags``.

    Exact under the model: every other token is summed over.
    """
    probability = lattice.alpha[first, row, tags[0]]
    for offset, (previous, tag) in enumerate(zip(tags, tags[1:]), start=1):
        step = first + offset
        probability *= (lattice.chain[previous, tag] * lattice.factors[step, row, tag]
                        / lattice.scale[step, row])
    return float(min(1.0, probability * lattice.beta[first + len(tags) - 1, row, tags[-1]]))
