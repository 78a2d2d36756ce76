"""brat's standoff: ``NAME.txt`` with a document, ``NAME.ann`` with its entities as character offsets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Sequence

from ner_mx.config import Corpus
from ner_mx.data.formats import Format
from ner_mx.data.offsets import documents_of, plain_text, tagged_text, widening
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.spans import Span
from ner_mx.data.text_files import read_lines, read_text
from ner_mx.errors import CorpusError, RunError, shown
from ner_mx.files import replacing_folder
from ner_mx.registry import register

_ENTITY = re.compile(r"T\S*\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")


@register.format("brat")
class Brat(Format):
    """A folder of pairs of files."""

    suffixes = ("",)

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read the pairs of a folder in the order of their names.

        A discontinuous entity is read as one that covers all of its pieces; of
        overlapping entities, the longest is kept.  Both are counted.

        Raises
        ------
        CorpusError : there are no pairs, a text has no annotation, a line is not an
            entity, or offsets are outside the text or of other words than the line says.
        """
        result: List[Sentence] = []
        widened: List[str] = []
        warnings = no_warnings()
        texts = sorted(path.glob("*.txt")) if path.is_dir() else []
        for number, file in enumerate(texts):
            annotation = file.with_suffix(".ann")
            if not annotation.is_file():
                raise CorpusError(annotation, None, "expected the annotation of a text, found no file; if the "
                                                    "texts are not brat's, set another corpus.reader")
            # Offsets count characters, with the line ends as they are in the file.
            text = read_text(file, settings.encoding, may_be_empty=True)
            spans = _read_spans(annotation, settings, text, warnings)
            for tokens, tags in tagged_text(text, spans, file, None, widened):
                result.append(Sentence(tokens, tags, None, str(path), 0, number))
        if not result:
            raise CorpusError(path, None, "expected a folder with pairs of .txt and .ann, found none; "
                                          "see corpus.reader")
        warnings.update(widening(widened))
        return Reading(result, warnings)

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write a folder with a pair of files for each document.

        Raises
        ------
        RunError : the path is taken by something else than such a folder.
        """
        if path.exists() and not (path.is_dir() and all(
                entry.is_file() and entry.suffix in (".txt", ".ann", ".conf") for entry in path.iterdir())):
            raise RunError(f"{path}: expected nothing, or a folder of .txt and .ann files alone, found other "
                           "files; choose another name")
        with replacing_folder(path) as new:
            for number, document in enumerate(documents_of(sentences)):
                text, _, spans = plain_text(document)
                lines = [f"T{count}\t{'_'.join(span.label.split())} {span.start} {span.end}\t"
                         f"{text[span.start:span.end]}\n" for count, span in enumerate(spans, start=1)]
                for ending, content in ((".txt", text), (".ann", "".join(lines))):
                    (new / f"{number:05d}{ending}").write_bytes(content.encode("utf-8"))
        return no_warnings()

    def files(self, path: Path) -> List[Path]:
        """The texts and annotations of the folder."""
        files = path.iterdir() if path.is_dir() else ()
        return sorted(file for file in files if file.suffix in (".txt", ".ann"))


def _read_spans(path: Path, settings: Corpus, text: str, warnings: Warnings) -> List[Span]:
    """The entities of one annotation file in order, without overlaps."""
    spans: List[Span] = []
    for number, line in enumerate(read_lines(path, settings.encoding, may_be_empty=True), start=1):
        if not line.startswith("T"):
            continue  # relations, events, notes
        match = _ENTITY.fullmatch(line)
        if not match:
            raise CorpusError(path, number, f"expected ID, tab, type and offsets, found {shown(line)}")
        offsets = [int(offset) for offset in re.split("[ ;]", match.group(2))]
        start, end = min(offsets), max(offsets)
        if not 0 <= start < end <= len(text):
            raise CorpusError(path, number, f"expected offsets inside the text of {len(text)} characters, "
                                            f"found {start} to {end}")
        if match.group(3) and len(offsets) == 2 and match.group(3).split() != text[start:end].split():
            raise CorpusError(path, number, (
                f"expected {shown(match.group(3), 30)} at {start} as the line says, found "
                f"{shown(text[start:end], 30)}; were the line ends of the text changed?"))
        warnings["discontinuous entities, read as one that covers all pieces"] += ";" in match.group(2)
        spans.append(Span(start, end, match.group(1)))
    return _without_overlaps(spans, warnings)


def _without_overlaps(spans: Sequence[Span], warnings: Warnings) -> List[Span]:
    kept: List[Span] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, span.start)):
        if any(span.start < other.end and other.start < span.end for other in kept):
            warnings["overlapping entities, of which the longest is kept"] += 1
        else:
            kept.append(span)
    return sorted(kept)
