"""Tag schemes: how spans are written as tags, which scheme a corpus uses, and conversion between them.

Every conversion goes through spans: tags -> spans -> tags.  A sequence is
ill-formed in a scheme if its spans, written in that scheme, are not the same
sequence; writing them again is the repair.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Callable, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, parse_tag, spans_of
from ner_mx.errors import CorpusError, shown
from ner_mx.registry import register

# An encoding writes the prefixes of one span; its second argument says whether the span
# directly follows another of its own type.
Prefixes = Callable[[Span, bool], List[str]]


@register.tag_encoding("IOB2")
def iob2(span: Span, adjacent: bool) -> List[str]:
    """B begins every entity."""
    return ["B"] + ["I"] * (span.end - span.start - 1)


@register.tag_encoding("IOB1")
def iob1(span: Span, adjacent: bool) -> List[str]:
    """B begins an entity only where another of its type ends right before it."""
    return ["B" if adjacent else "I"] + ["I"] * (span.end - span.start - 1)


@register.tag_encoding("IO")
def io(span: Span, adjacent: bool) -> List[str]:
    """Adjacent entities of one type cannot be told apart."""
    return ["I"] * (span.end - span.start)


@register.tag_encoding("BIOES")
def bioes(span: Span, adjacent: bool) -> List[str]:
    """E ends an entity, S is a single-token entity."""
    return _bracketed(span, "E", "S")


@register.tag_encoding("BILOU")
def bilou(span: Span, adjacent: bool) -> List[str]:
    """BIOES with other letters: L is the last token, U a unit."""
    return _bracketed(span, "L", "U")


@register.tag_encoding("BMES")
def bmes(span: Span, adjacent: bool) -> List[str]:
    """BIOES with M inside entities, as in Chinese word segmentation."""
    return ["M" if prefix == "I" else prefix for prefix in _bracketed(span, "E", "S")]


def _bracketed(span: Span, end: str, single: str) -> List[str]:
    length = span.end - span.start
    return [single] if length == 1 else ["B", *["I"] * (length - 2), end]


# If a larger share of a corpus' entity tags breaks the best scheme, the corpus mixes schemes.
TOLERATED = 0.05


def tags_of(spans: Iterable[Span], length: int, scheme: str) -> Tuple[str, ...]:
    """Write spans, in order and without overlap, as ``length`` tags of ``scheme``."""
    prefixes: Prefixes = register.tag_encoding[scheme]
    tags = ["O"] * length
    last_end, last_label = -1, ""
    for span in spans:
        adjacent = span.start == last_end and span.label == last_label
        for offset, prefix in enumerate(prefixes(span, adjacent)):
            tags[span.start + offset] = f"{prefix}-{span.label}"
        last_end, last_label = span.end, span.label
    return tuple(tags)


def convert_tags(tags: Sequence[str], scheme: str) -> Tuple[str, ...]:
    """Any tag sequence in ``scheme``, by way of its spans."""
    spans = spans_of(tags)
    return tags_of(spans, len(tags), scheme) if spans else ("O",) * len(tags)


class Grammar(NamedTuple):
    """Which prefixes may follow each other in an encoding; that of O is ``"O"``.

    prefixes : of entities, in alphabetical order.
    starts, ends : the prefixes with which a sentence may begin and end.
    pairs : (prefix, next prefix, whether both are of one type).
    """

    prefixes: Tuple[str, ...]
    starts: FrozenSet[str]
    ends: FrozenSet[str]
    pairs: FrozenSet[Tuple[str, str, bool]]


@cache
def grammar(encoding: str) -> Grammar:
    """The grammar of an encoding, read off every way to write up to five tokens with two types."""
    starts: Set[str] = set()
    ends: Set[str] = set()
    prefixes: Set[str] = set()
    pairs: Set[Tuple[str, str, bool]] = set()
    for spans, length in _all_spans(5):
        tags = [parse_prefix(tag) for tag in tags_of(spans, length, encoding)]
        starts.add(tags[0][0])
        ends.add(tags[-1][0])
        prefixes.update(prefix for prefix, _ in tags)
        pairs.update((one[0], two[0], one[1] == two[1]) for one, two in zip(tags, tags[1:]))
    return Grammar(tuple(sorted(prefixes - {"O"})), frozenset(starts), frozenset(ends), frozenset(pairs))


def parse_prefix(tag: str) -> Tuple[str, str]:
    """A tag's prefix and type: ``("B", "PER")``; ``("O", "")``."""
    prefix, _, label = tag.partition("-")
    return prefix, label


def _all_spans(longest: int) -> Iterable[Tuple[List[Span], int]]:
    """Every division of up to ``longest`` tokens into O and spans of the types X and Y, with its length."""
    pieces = [(1, "")] + [(size, label) for size in range(1, longest + 1) for label in "XY"]
    for count in range(1, longest + 1):
        for chosen in product(pieces, repeat=count):
            length = sum(size for size, _ in chosen)
            if length <= longest:
                starts = [sum(size for size, _ in chosen[:number]) for number in range(count)]
                yield [Span(start, start + size, label) for start, (size, label) in zip(starts, chosen)
                       if label], length


class DetectedScheme(NamedTuple):
    """The scheme of a corpus, and how many of its entity tags break it."""

    scheme: str
    repaired_tags: int
    repaired_sentences: int
    entity_tags: int
    example: str


class _Parsed(NamedTuple):
    """A distinct tag sequence with its spans, how often it occurs, and a sentence that has it."""

    tags: Tuple[str, ...]
    spans: List[Span]
    occurrences: int
    sentence: Sentence


def detect_scheme(sentences: Sequence[Sentence], scheme: Optional[str] = None) -> DetectedScheme:
    """Find the scheme that explains the tags of a corpus best.

    Each scheme is tried: the spans of the sentences are written in it and
    compared with the tags.  The fewest differences win; among equals the order
    is IOB2, IOB1, IO, BIOES, BILOU, BMES.  A corpus with I- alone is called IO, which
    reads the same as IOB1.

    Parameters
    ----------
    scheme : None detects it; a name only counts the tags that break that scheme, however many.

    Raises
    ------
    CorpusError : a tag has an unknown prefix, or more than a twentieth of the
        entity tags break every scheme.
    """
    parsed = _parsed(sentences)
    entity_tags = sum(sequence.occurrences * sum(tag != "O" for tag in sequence.tags) for sequence in parsed)
    prefixes = {tag[0] for sequence in parsed for tag in sequence.tags} - {"O"}
    names = [scheme] if scheme else ["IO"] if prefixes == {"I"} else register.tag_encoding.names()
    best = min((_breaches(name, parsed, entity_tags) for name in names),
               key=lambda detected: detected.repaired_tags)
    if scheme is None and best.repaired_tags > TOLERATED * entity_tags:
        place, _, example = best.example.partition(": ")
        raise CorpusError(place, None, (
            f"expected the tags of one scheme ({', '.join(names)}), found a mixture: {example}; "
            f"{best.scheme} fits best, but {best.repaired_tags} of {entity_tags} entity tags break it; "
            "convert the files to one scheme, or set corpus.scheme to repair the others"))
    return best


def _parsed(sentences: Sequence[Sentence]) -> List[_Parsed]:
    """The distinct tag sequences that have entities."""
    # Corpora repeat themselves: a few thousand tag sequences make up a million sentences.
    counts: Dict[Tuple[str, ...], int] = {}
    first: Dict[Tuple[str, ...], Sentence] = {}
    for sentence in sentences:
        if sentence.tags is not None:
            counts[sentence.tags] = counts.get(sentence.tags, 0) + 1
            first.setdefault(sentence.tags, sentence)
    result = []
    for tags, count in counts.items():
        try:
            spans = spans_of(tags)
        except ValueError:
            raise _unknown_tag(first[tags]) from None
        if spans:
            result.append(_Parsed(tags, spans, count, first[tags]))
    return result


def _breaches(scheme: str, parsed: Sequence[_Parsed], entity_tags: int) -> DetectedScheme:
    """How many tags of a corpus break a scheme."""
    wrong_tags = wrong_sentences = 0
    example = ""
    for tags, spans, count, sentence in parsed:
        written = tags_of(spans, len(tags), scheme)
        if written == tags:
            continue
        wrong = [place for place, (ours, theirs) in enumerate(zip(written, tags)) if ours != theirs]
        wrong_tags += count * len(wrong)
        wrong_sentences += count
        example = example or (f"{sentence.place(wrong[0])}: {tags[wrong[0]]} "
                              f"where {scheme} has {written[wrong[0]]}")
    return DetectedScheme(scheme, wrong_tags, wrong_sentences, entity_tags, example)


def _unknown_tag(sentence: Sentence) -> CorpusError:
    for position, tag in enumerate(sentence.gold):
        try:
            parse_tag(tag)
        except ValueError:
            return CorpusError(sentence.place(position), None, (
                f"expected the tag O, or B-, I-, E-, L-, S-, U- or M- and a type, found {shown(tag)}; "
                "correct it, name the right column, or set corpus.types and "
                "corpus.unknown_tags: outside"))
    raise ValueError("every tag is known")


def limit_types(sentences: Sequence[Sentence],
                types: Sequence[str]) -> Tuple[List[Sentence], Dict[str, int]]:
    """Replace every tag by O that is invalid or of a type not in ``types``; count the replaced tags."""
    replaced: Dict[str, int] = {}

    def kept(tag: str) -> str:
        try:
            label = parse_tag(tag)[1]
            if not label or label in types:
                return tag
        except ValueError:
            pass
        replaced[tag] = replaced.get(tag, 0) + 1
        return "O"

    result = [sentence if sentence.tags is None else
              sentence._replace(tags=tuple(map(kept, sentence.tags))) for sentence in sentences]
    return result, replaced
