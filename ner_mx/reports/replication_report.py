"""The replication report: the paper's tables beside ours, from the records of many runs, every run counted."""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ner_mx.config import experiment_names, load_experiment, portable, read_experiment
from ner_mx.config.experiments import parent_of
from ner_mx.data.text_files import read_text
from ner_mx.errors import ConfigError, UserError
from ner_mx.evaluation.significance import compare_samples, holm
from ner_mx.experiments.records import Settings
from ner_mx.files import write_text
from ner_mx.reports import plots
from ner_mx.reports.html_page import html_page
from ner_mx.reports.markdown import spread, table
from ner_mx.reports.paper import CHOICES, CORPORA, GENRES, ROWS, PaperRow
from ner_mx.reports.report_rows import ReportRow, read_rows

Rows = Mapping[str, ReportRow]
Pair = Tuple[str, str]

# The fewest runs of a row that is tested against another.
TESTED = 3


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
    lines += _own_rows(rows)
    lines += _other_corpora(rows)
    lines += _remarks(rows)
    lines += _significance(rows, baseline)
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
        changes = ours.records[0].settings.departures(_settings_of(row.experiment))
        if changes:
            remarks += [f"- `{row.experiment}`, our runs compared with the experiment: {'; '.join(changes)}"]
    return [f"## {name}", "", *table(("", "paper", "P / R", "ours", "P / R", "n", "failed", "successful",
                                      "difference"), cells), *remarks, *[""] * bool(remarks)]


def _settings_of(experiment: str) -> Settings:
    return Settings(portable(load_experiment(experiment)))


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


def _own(rows: Rows) -> List[ReportRow]:
    """Our rows on the paper's corpora that the paper does not have."""
    known = {row.experiment for row in ROWS}
    return [row for row in rows.values() if row.name not in known and row.records and row.corpus in CORPORA]


def _elsewhere(rows: Rows) -> List[ReportRow]:
    """Rows on corpora that are not the paper's."""
    return [row for row in rows.values() if row.records and row.corpus not in CORPORA]


def _own_rows(rows: Rows) -> List[str]:
    own = _own(rows)
    if not own:
        return []
    named = experiment_names()
    origins = [_origin(row) for row in own if row.name not in named and _is_ours(row)]
    return ["## Other rows", "",
            *table(("", *FIGURES), [[f"`{row.name}`", *_figures(row)] for row in own], text=3),
            *origins, *[""] * bool(origins)]


def _other_corpora(rows: Rows) -> List[str]:
    """Rows on other corpora, and the differences of those on one corpus from its first row."""
    others = _elsewhere(rows)
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


def _is_ours(row: ReportRow) -> bool:
    """Whether the runs of a row are those of a configuration, and not of another system."""
    return row.records[0].settings.config is not None


def _nearest(row: ReportRow) -> Tuple[str, List[str]]:
    """The experiment on the same corpus with the fewest differences from a row, and these."""
    made = {name: row.records[0].settings.departures(_settings_of(name))
            for name in experiment_names() if name.partition("-")[0] == row.corpus}
    nearest = min(made, key=lambda name: len(made[name]))
    return nearest, made[nearest]


def _origin(row: ReportRow) -> str:
    name, changes = _nearest(row)
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


def compared_pairs(rows: Rows, baseline: Optional[str] = None) -> List[Pair]:
    """The pairs of rows that a reader compares: neighbours in a table, a row and the experiment it varies,
    or every row and the baseline."""
    if baseline is not None:
        pairs = [(name, baseline) for name in rows if name != baseline]
    else:
        pairs = []
        for name in dict.fromkeys(row.table for row in ROWS):
            pairs += _neighbours([row.experiment for row in ROWS if row.table == name and row.experiment in rows])
        pairs += _with_origins([row.name for row in _own(rows) if _is_ours(row)], rows)
        elsewhere: Dict[str, List[str]] = {}
        for row in _elsewhere(rows):
            elsewhere.setdefault(row.corpus, []).append(row.name)
        pairs += [pair for names in elsewhere.values() for pair in _neighbours(names)]
    return [pair for pair in dict.fromkeys(pairs) if _is_comparable(*(rows[name] for name in pair))]


def _neighbours(names: Sequence[str]) -> List[Pair]:
    return [(following, name) for name, following in zip(names, names[1:])]


def _with_origins(names: Iterable[str], rows: Rows) -> List[Pair]:
    """Each row with the experiment that it varies, or that it extends, if that has runs."""
    pairs = []
    for name in names:
        origin = name
        for _ in range(len(experiment_names())):
            is_named = origin in experiment_names()
            origin = (parent_of(origin) if is_named else _nearest(rows[name])[0]) or ""
            if not origin or origin in rows:
                break
        if origin and origin != name:
            pairs.append((name, origin))
    return pairs


def _is_comparable(row: ReportRow, other: ReportRow) -> bool:
    return (min(len(row.records), len(other.records)) >= TESTED
            and (row.corpus, row.entities) == (other.corpus, other.entities))


def _significance(rows: Rows, baseline: Optional[str]) -> List[str]:
    """Tests of the differences between pairs of rows."""
    pairs = compared_pairs(rows, baseline)
    if not pairs:
        return []
    compared = [compare_samples(rows[name].scores(), rows[other].scores()) for name, other in pairs]
    adjusted = holm([comparison.welch for comparison in compared])
    cells = [[f"`{name}`", f"`{other}`", f"{comparison.difference:+.2f}", _p_value(comparison.welch),
              _p_value(corrected), _p_value(comparison.ranks)]
             for (name, other), comparison, corrected in zip(pairs, compared, adjusted)]
    return ["## Significance", "",
            "Pairs of rows that follow each other in a table, and rows with the experiment that they vary"
            if baseline is None else f"Every row compared with `{baseline}`", "",
            "Two-sided p values on the test F1 of the seeds: Welch's t test, the same adjusted for the number of "
            "pairs in this table (Holm 1979), and the Wilcoxon rank-sum test (exact if no two F1 are equal). "
            "With three seeds per row the rank-sum test cannot fall below 0.1, with five not below 0.008.", "",
            *table(("row", "compared with", "difference", "Welch", "Welch, Holm", "rank-sum"), cells, text=2)]


def _p_value(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


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
