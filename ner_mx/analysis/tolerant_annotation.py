"""The annotation of a corpus that need not be well-formed: what training would refuse is counted instead."""

from __future__ import annotations

from typing import NamedTuple

from ner_mx.config import Corpus
from ner_mx.data.annotation import check_annotation
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.data.spans import parse_tag
from ner_mx.data.splits import Splits, all_sentences
from ner_mx.data.tag_schemes import DetectedScheme, detect_scheme
from ner_mx.errors import ConfigError, CorpusError, shown
from ner_mx.registry import register


class TolerantAnnotation(NamedTuple):
    """splits : sentences with tags that can be read.  scheme : the one that fits best.  warnings : what was repaired.

    refusal : the message with which preprocessing would refuse the corpus; "" if it would not.
    """

    splits: Splits
    scheme: DetectedScheme
    warnings: Warnings
    refusal: str


def tolerant_annotation(splits: Splits, settings: Corpus) -> TolerantAnnotation:
    """The sentences with whole tokens, whatever their tags are."""
    try:
        checked = check_annotation(splits, settings)
        return TolerantAnnotation(checked.words, checked.scheme, checked.warnings, "")
    except (ConfigError, CorpusError) as error:
        refusal = str(error)
    warnings = no_warnings()
    splits = {name: [sentence._replace(tags=tuple(
        tag if _is_tag(tag) else _outside(tag, sentence.place(place), warnings)
        for place, tag in enumerate(sentence.gold))) for sentence in sentences]
        for name, sentences in splits.items()}
    schemes = [detect_scheme(all_sentences(splits), name) for name in register.tag_encoding.names()]
    return TolerantAnnotation(splits, min(schemes, key=lambda scheme: scheme.repaired_tags), warnings, refusal)


def _is_tag(tag: str) -> bool:
    try:
        parse_tag(tag)
    except ValueError:
        return False
    return True


def _outside(tag: str, place: str, warnings: Warnings) -> str:
    warnings.add(f"tags {shown(tag)}, which are none, read as O", place)
    return "O"
