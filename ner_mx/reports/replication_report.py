"""The replication report: the paper's tables beside ours, from the records of many runs, every run counted."""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from ner_mx.config import experiment_names, read_experiment
from ner_mx.data.text_files import read_text
from ner_mx.errors import ConfigError, UserError
from ner_mx.experiments.records import Settings
from ner_mx.files import write_text
from ner_mx.reports import plots
from ner_mx.reports.compared_rows import (
    Rows,
    is_ours,
    nearest_experiment,
    own_rows,
    rows_elsewhere,
    settings_of,
    significance,
)
from ner_mx.reports.html_page import html_page
from ner_mx.reports.markdown import spread, table
from ner_mx.reports.paper import CHOICES, CORPORA, GENRES, ROWS, PaperRow
from ner_mx.reports.report_rows import ReportRow, read_rows


def write_replication(records: Path, output: Path, baseline: Optional[str] = None) -> Dict[str, ReportRow]:
    """Write the report as Markdown, the same as HTML beside it, and its plots in a folder of its name.

    Remarks of a person are taken from a file beside it: ``replication.notes.md``
    for ``replication.md``.

    Parameters
    ----------
    baseline : the name of a row against which every other row is tested; without it, rows that
        follow each other in a table are tested against each other.

    Raises
    ------
    RunError : there are no records, or one is damaged.
    UserError : the output is not the name of a Markdown file, or there is no row of the baseline's name.
    """
    if output.suffix != ".md":
        raise UserError(f"{output}: expected the name of a Markdown file, which ends in .md")
    rows = read_rows(records)
    if baseline is not None and baseline not in rows:
        raise UserError(f"baseline: expected one of {', '.join(rows)}, found {baseline!r}")
    pictures = _plots(rows, output)
    notes = output.with_suffix(".notes.md")
    text = replication_report(rows, pictures, read_text(notes, "utf-8") if notes.is_file() else "",
                              Path(os.path.relpath(records, output.parent)).as_posix(), baseline)
    write_text(output, text)
    write_text(output.with_suffix(".html"), html_page(text, "Replication"))
    return rows


def replication_report(rows: Rows, pictures: Sequence[str] = (), notes: str = "", place: str = "runs",
                       baseline: Optional[str] = None) -> str:
    """The whole report, Markdown; ``place`` is the path of the records for its reader.

    Parts about the paper are included if a row is of one of the paper's corpora.
    """
    replicates = any(row.corpus in CORPORA for row in rows.values())
    lines = _introduction(replicates)
    for name in dict.fromkeys(row.table for row in ROWS):
        lines += _paper_table(name, [row for row in ROWS if row.table == name], rows)
    lines += _genres(rows)
    lines += _own_table(rows)
    lines += _other_corpora(rows)
    lines += _remarks(rows)
    lines += significance(rows, baseline)
    lines += [line for picture in pictures for line in (f"![{Path(picture).stem}]({picture})", "")]
    lines += [notes.strip(), ""] if notes else []
    if replicates:
        lines += _not_run(rows)
        lines += ["## What the paper does not specify", ""]
        lines += table(("what", "our choice", "why"), CHOICES, text=3)
    lines += ["## Commands", "",
              "`ner-mx replicate PLAN` makes the runs, `ner-mx report` this page; a plan has experiments "
              "by name (`ner-mx experiments`), seeds and paths. The records of the runs, with their "
              f"configurations, are in [{place}/]({place}/).", ""]
    return "\n".join(lines)


def _introduction(replicates: bool) -> List[str]:
    lines = ["# Replication of Chiu & Nichols 2016" if replicates else "# Comparison of runs", "",
             "Entity-level F1 on the test set, in per cent, by conlleval's rules. Ours: mean ± standard "
             "deviation (n - 1) over n finished runs, each with a seed of its own, every one counted."]
    if replicates:
        lines[-1] += " The paper's are means of ten successful runs; P and R are given if the paper has them."
        lines += ["", "*Failed* counts runs that diverged + finished runs that fail by the paper's rule: an "
                  "F1 below 95 on dev, if it is trained on (CoNLL-2003), or below 80 on the last 5,000 "
                  "training sentences (OntoNotes); the latter are also used for CoNLL-2003 if dev is not trained "
                  "on. *Successful* is the mean of the finished runs that do not fail."]
    return [*lines, ""]


def _paper_table(name: str, paper: List[PaperRow], rows: Rows) -> List[str]:
    """One table of the paper with our figures, and the differences of our runs."""
    if not any(row.experiment in rows for row in paper):
        return []
    cells: List[List[Any]] = []
    remarks: List[str] = []
    for row in paper:
        theirs = f"{row.f1:.2f}" + (f" ± {row.sd:.2f}" if row.sd else "")
        their_parts = f"{row.precision:.2f} / {row.recall:.2f}" if row.precision and row.recall else ""
        ours = rows.get(row.experiment)
        if ours is None or not ours.records:
            cells.append([row.label, theirs, their_parts, "none finished" if ours else "not run", "", "",
                          ours.failures if ours else "", "", ""])
            continue
        successful = ours.scores(records=ours.successful)
        cells.append([row.label, theirs, their_parts, spread(ours.scores()), _parts(ours), len(ours.records),
                      ours.failures, f"{statistics.mean(successful):.2f}" if successful else "none",
                      f"{statistics.mean(ours.scores()) - row.f1:+.2f}"])
        changes = ours.records[0].settings.departures(settings_of(row.experiment))
        if changes:
            remarks += [f"- `{row.experiment}`, our runs compared with the experiment: {'; '.join(changes)}"]
    return [f"## {name}", "", *table(("", "paper", "P / R", "ours", "P / R", "n", "failed", "successful",
                                      "difference"), cells), *remarks, *[""] * bool(remarks)]


def _parts(row: ReportRow) -> str:
    return " / ".join(f"{statistics.mean(row.scores(figure)):.2f}" for figure in ("precision", "recall"))


def _genres(rows: Rows) -> List[str]:
    """OntoNotes genre by genre, beside the paper's best network."""
    cells = []
    for row in rows.values():
        genres = [record.metrics["test"].get("genres") for record in row.records]
        if genres and all(genres):
            scores = {genre: [100 * run[genre]["f1"] for run in genres if genre in run] for genre in GENRES}
            cells.append([f"`{row.name}`", *(spread(found) if found else "" for found in scores.values())])
    return ["## By genre, OntoNotes 5", "", *table(("", *GENRES), [
        ["BLSTM-CNN + emb + lex, paper", *(f"{f1:.2f}" for f1 in GENRES.values())], *cells])] if cells else []


# The columns that every row can fill.
FIGURES = ("features beside words and characters", "trained on", "F1", "P / R", "n", "failed", "dev F1",
           "minutes")


def _figures(row: ReportRow) -> List[Any]:
    trained = [record.metrics["train"] for record in row.records]
    dev = [100 * record.metrics["dev"]["entity"]["micro"]["f1"] for record in row.records]
    uses_dev = any(train.get("use_dev") for train in trained)
    return [_features(row.records[0].settings), "train + dev" if uses_dev else "train", spread(row.scores()),
            _parts(row), len(row.records), row.failures, "" if uses_dev else spread(dev),
            f"{statistics.mean(train['seconds'] for train in trained) / 60:.0f}"]


def _own_table(rows: Rows) -> List[str]:
    own = own_rows(rows)
    if not own:
        return []
    named = experiment_names()
    origins = [_origin(row) for row in own if row.name not in named and is_ours(row)]
    return ["## Other rows", "",
            *table(("", *FIGURES), [[f"`{row.name}`", *_figures(row)] for row in own], text=3),
            *origins, *[""] * bool(origins)]


def _other_corpora(rows: Rows) -> List[str]:
    """Rows on other corpora, and the differences of those on one corpus from its first row."""
    others = rows_elsewhere(rows)
    if not others:
        return []
    firsts: Dict[str, ReportRow] = {}
    changes = []
    for row in others:
        first = firsts.setdefault(row.corpus, row)
        differs = row.records[0].settings.departures(first.records[0].settings)
        if row is not first:
            changes.append(f"- `{row.name}` is `{first.name}` with {'; '.join(differs) or 'no change'}")
    return ["## Rows on other corpora", "",
            *table(("", "corpus", *FIGURES),
                   [[f"`{row.name}`", row.corpus, *_figures(row)] for row in others], text=4),
            *changes, *[""] * bool(changes)]


def _origin(row: ReportRow) -> str:
    name, changes = nearest_experiment(row)
    return f"- `{row.name}` is `{name}` with {'; '.join(changes) or 'no change'}"


def _remarks(rows: Rows) -> List[str]:
    """What a reader must know before comparing rows."""
    shown = [row for row in rows.values() if row.records]
    cut = [f"`{row.name}` ({row.entities:,} entities instead of {CORPORA[row.corpus].entities:,})" for row in shown
           if row.corpus in CORPORA and row.entities not in (None, CORPORA[row.corpus].entities)]
    # Records without the entry are older than those with it.
    states = {row.name: {state for record in row.records
                         for state in record.environment.get("code", "").split("+")} for row in shown}
    mixed = [f"`{name}` ({len(found)} versions of it)" for name, found in states.items() if len(found) > 1]
    unknown = [f"`{name}`" for name, found in states.items() if found == {""}]
    remarks = [("The test set is not the paper's", cut), ("The code changed between runs", mixed),
               ("Older records, which do not say which version of the code made them", unknown)]
    lines = [f"- {what}: {', '.join(names)}." for what, names in remarks if names]
    return [*lines, *[""] * bool(lines)]


def _features(settings: Settings) -> str:
    """The features of a run that not every model has."""
    if settings.config is None:
        return settings.system
    features = settings.values["features"]
    found = ["capitals"] * bool(features["casing"]["use"]) + ["parts of speech"] * bool(features["pos"]["use"])
    vectors = features["words"]["vectors"]["path"]
    found += [vectors] if vectors else []
    found += [f"lexicon {name}{', partial' * lexicon['partial']}" for name, lexicon
              in features["lexicons"]["sources"].items()]
    return " + ".join(found) or "none"


def _not_run(rows: Rows) -> List[str]:
    """The rows of the paper without a run of ours, by what they need."""
    missing: Dict[str, List[str]] = {}
    for name in dict.fromkeys(row.experiment for row in ROWS if row.experiment not in rows):
        missing.setdefault(_needs(name), []).append(f"`{name}`")
    if not missing:
        return []
    return ["## Not run", "", *(f"- {reason}: {', '.join(names)}" for reason, names in missing.items()), ""]


def _needs(experiment: str) -> str:
    """What a row needs beside the corpus."""
    try:
        features = read_experiment(experiment).get("features", {})
    except ConfigError:
        return "no experiment of the name"
    needed = ["OntoNotes 5"] if experiment.startswith("ontonotes") else []
    vectors = features.get("words", {}).get("vectors", {}).get("path")
    if vectors and not vectors.startswith("own-"):  # those can be trained
        needed.append("SENNA's vectors" if vectors == "senna" else vectors)
    needed += ["the DBpedia lexicon"] * ("dbpedia" in features.get("lexicons", {}).get("sources", {}))
    return f"needs {' and '.join(needed)}" if needed else "needs nothing beside the corpus"


def _plots(rows: Rows, output: Path) -> List[str]:
    """Box plots, dev curves and F1 against time; their paths below the folder of the report."""
    chosen = [row for row in rows.values() if row.records]
    # The scale of another corpus would compress the rows of the paper.
    chosen = [row for row in chosen if row.corpus in CORPORA] or chosen
    folder = output.with_suffix("")
    made = []
    if chosen and plots.score_boxes([(row.name, row.scores()) for row in chosen], folder / "seeds.png"):
        made.append(f"{folder.name}/seeds.png")
    curves = [(row.name, [[(point[0], 100 * point[2]) for point in record.history]
                          for record in row.records if record.history
                          and not record.metrics["train"].get("use_dev")]) for row in chosen]
    curves = [(name, lines) for name, lines in curves if lines]
    if curves and plots.dev_curves(curves, folder / "dev-curves.png"):
        made.append(f"{folder.name}/dev-curves.png")
    times = [(row.name, [(record.metrics["train"]["seconds"] / 60, score)
                         for record, score in zip(row.records, row.scores())]) for row in chosen]
    if times and plots.time_scatter(times, folder / "f1-and-time.png"):
        made.append(f"{folder.name}/f1-and-time.png")
    return made
