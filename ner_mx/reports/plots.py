"""Plots, if matplotlib is installed."""

from __future__ import annotations

import logging
import statistics
from pathlib import Path
from typing import Any, List, Mapping, Sequence, Tuple

from ner_mx.errors import install
from ner_mx.files import replacing
from ner_mx.untyped import Values

log = logging.getLogger(__name__)


def new_figure(width: float, height: float) -> Any:
    """A figure, in inches, that needs no screen; None if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        log.warning("plots need matplotlib: %s", install("report"))
        return None
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as PNG."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def learning_curves(history: List[Values], path: Path) -> bool:
    """Plot loss and dev score by epoch; False if matplotlib is not installed."""
    figure = new_figure(8, 3.2)
    if figure is None:
        return False
    epochs = [record["epoch"] for record in history]
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [record["loss"] for record in history], marker=".")
    left.set(xlabel="epoch", ylabel="training loss per token")
    right.plot(epochs, [100 * record["score"] for record in history], marker=".", color="tab:orange")
    right.set(xlabel="epoch", ylabel="dev score, %")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    save_figure(figure, path)
    return True


def reliability(calibration: Values, path: Path) -> bool:
    """Plot precision by score, without and with the temperature; False if matplotlib is not installed."""
    figure = new_figure(4.2, 3.8)
    if figure is None:
        return False
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for when, label, colour in (("before", "without temperature", "tab:orange"),
                                ("after", "with the temperature", "tab:blue")):
        bins = calibration[when]["bins"]
        axes.plot([entry["probability"] for entry in bins], [entry["precision"] for entry in bins], marker="o",
                  label=label, color=colour)
    axes.set(xlabel="mean score of the bin", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize=8)
    save_figure(figure, path)
    return True


def score_bars(scores: Sequence[Tuple[str, List[float]]], path: Path) -> bool:
    """Plot a bar for the mean of each name's scores in per cent, and a dot for every run."""
    figure = new_figure(8, 0.6 + 0.45 * len(scores))
    if figure is None:
        return False
    axes = figure.subplots()
    places = range(len(scores), 0, -1)
    means = [statistics.mean(values) for _, values in scores]
    axes.barh(places, means, height=0.6, color="tab:blue", alpha=0.5)
    for place, (_, values), mean in zip(places, scores, means):
        axes.plot(values, [place] * len(values), "o", color="tab:blue", markersize=4)
        axes.annotate(f"{mean:.2f}", (max(values), place), xytext=(6, 0),
                      textcoords="offset points", va="center")
    low = min(min(values) for _, values in scores)
    axes.set(yticks=list(places), yticklabels=[name for name, _ in scores], xlabel="test entity F1, %",
             xlim=(max(0.0, 5 * (low // 5) - 5), 100))
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)
    return True


def stacked_bars(labels: Sequence[str], bars: Sequence[Tuple[str, Sequence[float]]], xlabel: str, path: Path,
             colours: Sequence[Any] = ()) -> bool:
    """Plot horizontal bars, the first label on top, each divided into the same parts; False without matplotlib."""
    figure = new_figure(8, 1.3 + 0.3 * len(labels)) if labels else None
    if figure is None:
        return False
    axes = figure.subplots()
    places = range(len(labels), 0, -1)
    left = [0.0] * len(labels)
    for number, (name, sizes) in enumerate(bars):
        axes.barh(places, sizes, left=left, height=0.7, label=name,
                  color=colours[number] if number < len(colours) else f"C{number % 10}")
        left = [start + size for start, size in zip(left, sizes)]
    axes.set(xlabel=xlabel, yticks=list(places), yticklabels=list(labels))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.margins(x=0.01)
    widest = max(len(name) for name, _ in bars)
    figure.legend(loc="outside upper center", ncols=max(1, min(len(bars), 90 // (widest + 6))), frameon=False,
                  fontsize="small")
    save_figure(figure, path)
    return True


def score_boxes(scores: Sequence[Tuple[str, List[float]]], path: Path) -> bool:
    """Plot a box over the scores of each name, with a dot for every run."""
    figure = new_figure(max(5.0, 1.0 + 0.7 * len(scores)), 5.5)
    if figure is None:
        return False
    axes = figure.subplots()
    places = list(range(len(scores)))
    axes.boxplot([values for _, values in scores], positions=places, widths=0.6, showfliers=False)
    for place, (_, values) in zip(places, scores):
        axes.plot([place] * len(values), values, "o", color="tab:blue", markersize=4)
    axes.set(ylabel="test entity F1, %")
    axes.set_xticks(places, [name for name, _ in scores], rotation=40, ha="right", fontsize="small")
    axes.grid(alpha=0.3, axis="y")
    save_figure(figure, path)
    return True


Points = Sequence[Tuple[float, float]]


def dev_curves(curves: Sequence[Tuple[str, Sequence[Points]]], path: Path) -> bool:
    """Plot dev F1 by epoch, a colour for each name, a line for each run."""
    figure = new_figure(8, 4.5)
    if figure is None:
        return False
    axes = figure.subplots()
    for number, (name, lines) in enumerate(curves):
        for place, line in enumerate(lines):
            axes.plot([x for x, _ in line], [y for _, y in line], color=f"C{number % 10}", linewidth=1,
                      label="_" * bool(place) + name)
    top = max(y for _, lines in curves for line in lines for _, y in line)
    axes.set(xlabel="epoch", ylabel="dev entity F1, %", ylim=(top - 20, top + 1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    save_figure(figure, path)
    return True


def time_scatter(points: Sequence[Tuple[str, Points]], path: Path) -> bool:
    """Plot test F1 against minutes of training, a colour for each name, a dot for each run."""
    figure = new_figure(8, 4.5)
    if figure is None:
        return False
    axes = figure.subplots()
    for number, (name, dots) in enumerate(points):
        axes.plot([x for x, _ in dots], [y for _, y in dots], "o^sv"[number // 10 % 4],
                  color=f"C{number % 10}", label=name)
    axes.set(xlabel="minutes of training", ylabel="test entity F1, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    save_figure(figure, path)
    return True


def speed_scatter(points: Sequence[Tuple[str, float, float]], path: Path) -> bool:
    """Plot F1 in per cent against words per second, and a line through the systems that no other beats in both."""
    figure = new_figure(8, 4.5)
    if figure is None:
        return False
    axes = figure.subplots()
    front = [points[index] for index in pareto_front(points)]
    axes.plot([x for _, x, _ in front], [y for *_, y in front], color="grey", linewidth=1, zorder=1)
    for number, (name, x, y) in enumerate(points):
        axes.plot([x], [y], "o", color=f"C{number % 10}", zorder=2)
        axes.annotate(name, (x, y), xytext=(6, 4), textcoords="offset points", fontsize="small")
    axes.set(xlabel="words per second", ylabel="test entity F1, %", xscale="log")
    axes.margins(x=0.2)
    axes.grid(alpha=0.3)
    save_figure(figure, path)
    return True


def pareto_front(points: Sequence[Tuple[str, float, float]]) -> List[int]:
    """The indices of the points (name, x, y) that no other exceeds in x and y, by x."""
    return sorted((index for index, (_, x, y) in enumerate(points)
                   if not any(other_x >= x and other_y >= y and (other_x, other_y) != (x, y)
                              for _, other_x, other_y in points)), key=lambda index: points[index][1])


def search_history(trials: Sequence[Tuple[int, float, str]], path: Path) -> bool:
    """Plot the score of each trial by its number and end, and the best so far."""
    figure = new_figure(8, 3.6)
    if figure is None:
        return False
    axes = figure.subplots()
    for state, sign in (("complete", "o"), ("pruned", "x"), ("failed", "v")):
        chosen = [(number, score) for number, score, end in trials if end == state]
        if chosen:
            axes.plot(*zip(*chosen), sign, markersize=5, label=state)
    best, steps = 0.0, []
    for number, score, state in trials:
        best = max(best, score if state == "complete" else 0.0)
        steps.append((number, best))
    axes.step(*zip(*steps), where="post", color="grey", linewidth=1, label="best so far")
    top = max(score for _, score, _ in trials)
    axes.set(xlabel="trial", ylabel="dev entity F1, %", ylim=(max(0.0, top - 30), top + 2))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    save_figure(figure, path)
    return True


def search_slices(points: Mapping[str, Points], path: Path) -> bool:
    """Plot the score against each setting, a panel for each."""
    points = {key: values for key, values in points.items() if values}
    if not points:
        return False
    columns = min(3, len(points))
    rows = -(-len(points) // columns)
    figure = new_figure(3.2 * columns, 2.6 * rows)
    if figure is None:
        return False
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (key, values) in zip(panels, points.items()):
        axes.plot([str(x) if isinstance(x, (str, bool)) else x for x, _ in values],
                  [y for _, y in values], "o", markersize=4)
        axes.set_title(key, fontsize="small")
        axes.grid(alpha=0.3)
    for axes in panels[len(points):]:
        axes.set_visible(False)
    save_figure(figure, path)
    return True
