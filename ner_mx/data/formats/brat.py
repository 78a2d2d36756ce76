"""brat's standoff: ``NAME.txt`` with a document, ``NAME.ann`` with its entities as character offsets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

from ner_mx.config import Corpus
from ner_mx.data.documents import Document, TextSpan
from ner_mx.data.formats import TextFormat
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.data.text_files import read_lines, read_text
from ner_mx.data.tokenizers import Token
from ner_mx.errors import CorpusError, RunError, shown
from ner_mx.files import replacing_folder
from ner_mx.registry import register

_ENTITY = re.compile(r"T\S*\t(\S+) (\d{1,15} \d{1,15}(?:;\d{1,15} \d{1,15})*)(?:\t(.*))?")
DISCONTINUOUS = "discontinuous entities, read as one that covers all pieces"
OTHER_LINES = "lines of relations, events, attributes or notes, which are not read"
LABELS = "labels with white space, written with underscores"

# brat's own settings for texts in which spaces separate tokens and line ends sentences.
TOOLS = "tools.conf"
TOKENIZED = "[options]\nTokens\ttokenizer:whitespace\nSentences\tsplitter:newline\n"
_WHITESPACE = re.compile(r"^Tokens\s+tokenizer:whitespace\b", re.MULTILINE)
_NEWLINE = re.compile(r"^Sentences\s+splitter:newline\b", re.MULTILINE)


@register.format("brat")
class Brat(TextFormat):
    """A folder of pairs of files, and of folders of them."""

    suffixes = ("",)

    def documents(self, path: Path, settings: Corpus, warnings: Warnings) -> Iterator[Document]:
        """The pairs of a folder and of its sub-folders in the order of their names.

        A discontinuous entity is read as one that covers all of its pieces.  Where
        ``tools.conf`` says that texts are tokenized, spaces separate tokens and lines are sentences.

        Raises
        ------
        CorpusError : there are no pairs, a text has no annotation, a line is not an
            entity, or offsets are outside the text or of other words than the line says.
        """
        texts = sorted(path.rglob("*.txt")) if path.is_dir() else []
        if not texts:
            raise CorpusError(path, None, "expected a folder with pairs of .txt and .ann, found no text; "
                                          "see corpus.reader")
        is_tokenized = _is_tokenized(path)
        for file in texts:
            annotation = file.with_suffix(".ann")
            if not annotation.is_file():
                raise CorpusError(annotation, None, "expected the annotation of a text, found no file; if the "
                                                    "texts are not brat's, set another corpus.reader")
            # Offsets count characters, with the line ends as they are in the file.
            text = read_text(file, settings.encoding, may_be_empty=True)
            if not text.strip():
                warnings.add("texts that are empty, left out", str(file))
                continue
            sentences = _lines_as_sentences(text) if is_tokenized else None
            yield Document(text, _read_spans(annotation, settings, warnings), str(file), None, sentences,
                           str(file.relative_to(path).with_suffix("")))

    def write_documents(self, documents: Sequence[Document], path: Path) -> Warnings:
        """Write a folder with a pair of files for each document.

        Raises
        ------
        RunError : the path is taken by something else than such a folder.
        """
        if path.exists() and not (path.is_dir() and all(
                entry.is_dir() or entry.suffix in (".txt", ".ann", ".conf") for entry in path.rglob("*"))):
            raise RunError(f"{path}: expected nothing, or a folder of .txt and .ann files alone, found other "
                           "files; choose another name")
        warnings = no_warnings()
        names = _file_names(documents)
        with replacing_folder(path) as new:
            if all(document.sentences == _lines_as_sentences(document.text) for document in documents):
                (new / TOOLS).write_text(TOKENIZED, encoding="utf-8")
            for name, document in zip(names, documents):
                warnings.add("documents whose metadata brat cannot hold", count=bool(document.metadata))
                lines = []
                for count, span in enumerate(document.spans, start=1):
                    label = "_".join(span.label.split())
                    warnings.add(LABELS, document.place(span), int(label != span.label))
                    words = " ".join(document.text[span.start:span.end].split("\n"))
                    lines.append(f"T{count}\t{label} {span.start} {span.end}\t{words}\n")
                file = new / f"{name}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(document.text.encode("utf-8"))
                file.with_suffix(".ann").write_bytes("".join(lines).encode("utf-8"))
        return warnings

    def files(self, path: Path) -> List[Path]:
        """The texts and annotations of the folder."""
        files = path.rglob("*") if path.is_dir() else ()
        return sorted(file for file in files if file.suffix in (".txt", ".ann") or file.name == TOOLS)

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether it is a folder with annotation files."""
        return path.is_dir() and any(path.rglob("*.ann"))


def _is_tokenized(folder: Path) -> bool:
    try:
        tools = (folder / TOOLS).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return bool(_WHITESPACE.search(tools) and _NEWLINE.search(tools))


def _lines_as_sentences(text: str) -> List[List[Token]]:
    """The tokens between spaces, line by line."""
    result, position = [], 0
    for line in text.split("\n"):
        tokens = [Token(position + match.start(), position + match.end(), match.group())
                  for match in re.finditer(r"\S+", line)]
        result += [tokens] if tokens else []
        position += len(line) + 1
    return result


def _file_names(documents: Sequence[Document]) -> List[str]:
    """A name for the files of each document: its identifier, where that is a name and no two are the same."""
    names = [str(document.identifier) for document in documents]
    usable = all(re.fullmatch(r"[\w-][\w. -]*(?:/[\w-][\w. -]*)*", name) and ".." not in name for name in names)
    if usable and all(document.identifier is not None for document in documents) and len(set(names)) == len(names):
        return names
    return [f"{number:05d}" for number in range(len(documents))]


def _read_spans(path: Path, settings: Corpus, warnings: Warnings) -> List[TextSpan]:
    """The entities of one annotation file."""
    spans: List[TextSpan] = []
    for number, line in enumerate(read_lines(path, settings.encoding, may_be_empty=True), start=1):
        if not line.startswith("T"):
            warnings.add(OTHER_LINES, f"{path}:{number}", int(bool(line.strip())))
            continue
        match = _ENTITY.fullmatch(line)
        if not match:
            raise CorpusError(path, number, f"expected ID, tab, type and offsets, found {shown(line)}")
        offsets = [int(offset) for offset in re.split("[ ;]", match.group(2))]
        is_discontinuous = ";" in match.group(2)
        warnings.add(DISCONTINUOUS, f"{path}:{number}", int(is_discontinuous))
        surface: Optional[str] = None if is_discontinuous else match.group(3)
        spans.append(TextSpan(min(offsets), max(offsets), match.group(1), surface, f"{path}:{number}"))
    return spans
