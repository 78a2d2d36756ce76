"""F1 against the amount of training data, and what more of it would bring."""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from ner_mx.errors import UserError

# How many times the runs are drawn again for the interval of a prediction.
SAMPLES = 200
# The fewest sizes of training data that a curve can be fitted to.
FEWEST = 3

Points = Sequence[Tuple[float, float]]


class PowerLaw(NamedTuple):
    """F1 = best - scale * n ** -rate, for n tokens of training data (Figueroa et al. 2012).

    best : the F1 with endless data, up to 1.
    """

    best: float
    scale: float
    rate: float

    def at(self, tokens: float) -> float:
        """The F1 with so many tokens."""
        return float(self.best - self.scale * tokens ** -self.rate)


class Prediction(NamedTuple):
    """The F1 with so many tokens: the curve through all runs, and the middle 90 % of curves through drawn runs."""

    tokens: int
    f1: float
    low: float
    high: float


def fit_power_law(points: Points) -> PowerLaw:
    """The curve with the smallest squared distance from points (tokens, F1).

    Raises
    ------
    UserError : there are fewer than three different sizes.
    """
    from scipy.optimize import least_squares

    if len({tokens for tokens, _ in points}) < FEWEST:
        raise UserError(f"expected at least {FEWEST} sizes of training data to fit a curve to, found fewer")
    tokens, scores = (np.array(column, float) for column in zip(*points))
    largest = tokens.max()

    def residuals(values: np.ndarray) -> np.ndarray:
        best, gap, rate = values
        return np.asarray(best - gap * (tokens / largest) ** -rate - scores)

    # The gap to the best F1 at the largest size is a better scale to search than that at one token.
    starts = [(min(0.99, scores.max() + gap), gap, rate) for gap in (0.01, 0.05, 0.2) for rate in (0.2, 0.5, 1.0)]
    fits = [least_squares(residuals, start, bounds=([0, 0, 0.01], [1, 1, 3])) for start in starts]
    best, gap, rate = min(fits, key=lambda fit: float(fit.cost)).x
    return PowerLaw(float(best), float(gap * largest ** rate), float(rate))


def predict(runs: Sequence[Points], tokens: Sequence[int], seed: int = 1) -> List[Prediction]:
    """The F1 at other sizes, with its uncertainty over the seeds.

    Parameters
    ----------
    runs : the points of each seed.
    tokens : the sizes.

    Raises
    ------
    UserError : there are fewer than three different sizes.
    """
    curve = fit_power_law([point for run in runs for point in run])
    random = np.random.RandomState(seed)
    drawn = []
    for _ in range(SAMPLES if len(runs) > 1 else 0):
        chosen = [runs[index] for index in random.randint(len(runs), size=len(runs))]
        drawn.append(fit_power_law([point for run in chosen for point in run]))
    predictions = []
    for size in tokens:
        values = [law.at(size) for law in drawn] or [curve.at(size)]
        low, high = np.quantile(values, [0.05, 0.95])
        predictions.append(Prediction(size, curve.at(size), float(low), float(high)))
    return predictions
