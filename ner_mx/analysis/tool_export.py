"""Sentences for annotation tools: doccano's JSONL and Label Studio's JSON, each with why it is worth a look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterable, List, NamedTuple, Sequence

from ner_mx.data.documents import Document
from ner_mx.data.spans import Span
from ner_mx.files import write_text
from ner_mx.untyped import Values

# The control and the object in the labelling interface that Label Studio suggests for entities.
CONTROL, OBJECT = "label", "text"


class ToolTask(NamedTuple):
    """A sentence for an annotator.

    document : its text with its tokens.
    entities : as they are shown at first, over the tokens.
    model : what the model reads, over the tokens; None leaves it out.
    fields : that come back with the sentence, and that the annotator sees.
    score : of the reading of the model.
    """

    document: Document
    entities: Sequence[Span]
    model: Sequence[Span]
    fields: Values
    score: float


def write_tasks(tasks: Iterable[ToolTask], folder: Path) -> List[Path]:
    """Write ``doccano.jsonl`` and ``label-studio.json``."""
    listed = list(tasks)
    write_text(folder / "doccano.jsonl", "".join(
        json.dumps(_doccano(task), ensure_ascii=False) + "\n" for task in listed))
    write_text(folder / "label-studio.json", json.dumps([_label_studio(task) for task in listed], ensure_ascii=False,
                                                        indent=1) + "\n")
    return [folder / "doccano.jsonl", folder / "label-studio.json"]


def _characters(document: Document, span: Span) -> List[int]:
    """[start, end) of a span of tokens, in characters."""
    tokens = [token for sentence in document.sentences or () for token in sentence]
    return [tokens[span.start].start, tokens[span.end - 1].end]


def _doccano(task: ToolTask) -> Values:
    """A record with the entities as labels; further fields become metadata there."""
    return {"text": task.document.text,
            "label": [[*_characters(task.document, span), span.label] for span in task.entities], **task.fields}


def _label_studio(task: ToolTask) -> Values:
    """A task with the entities as its annotation, and the reading of the model as a prediction."""
    return {"data": {"text": task.document.text, **task.fields},
            "annotations": [{"result": _results(task.document, task.entities)}],
            "predictions": [{"model_version": "ner_mx", "score": task.score,
                             "result": _results(task.document, task.model)}]}


def _results(document: Document, spans: Sequence[Span]) -> List[Any]:
    results = []
    for number, span in enumerate(spans):
        start, end = _characters(document, span)
        results.append({"id": f"e{number}", "from_name": CONTROL, "to_name": OBJECT, "type": "labels", "value": {
            "start": start, "end": end, "text": document.text[start:end], "labels": [span.label]}})
    return results
