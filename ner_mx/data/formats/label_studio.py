"""Label Studio's exports, JSON and JSON-MIN: tasks with annotations, whose entities are character offsets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence

from ner_mx.config import Corpus
from ner_mx.data.documents import Document
from ner_mx.data.formats import TextFormat
from ner_mx.data.formats.doccano import has_keys
from ner_mx.data.json_records import read_records
from ner_mx.data.sentence import Warnings, no_warnings
from ner_mx.data.span_values import span_of
from ner_mx.errors import CorpusError
from ner_mx.files import write_text
from ner_mx.registry import register
from ner_mx.untyped import Values

CANCELLED = "annotations that were cancelled or skipped, left out"
UNANNOTATED = "tasks without an annotation, left out"
FURTHER = "further annotations of a task, of which the first was read"
# The name of the control and of the object in the labelling interface that Label Studio suggests for entities.
CONTROL, OBJECT = "label", "text"


@register.format("label-studio")
class LabelStudio(TextFormat):
    """A JSON array of tasks; JSON-MIN is recognized by its lack of ``annotations``."""

    suffixes = (".json",)

    def documents(self, path: Path, settings: Corpus, warnings: Warnings) -> Iterator[Document]:
        """Each task with the first of its annotations that was not cancelled."""
        for line, task in read_records(path, settings.encoding):
            place = f"{path}:{line}"
            if not isinstance(task, dict):
                raise CorpusError(path, line, "expected a task of Label Studio, found no object")
            text = _text(task)
            if text is None:
                raise CorpusError(path, line, "expected a task with a text under data or text, found the keys "
                                              f"{', '.join(map(str, task))[:80]}")
            results = _results(task, place, warnings)
            if results is None:
                warnings.add(UNANNOTATED, place)
                continue
            spans = [span_of(result, path, line, warnings) for result in results]
            metadata = {key: value for key, value in task.get("data", {}).items() if value != text} \
                if isinstance(task.get("data"), dict) else {}
            yield Document(text, spans, str(path), line, None, task.get("id"), metadata)

    def write_documents(self, documents: Sequence[Document], path: Path) -> Warnings:
        """Write tasks for Label Studio's import, each with an annotation."""
        tasks: List[Values] = []
        for document in documents:
            results = [{"from_name": CONTROL, "to_name": OBJECT, "type": "labels", "value": {
                "start": span.start, "end": span.end, "text": document.text[span.start:span.end],
                "labels": [span.label]}} for span in document.spans]
            tasks.append({**({} if document.identifier is None else {"id": document.identifier}),
                          "data": {"text": document.text, **document.metadata},
                          "annotations": [{"result": results}]})
        write_text(path, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
        return no_warnings()

    def recognizes(self, path: Path, beginning: str) -> bool:
        """Whether the first task has annotations, or labels with start and end."""
        return (has_keys(beginning, ("data",), ("annotations", "completions"))
                or has_keys(beginning, ("text",), ("annotator", "lead_time", "annotation_id")))


def _text(task: Values) -> Optional[str]:
    data = task.get("data")
    values = data if isinstance(data, dict) else task
    if isinstance(values.get("text"), str):
        return str(values["text"])
    texts = [value for key, value in values.items() if isinstance(value, str) and isinstance(data, dict)]
    return max(texts, key=len) if texts else None


def _results(task: Values, place: str, warnings: Warnings) -> Optional[List[Any]]:
    """The spans of a task; None if it was not annotated."""
    annotations = task.get("annotations", task.get("completions"))
    if not isinstance(annotations, list):  # JSON-MIN
        return next((value for value in task.values() if isinstance(value, list) and value
                     and isinstance(value[0], dict) and "start" in value[0]),
                    [] if "annotator" in task or "lead_time" in task else None)
    accepted = [annotation for annotation in annotations if isinstance(annotation, dict)
                and not (annotation.get("was_cancelled") or annotation.get("skipped"))]
    warnings.add(CANCELLED, place, len(annotations) - len(accepted))
    if not accepted:
        return None
    warnings.add(FURTHER, place, len(accepted) - 1)
    results = accepted[0].get("result")
    return [result for result in (results if isinstance(results, list) else ())
            if isinstance(result, dict) and isinstance(result.get("value"), dict) and "start" in result["value"]]
