"""Rows beside each other: which experiment a row varies, which rows a reader compares, and the tests of them."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ner_mx.config import experiment_names, load_experiment, portable
from ner_mx.config.experiments import parent_of
from ner_mx.evaluation.significance import compare_samples, holm
from ner_mx.experiments.records import Settings
from ner_mx.reports.markdown import table
from ner_mx.reports.paper import CORPORA, ROWS
from ner_mx.reports.report_rows import ReportRow

Rows = Mapping[str, ReportRow]
Pair = Tuple[str, str]

# The fewest runs of a row that is tested against another.
TESTED = 3


def settings_of(experiment: str) -> Settings:
    """The settings of a named experiment, as those of a record."""
    return Settings(portable(load_experiment(experiment)))


def own_rows(rows: Rows) -> List[ReportRow]:
    """Our rows on the paper's corpora that the paper does not have."""
    known = {row.experiment for row in ROWS}
    return [row for row in rows.values() if row.name not in known and row.records and row.corpus in CORPORA]


def rows_elsewhere(rows: Rows) -> List[ReportRow]:
    """Rows on corpora that are not the paper's."""
    return [row for row in rows.values() if row.records and row.corpus not in CORPORA]


def is_ours(row: ReportRow) -> bool:
    """Whether the runs of a row are those of a configuration, and not of another system."""
    return row.records[0].settings.config is not None


def nearest_experiment(row: ReportRow) -> Tuple[str, List[str]]:
    """The experiment on the same corpus with the fewest differences from a row, and these."""
    made = {name: row.records[0].settings.departures(settings_of(name))
            for name in experiment_names() if name.partition("-")[0] == row.corpus}
    nearest = min(made, key=lambda name: len(made[name]))
    return nearest, made[nearest]


def compared_pairs(rows: Rows, baseline: Optional[str] = None) -> List[Pair]:
    """The pairs of rows that a reader compares: neighbours in a table, a row and the experiment it varies,
    or every row and the baseline."""
    if baseline is not None:
        pairs = [(name, baseline) for name in rows if name != baseline]
    else:
        pairs = []
        for name in dict.fromkeys(row.table for row in ROWS):
            pairs += _neighbours([row.experiment for row in ROWS if row.table == name and row.experiment in rows])
        pairs += _with_origins([row.name for row in own_rows(rows) if is_ours(row)], rows)
        elsewhere: Dict[str, List[str]] = {}
        for row in rows_elsewhere(rows):
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
            origin = (parent_of(origin) if is_named else nearest_experiment(rows[name])[0]) or ""
            if not origin or origin in rows:
                break
        if origin and origin != name:
            pairs.append((name, origin))
    return pairs


def _is_comparable(row: ReportRow, other: ReportRow) -> bool:
    return (min(len(row.records), len(other.records)) >= TESTED
            and (row.corpus, row.entities) == (other.corpus, other.entities))


def significance(rows: Rows, baseline: Optional[str]) -> List[str]:
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
