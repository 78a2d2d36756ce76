"""What the owner of a corpus should worry about first."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Iterator, List, NamedTuple

from ner_mx.untyped import ReadOnlyValues

# The order in which worries are listed.
SEVERITIES = ("error", "warning", "note")

# With fewer, a type is learned poorly, and scores on a split are unreliable.
FEW_EXAMPLES, FEW_SENTENCES = 50, 1000
# The F1 for which the statistical uncertainty of a small test set is stated.
TYPICAL_F1 = 0.85


class Worry(NamedTuple):
    """severity : one of :data:`SEVERITIES`.  finding : one sentence.  remedy : what can be done, or ""."""

    severity: str
    finding: str
    remedy: str = ""


def worries_of(values: ReadOnlyValues) -> List[Worry]:
    """The worries about a corpus, the worst first.

    Parameters
    ----------
    values : of :func:`ner_mx.analysis.exploration.explore`.
    """
    found = [worry for check in (_annotation, _splits, _types, _overlap, _conflicts, _tokens, _sentences)
             for worry in check(values)]
    return sorted(found, key=lambda worry: SEVERITIES.index(worry.severity))


def _annotation(values: ReadOnlyValues) -> Iterator[Worry]:
    scheme = values["scheme"]
    if values["refusal"]:
        yield Worry("error", f"preprocess would refuse this corpus: {values['refusal']}")
    if not scheme["entity_tags"]:
        yield Worry("error", "there is no entity in the corpus", "is the column of the tags the right one? see "
                                                                 "corpus.columns.tag")
    if scheme["ill_formed_tags"]:
        yield Worry("warning", f"{scheme['ill_formed_tags']:,} of {scheme['entity_tags']:,} entity tags break "
                               f"{scheme['name']}, first {scheme['example']}",
                    "they are repaired by conlleval's rule; ner-mx convert writes the repaired corpus")
    for reason, count in values["warnings"].items():
        if not reason.startswith("tags that break"):
            yield Worry("warning", f"{count:,} {reason}")


def _splits(values: ReadOnlyValues) -> Iterator[Worry]:
    for name, split in values["splits"].items():
        if name != "train" and split["entities"]:
            half = 196 * math.sqrt(TYPICAL_F1 * (1 - TYPICAL_F1) / split["entities"])
            if half > 1.5:
                yield Worry("warning" if half > 3 else "note",
                            f"{name} has {split['entities']:,} entities: an F1 of about "
                            f"{100 * TYPICAL_F1:.0f} is known to ± {half:.1f} points there (95 %)",
                            "compare systems over several seeds, or annotate more")
    train = values["splits"]["train"]
    if train["sentences"] < FEW_SENTENCES:
        yield Worry("note", f"train has only {train['sentences']:,} sentences",
                    "pretrained vectors help the more, the smaller a corpus is")
    share = train["sentences_without_entities"] / train["sentences"]
    if share > 0.9:
        yield Worry("note", f"{100 * share:.0f} % of the training sentences have no entity")


def _types(values: ReadOnlyValues) -> Iterator[Worry]:
    train = values["splits"]["train"]["types"]
    rare = [f"{label} {entry['entities']}" for label, entry in train.items() if entry["entities"] < FEW_EXAMPLES]
    if rare:
        yield Worry("warning", f"types with fewer than {FEW_EXAMPLES} examples in train: {', '.join(rare)}",
                    "annotate more of them, merge them with another type, or leave them out with corpus.types")
    for name in ("dev", "test"):
        split = values["splits"][name]["types"]
        unknown = [label for label in split if label not in train]
        if unknown:
            yield Worry("error", f"types of {name} that train does not have: {', '.join(unknown)}",
                        "no model can find them")
        missing = [label for label in train if label not in split]
        if missing:
            yield Worry("warning", f"types that {name} does not have: {', '.join(missing)}",
                        "its figures say nothing about them")
    labels = sorted({label for split in values["splits"].values() for label in split["types"]})
    for first, second in combinations(labels, 2):
        if first.lower() == second.lower() or (len(first) > 2 and second.lower().startswith(first.lower())):
            yield Worry("warning", f"the types {first} and {second} have similar names", "are they one type?")


def _overlap(values: ReadOnlyValues) -> Iterator[Worry]:
    overlap, splits = values["overlap"], values["splits"]
    for name in ("dev", "test"):
        shared, total = overlap[name]["sentences"], splits[name]["sentences"]
        if shared["near"]:
            share = shared["near"] / total
            yield Worry("warning" if share > 0.02 else "note",
                        f"{shared['near']:,} sentences of {name} ({100 * share:.1f} %) are in train, too "
                        f"({shared['exact']:,} to the last character), first {shared['first']}",
                        "figures are too good by what the network remembers of them")
        kinds = [kind for entry in overlap[name]["novelty"].values() for kind in entry.items()]
        entities = sum(count for _, count in kinds)
        known = sum(count for kind, count in kinds if kind == "same name and type")
        if entities and known / entities > 0.8:
            yield Worry("note", f"{100 * known / entities:.0f} % of the entities of {name} are in train with the same "
                                "type",
                        "on other text the figures will be lower; see seen and unseen in the run's report")
    again = overlap["repeated"]["train"]
    if again["exact"]:
        yield Worry("note", f"{again['exact']:,} training sentences repeat another one")


def _conflicts(values: ReadOnlyValues) -> Iterator[Worry]:
    conflicts = values["conflicts"]
    if conflicts["sentences"]["count"]:
        yield Worry("warning", f"{conflicts['sentences']['count']:,} sentences occur with different annotation",
                    "ner-mx audit ranks what is probably wrong")
    if conflicts["names"]["count"]:
        yield Worry("warning", f"{conflicts['names']['count']:,} names are annotated differently between the same two "
                               f"words, {conflicts['names']['minority']:,} times against the majority",
                    "ner-mx audit ranks what is probably wrong")
    border = [entry for entry in conflicts["borders"]["listed"] if min(entry["inside"], entry["beside"]) >= 10]
    if border:
        words = ", ".join(repr(entry["word"]) for entry in border[:5])
        yield Worry("warning", f"words that belong to some entities and stand beside others of the same name: {words}",
                    "decide whether they belong to names, and write it into the guidelines")


def _tokens(values: ReadOnlyValues) -> Iterator[Worry]:
    for entry in values["tokens"]:
        example = f": '{entry['examples'][0]}'" if entry["examples"] else ""
        yield Worry("warning", f"{entry['tokens']:,} × {entry['fault']}, first {entry['place']}{example}")


def _sentences(values: ReadOnlyValues) -> Iterator[Worry]:
    longest = values["splits"]["train"]["sentence_lengths"]["longest"]
    if longest > 250:
        yield Worry("warning", f"the longest training sentence has {longest:,} tokens",
                    "is the text divided into sentences?")
    if all(split["documents"] in (1, split["sentences"]) for split in values["splits"].values()):
        yield Worry("note", "no documents are marked", "a split by sentence puts sentences of one document into train "
                                                       "and test, which makes figures too good")
