"""Plots of a corpus, if matplotlib is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping

from ner_mx.reports.plots import new_figure, save_figure, stacked_bars
from ner_mx.untyped import ReadOnlyValues

# From what is known to what is new, and from short to long.
_KNOWN_TO_NEW = ("#2b6cb0", "#90cdf4", "#d9d9d9", "#f6ad55", "#c05621")
_SPLIT_COLOURS = {"train": "#2b6cb0", "dev": "#dd6b20", "test": "#38a169"}
# Sentences are counted one by one up to this share of them; the others share the last bar.
_SHOWN_LENGTHS = 0.995

Draw = Callable[[ReadOnlyValues, Path], bool]


def type_lengths(values: ReadOnlyValues, path: Path) -> bool:
    """Entities of each type in train, by their lengths in tokens."""
    types = values["splits"]["train"]["types"]
    lengths = sorted({int(size) for entry in types.values() for size in entry["lengths"]})
    shades = [(0.17, 0.42, 0.69, 1 - 0.8 * place / max(1, len(lengths) - 1)) for place in range(len(lengths))]
    bars = [(f"{size} {'tokens' if size > 1 else 'token'}" + (" or more" if size == 8 else ""),
             [entry["lengths"].get(str(size), 0) for entry in types.values()]) for size in lengths]
    return stacked_bars(list(types), bars, "entities in train", path, shades)


def sentence_lengths(values: ReadOnlyValues, path: Path) -> bool:
    """The share of sentences of each length, a line for each split."""
    figure = new_figure(8, 3.2)
    if figure is None:
        return False
    axes = figure.subplots()
    longest = 1
    for name, split in values["splits"].items():
        total, seen = split["sentences"], 0
        xs, ys = [], []
        for length, count in split["length_histogram"]:
            seen += count
            if seen > _SHOWN_LENGTHS * total:
                break
            xs.append(length)
            ys.append(100 * count / total)
        longest = max(longest, *xs, 1)
        axes.plot(xs, ys, label=name, color=_SPLIT_COLOURS[name], linewidth=1.8 if name == "train" else 1.1)
    axes.set(xlabel="tokens in the sentence", ylabel="% of the sentences", xlim=(0, longest + 1), ylim=(0, None))
    _tidy(axes)
    axes.legend(frameon=False)
    save_figure(figure, path)
    return True


def vocabulary_growth(values: ReadOnlyValues, path: Path) -> bool:
    """Different words and names against the tokens of train read so far."""
    figure = new_figure(8, 3.2)
    if figure is None:
        return False
    left, right = figure.subplots(1, 2)
    growth = [(0, 0, 0), *values["splits"]["train"]["growth"]]
    tokens = [point[0] / 1000 for point in growth]
    for axes, column, label in ((left, 1, "different words"), (right, 2, "different names")):
        axes.plot(tokens, [point[column] for point in growth], color=_SPLIT_COLOURS["train"])
        axes.set(xlabel="thousand tokens of train", ylabel=label, ylim=(0, None), xlim=(0, None))
        _tidy(axes)
    save_figure(figure, path)
    return True


def entity_novelty(values: ReadOnlyValues, path: Path) -> bool:
    """What train knows of the entities of test, by type."""
    counts = values["overlap"]["test"]["novelty"]
    kinds = list(next(iter(counts.values()), {}))
    labels = sorted(counts, key=lambda label: -sum(counts[label].values()))
    shares = [(kind, [100 * counts[label][kind] / max(1, sum(counts[label].values())) for label in labels])
              for kind in kinds]
    return stacked_bars(labels, shares, "% of the entities of test", path, _KNOWN_TO_NEW)


def ambiguous_names(values: ReadOnlyValues, path: Path) -> bool:
    """How the most ambiguous names are annotated."""
    names = values["names"]["ambiguous"][:15]
    readings = sorted({reading for entry in names for reading in entry["readings"]},
                      key=lambda reading: (reading in ("O", "other borders"), reading))
    shares = [(reading, [100 * entry["readings"].get(reading, 0) / sum(entry["readings"].values()) for entry in names])
              for reading in readings]
    labels = [f"{entry['name']}  ({sum(entry['readings'].values()):,})" for entry in names]
    return stacked_bars(labels, shares, "% of the occurrences", path)


def pos_by_type(values: ReadOnlyValues, path: Path) -> bool:
    """For each part of speech, the share of its tokens that belongs to each type."""
    table = dict(list(values["splits"]["train"]["pos"].items())[:25])
    labels = sorted({label for counts in table.values() for label in counts} - {"O"})
    figure = new_figure(1.6 + 0.75 * len(labels), 0.8 + 0.24 * len(table)) if table and labels else None
    if figure is None:
        return False
    shares = [[100 * counts.get(label, 0) / sum(counts.values()) for label in labels] for counts in table.values()]
    axes = figure.subplots()
    highest = max(max(cells) for cells in shares)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=highest, aspect="auto")
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(table)), list(table), fontsize="small")
    for row, cells in enumerate(shares):
        for column, share in enumerate(cells):
            if share >= 0.5:
                axes.annotate(f"{share:.0f}", (column, row), ha="center", va="center", fontsize="x-small",
                              color="white" if share > 0.6 * highest else "black")
    axes.set_xlabel("% of the tokens")
    save_figure(figure, path)
    return True


def _tidy(axes: Any) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


PLOTS: Mapping[str, Draw] = {"types": type_lengths, "sentence-lengths": sentence_lengths, "novelty": entity_novelty,
                             "ambiguous": ambiguous_names, "pos": pos_by_type, "growth": vocabulary_growth}


def draw_corpus(values: ReadOnlyValues, folder: Path) -> Dict[str, str]:
    """Draw every plot that the corpus has data for.

    Returns
    -------
    The paths of the pictures relative to ``folder`` by the name of the plot; empty if matplotlib is not installed.
    """
    if new_figure(1, 1) is None:
        return {}
    drawn: List[str] = [name for name, draw in PLOTS.items() if draw(values, folder / "plots" / f"{name}.png")]
    return {name: f"plots/{name}.png" for name in drawn}
