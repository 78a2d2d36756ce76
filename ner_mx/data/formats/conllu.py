"""CoNLL-U: ten columns with tabs, entities among the features of the last: ``name=B-LOC``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, List, Sequence, Tuple

from ner_mx.data.formats.conll import Conll
from ner_mx.data.offsets import documents_of
from ner_mx.data.sentence import Sentence, Warnings, no_warnings
from ner_mx.files import write_text
from ner_mx.registry import register

COLUMNS = 10


@register.format("conllu")
class Conllu(Conll):
    """Read as every column file; written as Universal Dependencies does, without a syntax."""

    suffixes: ClassVar[Tuple[str, ...]] = (".conllu", ".conll-u")

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write the word, the part of speech as XPOS, and the tag as ``name=`` in the last column."""
        lines: List[str] = []
        number = 0
        for document in documents_of(sentences):
            lines.append("# newdoc" + (f" id = {document[0].title}" if document[0].title else ""))
            for sentence in document:
                number += 1
                lines += [f"# sent_id = {number}", f"# text = {' '.join(sentence.tokens)}"]
                pos = sentence.pos or ("_",) * len(sentence.tokens)
                for index, (token, part_of_speech, tag) in enumerate(zip(sentence.tokens, pos, sentence.gold), start=1):
                    word = token.replace("\t", "_").replace("\n", "_")
                    features = "_" if tag == "O" else f"name={tag}"
                    lines.append("\t".join([str(index), word, "_", "_", part_of_speech or "_", *["_"] * 4, features]))
                lines.append("")
        write_text(path, "\n".join(lines) + "\n")
        return no_warnings()

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether the first line that is no comment has ten columns and the number 1."""
        line = next((line for line in beginning.splitlines() if line.strip() and not line.startswith("#")), "")
        return line.startswith("1") and line.count("\t") == COLUMNS - 1
