"""Sentences as read to sentences whose tags can be relied on: types, scheme, repairs."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ner_mx.config import Corpus
from ner_mx.corpora.digits import split_at_digits
from ner_mx.corpora.schemes import TOLERATED, Found, detect, limited
from ner_mx.corpora.splits import Parts, all_sentences
from ner_mx.errors import ConfigError, CorpusError


class Annotated(NamedTuple):
    """parts : the sentences, tags still in the corpus' scheme (those of sentences whose
    tokens were split, in IOB2).  scheme : that scheme.

    warnings : what was mended or left out, with its count.
    """

    parts: Parts
    scheme: Found
    warnings: Counter


def annotated(parts: Parts, settings: Corpus) -> Annotated:
    """Check the tags of a corpus as its settings say.

    Raises
    ------
    ConfigError : tags of types that ``corpus.types`` does not name.
    CorpusError : unknown tags, a mixture of schemes.
    """
    warnings: Counter = Counter()
    parts = {name: [sentence._replace(tags=_without_blanks(sentence.tags, warnings))
                    if sentence.tags else sentence for sentence in sentences]
             for name, sentences in parts.items()}
    if settings.types is not None:
        parts = _of_types(parts, settings, warnings)
    scheme = detect(all_sentences(parts), None if settings.scheme == "auto" else settings.scheme)
    if settings.scheme == "auto":
        _check_each(parts, scheme)
    if scheme.repaired_tags:
        warnings[f"tags that break {scheme.scheme}, read by conlleval's rule, in "
                 f"{scheme.repaired_sentences} sentences, first {scheme.example}"] = scheme.repaired_tags
    if settings.split_digits:
        parts = {name: [split_at_digits(sentence) for sentence in sentences]
                 for name, sentences in parts.items()}
    return Annotated(parts, scheme, warnings)


def _without_blanks(tags, warnings: Counter):
    """Tags as columns can hold them: a blank in a type, or a line end, becomes an underscore."""
    if not any(len(tag.split()) > 1 for tag in set(tags)):
        return tags
    warnings["tags with a blank in their type, which became an underscore"] += sum(
        len(tag.split()) > 1 for tag in tags)
    return tuple("_".join(tag.split()) for tag in tags)


def _of_types(parts: Parts, settings: Corpus, warnings: Counter) -> Parts:
    """Make tags outside that ``corpus.types`` does not name, if the configuration allows it."""
    types = settings.types or []
    result = {}
    for name, sentences in parts.items():
        result[name], dropped = limited(sentences, types)
        if dropped and settings.unknown_tags == "error":
            raise ConfigError(f"corpus.types: expected tags of {', '.join(types)} alone, found "
                              f"{next(iter(dropped))!r} in {name}; add its type, or set "
                              "corpus.unknown_tags to outside")
        for tag, count in dropped.items():
            warnings[f"tags {tag!r} in {name}, taken as O"] += count
    return result


def _check_each(parts: Parts, scheme: Found) -> None:
    """A small part in a scheme of its own would pass for a few repairs."""
    for name, sentences in parts.items():
        there = detect(sentences, scheme.scheme)
        if there.repaired_tags > TOLERATED * there.entity_tags:
            raise CorpusError(None, None, (
                f"expected all parts in {scheme.scheme}, found {there.repaired_tags} of "
                f"{there.entity_tags} entity tags of {name} that break it, first {there.example}; "
                "bring the files into one scheme, or name one in corpus.scheme"))
