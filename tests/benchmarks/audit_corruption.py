"""How well an audit finds errors that were put into a corpus.

python audit_corruption.py EXPERIMENT CORPUS FOLDER [KEY=VALUE …]: corrupts 3 % of the entities of the training data at
random, by kind; audits it; prints precision at 100 and 500 and the area under the precision-recall curve of the
ranking, of cleanlab's token score, and of the loss of tokens.  FOLDER keeps the folds.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from ner_mx.analysis.held_out import fold_runs, held_out
from ner_mx.analysis.suspects import find_suspects
from ner_mx.config import load_experiment, parse_settings
from ner_mx.data.annotation import check_annotation
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.splits import read_splits
from ner_mx.data.tag_schemes import convert_tags, tags_of
from ner_mx.decoding.scoring import for_each_sentence

SHARE = 0.03


def corrupted(sentences, seed=1):
    """The sentences with wrong annotation at random places, and these places by sentence as (start, end, kind)."""
    random = np.random.RandomState(seed)
    labels = sorted({span.label for sentence in sentences for span in spans_of(sentence.gold)})
    places = [(index, number) for index, sentence in enumerate(sentences)
              for number in range(len(spans_of(sentence.gold)))]
    chosen = random.permutation(len(places))[:int(SHARE * len(places))]
    by_sentence = {}
    for turn, place in enumerate(chosen):
        index, number = places[place]
        by_sentence.setdefault(index, {})[number] = ("type", "borders", "missed", "invented")[turn % 4]
    result, errors = list(sentences), {}
    for index, kinds in by_sentence.items():
        sentence, spans = sentences[index], spans_of(sentences[index].gold)
        wrong, changed = list(spans), []
        for number, kind in kinds.items():
            span = spans[number]
            new = made(random, kind, span, wrong, len(sentence.tokens), labels)
            if new is not None:
                wrong = [other for other in wrong if other != span or kind == "invented"] + new[0]
                changed.append(new[1])
        if changed:
            result[index] = sentence._replace(tags=tags_of(sorted(wrong), len(sentence.tokens), "IOB2"))
            errors[index] = changed
    return result, errors


def made(random, kind, span, spans, length, labels):
    """The new entities of an error, and its place; None if there is no room for it."""
    taken = {place for other in spans if other != span for place in range(other.start, other.end)}
    if kind == "missed":  # by the annotator
        return [], (span.start, span.end, "missed")
    if kind == "type":
        other = random.choice([label for label in labels if label != span.label])
        return [Span(span.start, span.end, str(other))], (span.start, span.end, "type")
    if kind == "borders":
        ways = [(span.start + left, span.end + right) for left, right in ((-1, 0), (1, 0), (0, -1), (0, 1))]
        ways = [(start, end) for start, end in ways if 0 <= start < end <= length
                and not taken & set(range(start, end))]
        if not ways:
            return None
        start, end = ways[random.randint(len(ways))]
        return [Span(start, end, span.label)], (min(start, span.start), max(end, span.end), "borders")
    free = [place for place in range(length) if place not in taken | set(range(span.start, span.end))]
    if not free:
        return None
    place = int(random.choice(free))
    return [Span(place, place + 1, str(random.choice(labels)))], (place, place + 1, "invented")


def judged(ranked, errors):
    """Whether each item of a ranking finds an error; a further one for the same error is left out.

    ranked : (sentence, start, end), the most suspicious first.
    """
    found, hits = set(), []
    for index, start, end in ranked:
        error = next((number for number, (first, last, _) in enumerate(errors.get(index, ()))
                      if first < end and start < last), None)
        if error is None:
            hits.append(False)
        elif (index, error) not in found:
            found.add((index, error))
            hits.append(True)
    return np.array(hits, bool)


def figures(hits, total):
    """Precision at 100 and 500, and average precision."""
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return {"p@100": float(precision[99]), "p@500": float(precision[min(499, len(hits) - 1)]),
            "area": float(precision[hits].sum() / total), "recall": float(hits.sum() / total)}


def main(experiment, corpus, folder, *settings):
    config = load_experiment(experiment, {"corpus.path": corpus, **parse_settings(settings)})
    read = read_splits(config.corpus)
    clean = check_annotation(read.splits, config.corpus).words["train"]
    sentences, errors = corrupted(clean)
    total = sum(map(len, errors.values()))
    outputs = held_out(config, read, sentences, 5, Path(folder))
    suspects = find_suspects(sentences, outputs)
    results = {}
    results["audit"] = figures(judged([(one.sentence, *bounds(one)) for one in suspects], errors), total)
    tokens = [(probability, index, place) for index, output in enumerate(outputs)
              for place, probability in enumerate(output.tokens)]
    results["loss of tokens"] = figures(judged([(index, place, place + 1) for _, index, place in sorted(tokens)],
                                               errors), total)
    for method in ("self_confidence", "normalized_margin"):
        ranked = cleanlab_ranking(config, read, sentences, folder, method)
        results[f"cleanlab, {method}"] = figures(judged(ranked, errors), total)
    kinds = Counter(kind for places in errors.values() for *_, kind in places)
    print(json.dumps({"errors": total, "kinds": kinds, **results}, indent=1))
    return sentences, errors, outputs, suspects


def cleanlab_ranking(config, read, sentences, folder, method):
    """The tokens by cleanlab's score of their labels, from the probabilities of the same networks."""
    from cleanlab.token_classification.rank import get_label_quality_scores

    from ner_mx.training.run_evaluation import load_recognizer

    runs, members = fold_runs(config, read, sentences, 5, Path(folder))
    ranked = []
    for run, indices in zip(runs, members):
        recognizer = load_recognizer(run.folder)
        decoder, encoding = recognizer.scorer.decoder(), recognizer.encoder.settings.tag_encoding
        ids = {tag: place for place, tag in enumerate(decoder.tags)}
        encoded = recognizer.with_predictions(recognizer.encoder.encode([sentences[index] for index in indices]))
        probabilities = for_each_sentence(recognizer.scorer, encoded, 32,
                                          lambda batch, emissions, decoder=decoder: decoder.marginals(emissions,
                                                                                                      batch.length))
        labels = [[ids.get(tag, 0) for tag in convert_tags(sentences[index].gold, encoding)] for index in indices]
        _, scores = get_label_quality_scores(labels, probabilities, token_score_method=method)
        ranked += [(float(score), index, place) for index, values in zip(indices, scores)
                   for place, score in enumerate(values)]
    return [(index, place, place + 1) for _, index, place in sorted(ranked)]


def bounds(suspect):
    spans = [*suspect.annotated, *([suspect.suggested] if suspect.suggested else [])]
    return min(span.start for span in spans), max(span.end for span in spans)


if __name__ == "__main__":
    main(*sys.argv[1:])
