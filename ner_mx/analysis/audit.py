"""All that ``ner-mx audit`` finds in a corpus, as values of JSON, and the decisions that come back."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Collection, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.analysis.held_out import held_out
from ner_mx.analysis.suspects import KINDS, Suspect, find_suspects
from ner_mx.analysis.tool_export import ToolTask
from ner_mx.config import Config, result_fingerprint
from ner_mx.data.annotation import check_annotation
from ner_mx.data.documents import Document, document_of
from ner_mx.data.reading import is_single, locate
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.splits import read_split, read_splits
from ner_mx.errors import UserError
from ner_mx.files import read_json, sha256, write_json
from ner_mx.untyped import ReadOnlyValues, Values


class CorpusFiles(NamedTuple):
    """The sentences of each file of a corpus, by its path; checked, with whole tokens."""

    files: Dict[Path, List[Sentence]]

    @property
    def sentences(self) -> List[Sentence]:
        """Those of all files, one after the other."""
        return [sentence for sentences in self.files.values() for sentence in sentences]

    def place(self, index: int) -> Tuple[Path, int]:
        """The file of a sentence, and its index there."""
        for path, sentences in self.files.items():
            if index < len(sentences):
                return path, index
            index -= len(sentences)
        raise IndexError(index)


def read_files(config: Config) -> CorpusFiles:
    """The files of a corpus as they are, without a split of their sentences.

    Raises
    ------
    CorpusError, ConfigError : the corpus cannot be read.
    """
    settings = config.corpus
    names = [settings.train] if is_single(settings) else [settings.train, settings.dev, settings.test]
    paths = [path for name in names for path in [locate(settings, name)] if path]
    read = {str(path): read_split(path, settings).sentences for path in dict.fromkeys(paths)}
    checked = check_annotation(read, settings).words
    return CorpusFiles({Path(path): sentences for path, sentences in checked.items()})


def audit(config: Config, folds: int, folder: Path, workers: Optional[int] = None, limit: int = 500) -> Values:
    """Find annotations that are probably wrong, in all files of a corpus.

    Parameters
    ----------
    folder : where folds are kept, so that an interrupted audit is resumed.
    limit : of the listed suspects.

    Raises
    ------
    UserError : the folder is that of another audit.
    UserError, CorpusError, RunError : see :func:`~ner_mx.analysis.held_out.held_out`.
    """
    corpus = read_files(config)
    _check_folder(folder, corpus, config, folds)
    sentences = corpus.sentences
    outputs = held_out(config, read_splits(config.corpus), sentences, folds, folder, workers)
    suspects = find_suspects(sentences, outputs)
    counts = Counter(suspect.kind for suspect in suspects)
    confident = Counter(suspect.kind for suspect in suspects if suspect.confident)
    listed = [suspect_values(number, suspect, corpus) for number, suspect in enumerate(suspects[:limit], start=1)]
    files = _hashes(corpus)
    entities = sum(len(spans_of(sentence.gold)) for sentence in sentences)
    identity = hashlib.sha256(json.dumps([files, listed]).encode()).hexdigest()[:16]
    return {"id": identity, "corpus": config.corpus.name, "files": files, "sentences": len(sentences),
            "entities": entities, "folds": folds, "listed": len(listed),
            "kinds": {kind: {"suspects": counts[kind], "confident": confident[kind]} for kind in KINDS},
            "suspects": listed}


def _hashes(corpus: CorpusFiles) -> Dict[str, str]:
    return {str(path): sha256(path) if path.is_file() else "" for path in corpus.files}


def _check_folder(folder: Path, corpus: CorpusFiles, config: Config, folds: int) -> None:
    """Note what a folder audits, or check that it is the same."""
    described: Values = {"files": _hashes(corpus), "folds": folds, "configuration": result_fingerprint(config)}
    path = folder / "audit.json"
    if path.is_file() and read_json(path) != described:
        raise UserError(f"{folder.parent}: expected the same audit, found one of another corpus, configuration or "
                        "number of folds; choose another --output")
    write_json(path, described)


def suspect_values(number: int, suspect: Suspect, corpus: CorpusFiles) -> Values:
    """A suspect as values of JSON, with its sentence."""
    path, index = corpus.place(suspect.sentence)
    sentence = corpus.files[path][index]
    start = min(span.start for span in (*suspect.annotated, *([suspect.suggested] if suspect.suggested else ())))
    return {"id": number, "file": str(path), "sentence": index, "place": sentence.place(start),
            "kind": suspect.kind, "score": round(suspect.score, 4), "confident": suspect.confident,
            "annotated": [list(span) for span in suspect.annotated],
            "suggested": list(suspect.suggested) if suspect.suggested else None,
            "reasons": suspect.reasons, "tokens": list(sentence.tokens),
            "entities": [list(span) for span in spans_of(sentence.gold)]}


# The fields of an exported sentence that say where it belongs.
FILE, SENTENCE = "audit_file", "audit_sentence"


def tasks_of(values: ReadOnlyValues) -> List[ToolTask]:
    """The sentences of the suspects for annotation tools, one task for each, those with the most suspicious first."""
    by_sentence: Dict[Tuple[str, int], List[ReadOnlyValues]] = {}
    for suspect in values["suspects"]:
        by_sentence.setdefault((suspect["file"], suspect["sentence"]), []).append(suspect)
    tasks = []
    for (file, index), suspects in by_sentence.items():
        document = exported(suspects[0]["tokens"])
        entities = [Span(*span) for span in suspects[0]["entities"]]
        model = entities
        for suspect in suspects:
            model = replaced(model, [Span(*span) for span in suspect["annotated"]],
                             Span(*suspect["suggested"]) if suspect["suggested"] else None)
        fields = {FILE: file, SENTENCE: index, "place": suspects[0]["place"],
                  "kinds": ", ".join(dict.fromkeys(suspect["kind"] for suspect in suspects)),
                  "reasons": "; ".join(reason for suspect in suspects for reason in suspect["reasons"])}
        tasks.append(ToolTask(document, entities, model, fields, suspects[0]["score"]))
    return tasks


def exported(tokens: Sequence[str]) -> Document:
    """A sentence for an annotation tool: its tokens, separated by spaces."""
    return document_of([Sentence(tuple(tokens), ("O",) * len(tokens))])


def replaced(entities: Sequence[Span], annotated: Collection[Span], suggested: Optional[Span]) -> List[Span]:
    """Entities with a suggestion in the place of what is annotated, and of all that overlaps it."""
    kept = [span for span in entities if span not in annotated
            and (suggested is None or span.end <= suggested.start or suggested.end <= span.start)]
    return sorted([*kept, *([] if suggested is None else [suggested])])
