"""Tag schemes: a table, a look that tells which one a corpus uses, and conversion.

Every conversion goes through spans: tags -> spans -> tags.  A sequence is ill
formed in a scheme when its own spans, written in that scheme, are not the
sequence again; writing them again is the repair.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.corpora.sentence import Sentence
from ner_mx.corpora.spans import Span, parse, spans_of
from ner_mx.errors import CorpusError, shown


def _single_end(begin: str, inside: str, end: str, single: str) -> Callable[[Span, bool], List[str]]:
    def prefixes(span: Span, touches: bool) -> List[str]:
        length = span.end - span.start
        return [single] if length == 1 else [begin] + [inside] * (length - 2) + [end]
    return prefixes


# name -> prefixes of one span; the second argument tells whether the span follows
# another of its own type without a gap.
SCHEMES: Dict[str, Callable[[Span, bool], List[str]]] = {
    "IOB2": lambda span, touches: ["B"] + ["I"] * (span.end - span.start - 1),
    "IOB1": lambda span, touches: ["B" if touches else "I"] + ["I"] * (span.end - span.start - 1),
    "IO": lambda span, touches: ["I"] * (span.end - span.start),
    "BIOES": _single_end("B", "I", "E", "S"),
    "BILOU": _single_end("B", "I", "L", "U"),
}

# Above this share of tags that the best scheme cannot explain, a corpus is no scheme's.
TOLERATED = 0.05


def tags_of(spans: Iterable[Span], length: int, scheme: str) -> Tuple[str, ...]:
    """Write spans in order, without overlap, as ``length`` tags of ``scheme``."""
    prefixes = SCHEMES[scheme]
    tags = ["O"] * length
    last_end, last_label = -1, ""
    for span in spans:
        touches = span.start == last_end and span.label == last_label
        for offset, prefix in enumerate(prefixes(span, touches)):
            tags[span.start + offset] = f"{prefix}-{span.label}"
        last_end, last_label = span.end, span.label
    return tuple(tags)


def convert(tags: Sequence[str], scheme: str) -> Tuple[str, ...]:
    """Any tag sequence in ``scheme``, by way of its spans."""
    spans = spans_of(tags)
    return tags_of(spans, len(tags), scheme) if spans else ("O",) * len(tags)


class Found(NamedTuple):
    """The scheme of a corpus, and how many of its entity tags break it."""

    scheme: str
    repaired_tags: int
    repaired_sentences: int
    entity_tags: int
    example: str


def detect(sentences: Sequence[Sentence], scheme: Optional[str] = None) -> Found:
    """Find the scheme that explains a corpus' tags best.

    Each scheme is tried: the sentences' spans are written in it and compared
    with what stands there.  The fewest differences win; IOB2, IOB1, IO, BIOES,
    BILOU is the order among equals.  A corpus with I- alone is called IO:
    IOB1 would read it in the same way.

    Parameters
    ----------
    scheme : None looks for it; a name only counts what breaks that scheme, however much.

    Raises
    ------
    CorpusError : a tag has an unknown prefix, or more than a twentieth of the
        entity tags fit no single scheme.
    """
    # Corpora repeat themselves: a few thousand tag sequences make up a million sentences.
    sequences: Dict[Tuple[str, ...], List] = {}
    for sentence in sentences:
        if sentence.tags is None:
            continue
        entry = sequences.get(sentence.tags)
        if entry is None:
            sequences[sentence.tags] = [1, sentence]
        else:
            entry[0] += 1
    prefixes = set()
    parsed = []
    entity_tags = 0
    for tags, (count, sentence) in sequences.items():
        try:
            spans = spans_of(tags)
            prefixes.update(tag[0] for tag in tags)
        except ValueError:
            raise _unknown_tag(sentence) from None
        if spans:
            parsed.append((tags, spans, count, sentence))
            entity_tags += count * sum(tag != "O" for tag in tags)
    prefixes.discard("O")
    best: Optional[Found] = None
    names = [scheme] if scheme else (["IO"] if prefixes == {"I"} else list(SCHEMES))
    for name in names:
        wrong_tags = wrong_sentences = 0
        example = ""
        for tags, spans, count, sentence in parsed:
            written = tags_of(spans, len(tags), name)
            if written != tags:
                wrong = [i for i, (one, two) in enumerate(zip(written, tags)) if one != two]
                wrong_tags += count * len(wrong)
                wrong_sentences += count
                example = example or (f"{_place(sentence, wrong[0])}: {tags[wrong[0]]} "
                                      f"where {name} has {written[wrong[0]]}")
        if best is None or wrong_tags < best.repaired_tags:
            best = Found(name, wrong_tags, wrong_sentences, entity_tags, example)
    assert best is not None
    if scheme is None and best.repaired_tags > TOLERATED * entity_tags:
        place, _, example = best.example.partition(": ")
        raise CorpusError(place, None, (
            f"expected the tags of one scheme ({', '.join(SCHEMES)}), found a mixture: {example}; "
            f"{best.scheme} fits best, but {best.repaired_tags} of {entity_tags} entity tags break it; "
            "bring the files into one scheme, or name one in corpus.scheme to have the other repaired"))
    return best


def _place(sentence: Sentence, position: int) -> str:
    return f"{sentence.source}:{sentence.line + position}" if sentence.line else sentence.source


def _unknown_tag(sentence: Sentence) -> CorpusError:
    for position, tag in enumerate(sentence.tags or ()):
        try:
            parse(tag)
        except ValueError:
            line = sentence.line + position if sentence.line else None
            return CorpusError(sentence.source, line, (
                f"expected the tag O, or B-, I-, E-, L-, S- or U- and a type, found {shown(tag)}; "
                "mend it, name the right column, or set corpus.types and "
                "corpus.unknown_tags: outside"))
    raise ValueError("every tag is known")


def limited(sentences: Sequence[Sentence], types: Sequence[str]) -> Tuple[List[Sentence], Dict[str, int]]:
    """Make every tag outside that is junk or of a type not in ``types``; count them by tag."""
    dropped: Dict[str, int] = {}

    def kept(tag: str) -> str:
        try:
            label = parse(tag)[1]
            if not label or label in types:
                return tag
        except ValueError:
            pass
        dropped[tag] = dropped.get(tag, 0) + 1
        return "O"

    result = [sentence if sentence.tags is None else
              sentence._replace(tags=tuple(map(kept, sentence.tags))) for sentence in sentences]
    return result, dropped
