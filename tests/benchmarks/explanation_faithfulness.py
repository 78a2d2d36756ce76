"""How fast an entity is lost when the words that an explanation names are hidden, against words at random.

python explanation_faithfulness.py BUNDLE FILE.conll PICTURE.png [COUNT]: explains the first entity of each of COUNT
sentences of a file with a token first in each line, hides its words in the order of the explanations (occlusion,
sampling) and in ten random orders, and prints the mean area under the curves of the entity's probability.
"""

import json
import sys
from pathlib import Path

import numpy as np

from ner_mx.analysis.explanation import area, deletion_curve, explain
from ner_mx.data.text_files import read_lines
from ner_mx.inference.tagger import Tagger
from ner_mx.reports.plots import new_figure, save_figure

ORDERS = 10
# Where curves of sentences of different lengths are compared: shares of the words that are hidden.
SHARES = np.linspace(0, 1, 21)


def sentences_of(path):
    """The tokens of each sentence."""
    tokens = []
    for line in [*read_lines(Path(path), "utf-8", None, "columns"), ""]:
        if line.split() and not line.startswith("-DOCSTART-"):
            tokens.append(line.split()[0])
        elif tokens:
            yield tokens
            tokens = []


def main(bundle, path, picture, count="300"):
    tagger, random = Tagger.load(bundle, threads=1), np.random.RandomState(1)
    curves, areas = {}, {}

    def note(name, curve):
        areas.setdefault(name, []).append(area(curve))
        curves.setdefault(name, []).append(np.interp(SHARES, np.linspace(0, 1, len(curve)), curve))

    explained = 0
    for tokens in sentences_of(path):
        found = [span for span, probability in tagger.tag(tokens) if probability > 0.5]
        if not found or len(tokens) < 5 or explained == int(count):
            continue
        explained += 1
        for method in ("occlusion", "sampling"):
            words = explain(tagger.recognizer, tokens, found[:1], method)[0].words
            order = sorted(range(len(tokens)), key=lambda place, words=words: -words[place])
            note(method, deletion_curve(tagger.recognizer, tokens, found[0], order))
        for _ in range(ORDERS):
            order = random.permutation(len(tokens)).tolist()
            note("random", deletion_curve(tagger.recognizer, tokens, found[0], order))
    figure = new_figure(6, 3.6)
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(100 * SHARES, np.mean(values, axis=0), label=f"{name}: area {np.mean(areas[name]):.3f}")
    axes.set(xlabel="% of the words hidden", ylabel="probability of the entity", ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    save_figure(figure, Path(picture))
    print(json.dumps({"sentences": explained, **{name: float(np.mean(values)) for name, values in areas.items()}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
