"""From DBpedia's published dumps to the paper's lists of names (Chiu & Nichols 2016).

The dumps are read line by line: instance types, labels and, for the types'
descendants, the ontology; as N-Triples or in the line-wise Turtle that
DBpedia publishes; plain, gzip, bzip2 or xz.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ner_mx.data.bounded_lines import bounded_lines, is_too_long
from ner_mx.data.compression import opened
from ner_mx.data.tokenizers.rules import Rules
from ner_mx.errors import CorpusError, RunError, shown
from ner_mx.files import replacing

# The paper's four categories.  The ontology of 2015 has Artifact, later ones only Work.
ROOTS = {"PER": ("Person",), "ORG": ("Organisation",), "LOC": ("Place",),
         "MISC": ("Artifact", "Artefact", "Work")}

# The characters of a line; the longest labels and abstracts have some thousands.
LONGEST = 1 << 20

_TRIPLE = re.compile(
    r'^<([^>]*)>\s+<([^>]*)>\s+(?:<([^>]*)>|"((?:[^"\\]|\\.)*)"(?:@([\w-]+)|\^\^\S+)?)\s*\.\s*$')
_TYPE, _LABEL, _SUBCLASS = "#type", "#label", "#subClassOf"
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}


class BuiltLexicon(NamedTuple):
    """names : counts by category.  skipped : counts of lines that are not triples, by dump."""

    names: Dict[str, int]
    skipped: Dict[str, int]


def build_lexicon(types: Path, labels: Path, folder: Path, ontology: Optional[Path] = None,
                  language: str = "en", overwrite: bool = False) -> BuiltLexicon:
    """Write ``ner.per.lst`` and the other lists: UTF-8, one name per line, tokens separated by spaces.

    Parameters
    ----------
    types : the dump of instance types, the specific ones (an instance's own types).
    labels : the dump of labels.
    ontology : gives the types below Person, Organisation, Place and Work;
        without it, only direct instances of these are found.
    language : of the labels; its variants, such as ``en-GB``, and labels without a language are used, too.
    overwrite : whether existing lists may be replaced.

    Raises
    ------
    RunError : there are lists already.
    CorpusError : a dump is missing, is damaged, or is a dump of something else.
    """
    lists = {category: folder / f"ner.{category.lower()}.lst" for category in ROOTS}
    existing = next((path for path in lists.values() if path.exists()), None)
    if existing and not overwrite:
        raise RunError(f"{existing}: exists already; choose another folder, or allow it with --overwrite")
    skipped: Counter[str] = Counter()
    resources = _resources(types, ontology, skipped)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        files = {category: stack.enter_context(open(stack.enter_context(replacing(path)), "w", encoding="utf-8"))
                 for category, path in lists.items()}
        for category, name in _names(labels, resources, language, skipped):
            files[category].write(name + "\n")
            counts[category] += 1
        if not counts:
            # Raised inside the block, so that earlier lists are not replaced by empty ones.
            raise CorpusError(labels, None, f"expected labels in {language!r} of the instances in "
                                            f"{types.name}, found nothing; take the dump of labels")
    return BuiltLexicon({category: counts[category] for category in ROOTS}, dict(skipped))


def _resources(types: Path, ontology: Optional[Path], skipped: Counter[str]) -> Dict[str, int]:
    """The resources of the four categories, with the bits of their categories.

    Raises
    ------
    CorpusError : there are none.
    """
    bits_by_type = _types_of(ontology, skipped)
    # A resource may belong to several categories: bits of one number.
    resources: Dict[str, int] = {}
    for subject, predicate, value, _ in triples(types, skipped):
        if predicate.endswith(_TYPE):
            bits = bits_by_type.get(value.rpartition("/")[2])
            if bits is not None:
                resources[subject] = resources.get(subject, 0) | bits
    if not resources:
        raise CorpusError(types, None, "expected instances of DBpedia's Person, Organisation, Place or Work, "
                                       "found nothing; take the dump of instance types")
    return resources


def _is_language(found: Optional[str], wanted: str) -> bool:
    """Whether a label is in a language, a variant of it (``en-GB``), or in none."""
    return found is None or found.lower().partition("-")[0] == wanted.lower() or found.lower() == wanted.lower()


def _names(labels: Path, resources: Dict[str, int], language: str,
           skipped: Counter[str]) -> Iterator[Tuple[str, str]]:
    """The distinct names of the resources, each with its category."""
    seen: Set[Tuple[int, int]] = set()
    for subject, predicate, value, label_language in triples(labels, skipped):
        bits = resources.get(subject, 0) if predicate.endswith(_LABEL) else 0
        if not bits or not _is_language(label_language, language):
            continue
        name = clean(value)
        for bit, category in enumerate(ROOTS):
            # Hashes save memory: there are millions of names, compared for equality only.
            if bits >> bit & 1 and name and (bit, hash(name)) not in seen:
                seen.add((bit, hash(name)))
                yield category, name


def clean(label: str) -> str:
    """A label as the paper cleans it, its tokens separated by spaces.

    Parentheses and what they hold are dropped, then trailing ``. , ; : / \\ ?``.

    >>> clean("Rome (TV series)"), clean("Who?"), clean("O'Neill, Inc."), clean("A (b (c) d)")
    ('Rome', 'Who', "O'Neill , Inc", 'A')
    """
    label = _without_parentheses(label).strip().rstrip(".,;:/\\?").rstrip()
    return " ".join(token.text for token in Rules().tokens(label))


def _without_parentheses(label: str) -> str:
    """A label without pairs of parentheses, what is in them and the white space before them; single ones stay."""
    kept: List[str] = []
    opened: List[int] = []
    for character in label:
        if character == ")" and opened:
            del kept[opened.pop():]
            while kept and kept[-1].isspace():
                kept.pop()
            continue
        if character == "(":
            opened.append(len(kept))
        kept.append(character)
    return "".join(kept)


def triples(path: Path, skipped: Counter[str]) -> Iterator[Tuple[str, str, str, Optional[str]]]:
    """Subject, predicate, object (an IRI or a literal), and the language of a literal, line by line.

    Comments, prefixes and blank lines are skipped, and so are other lines that are
    not triples of this form; the latter are counted in ``skipped``.

    Raises
    ------
    CorpusError : the file cannot be read, or a line is truncated.
    """
    number = 0
    try:
        with opened(path) as (stream, _), io.TextIOWrapper(stream, encoding="utf-8") as text:
            for number, line in enumerate(bounded_lines(text, LONGEST), start=1):
                match = None if is_too_long(line, LONGEST) or "\0" in line else _TRIPLE.match(line)
                if match:
                    subject, predicate, iri, literal, language = match.groups()
                    value = iri if iri is not None else _unescaped(literal)
                    if value is None:
                        skipped[path.name] += 1
                    else:
                        yield subject, predicate, value, language
                elif line.startswith("<") and not line.rstrip().endswith(".") and not is_too_long(line, LONGEST):
                    raise CorpusError(path, number, f"expected a triple that ends with a dot, "
                                                    f"found {shown(line)}")
                elif not line.startswith(("#", "@")) and not line.isspace():
                    skipped[path.name] += 1
    except UnicodeDecodeError as error:
        raise CorpusError(path, number or None, f"expected a dump of triples, found: {error}") from None


def _unescaped(literal: str) -> Optional[str]:
    """A literal with its escapes decoded; None if an escape is not a character."""
    if "\\" not in literal:
        return literal
    try:
        text = _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)) if match[1] or match[2]
                           else _CONTROL.get(match[3], match[3]), literal)
        # Java and JSON escape characters beyond 16 bits as surrogate pairs.
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except (ValueError, OverflowError):
        return None


def _types_of(ontology: Optional[Path], skipped: Counter[str]) -> Dict[str, int]:
    """The roots and the types below them, with the bits of their categories.

    Raises
    ------
    CorpusError : the ontology has no subclasses.
    """
    children: Dict[str, List[str]] = {}
    for subject, predicate, value, _ in triples(ontology, skipped) if ontology else ():
        if predicate.endswith(_SUBCLASS):
            children.setdefault(value.rpartition("/")[2], []).append(subject.rpartition("/")[2])
    if ontology and not children:
        raise CorpusError(ontology, None, "expected types and what they are subclasses of, found nothing; "
                                          "take DBpedia's ontology as triples (.nt)")
    result: Dict[str, int] = {}
    for bit, roots in enumerate(ROOTS.values()):
        for name in _descendants(roots, children):
            result[name] = result.get(name, 0) | 1 << bit
    return result


def _descendants(roots: Iterable[str], children: Dict[str, List[str]]) -> Set[str]:
    """The roots, their children, the children of these, and so on."""
    descendants: Set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in descendants:
            descendants.add(name)
            waiting += children.get(name, [])
    return descendants
