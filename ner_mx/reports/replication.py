"""Records of many runs to the replication report: the paper's tables beside ours, every run counted."""

from __future__ import annotations

import os
import statistics
from itertools import combinations
from pathlib import Path
from typing import Any, Dict, List, Sequence

from ner_mx.config import experiment_names, load_experiment, read_experiment
from ner_mx.corpora.text import read_text
from ner_mx.errors import ConfigError, RunError, UserError, install
from ner_mx.files import write_text
from ner_mx.reports import plots
from ner_mx.reports.markdown import spread, table
from ner_mx.reports.paper import CHOICES, CORPORA, GENRES, ROWS, PaperRow
from ner_mx.reports.rows import Row, read_rows
from ner_mx.training.records import (
    departures,
    portable,
)


def write_replication(records: Path, output: Path) -> Dict[str, Row]:
    """Write the report as Markdown, beside it as HTML, its plots in a folder of its name.

    What a person has to say about the figures comes from a file beside it:
    ``replication.notes.md`` for ``replication.md``.

    Raises
    ------
    RunError : no records, or a damaged one.
    UserError : the output is no name of a Markdown file.
    """
    if output.suffix != ".md":
        raise UserError(f"{output}: expected the name of a Markdown file, which ends in .md")
    rows = read_rows(records)
    pictures = _plots(rows, output)
    notes = output.with_suffix(".notes.md")
    text = report(rows, pictures, read_text(notes, "utf-8") if notes.is_file() else "",
                  Path(os.path.relpath(records, output.parent)).as_posix())
    write_text(output, text)
    write_text(output.with_suffix(".html"), _html(text))
    return rows


def report(rows: Dict[str, Row], pictures: Sequence[str] = (), notes: str = "", place: str = "runs") -> str:
    """The whole report, Markdown; ``place`` is where its reader finds the records.

    What is about the paper is in it where a row is of one of the paper's corpora.
    """
    replicates = any(row.corpus in CORPORA for row in rows.values())
    lines = ["# Replication of Chiu & Nichols 2016" if replicates else "# Runs beside each other", "",
             "Entity-level F1 on the test set, in per cent, by conlleval's rules. Ours: mean ± standard "
             "deviation (n - 1) over n finished runs, each with a seed of its own, every one counted."]
    if replicates:
        lines[-1] += " The paper's are means of ten successful runs; P and R stand where it gives them."
        lines += ["", "*Failed* counts runs that diverged + finished runs that fail by the paper's rule: an "
                  "F1 below 95 on dev, where it is learnt (CoNLL-2003), or below 80 on the last 5,000 "
                  "sentences learnt (OntoNotes); where CoNLL's dev is not learnt, those stand for it. "
                  "*Successful* is the mean of the finished without the latter."]
    lines += [""]
    for name in dict.fromkeys(row.table for row in ROWS):
        lines += _beside(name, [row for row in ROWS if row.table == name], rows)
    lines += _genres(rows)
    lines += _others(rows)
    lines += _elsewhere(rows)
    lines += _remarks(rows)
    lines += _tests(rows)
    lines += [line for picture in pictures for line in (f"![{Path(picture).stem}]({picture})", "")]
    lines += [notes.strip(), ""] if notes else []
    if replicates:
        lines += _not_run(rows)
        lines += ["## Where the paper is silent", ""]
        lines += table(("what", "our choice", "why"), CHOICES, text=3)
    lines += ["## Commands", "",
              "`ner-mx replicate PLAN` makes the runs, `ner-mx report` this page; a plan holds experiments "
              "by name (`ner-mx experiments`), seeds and paths. The records of the runs, with their "
              f"configurations, lie in [{place}/]({place}/).", ""]
    return "\n".join(lines)


def _beside(name: str, paper: List[PaperRow], rows: Dict[str, Row]) -> List[str]:
    """One table of the paper with our figures, and what our runs did differently."""
    if not any(row.experiment in rows for row in paper):
        return []
    cells, remarks = [], []
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
        changes = departures(ours.records[0].config, portable(load_experiment(row.experiment)))
        if changes:
            remarks += [f"- `{row.experiment}`, our runs against the experiment: {'; '.join(changes)}"]
    return [f"## {name}", "", *table(("", "paper", "P / R", "ours", "P / R", "n", "failed", "successful",
                                      "difference"), cells), *remarks, *[""] * bool(remarks)]


def _parts(row: Row) -> str:
    return " / ".join(f"{statistics.mean(row.scores(figure)):.2f}" for figure in ("precision", "recall"))


def _genres(rows: Dict[str, Row]) -> List[str]:
    """OntoNotes genre by genre, beside the paper's best network."""
    cells = []
    for row in rows.values():
        genres = [record.metrics["test"].get("genres") for record in row.records]
        if genres and all(genres):
            scores = {genre: [100 * one[genre]["f1"] for one in genres if genre in one] for genre in GENRES}
            cells.append([f"`{row.name}`", *(spread(found) if found else "" for found in scores.values())])
    return ["## By genre, OntoNotes 5", "", *table(("", *GENRES), [
        ["BLSTM-CNN + emb + lex, paper", *(f"{f1:.2f}" for f1 in GENRES.values())], *cells])] if cells else []


# The columns that any row can fill.
FIGURES = ("reads, beside words and characters", "learns", "F1", "P / R", "n", "failed", "dev F1", "minutes")


def _figures(row: Row) -> List[Any]:
    trained = [record.metrics["train"] for record in row.records]
    dev = [100 * record.metrics["dev"]["entity"]["micro"]["f1"] for record in row.records]
    learnt = any(train.get("use_dev") for train in trained)
    return [_reads(row.records[0].config), "train + dev" if learnt else "train", spread(row.scores()),
            _parts(row), len(row.records), row.failures, "" if learnt else spread(dev),
            f"{statistics.mean(train['seconds'] for train in trained) / 60:.0f}"]


def _others(rows: Dict[str, Row]) -> List[str]:
    """Rows of ours that the paper has not."""
    known = {row.experiment for row in ROWS}
    others = [row for row in rows.values() if row.name not in known and row.records and row.corpus in CORPORA]
    if not others:
        return []
    named = experiment_names()
    origins = [_origin(row) for row in others if row.name not in named]
    return ["## Rows of ours", "",
            *table(("", *FIGURES), [[f"`{row.name}`", *_figures(row)] for row in others], text=3),
            *origins, *[""] * bool(origins)]


def _elsewhere(rows: Dict[str, Row]) -> List[str]:
    """Rows on corpora that are not the paper's, and how those on one corpus depart from the first of them."""
    others = [row for row in rows.values() if row.records and row.corpus not in CORPORA]
    if not others:
        return []
    firsts: Dict[str, Row] = {}
    changes = []
    for row in others:
        first = firsts.setdefault(row.corpus, row)
        differs = departures(row.records[0].config, first.records[0].config)
        if row is not first:
            changes.append(f"- `{row.name}` is `{first.name}` with {'; '.join(differs) or 'nothing changed'}")
    return ["## Rows on other corpora", "",
            *table(("", "corpus", *FIGURES),
                   [[f"`{row.name}`", row.corpus, *_figures(row)] for row in others], text=4),
            *changes, *[""] * bool(changes)]


def _origin(row: Row) -> str:
    """Which experiment a row with a name of its own comes nearest to, and in what it departs from that."""
    made = {name: departures(row.records[0].config, portable(load_experiment(name)))
            for name in experiment_names() if name.partition("-")[0] == row.corpus}
    nearest = min(made, key=lambda name: len(made[name]))
    return f"- `{row.name}` is `{nearest}` with {'; '.join(made[nearest]) or 'nothing changed'}"


def _remarks(rows: Dict[str, Row]) -> List[str]:
    """What a reader must know before comparing rows."""
    shown = [row for row in rows.values() if row.records]
    cut = [f"`{row.name}` ({row.entities:,} entities for {CORPORA[row.corpus].entities:,})" for row in shown
           if row.corpus in CORPORA and row.entities not in (None, CORPORA[row.corpus].entities)]
    # A record that says nothing is older than those that do: another state.
    states = {row.name: {state for record in row.records
                         for state in record.environment.get("code", "").split("+")} for row in shown}
    mixed = [f"`{name}` ({len(found)} states of it)" for name, found in states.items() if len(found) > 1]
    unsaid = [f"`{name}`" for name, found in states.items() if found == {""}]
    remarks = [("The test set is not the paper's", cut), ("The code changed between runs", mixed),
               ("Older records, which do not say which state of the code made them", unsaid)]
    lines = [f"- {what}: {', '.join(names)}." for what, names in remarks if names]
    return [*lines, *[""] * bool(lines)]


def _reads(config: Dict[str, Any]) -> str:
    """The features of a configuration that not every network has."""
    features = config["features"]
    found = ["capitals"] * features["casing"]["use"] + ["parts of speech"] * features["pos"]["use"]
    found += [features["vectors"]["path"]] if features["vectors"]["path"] else []
    found += [f"lexicon {name}{', partial' * lexicon['partial']}" for name, lexicon
              in features["lexicons"].items()]
    return " + ".join(found) or "nothing"


def _tests(rows: Dict[str, Row]) -> List[str]:
    """Whether chance explains the difference of two rows."""
    from scipy import stats

    found = []
    for one, two in combinations([row for row in rows.values() if len(row.records) > 2], 2):
        if (one.corpus, one.entities) != (two.corpus, two.entities):
            continue
        first, second = one.scores(), two.scores()
        welch = stats.ttest_ind(first, second, equal_var=False).pvalue
        ranks = stats.mannwhitneyu(first, second, method="exact" if len({*first, *second}) == len(
            first + second) else "asymptotic").pvalue
        found.append((f"`{one.name}` against `{two.name}`",
                      statistics.mean(first) - statistics.mean(second), welch, ranks))
    if not found:
        return []
    adjusted = holm([welch for *_, welch, _ in found])
    cells = [[names, f"{gap:+.2f}", _chance(welch), _chance(held), _chance(ranks)]
             for (names, gap, welch, ranks), held in zip(found, adjusted)]
    return ["## Is the difference chance?", "",
            "Two-sided p of Welch's t test, the same adjusted for the number of pairs in this table (Holm "
            "1979), and of the Wilcoxon rank-sum test (exact where no two F1 are equal), on the test F1 of "
            "the seeds. With three seeds a row the rank-sum test cannot go below 0.1, with five below "
            "0.008.", "",
            *table(("rows", "difference", "Welch", "Welch, Holm", "rank-sum"), cells)]


def _chance(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def holm(values: Sequence[float]) -> List[float]:
    """The p values of several tests, adjusted step by step from the smallest on (Holm 1979)."""
    result, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        result[place] = highest
    return result


def _not_run(rows: Dict[str, Row]) -> List[str]:
    """The rows of the paper without a run of ours, by what they wait for."""
    waiting: Dict[str, List[str]] = {}
    for name in dict.fromkeys(row.experiment for row in ROWS if row.experiment not in rows):
        waiting.setdefault(_needs(name), []).append(f"`{name}`")
    if not waiting:
        return []
    return ["## Not run", "", *(f"- {reason}: {', '.join(names)}" for reason, names in waiting.items()), ""]


def _needs(experiment: str) -> str:
    """What a row asks for beside the corpus."""
    try:
        settings = read_experiment(experiment)
    except ConfigError:
        return "no experiment of the name"
    features = settings.get("features", {})
    wanted = ["OntoNotes 5"] if experiment.startswith("ontonotes") else []
    vectors = features.get("vectors", {}).get("path")
    if vectors and not vectors.startswith("own-"):  # those can be made
        wanted.append("SENNA's vectors" if vectors == "senna" else vectors)
    wanted += ["the DBpedia lexicon"] * ("dbpedia" in features.get("lexicons", {}))
    return f"wants {' and '.join(wanted)}" if wanted else "wants nothing beside the corpus"


def _plots(rows: Dict[str, Row], output: Path) -> List[str]:
    """Box plots, dev curves and F1 against time; their paths below the report's folder."""
    chosen = [row for row in rows.values() if row.records]
    # The scale of another corpus would press the paper's rows together.
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


def _html(text: str) -> str:
    """The report as a page that needs nothing beside it but its plots."""
    try:
        from markdown import markdown
    except ImportError:
        raise RunError(f'the HTML report needs markdown: {install("report")}') from None
    style = ("body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
             "table{border-collapse:collapse;margin:1rem 0}"
             "td,th{border-bottom:1px solid #ccc;padding:.2rem .6rem}"
             "img{max-width:100%}code{background:#f2f2f2}")
    body = markdown(text, extensions=["tables"])
    return (f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Replication</title>'
            f"<style>{style}</style>\n{body}\n</html>\n")
