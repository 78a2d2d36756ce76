"""The report of a search: every trial in a table and in plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

from ner_mx.experiments.search_trials import Trial
from ner_mx.experiments.setting_search import SearchResult
from ner_mx.files import write_text
from ner_mx.reports import plots
from ner_mx.reports.markdown import spread, table


def write_search_report(result: SearchResult, folder: Path) -> Path:
    """Write ``search.md`` and its plots into a folder."""
    keys = list(result.trials[0].settings or result.best)
    lines = [f"# Search {result.folder.name}", "", _counts(result.trials), ""]
    own = next((trial for trial in result.trials if trial.own), None)
    if own:
        lines += [f"Trial {own.number} has the experiment's own settings.", ""]
    lines += _retrained(result, keys)
    history = [(trial.number, 100 * (trial.score or 0.0), trial.state) for trial in result.trials]
    if plots.search_history(history, folder / "history.png"):
        lines += ["![dev F1 of each trial](history.png)", ""]
    complete = [trial for trial in result.trials if trial.state == "complete"]
    points = {key: [(trial.settings[key], 100 * (trial.score or 0.0)) for trial in complete
                    if key in trial.settings] for key in keys}
    if plots.search_slices(points, folder / "slices.png"):
        lines += ["![dev F1 by each setting](slices.png)", ""]
    lines += ["## Trials", "", *table(("trial", "dev F1", "end", "epochs", *keys), [
        [trial.number, f"{100 * trial.score:.2f}" if trial.score is not None else "", trial.state, trial.epochs,
         *(_shown(trial.settings.get(key)) for key in keys)]
        for trial in sorted(result.trials, key=lambda trial: -(trial.score or 0.0))])]
    write_text(folder / "search.md", "\n".join(lines))
    return folder / "search.md"


def _counts(trials: List[Trial]) -> str:
    ended = {state: sum(trial.state == state for trial in trials) for state in ("complete", "pruned", "failed")}
    return (f"{len(trials)} trials: " + ", ".join(f"{count} {state}" for state, count in ended.items())
            + ". Scores are entity F1 on dev, in per cent; the test set was not used.")


def _retrained(result: SearchResult, keys: List[str]) -> List[str]:
    """The table of the settings that were trained in full."""
    if not result.retrained:
        return []
    settings = {trial.number: trial.settings for trial in result.trials}
    return ["## The best, trained again in full", "", *table(
        ("trial", "dev F1", "n", *keys),
        [[number, spread([100 * score for score in scores]), len(scores),
          *(_shown(settings[number].get(key)) for key in keys)] for number, scores in result.retrained])]


def search_summary(result: SearchResult) -> str:
    """What ``ner-mx search`` prints."""
    lines: List[str] = [f"{len(result.trials)} trials"]
    for number, scores in result.retrained:
        lines.append(f"trial {number:<5}dev F1 {spread([100 * score for score in scores])} "
                     f"({len(scores)} seeds)")
    if not result.retrained:
        best = max(trial.score or 0.0 for trial in result.trials if trial.state == "complete")
        lines.append(f"best dev F1 {100 * best:.2f} (one seed, with trial_overrides)")
    lines += [f"  {key}: {_shown(value)}" for key, value in result.best.items()]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
