"""Plots of the errors of a tagger, if matplotlib is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

from ner_mx.reports.plots import new_figure, save_figure, stacked_bars
from ner_mx.untyped import ReadOnlyValues

_KIND_COLOURS = {"missed": "#4a5568", "invented": "#a0aec0", "type": "#c05621", "borders": "#2b6cb0",
                 "borders and type": "#805ad5"}


def draw_errors(values: ReadOnlyValues, folder: Path) -> Dict[str, str]:
    """Draw errors by type and scores by group.

    Returns
    -------
    The paths of the pictures relative to ``folder`` by the name of the plot; empty if matplotlib is not installed.
    """
    if new_figure(1, 1) is None:
        return {}
    drawn = {"kinds": _kinds(values, folder / "plots" / "kinds.png"),
             "slices": _slices(values, folder / "plots" / "slices.png")}
    return {name: f"plots/{name}.png" for name, done in drawn.items() if done}


def _kinds(values: ReadOnlyValues, path: Path) -> bool:
    kinds = values["kinds"]
    labels = sorted(kinds, key=lambda label: -sum(kinds[label].values()))
    bars = [(kind, [kinds[label][kind] for label in labels]) for kind in _KIND_COLOURS]
    return stacked_bars(labels, bars, "errors", path, list(_KIND_COLOURS.values()))


def _slices(values: ReadOnlyValues, path: Path) -> bool:
    """A panel for each kind of group: F1 as bars, with the number of gold entities."""
    slices = {name: groups for name, groups in values["slices"].items() if len(groups) > 1}
    if not slices:
        return False
    rows = -(-len(slices) // 2)
    heights = [max(len(groups) for groups in list(slices.values())[2 * row:2 * row + 2]) for row in range(rows)]
    figure = new_figure(11, sum(0.8 + 0.27 * height for height in heights))
    panels = figure.subplots(rows, 2, squeeze=False, height_ratios=[height + 2 for height in heights]).ravel()
    overall = 100 * values["micro"]["f1"]
    for axes, (name, groups) in zip(panels, slices.items()):
        scores = [100 * score["f1"] for score in groups.values()]
        places = range(len(scores), 0, -1)
        axes.barh(places, scores, height=0.7, color="#90cdf4")
        axes.axvline(overall, color="#2b6cb0", linewidth=1)
        for place, score, f1 in zip(places, groups.values(), scores):
            axes.annotate(f"{f1:.1f}   n = {score['gold']:,}", (1.5, place), va="center", fontsize="small")
        axes.set(yticks=list(places), yticklabels=list(groups), xlim=(0, 100))
        axes.set_title(name, fontsize="medium", loc="left")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False, labelsize="small")
    for axes in panels[len(slices):]:
        axes.set_visible(False)
    save_figure(figure, path)
    return True
