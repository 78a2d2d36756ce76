"""A folder of tagged speeches (UN General Assembly): a file a document, token TAB tag."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import List, Tuple

from ner_mx.config import Corpus
from ner_mx.corpora.sentence import Reading, Sentence
from ner_mx.corpora.text import read_lines
from ner_mx.errors import CorpusError, shown


def read_un(path: Path, settings: Corpus) -> Reading:
    """Read every ``.txt`` file of a folder, in the order of their names.

    Rows with more than two fields give their first two, counted as a warning.

    Raises
    ------
    CorpusError : no folder, no file in it, a row of one field.
    """
    if not path.is_dir():
        raise CorpusError(path, None, "expected a folder of .txt files, found none; set corpus.path")
    files = sorted(path.glob("*.txt"))
    if not files:
        raise CorpusError(path, None, "expected .txt files in the folder, found none")
    sentences: List[Sentence] = []
    warnings: Counter = Counter()
    for document, file in enumerate(files):
        rows: List[Tuple[str, str]] = []
        first_line = 0
        for number, line in enumerate([*read_lines(file, settings.encoding), ""], start=1):
            if not line.strip():
                if rows:
                    tokens, tags = zip(*rows)
                    sentences.append(Sentence(tokens, tags, None, str(file), first_line, document))
                    rows = []
                continue
            fields = line.split("\t")
            if len(fields) < 2 or not fields[0].strip() or not fields[1].strip():
                raise CorpusError(file, number, f"expected a token, a tab and a tag, "
                                                f"found {shown(line)}")
            if len(fields) > 2:
                warnings["rows with more than two fields; the first two were read"] += 1
            if not rows:
                first_line = number
            rows.append((fields[0].strip(), fields[1].strip()))
    if not sentences:
        raise CorpusError(path, None, "expected annotated sentences in the files, found none")
    return Reading(sentences, warnings)
