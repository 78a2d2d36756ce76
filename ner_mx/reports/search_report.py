"""What a search found: every trial in a table and in plots."""

from __future__ import annotations

from pathlib import Path
from typing import List

from ner_mx.files import write_text
from ner_mx.reports import plots
from ner_mx.reports.markdown import spread, table
from ner_mx.training.search import Found


def write_search_report(found: Found, folder: Path) -> Path:
    """Write ``search.md`` and its plots into a folder."""
    keys = list(found.trials[0].settings or found.best)
    complete = [one for one in found.trials if one.state == "complete"]
    ended = {state: sum(one.state == state for one in found.trials)
             for state in ("complete", "pruned", "failed")}
    lines = [f"# Search {found.folder.name}", "",
             f"{len(found.trials)} trials: " + ", ".join(f"{count} {state}" for state, count in ended.items())
             + ". Scores are entity F1 on dev, in per cent; the test set played no part.", ""]
    own = next((one for one in found.trials if one.own), None)
    if own:
        lines += [f"Trial {own.number} has the experiment's own settings.", ""]
    if found.again:
        settings = {one.number: one.settings for one in found.trials}
        lines += ["## The best, trained again in full", "", *table(
            ("trial", "dev F1", "n", *keys),
            [[number, spread([100 * score for score in scores]), len(scores),
              *(_shown(settings[number].get(key)) for key in keys)] for number, scores in found.again])]
    if plots.search_history([(one.number, 100 * (one.score or 0.0), one.state) for one in found.trials],
                            folder / "history.png"):
        lines += ["![dev F1 of each trial](history.png)", ""]
    points = {key: [(one.settings[key], 100 * (one.score or 0.0)) for one in complete if key in one.settings]
              for key in keys}
    if plots.search_slices(points, folder / "slices.png"):
        lines += ["![dev F1 by each setting](slices.png)", ""]
    lines += ["## Trials", "", *table(("trial", "dev F1", "end", "epochs", *keys), [
        [one.number, f"{100 * one.score:.2f}" if one.score is not None else "", one.state, one.epochs,
         *(_shown(one.settings.get(key)) for key in keys)] for one in
        sorted(found.trials, key=lambda one: -(one.score or 0.0))])]
    write_text(folder / "search.md", "\n".join(lines))
    return folder / "search.md"


def summary(found: Found) -> str:
    """What ``ner-mx search`` prints."""
    lines: List[str] = [f"{len(found.trials)} trials"]
    for number, scores in found.again:
        lines.append(f"trial {number:<5}dev F1 {spread([100 * score for score in scores])} "
                     f"({len(scores)} seeds)")
    if not found.again:
        best = max(one.score or 0.0 for one in found.trials if one.state == "complete")
        lines.append(f"best dev F1 {100 * best:.2f} (one seed, shortened)")
    lines += [f"  {key}: {_shown(value)}" for key, value in found.best.items()]
    return "\n".join(lines)


def _shown(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
