"""All that ``ner-mx explore`` says about a corpus, as values of JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Dict, List, Mapping, Sequence

from ner_mx.analysis.conflicts import NameConflict, SentenceConflict, border_words, name_conflicts, sentence_conflicts
from ner_mx.analysis.names import BORDERS, Words, readings_of
from ner_mx.analysis.overlap import novelty, repeated, shared_sentences, unknown_words
from ner_mx.analysis.profile import profile
from ner_mx.analysis.token_checks import suspicious_tokens
from ner_mx.analysis.tolerant_annotation import tolerant_annotation
from ner_mx.analysis.worries import worries_of
from ner_mx.config import Corpus
from ner_mx.data.plausibility import implausible
from ner_mx.data.sentence import Sentence
from ner_mx.data.splits import all_sentences, read_splits
from ner_mx.untyped import Values

# How many names, conflicts and words are listed.
LISTED = 25
# Words to either side of a name in an example.
CONTEXT = 6

Progress = Callable[[str], None]


def explore(settings: Corpus, progress: Progress = lambda stage: None) -> Values:
    """Read a corpus as preprocessing would, and look at it.

    Parameters
    ----------
    progress : called with the name of each stage.

    Raises
    ------
    CorpusError : the corpus cannot be read at all; tags that preprocessing would refuse are reported instead.
    """
    progress("reading")
    corpus = read_splits(settings)
    progress("annotation")
    annotation = tolerant_annotation(corpus.splits, settings)
    splits, sentences = annotation.splits, all_sentences(annotation.splits)
    warnings = corpus.warnings + annotation.warnings + implausible(splits["train"])
    scheme = annotation.scheme
    values: Values = {
        "path": settings.path,
        "split_method": settings.split.method,
        "refusal": annotation.refusal,
        "warnings": warnings.described(),
        "scheme": {"name": scheme.scheme, "entity_tags": scheme.entity_tags, "ill_formed_tags": scheme.repaired_tags,
                   "ill_formed_sentences": scheme.repaired_sentences, "example": scheme.example},
    }
    progress("counts")
    values["splits"] = {name: profile(split) for name, split in splits.items()}
    progress("what the splits share")
    values["overlap"] = _overlap(splits)
    progress("names")
    values["names"] = _names(sentences)
    progress("conflicts")
    values["conflicts"] = _conflicts(sentences)
    progress("tokens")
    values["tokens"] = [entry._asdict() for entry in suspicious_tokens(sentences)]
    values["worries"] = [worry._asdict() for worry in worries_of(values)]
    return values


def without_text(values: Values) -> Values:
    """The same without a word of the corpus: its counts, types and places alone."""
    kept: Values = {**values, "names": {**values["names"], "frequent": {}, "ambiguous": []},
                    "tokens": [{**entry, "examples": []} for entry in values["tokens"]]}
    kept["conflicts"] = {kind: {**entry, "listed": []} for kind, entry in values["conflicts"].items()}
    kept["overlap"] = {**values["overlap"], **{
        name: {**values["overlap"][name], "unknown": {**values["overlap"][name]["unknown"], "frequent": []}}
        for name in ("dev", "test")}}
    kept["worries"] = [worry._asdict() for worry in worries_of(kept)]
    return kept


def _overlap(splits: Mapping[str, Sequence[Sentence]]) -> Values:
    """Repetitions within each split, and what dev and test share with the splits before them."""
    train = splits["train"]
    result: Values = {"repeated": {name: repeated(split) for name, split in splits.items()}}
    for name in ("dev", "test"):
        result[name] = {"sentences": shared_sentences(splits[name], train),
                        "unknown": unknown_words(splits[name], train), "novelty": novelty(splits[name], train)}
    result["test"]["sentences_of_dev"] = shared_sentences(splits["test"], splits["dev"])
    return result


def _names(sentences: Sequence[Sentence]) -> Values:
    """The most frequent names of each type, and those that are annotated in the most different ways."""
    readings = readings_of(sentences)
    by_type: Dict[str, Counter[Words]] = {}
    for words, counts in readings.items():
        for label, count in counts.items():
            by_type.setdefault(label, Counter())[words] = count
    ambiguous = sorted(readings, key=lambda words: -_ambiguity(readings[words]))
    labels = sorted({label for sentence in sentences for tag in sentence.gold for label in [tag[2:]] if label})
    return {"distinct": len(readings), "ambiguous_count": sum(_ambiguity(counts) > 0 for counts in readings.values()),
            "frequent": {label: [(" ".join(words), count) for words, count in by_type[label].most_common(10)]
                         for label in labels},
            "ambiguous": [{"name": " ".join(words), "readings": dict(readings[words].most_common())}
                          for words in ambiguous[:LISTED] if _ambiguity(readings[words])]}


def _ambiguity(readings: Counter[str]) -> int:
    """How many occurrences are not annotated like most; parts of longer names are no ambiguity."""
    counts = [count for reading, count in readings.items() if reading != BORDERS]
    return sum(counts) - max(counts, default=0)


def _conflicts(sentences: Sequence[Sentence]) -> Values:
    of_sentences, of_names = sentence_conflicts(sentences), name_conflicts(sentences)
    borders = border_words(sentences)
    return {
        "sentences": {"count": len(of_sentences), "minority": sum(conflict.minority for conflict in of_sentences),
                      "listed": [_sentence_values(conflict, sentences) for conflict in of_sentences[:LISTED]]},
        "names": {"count": len(of_names), "minority": sum(conflict.minority for conflict in of_names),
                  "listed": [_name_values(conflict, sentences) for conflict in of_names[:LISTED]]},
        "borders": {"count": len(borders), "listed": [
            {**entry._asdict(), "example": " ".join(entry.example)} for entry in borders[:LISTED]]},
    }


def _sentence_values(conflict: SentenceConflict, sentences: Sequence[Sentence]) -> Values:
    return {"text": " ".join(conflict.tokens), "versions": [
        {"count": len(indices), "place": sentences[indices[0]].place(),
         "entities": [{"text": " ".join(conflict.tokens[start:end]), "label": label} for start, end, label in spans]}
        for spans, indices in conflict.versions]}


def _name_values(conflict: NameConflict, sentences: Sequence[Sentence]) -> Values:
    before, name, behind = conflict.context
    readings: List[Values] = []
    for reading, places in conflict.readings:
        first = places[0]
        tokens = sentences[first.sentence].tokens
        example: Dict[str, Any] = {
            "before": " ".join(tokens[max(0, first.start - CONTEXT):first.start]),
            "behind": " ".join(tokens[first.end:first.end + CONTEXT])}
        readings.append({"reading": reading, "count": len(places), **example,
                         "place": sentences[first.sentence].place(first.start)})
    return {"before": before or "", "name": " ".join(name), "behind": behind or "", "readings": readings}
