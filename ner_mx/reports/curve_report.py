"""Reports on amounts of training data: learning curves, and simulations of annotation in rounds."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ner_mx.files import write_text
from ner_mx.reports.html_page import html_page
from ner_mx.reports.markdown import plain, spread, table
from ner_mx.reports.plots import new_figure, save_figure
from ner_mx.untyped import ReadOnlyValues

# F1 below that of all data, in points, at which strategies are compared.
BELOW = 1.0

# (tokens, F1 in per cent) of the rounds of a seed.
Points = Sequence[Tuple[float, float]]
Curves = Mapping[str, Sequence[Points]]


def write_curve_report(values: ReadOnlyValues, text: str, folder: Path, name: str) -> Path:
    """Write ``NAME.md``, ``NAME.html`` with its picture inside, and ``NAME.json``; returns the page."""
    write_text(folder / f"{name}.json", json.dumps(values, ensure_ascii=False, indent=1) + "\n")
    write_text(folder / f"{name}.md", text)
    write_text(folder / f"{name}.html", html_page(text, text.partition("\n")[0].lstrip("# "), folder))
    return folder / f"{name}.html"


def draw_curves(curves: Curves, path: Path, line: Sequence[Tuple[float, float, float, float]] = (),
                target: Optional[float] = None) -> bool:
    """Plot the mean F1 of each name by tokens with its deviation, and a dot for every run.

    Parameters
    ----------
    line : a fitted curve, as (tokens, F1, low, high) in per cent.
    target : a level to compare at, in per cent.
    """
    figure = new_figure(8, 4.6)
    if figure is None:
        return False
    axes = figure.subplots()
    for number, (name, runs) in enumerate(curves.items()):
        sizes = [statistics.mean(point[0] for point in points) for points in zip(*runs)]
        means = [statistics.mean(point[1] for point in points) for points in zip(*runs)]
        deviations = [statistics.stdev(point[1] for point in points) if len(points) > 1 else 0.0
                      for points in zip(*runs)]
        colour = f"C{number % 10}"
        axes.plot(sizes, means, marker="o", markersize=4, color=colour, label=name)
        axes.fill_between(sizes, [mean - sd for mean, sd in zip(means, deviations)],
                          [mean + sd for mean, sd in zip(means, deviations)], color=colour, alpha=0.15, linewidth=0)
    if line:
        tokens, f1, low, high = zip(*line)
        axes.plot(tokens, f1, color="black", linestyle="--", linewidth=1, label="fitted curve")
        axes.fill_between(tokens, low, high, color="grey", alpha=0.25, linewidth=0)
    if target is not None:
        axes.axhline(target, color="grey", linewidth=1, linestyle=":", label=f"F1 {target:.2f}")
    axes.set(xlabel="annotated tokens", ylabel="test entity F1, %")
    axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save_figure(figure, path)
    return True


def tokens_to_reach(points: Points, target: float) -> Optional[float]:
    """The tokens with which a curve first reaches an F1, between its points on a line; None if it never does."""
    before: Optional[Tuple[float, float]] = None
    for tokens, score in points:
        if score >= target:
            if before is None or score == before[1]:
                return float(tokens)
            return before[0] + (tokens - before[0]) * (target - before[1]) / (score - before[1])
        before = (tokens, score)
    return None


def mean_curve(runs: Sequence[Points]) -> List[Tuple[float, float]]:
    """The mean of several runs, round by round."""
    return [(statistics.mean(point[0] for point in points), statistics.mean(point[1] for point in points))
            for points in zip(*runs)]


def simulation_report(values: ReadOnlyValues, folder: Path) -> str:
    """The curves of strategies, and the tokens that each needs.

    Parameters
    ----------
    values : ``corpus``, ``train_tokens``, and ``chains``: strategy, seed and rounds of each.
    """
    curves: Dict[str, List[Points]] = {}
    for chain in values["chains"]:
        curves.setdefault(chain["strategy"], []).append([(entry["tokens"], 100 * entry["test"])
                                                         for entry in chain["rounds"]])
    last = statistics.mean(run[-1][1] for runs in curves.values() for run in runs)
    target = last - BELOW
    drawn = draw_curves(curves, folder / "plots" / "simulation.png", target=target)
    baseline = tokens_to_reach(mean_curve(curves["random"]), target) if "random" in curves else None
    rows: List[List[Any]] = []
    for name, runs in curves.items():
        needed = tokens_to_reach(mean_curve(runs), target)
        rows.append([f"`{name}`", f"{needed:,.0f}" if needed else "not reached",
                     f"{100 * needed / values['train_tokens']:.1f} %" if needed else "",
                     f"{needed / baseline:.2f}" if needed and baseline else "", len(runs)])
    sizes = [statistics.mean(point[0] for point in points) for points in zip(*next(iter(curves.values())))]
    most = "With everything" if sizes[-1] == values["train_tokens"] else f"With {sizes[-1]:,.0f} tokens"
    steps = [[f"{size:,.0f}", *(spread([run[place][1] for run in runs]) for runs in curves.values())]
             for place, size in enumerate(sizes)]
    return "\n".join([
        f"# Annotation in rounds, simulated on {plain(values['corpus'])}", "",
        f"Each strategy chooses sentences of train, on which a new network is trained; {values['train_tokens']:,} "
        "tokens are all of it. Mean ± standard deviation of the entity F1 on test over the seeds; the best epoch is "
        "chosen on dev.", "",
        *(["![F1 by annotated tokens](plots/simulation.png)", ""] if drawn else []),
        f"{most}, F1 is {last:.2f}. To reach {BELOW:g} point less:", "",
        *table(("strategy", "tokens", "of all", "of what random needs", "seeds"), rows),
        "## F1 by annotated tokens", "", *table(("tokens", *(f"`{name}`" for name in curves)), steps)])


def learning_curve_report(values: ReadOnlyValues, folder: Path) -> str:
    """A learning curve with its extrapolation.

    Parameters
    ----------
    values : ``corpus``, ``train_tokens``, ``train_sentences``, ``chains``, ``law``, ``line`` and ``predictions``.
    """
    runs = [[(entry["tokens"], 100 * entry["test"]) for entry in chain["rounds"]] for chain in values["chains"]]
    line = [(entry["tokens"], 100 * entry["f1"], 100 * entry["low"], 100 * entry["high"]) for entry in values["line"]]
    drawn = draw_curves({"runs": runs}, folder / "plots" / "learning-curve.png", line)
    now, *further = values["predictions"]
    rows = []
    for entry in further:
        gain = 100 * (entry["f1"] - now["f1"])
        interval = f"({100 * entry['low']:.2f} to {100 * entry['high']:.2f})" if len(runs) > 1 else "(one seed)"
        rows.append([f"{entry['sentences']:,}", f"{entry['tokens']:,}", f"{100 * entry['f1']:.2f} {interval}",
                     f"{gain:+.2f}"])
    steps = [[f"{statistics.mean(point[0] for point in points):,.0f}", spread([point[1] for point in points])]
             for points in zip(*runs)]
    law = values["law"]
    return "\n".join([
        f"# Learning curve of {plain(values['corpus'])}", "",
        f"Entity F1 on test of networks that were trained on a part of train, drawn at random; {len(runs)} seeds.", "",
        *(["![F1 by training tokens](plots/learning-curve.png)", ""] if drawn else []),
        *table(("tokens of train", "test F1"), steps),
        "## What more data would bring", "",
        f"The curve F1 = {100 * law['best']:.2f} − {100 * law['scale']:.4g} · tokens^−{law['rate']:.3f} fits best: "
        f"with text of the same kind, F1 would approach {100 * law['best']:.1f}. In brackets, the middle 90 % of "
        "curves through the seeds drawn with replacement; that the law holds beyond the data is an assumption.", "",
        *table(("further sentences", "tokens in all", "F1", "gain"), rows)])
