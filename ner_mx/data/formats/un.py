"""A folder of tagged speeches (UN General Assembly): one file per document, token TAB tag."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

from ner_mx.config import Corpus
from ner_mx.data.formats import Format
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.text_files import read_lines
from ner_mx.errors import CorpusError, shown
from ner_mx.registry import register

FURTHER = "rows with more than two fields, of which the first two were read"


@register.format("un")
class Un(Format):
    """Every ``.txt`` file of a folder, in the order of their names."""

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read the folder; of rows with more than two fields, the first two, counted as a warning.

        Raises
        ------
        CorpusError : the path is not a folder, it has no such file, or a row has one field.
        """
        if not path.is_dir():
            raise CorpusError(path, None, "expected a folder of .txt files, found something else; "
                                          "set corpus.path")
        files = self.files(path)
        if not files:
            raise CorpusError(path, None, "expected .txt files in the folder, found nothing")
        warnings = no_warnings()
        sentences = [sentence for document, file in enumerate(files)
                     for sentence in _read_document(file, document, settings, warnings)]
        if not sentences:
            raise CorpusError(path, None, "expected annotated sentences in the files, found nothing")
        return Reading(sentences, warnings)

    def files(self, path: Path) -> List[Path]:
        """The ``.txt`` files of the folder."""
        return sorted(path.glob("*.txt"))

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether it is a folder of texts without annotation files."""
        return path.is_dir() and bool(self.files(path)) and not any(path.glob("*.ann"))


def _read_document(file: Path, document: int, settings: Corpus, warnings: Warnings) -> List[Sentence]:
    sentences: List[Sentence] = []
    rows: List[Tuple[str, str]] = []
    first_line = 0
    for number, line in enumerate([*read_lines(file, settings.encoding), ""], start=1):
        if not line.strip():
            if rows:
                tokens, tags = zip(*rows)
                sentences.append(Sentence(tokens, tags, None, str(file), first_line, document, line_per_token=True))
                rows = []
            continue
        fields = line.split("\t")
        if len(fields) < 2 or not fields[0].strip() or not fields[1].strip():
            raise CorpusError(file, number, f"expected a token, a tab and a tag, found {shown(line)}")
        if len(fields) > 2:
            warnings.add(FURTHER, f"{file}:{number}")
        if not rows:
            first_line = number
        rows.append((fields[0].strip(), fields[1].strip()))
    return sentences
