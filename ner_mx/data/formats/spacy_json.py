"""The training examples of spaCy 2: ``[text, {"entities": [[start, end, label]]}]``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Iterator, List, Sequence

from ner_mx.config import Corpus
from ner_mx.data.documents import Document
from ner_mx.data.formats import TextFormat
from ner_mx.data.formats.doccano import has_keys
from ner_mx.data.json_records import JsonRecord, read_records
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.data.span_values import span_of
from ner_mx.errors import CorpusError, shown
from ner_mx.files import write_text
from ner_mx.registry import register

NO_IDS = "documents whose ids or metadata this format cannot hold"
NOT_ANNOTATED = "texts that were skipped in annotation, left out"


@register.format("spacy-json")
class SpacyJson(TextFormat):
    """A JSON array of pairs, or a pair per line; or an object with such an array under ``annotations``.

    The last is what the NER Annotator writes (https://github.com/tecoholic/ner-annotator).
    """

    def documents(self, path: Path, settings: Corpus, warnings: Warnings) -> Iterator[Document]:
        """The pairs of text and annotation."""
        for line, record in _pairs(read_records(path, settings.encoding)):
            if record is None:
                warnings.add(NOT_ANNOTATED, f"{path}:{line}")
                continue
            pair = isinstance(record, list) and len(record) == 2 and isinstance(record[0], str)
            entities = record[1].get("entities") if pair and isinstance(record[1], dict) else None
            if not isinstance(entities, list):
                raise CorpusError(path, line, 'expected [text, {"entities": [[start, end, label]]}], found '
                                  + shown(json.dumps(record)))
            spans = [span_of(entity, path, line, warnings) for entity in entities]
            yield Document(record[0], spans, str(path), line)

    def write_documents(self, documents: Sequence[Document], path: Path) -> Warnings:
        """Write a JSON array with a pair on each line."""
        warnings = no_warnings()
        lines = []
        for document in documents:
            lost = document.identifier is not None or document.metadata
            warnings.add(NO_IDS, count=bool(lost))
            spans = [[span.start, span.end, span.label] for span in document.spans]
            lines.append(json.dumps([document.text, {"entities": spans}], ensure_ascii=False))
        write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")
        return warnings

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether there are lists that begin with a text, or an object with annotations of classes."""
        if beginning.lstrip().startswith("{"):
            return has_keys(beginning, ("classes",), ("annotations",), ("entities",))
        inner = beginning.lstrip()
        while inner.startswith("["):
            inner = inner[1:].lstrip()
        return beginning.lstrip().startswith("[") and inner.startswith('"') and '"entities"' in beginning


def _pairs(records: List[JsonRecord]) -> List[JsonRecord]:
    """The pairs, of which one object may hold all; None for a text without annotation."""
    value = records[0].value
    annotations = value.get("annotations") if isinstance(value, dict) and len(records) == 1 else None
    if not isinstance(annotations, list):
        return records
    return [JsonRecord(records[0].line, pair) for pair in annotations]
