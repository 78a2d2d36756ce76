"""Prodigy's JSONL: texts with spans, tokens and the answer of the annotator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, List, Sequence, Tuple

from ner_mx.data.documents import Document
from ner_mx.data.formats.doccano import Doccano, has_keys
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.files import write_text
from ner_mx.registry import register
from ner_mx.untyped import Values


@register.format("prodigy")
class Prodigy(Doccano):
    """Read as every JSONL with texts; written with tokens, and with spans that name them."""

    suffixes: ClassVar[Tuple[str, ...]] = ()

    def write_documents(self, documents: Sequence[Document], path: Path) -> Warnings:
        """Write one accepted task per document."""
        lines = []
        for document in documents:
            tokens = [token for sentence in document.sentences or [] for token in sentence]
            starts = {token.start: index for index, token in enumerate(tokens)}
            ends = {token.end: index for index, token in enumerate(tokens)}
            spans: List[Values] = []
            for span in document.spans:
                spans.append({"start": span.start, "end": span.end, "label": span.label})
                if span.start in starts and span.end in ends:
                    spans[-1].update(token_start=starts[span.start], token_end=ends[span.end])
            task: Values = {"text": document.text, "spans": spans, "answer": "accept", **document.metadata}
            if document.identifier is not None:
                task.setdefault("meta", {"id": document.identifier})
            if tokens:
                following = [*(token.start for token in tokens[1:]), len(document.text)]
                task["tokens"] = [{"text": token.text, "start": token.start, "end": token.end, "id": index,
                                   "ws": after > token.end}
                                  for index, (token, after) in enumerate(zip(tokens, following))]
            lines.append(json.dumps(task, ensure_ascii=False) + "\n")
        write_text(path, "".join(lines))
        return no_warnings()

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether the first record has an answer."""
        return has_keys(beginning, ("text",), ("answer",))
