"""F1 on dev over minutes, ours beside spaCy's: python minutes_to_f1.py CSV FOLDER [STEPS]

One after the other on this machine, whose cores both may use: ``preprocess`` and ``train`` of gmb-fast, timed from the
start of ``preprocess`` on, and spaCy's CPU pipeline for NER (of at most STEPS batches) on the same splits, timed from
the start of ``spacy train`` on.  Writes FOLDER/minutes.json and FOLDER/minutes.png.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Tuple

from ner_mx.files import write_json
from ner_mx.reports.plots import new_figure, save_figure

Curve = List[Tuple[float, float]]
COMMAND = [sys.executable, "-m", "ner_mx"]


def ours(options: List[str]) -> Curve:
    """(seconds, F1) after each epoch, and the seconds after which everything is evaluated with the last F1."""
    started = time.perf_counter()
    subprocess.run([*COMMAND, "preprocess", *options], check=True, capture_output=True)
    curve: Curve = []
    with subprocess.Popen([*COMMAND, "train", *options, "--overwrite"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"epoch \d+/\d+  .*  dev .* (\d\.\d+)( \*)?  ", line)
            if found:
                curve.append((time.perf_counter() - started, float(found[1])))
    if process.returncode:
        raise SystemExit(process.returncode)
    return [*curve, (time.perf_counter() - started, max(score for _, score in curve))]


def spacys(options: List[str], folder: Path, steps: str) -> Curve:
    """(seconds, F1) at each judgement by dev."""
    subprocess.run([*COMMAND, "baseline", "spacy", *options, "--with", f"steps={steps}", "--overwrite",
                    "--save", str(folder / "spacy")], check=True, stdout=subprocess.DEVNULL)
    record = json.loads((folder / "spacy/gmb-fast-spacy.json").read_text(encoding="utf-8"))
    return [(seconds, score) for _, score, seconds in record["metrics"]["system"]["history"]]


def main(csv: str, folder: str, steps: str = "20000") -> None:
    place = Path(folder)
    options = ["--experiment", "gmb-fast", "--set", f"corpus.path={Path(csv).resolve()}",
               "--set", f"corpus.processed={place}/processed", "--set", f"run.directory={place}/runs"]
    curves = {"gmb-fast, from the CSV file": ours(options), "spaCy": spacys(options, place, steps)}
    write_json(place / "minutes.json", curves)
    figure = new_figure(6, 3.6)
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot([seconds / 60 for seconds, _ in curve], [100 * score for _, score in curve], marker=".", label=name)
    axes.set(xlabel="minutes", ylabel="F1 on dev, %", xlim=(0, None), ylim=(70, None))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    save_figure(figure, place / "minutes.png")
    for name, curve in curves.items():
        seconds, score = max(curve, key=lambda point: point[1])
        print(f"{name}: {100 * score:.2f} after {seconds / 60:.1f} minutes")


if __name__ == "__main__":
    main(*sys.argv[1:])
