"""Precision against recall on test, one point for each record: python precision_recall.py PICTURE RECORD.json …

A point is named by what comes behind the last "weight-" in the name of its record, without the seed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ner_mx.experiments.records import read_record
from ner_mx.reports.plots import new_figure, save_figure


def main(picture: str, *records: str) -> None:
    points = []
    for path in records:
        record = read_record(Path(path))
        micro = record.metrics["test"]["entity"]["micro"]
        name = re.sub(r"-\d+$", "", record.name).rpartition("weight-")[2]
        points.append((100 * micro["recall"], 100 * micro["precision"], name, 100 * micro["f1"]))
    points.sort()
    figure = new_figure(6, 3.8)
    axes = figure.subplots()
    axes.plot(*zip(*((recall, precision) for recall, precision, _, _ in points)), color="0.7", linewidth=1)
    for recall, precision, name, f1 in points:
        axes.plot(recall, precision, marker="o", color="tab:blue")
        axes.annotate(f"{name} (F1 {f1:.2f})", (recall, precision), xytext=(6, 4), textcoords="offset points",
                      fontsize=8)
    axes.set(xlabel="recall on test, %", ylabel="precision on test, %", title="by the weight of O in the loss")
    axes.margins(0.25)
    axes.grid(alpha=0.3)
    save_figure(figure, Path(picture))


if __name__ == "__main__":
    main(*sys.argv[1:])
