"""What ``ner-mx explore`` writes: a report in Markdown, HTML and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

from ner_mx.files import replacing_folder, write_text
from ner_mx.reports.corpus_plots import draw_corpus
from ner_mx.reports.html_page import html_page
from ner_mx.reports.markdown import plain, table
from ner_mx.untyped import ReadOnlyValues

Pictures = Dict[str, str]


def write_corpus_report(values: ReadOnlyValues, folder: Path) -> Path:
    """Write ``report.html``, which is complete in itself, ``report.md`` with ``plots/*.png``, and ``report.json``.

    Parameters
    ----------
    values : of :func:`ner_mx.analysis.exploration.explore`.

    Returns
    -------
    The page.
    """
    title = f"Corpus {Path(values['path']).name}"
    with replacing_folder(folder) as temporary:
        text = corpus_report(values, title, draw_corpus(values, temporary))
        write_text(temporary / "report.md", text)
        write_text(temporary / "report.html", html_page(text, title, temporary))
        write_text(temporary / "report.json", json.dumps(values, ensure_ascii=False, indent=1) + "\n")
    return folder / "report.html"


def corpus_report(values: ReadOnlyValues, title: str, pictures: Pictures) -> str:
    """The report in Markdown."""
    parts: Sequence[Callable[[ReadOnlyValues, Pictures], List[str]]] = (
        worry_list, _counts, _types, _splits, _names, _conflicts, _tokens, _lengths)
    lines = [f"# {plain(title)}", ""]
    for part in parts:
        lines += part(values, pictures)
    return "\n".join(lines)


def worry_list(values: ReadOnlyValues, pictures: Pictures) -> List[str]:
    """What the owner should worry about first."""
    lines = ["## What to worry about", ""]
    lines += [f"- **{worry['severity']}**: {plain(worry['finding'])}"
              + (f": *{plain(worry['remedy'])}*" if worry["remedy"] else "") for worry in values["worries"]]
    return [*(lines if values["worries"] else [*lines, "Nothing that was looked for."]), ""]


def _picture(pictures: Pictures, name: str, description: str) -> List[str]:
    return [f"![{description}]({pictures[name]})", ""] if name in pictures else []


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _counts(values: ReadOnlyValues, pictures: Pictures) -> List[str]:
    scheme, splits = values["scheme"], values["splits"]
    rows: List[List[Any]] = []
    for name, split in splits.items():
        rows.append([name, *(f"{split[key]:,}" for key in ("sentences", "tokens", "words", "documents", "entities")),
                     _share(split["tokens_in_entities"], split["tokens"]),
                     _share(split["sentences_without_entities"], split["sentences"]),
                     " / ".join(f"{length:,}" for length in split["sentence_lengths"].values())])
    return ["## Counts", "", *table(("split", "sentences", "tokens", "different words", "documents", "entities",
                                     "tokens in entities", "sentences without entities",
                                     "sentence length: median / 95 % / longest"), rows),
            f"The tags are in the scheme {scheme['name']}; {scheme['ill_formed_tags']:,} of "
            f"{scheme['entity_tags']:,} entity tags break it, in {scheme['ill_formed_sentences']:,} sentences.", ""]


def _types(values: ReadOnlyValues, pictures: Pictures) -> List[str]:
    splits = values["splits"]
    labels = dict.fromkeys(label for split in splits.values() for label in split["types"])
    frequent = values["names"]["frequent"]
    rows = []
    for label in labels:
        entry = splits["train"]["types"].get(label)
        shown = ", ".join(f"{plain(name)} ({count:,})" for name, count in frequent.get(label, [])[:5])
        rows.append([plain(label), shown, *(f"{split['types'].get(label, {}).get('entities', 0):,}"
                                            for split in splits.values()),
                     f"{entry['names']:,}" if entry else "0", f"{entry['mean_length']:.2f}" if entry else "–"])
    lines = ["## Types", "", *table(("type", "most frequent names", *splits, "names in train", "mean length"), rows, 2),
             *_picture(pictures, "types", "Entities of each type by their length")]
    if splits["train"]["pos"]:
        lines += ["### Parts of speech", "", *_picture(pictures, "pos", "Share of each part of speech in each type")]
    return lines


def _splits(values: ReadOnlyValues, pictures: Pictures) -> List[str]:
    overlap, splits = values["overlap"], values["splits"]
    method = values["split_method"]
    rows = []
    for name in ("dev", "test"):
        entry, split = overlap[name], splits[name]
        novelty = {kind: sum(counts[kind] for counts in entry["novelty"].values())
                   for counts in entry["novelty"].values() for kind in counts}
        rows.append([name, f"{entry['sentences']['exact']:,} / {entry['sentences']['near']:,}",
                     _share(entry["unknown"]["tokens"], split["tokens"]),
                     *(_share(novelty.get(kind, 0), split["entities"]) for kind in (
                         "same name and type", "same name, another type", "known words, new name")),
                     _share(novelty.get("some unknown words", 0) + novelty.get("all words unknown", 0),
                            split["entities"])])
    again = overlap["repeated"]
    unknown = ", ".join(f"{plain(word)} ({count:,})" for word, count in overlap["test"]["unknown"]["frequent"])
    return ["## What train shares with dev and test", "",
            "" if method == "files" else f"The splits are made by `corpus.split.method: {method}`.", "",
            *table(("split", "sentences in train: exact / but for case and digits", "unknown tokens",
                    "entities: same name and type in train", "same name, another type", "new name of known words",
                    "with unknown words"), rows),
            "Repeated within a split: " + ", ".join(f"{name} {entry['exact']:,} (but for case and digits "
                                                    f"{entry['near']:,})" for name, entry in again.items())
            + ". Sentences of fewer than five tokens are not counted.", "",
            *_picture(pictures, "novelty", "What train knows of the entities of test"),
            *([f"The most frequent unknown words of test: {unknown}.", ""] if unknown else [])]


def _readings(readings: ReadOnlyValues) -> str:
    return ", ".join(f"{plain(reading)} {count:,}" for reading, count in readings.items())


def _names(values: ReadOnlyValues, pictures: Pictures) -> List[str]:
    names = values["names"]
    rows = [[plain(entry["name"]), _readings(entry["readings"])] for entry in names["ambiguous"]]
    listed = table(("name", "annotated as"), rows, 2) if rows else []
    return ["## Ambiguous names", "",
            f"Of {names['distinct']:,} different names, {names['ambiguous_count']:,} are annotated in more than one "
            "way wherever their words occur: as different types, or not at all (O). *Other borders* counts places "
            "where they are part of another entity.", "",
            *_picture(pictures, "ambiguous", "How the most ambiguous names are annotated"),
            *listed]


def _entities(entities: Sequence[ReadOnlyValues]) -> str:
    return ", ".join(f"{plain(entity['text'])} → {plain(entity['label'])}" for entity in entities) or "no entity"


def _conflicts(values: ReadOnlyValues, pictures: Pictures) -> List[str]:
    conflicts = values["conflicts"]
    lines = ["## Conflicts", ""]
    lines += ["### The same sentence", "",
              f"{conflicts['sentences']['count']:,} sentences occur with different entities.", ""]
    if conflicts["sentences"]["listed"]:
        rows = []
        for entry in conflicts["sentences"]["listed"]:
            rows.append([plain(entry["text"]), "<br>".join(
                f"{version['count']} × {_entities(version['entities'])} ({plain(version['place'])})"
                for version in entry["versions"])])
        lines += table(("sentence", "annotated as"), rows, 2)
    lines += ["### The same name between the same words", "",
              f"{conflicts['names']['count']:,} cases, {conflicts['names']['minority']:,} occurrences against the "
              "majority; the most doubtful first.", ""]
    if conflicts["names"]["listed"]:
        rows = []
        for entry in conflicts["names"]["listed"]:
            rows.append([f"{plain(entry['before'])} **{plain(entry['name'])}** {plain(entry['behind'])}", "<br>".join(
                f"{reading['count']:,} × {plain(reading['reading'])}: … {plain(reading['before'])} "
                f"**{plain(entry['name'])}** {plain(reading['behind'])} … ({plain(reading['place'])})"
                for reading in entry["readings"])])
        lines += table(("words", "annotated as, with the first place"), rows, 2)
    lines += ["### Words at the border", "", f"{conflicts['borders']['count']:,} words: the same names include them in "
                                             "some places and leave them out in others.", ""]
    if conflicts["borders"]["listed"]:
        lines += table(("word", "example", "inside", "beside"), [
            [plain(entry["word"]), plain(entry["example"]), f"{entry['inside']:,}", f"{entry['beside']:,}"]
            for entry in conflicts["borders"]["listed"]], 2)
    return lines


def _tokens(values: ReadOnlyValues, pictures: Pictures) -> List[str]:
    rows = [[entry["fault"], ", ".join(map(plain, entry["examples"])), plain(entry["place"]), f"{entry['tokens']:,}"]
            for entry in values["tokens"]]
    return ["## Suspicious tokens", "", *(table(("fault", "examples", "first place", "tokens"), rows, 3) if rows
                                          else ["None.", ""])]


def _lengths(values: ReadOnlyValues, pictures: Pictures) -> List[str]:
    return ["## Lengths and growth", "", *_picture(pictures, "sentence-lengths", "Sentences by their length"),
            *_picture(pictures, "growth", "Different words and names against tokens")]
