"""DBpedia's published dumps to the lists of names of the paper (Chiu & Nichols 2016).

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

from ner_mx.corpora.packing import opened
from ner_mx.corpora.tokenizer import tokenize
from ner_mx.errors import CorpusError, shown
from ner_mx.files import replacing

# The paper's four categories.  The ontology of its day wrote Artifact, later ones have Work alone.
ROOTS = {"PER": ("Person",), "ORG": ("Organisation",), "LOC": ("Place",),
         "MISC": ("Artifact", "Artefact", "Work")}

_TRIPLE = re.compile(
    r'^<([^>]*)>\s+<([^>]*)>\s+(?:<([^>]*)>|"((?:[^"\\]|\\.)*)"(?:@([\w-]+)|\^\^\S+)?)\s*\.\s*$')
_TYPE, _LABEL, _SUBCLASS = "#type", "#label", "#subClassOf"
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}


class Built(NamedTuple):
    """names : by category.  passed_over : lines of each dump that are no triples."""

    names: Dict[str, int]
    passed_over: Dict[str, int]


def build_lexicon(types: Path, labels: Path, folder: Path, ontology: Optional[Path] = None,
                  language: str = "en") -> Built:
    """Write ``ner.per.lst`` and its kin, a name a line, UTF-8, tokens parted by blanks.

    Parameters
    ----------
    types : the dump of instance types, the specific ones (an instance's own types).
    labels : the dump of labels.
    ontology : gives the types below Person, Organisation, Place and Work;
        without it, only instances of these themselves are found.
    language : of the labels to take; labels without a language are taken, too.

    Raises
    ------
    CorpusError : a dump is missing, damaged, or holds nothing of its kind.
    """
    passed_over: Counter = Counter()
    wanted = _types_of(ontology, passed_over)
    categories = list(ROOTS)
    # A resource may be of several categories; they are bits of one small number.
    resources: Dict[str, int] = {}
    for subject, predicate, value, _ in triples(types, passed_over):
        if predicate.endswith(_TYPE):
            bit = wanted.get(value.rpartition("/")[2])
            if bit is not None:
                resources[subject] = resources.get(subject, 0) | bit
    if not resources:
        raise CorpusError(types, None, "expected instances of DBpedia's Person, Organisation, Place or Work, "
                                       "found none; take the dump of instance types")
    counts: Counter = Counter()
    seen: Set[Tuple[int, str]] = set()
    with ExitStack() as stack:
        files = [stack.enter_context(open(stack.enter_context(replacing(
            folder / f"ner.{name.lower()}.lst")), "w", encoding="utf-8")) for name in categories]
        for subject, predicate, value, spoken in triples(labels, passed_over):
            bits = resources.get(subject, 0) if predicate.endswith(_LABEL) else 0
            if not bits or spoken not in (None, language):
                continue
            name = clean(value)
            for number, category in enumerate(categories):
                # hash(): names by the million, of which only equality matters.
                if bits >> number & 1 and name and (number, hash(name)) not in seen:
                    seen.add((number, hash(name)))
                    files[number].write(name + "\n")
                    counts[category] += 1
        if not counts:
            raise CorpusError(labels, None, f"expected labels in {language!r} of the instances in "
                                            f"{types.name}, found none; take the dump of labels")
    return Built({category: counts[category] for category in categories}, dict(passed_over))


def clean(label: str) -> str:
    """A label as the paper cleans it, tokens parted by blanks.

    Parentheses and what they hold are dropped, then trailing ``. , ; : / \\ ?``.

    >>> clean("Rome (TV series)"), clean("Who?"), clean("O'Neill, Inc."), clean("A (b (c) d)")
    ('Rome', 'Who', "O'Neill , Inc", 'A')
    """
    inside = 1
    while inside:  # the innermost first
        label, inside = re.subn(r"\s*\([^()]*\)", "", label)
    label = label.strip().rstrip(".,;:/\\?").rstrip()
    return " ".join(token.text for token in tokenize(label))


def triples(path: Path, passed_over: Counter) -> Iterator[Tuple[str, str, str, Optional[str]]]:
    """Subject, predicate, object (an IRI or a literal), and the language of a literal.

    Comments, prefixes and blank lines are passed over; so are other lines that
    are no such triple, which are counted.

    Raises
    ------
    CorpusError : the file cannot be read, or a line in it is cut.
    """
    number = 0
    try:
        with opened(path) as (stream, _), io.TextIOWrapper(stream, encoding="utf-8") as text:
            for number, line in enumerate(text, start=1):
                match = _TRIPLE.match(line)
                if match:
                    subject, predicate, iri, literal, language = match.groups()
                    value = iri if iri is not None else _unescaped(literal)
                    if value is None:
                        passed_over[path.name] += 1
                    else:
                        yield subject, predicate, value, language
                elif line.startswith("<") and not line.rstrip().endswith("."):
                    raise CorpusError(path, number, f"expected a triple that ends with a dot, "
                                                    f"found {shown(line)}")
                elif not line.startswith(("#", "@")) and not line.isspace():
                    passed_over[path.name] += 1
    except UnicodeDecodeError as error:
        raise CorpusError(path, number or None, f"expected a dump of triples, found: {error}") from None


def _unescaped(literal: str) -> Optional[str]:
    """What a literal stands for; None if an escape in it is no character."""
    if "\\" not in literal:
        return literal
    try:
        text = _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)) if match[1] or match[2]
                           else _CONTROL.get(match[3], match[3]), literal)
        # Writers of Java and of JSON escape what lies beyond 16 bits as two halves.
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except (ValueError, OverflowError):
        return None


def _types_of(ontology: Optional[Path], passed_over: Counter) -> Dict[str, int]:
    """The name of each type that counts, with the bit of its category."""
    children: Dict[str, List[str]] = {}
    for subject, predicate, value, _ in triples(ontology, passed_over) if ontology else ():
        if predicate.endswith(_SUBCLASS):
            children.setdefault(value.rpartition("/")[2], []).append(subject.rpartition("/")[2])
    if ontology and not children:
        raise CorpusError(ontology, None, "expected types and what they are subclasses of, found none; "
                                          "take DBpedia's ontology as triples (.nt)")
    result: Dict[str, int] = {}
    for number, roots in enumerate(ROOTS.values()):
        for name in _descendants(roots, children):
            result[name] = result.get(name, 0) | 1 << number
    return result


def _descendants(roots: Iterable[str], children: Dict[str, List[str]]) -> Set[str]:
    found: Set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += children.get(name, [])
    return found
