"""Checks and repairs of the tags of a corpus: types, scheme, white space."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, Tuple

from ner_mx.config import Corpus
from ner_mx.data.column_layout import MOST_TYPES
from ner_mx.data.joined_documents import joined_documents
from ner_mx.data.pieces import pieces_of
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.data.splits import Splits, all_sentences
from ner_mx.data.tag_schemes import TOLERATED, DetectedScheme, detect_scheme, limit_types
from ner_mx.errors import ConfigError, CorpusError


class CheckedCorpus(NamedTuple):
    """splits : the sentences as a network reads them, in pieces or joined; their tags are still in the scheme of the
    corpus (in IOB2 where they were changed).  words : the sentences with whole tokens.  scheme : that of the corpus.

    warnings : counts of what was repaired or left out.
    """

    splits: Splits
    words: Splits
    scheme: DetectedScheme
    warnings: Warnings


def check_annotation(splits: Splits, settings: Corpus) -> CheckedCorpus:
    """Check the tags of a corpus as its settings say.

    Raises
    ------
    ConfigError : there are tags of types that ``corpus.types`` does not name, or documents are to be joined that are
        not marked.
    CorpusError : there are unknown tags, or tags of several schemes.
    """
    warnings = no_warnings()
    splits = {name: [sentence._replace(tags=_without_white_space(sentence.tags, warnings))
                     if sentence.tags else sentence for sentence in sentences]
              for name, sentences in splits.items()}
    splits = _with_prefixes(splits, warnings)
    if settings.types is not None:
        splits = _limited(splits, settings, warnings)
    scheme = detect_scheme(all_sentences(splits), None if settings.scheme == "auto" else settings.scheme)
    if settings.scheme == "auto":
        _check_each(splits, scheme)
    if scheme.repaired_tags:
        warnings[f"tags that break {scheme.scheme}, repaired by conlleval's rule, in "
                 f"{scheme.repaired_sentences} sentences, first {scheme.example}"] = scheme.repaired_tags
    return CheckedCorpus(_as_read(splits, settings), splits, scheme, warnings)


def _as_read(splits: Splits, settings: Corpus) -> Splits:
    """The sentences as a network reads them: joined, or in pieces."""
    if settings.documents.join:
        if len({(sentence.source, sentence.document) for sentence in all_sentences(splits)}) <= len(splits):
            raise ConfigError("corpus.documents.join: expected a corpus whose documents are marked, found one document "
                              "in each split")
        splits = {name: joined_documents(sentences) for name, sentences in splits.items()}
    pieces = pieces_of(settings.split_digits, settings.characters)
    return splits if pieces is None else {name: [pieces.split_sentence(sentence) for sentence in sentences]
                                          for name, sentences in splits.items()}


def _without_white_space(tags: Tuple[str, ...], warnings: Warnings) -> Tuple[str, ...]:
    """Tags that fit into a column: white space inside a type becomes an underscore."""
    if not any(len(tag.split()) > 1 for tag in set(tags)):
        return tags
    warnings["tags with white space in their type, replaced by an underscore"] += sum(
        len(tag.split()) > 1 for tag in tags)
    return tuple("_".join(tag.split()) for tag in tags)


def _with_prefixes(splits: Splits, warnings: Warnings) -> Splits:
    """Tags that are the types themselves (``PERSON PERSON O``) as those of the scheme IO.

    They are read so if O is the most frequent tag, the types are few and none looks like a prefix and
    a type: anything else, such as parts of speech, remains an error.
    """
    counts = Counter(tag for sentences in splits.values() for sentence in sentences for tag in sentence.tags or ())
    outside, types = counts.pop("O", 0), set(counts)
    if not types or len(types) > MOST_TYPES or outside < max(counts.values()) or not all(
            type_name[:1].isalpha() and "-" not in type_name[:2] and len(type_name) > 1 for type_name in types):
        return splits
    first = next(sentence.place(place) for sentences in splits.values() for sentence in sentences
                 for place, tag in enumerate(sentence.tags or ()) if tag != "O")
    warnings.add("tags without a prefix, read as IO", first, sum(counts.values()))
    return {name: [sentence if sentence.tags is None else sentence._replace(
        tags=tuple(tag if tag == "O" else f"I-{tag}" for tag in sentence.tags)) for sentence in sentences]
        for name, sentences in splits.items()}


def _limited(splits: Splits, settings: Corpus, warnings: Warnings) -> Splits:
    """Replace tags that ``corpus.types`` does not name by O, if the configuration allows it."""
    types = settings.types or []
    result = {}
    for name, sentences in splits.items():
        result[name], replaced = limit_types(sentences, types)
        if replaced and settings.unknown_tags == "error":
            raise ConfigError(f"corpus.types: expected only tags of {', '.join(types)}, found "
                              f"{next(iter(replaced))!r} in {name}; add its type, or set "
                              "corpus.unknown_tags to outside")
        for tag, count in replaced.items():
            warnings[f"tags {tag!r} in {name}, read as O"] += count
    return result


def _check_each(splits: Splits, scheme: DetectedScheme) -> None:
    """A small split in a scheme of its own would look like a few repairs of the whole."""
    for name, sentences in splits.items():
        detected = detect_scheme(sentences, scheme.scheme)
        if detected.repaired_tags > TOLERATED * detected.entity_tags:
            raise CorpusError(None, None, (
                f"expected all splits in {scheme.scheme}, found {detected.repaired_tags} of "
                f"{detected.entity_tags} entity tags of {name} that break it, first {detected.example}; "
                "convert the files to one scheme, or name one in corpus.scheme"))
