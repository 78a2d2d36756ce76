"""A sentence per line, each token as ``word|tag`` or ``word|pos|tag``: the ``.iob`` files of spaCy."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence

from ner_mx.config import Corpus
from ner_mx.data.formats import Format
from ner_mx.data.sentence import Reading, Sentence, Warnings, no_warnings
from ner_mx.data.text_files import read_lines
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register

BAR = "tokens with | or white space inside, replaced by underscores"


@register.format("spacy-iob")
class SpacyIob(Format):
    """Fields are separated by bars, tokens by spaces."""

    suffixes = (".iob",)
    holds_pos = True

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read the lines; an empty line begins a document.

        Raises
        ------
        CorpusError : a token has another number of fields than the first.
        """
        sentences: List[Sentence] = []
        document = width = 0
        for number, line in enumerate(read_lines(path, settings.encoding), start=1):
            if not line.strip():
                document += 1
                continue
            rows = [token.split("|") for token in line.split()]
            width = width or len(rows[0])
            wrong = next((row for row in rows if len(row) != width or not row[0]), None)
            if width not in (2, 3) or wrong is not None:
                raise CorpusError(path, number, f"expected word|tag or word|pos|tag, found "
                                                f"{shown('|'.join(wrong or rows[0]))}")
            columns = list(zip(*rows))
            sentences.append(Sentence(columns[0], columns[-1], columns[1] if width == 3 else None, str(path), number,
                                      document))
        if not sentences:
            raise CorpusError(path, None, "expected annotated sentences, found nothing")
        return Reading(sentences, no_warnings())

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write a sentence per line, with parts of speech where every sentence has them."""
        warnings = no_warnings()
        with_pos = all(sentence.pos for sentence in sentences)
        lines = []
        for sentence in sentences:
            fields = []
            for index, (token, tag) in enumerate(zip(sentence.tokens, sentence.gold)):
                word = "_".join(token.replace("|", "_").split()) or "_"
                warnings.add(BAR, sentence.place(index), int(word != token))
                pos = [(sentence.pos or ())[index].replace("|", "_")] if with_pos else []
                fields.append("|".join([word, *pos, tag]))
            lines.append(" ".join(fields) + "\n")
        write_text(path, "".join(lines))
        return warnings

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether the first line consists of tokens with bars."""
        line = next((line for line in beginning.splitlines() if line.strip()), "")
        fields = [token.split("|") for token in line.split()]
        return bool(fields) and {len(field) for field in fields} <= {2, 3} and len(set(map(len, fields))) == 1 and all(
            field[-1] == "O" or field[-1][1:2] == "-" for field in fields)
