"""What ``ner-mx errors`` writes: a report in Markdown, HTML and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ner_mx.files import replacing_folder, write_text
from ner_mx.reports.error_plots import draw_errors
from ner_mx.reports.html_page import html_page
from ner_mx.reports.markdown import marked_words, plain, table
from ner_mx.untyped import ReadOnlyValues

SCHEMAS = {"strict": "borders and type, as everywhere here", "exact": "borders, whatever the type",
           "partial": "some overlap, whatever the type; counts half unless the borders are right",
           "type": "some overlap and the type"}


def write_error_report(values: ReadOnlyValues, other: Optional[ReadOnlyValues], folder: Path) -> Path:
    """Write ``report.html``, which is complete in itself, ``report.md`` with ``plots/*.png``, and ``report.json``.

    Parameters
    ----------
    values : of :func:`ner_mx.analysis.error_analysis.analyse_errors`.
    other : of :func:`ner_mx.analysis.error_analysis.compare_errors`; None without a second tagger.

    Returns
    -------
    The page.
    """
    title = f"Errors of {values['name']} on {values['split']}"
    with replacing_folder(folder) as temporary:
        text = error_report(values, other, title, draw_errors(values, temporary))
        write_text(temporary / "report.md", text)
        write_text(temporary / "report.html", html_page(text, title, temporary))
        write_text(temporary / "report.json", json.dumps({"errors": values, "comparison": other}, ensure_ascii=False,
                                                         indent=1) + "\n")
    return folder / "report.html"


def error_report(values: ReadOnlyValues, other: Optional[ReadOnlyValues], title: str,
                 pictures: Dict[str, str]) -> str:
    """The report in Markdown."""
    lines = [f"# {plain(title)}", ""]
    lines += _scores(values)
    lines += _comparison(other) if other else []
    lines += _kinds(values, pictures)
    lines += _slices(values, pictures)
    lines += _examples(values)
    return "\n".join(lines)


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _row(name: str, score: ReadOnlyValues) -> List[Any]:
    return [name, *(_percent(score[key]) for key in ("precision", "recall", "f1")),
            *(f"{score[key]:,}" for key in ("gold", "found", "correct"))]


SCORES = ("precision", "recall", "F1", "gold", "found", "correct")


def _scores(values: ReadOnlyValues) -> List[str]:
    rows = [_row(plain(label), score) for label, score in values["types"].items()]
    matches = [[f"{name}: {SCHEMAS[name]}", *(_percent(entry[key]) for key in ("precision", "recall", "f1")),
                *(f"{entry[key]:,}" for key in ("correct", "incorrect", "partial", "missed", "spurious"))]
               for name, entry in values["matches"].items()]
    return ["## Scores", "", f"{values['sentences']:,} sentences; entities in per cent by conlleval's rules.", "",
            *table(("type", *SCORES), [*rows, _row("**all (micro)**", values["micro"])]),
            "### Partial matches", "", "The four schemas of SemEval-2013 task 9.1.", "",
            *table(("schema", "precision", "recall", "F1", "correct", "incorrect", "partial", "missed", "spurious"),
                   matches)]


def _kinds(values: ReadOnlyValues, pictures: Dict[str, str]) -> List[str]:
    kinds, confusion = values["kinds"], values["matrix"]
    names = list(next(iter(kinds.values()), {}))
    lines = ["## Kinds of errors", ""]
    if not kinds:
        return [*lines, "There are none.", ""]
    lines += [f"![Errors of each type by kind]({pictures['kinds']})", ""] if "kinds" in pictures else []
    totals = [sum(kinds[label][name] for label in kinds) for name in names]
    lines += table(("type", *names), [*([plain(label), *kinds[label].values()] for label in kinds),
                                      ["**all**", *totals]])
    lines += ["Gold types down, predicted types across:", ""]
    return lines + table(("", *map(plain, confusion["labels"])), [
        [plain(label), *(count or "" for count in counts)]
        for label, counts in zip(confusion["labels"], confusion["counts"])])


def _slices(values: ReadOnlyValues, pictures: Dict[str, str]) -> List[str]:
    lines = ["## What makes entities hard", "",
             "A gold or predicted entity belongs to the group of its own words and sentence.", ""]
    lines += [f"![F1 by group]({pictures['slices']})", ""] if "slices" in pictures else []
    for name, groups in values["slices"].items():
        lines += [f"### {name[:1].upper()}{name[1:]}", ""]
        lines += table(("group", *SCORES), [_row(plain(group), score) for group, score in groups.items()])
    return lines


def _examples(values: ReadOnlyValues) -> List[str]:
    lines = ["## Examples", ""] if values["examples"] else []
    for group in values["examples"]:
        what = " → ".join(plain(group[key]) for key in ("gold", "predicted"))
        lines += [f"### {group['count']:,} × {group['kind']}: {what}", "", *_example_table(group["examples"])]
    if values["names"]:
        lines += ["## Names with the most errors", "", *table(("name", "gold → predicted", "errors"), [
            [plain(entry["name"]), ", ".join(f"{plain(kind)} {count}" for kind, count in entry["kinds"].items()),
             entry["errors"]] for entry in values["names"]], 2)]
    return lines


def _example_table(examples: Sequence[ReadOnlyValues], columns: Tuple[str, str] = ("gold", "predicted")) -> List[str]:
    return table((*columns, "place"), [
        [*(marked_words(example["tokens"], example[kind], example["cut"]) for kind in ("gold", "predicted")),
         plain(example["place"])] for example in examples], 3)


def _comparison(other: ReadOnlyValues) -> List[str]:
    first, second = map(plain, other["names"])
    scores = ", ".join(f"{name} {_percent(f1)}" for name, f1 in zip((first, second), other["f1"]))
    rows = [[plain(label), *map("{:,}".format, counts.values())] for label, counts in other["found"].items()]
    totals = [sum(counts[kind] for counts in other["found"].values())
              for kind in ("both", "first", "second", "neither")]
    lines = [f"## {first} and {second}", "",
             f"F1: {scores}; the difference of {100 * other['difference']:+.2f} has p = {other['bootstrap']:.4f} by "
             f"paired bootstrap and p = {other['randomization']:.4f} by approximate randomization (two-sided, 2,000 "
             "samples of the sentences).", "",
             *table(("gold entities found by", "both", f"{first} alone", f"{second} alone", "neither"),
                    [*rows, ["**all**", *map("{:,}".format, totals)]])]
    for kind, name, wrong in (("first", first, second), ("second", second, first)):
        if other["examples"][kind]:
            lines += [f"### Found by {name} alone", "",
                      *_example_table(other["examples"][kind], ("gold", f"{wrong} says"))]
    return lines
