"""brat's standoff: ``NAME.txt`` with a document, ``NAME.ann`` with its entities as character offsets."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import List, Sequence

from ner_mx.config import Corpus
from ner_mx.corpora.offsets import documents, plain_text, tagged_text, widening
from ner_mx.corpora.sentence import Reading, Sentence
from ner_mx.corpora.spans import Span
from ner_mx.corpora.text import read_lines, read_text
from ner_mx.errors import CorpusError, RunError, shown
from ner_mx.files import replacing_folder

_ENTITY = re.compile(r"T\S*\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")


def read_brat(path: Path, settings: Corpus) -> Reading:
    """Read a folder of pairs, in the order of their names.

    An entity in several pieces is read as one that covers them all; of
    entities that overlap, the longest is kept.  Both are counted.

    Raises
    ------
    CorpusError : no pairs, a text without annotation, a line that is no entity,
        offsets outside the text or of other words than the line says.
    """
    result: List[Sentence] = []
    widened: List[str] = []
    warnings: Counter = Counter()
    texts = sorted(path.glob("*.txt")) if path.is_dir() else []
    for number, file in enumerate(texts):
        annotation = file.with_suffix(".ann")
        if not annotation.is_file():
            raise CorpusError(annotation, None, "expected the annotation of a text, found no file; if the "
                                          "texts are no pairs of brat's, see corpus.reader or --from")
        # An offset counts characters: line ends as they are in the file.
        text = read_text(file, settings.encoding, may_be_empty=True)
        spans = _spans(annotation, settings, text, warnings)
        for tokens, tags in tagged_text(text, spans, file, None, widened):
            result.append(Sentence(tokens, tags, None, str(path), 0, number))
    if not result:
        raise CorpusError(path, None, "expected a folder with pairs of .txt and .ann, found none; "
                                      "see corpus.reader, or --from of ner-mx convert")
    warnings.update(widening(widened))
    return Reading(result, warnings)


def _spans(path: Path, settings: Corpus, text: str, warnings: Counter) -> List[Span]:
    found: List[Span] = []
    for number, line in enumerate(read_lines(path, settings.encoding, may_be_empty=True), start=1):
        if not line.startswith("T"):
            continue  # relations, events, notes
        match = _ENTITY.fullmatch(line)
        if not match:
            raise CorpusError(path, number, f"expected ID, tab, type and offsets, found {shown(line)}")
        offsets = [int(one) for one in re.split("[ ;]", match.group(2))]
        start, end = min(offsets), max(offsets)
        if not 0 <= start < end <= len(text):
            raise CorpusError(path, number, f"expected offsets inside the text of {len(text)} characters, "
                                            f"found {start} to {end}")
        if match.group(3) and len(offsets) == 2 and match.group(3).split() != text[start:end].split():
            raise CorpusError(path, number, (
                f"expected {shown(match.group(3), 30)} at {start} as the line says, found "
                f"{shown(text[start:end], 30)}; are the text's line ends those that were annotated?"))
        warnings["entities in several pieces, read as one that covers them"] += ";" in match.group(2)
        found.append(Span(start, end, match.group(1)))
    kept: List[Span] = []
    for span in sorted(found, key=lambda span: (span.start - span.end, span.start)):
        if any(span.start < other.end and other.start < span.end for other in kept):
            warnings["entities over others, of which the longest is kept"] += 1
        else:
            kept.append(span)
    return sorted(kept)


def write_brat(sentences: Sequence[Sentence], path: Path) -> Counter:
    """Write a folder with a pair for each document.

    Raises
    ------
    RunError : in its place stands something else than such a folder.
    """
    if path.exists() and not (path.is_dir() and all(
            one.is_file() and one.suffix in (".txt", ".ann", ".conf") for one in path.iterdir())):
        raise RunError(f"{path}: expected nothing, or a folder of .txt and .ann alone, found other files; "
                       "choose another name")
    with replacing_folder(path) as new:
        for number, document in enumerate(documents(sentences)):
            text, _, spans = plain_text(document)
            lines = [f"T{count}\t{'_'.join(span.label.split())} {span.start} {span.end}\t"
                     f"{text[span.start:span.end]}\n" for count, span in enumerate(spans, start=1)]
            for ending, content in ((".txt", text), (".ann", "".join(lines))):
                (new / f"{number:05d}{ending}").write_bytes(content.encode("utf-8"))
    return Counter()
