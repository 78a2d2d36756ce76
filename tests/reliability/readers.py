"""Everything that reads a file of a user's own: a name, a good file, and a call that reads a path."""

import io
import json
from pathlib import Path

import numpy as np

from ner_mx.bulk.chunks import read_chunks
from ner_mx.bulk.jobs import Job
from ner_mx.config import Corpus, load_config
from ner_mx.data.document_titles import _names
from ner_mx.data.reading import read
from ner_mx.data.sentence import Sentence
from ner_mx.evaluation.predictions import read_predictions
from ner_mx.inference.text_lines import line_groups
from ner_mx.registry import register
from ner_mx.resources.dbpedia import triples
from ner_mx.resources.lexicon_lists import LexiconSource, read_lexicons
from ner_mx.resources.vectors import VectorSettings, read_vectors

SENTENCES = [
    Sentence(("Ada", "Bert", "left", "Rome", "."), ("B-PER", "I-PER", "O", "B-LOC", "O"), ("N", "N", "V", "N", "."),
             document=0),
    Sentence(("The", "EU", "'s", "1996-08-22"), ("O", "B-ORG", "O", "O"), ("D", "N", "P", "C"), document=0),
    Sentence(("naïve", "日本", "🙂"), ("O", "B-LOC", "O"), ("J", "N", "S"), document=1)]
SUFFIX = {"conll": ".txt", "conllu": ".conllu", "spacy": ".spacy", "doccano": ".jsonl", "gliner": ".json",
          "gmb": ".csv", "huggingface": ".json", "label-studio": ".json", "prodigy": ".jsonl", "spacy-iob": ".iob",
          "spacy-json": ".json", "table": ".csv"}
TRIPLES = ('<http://dbpedia.org/resource/Ada> <http://www.w3.org/2000/01/rdf-schema#label> "Ad\\u00e9"@en .\n'
           '<http://dbpedia.org/resource/Ada> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> '
           '<http://dbpedia.org/ontology/Person> .\n# comment\n')
CONFIG = "run:\n  seed: 2\ncorpus: {path: x, columns: {token: 0, tag: -1}}\nfeatures:\n  words: &w {dimension: 12}\n"


def written(name, folder):
    """A good file of a format, as the format writes it."""
    path = folder / f"good{SUFFIX[name]}"
    register.format[name]().write(SENTENCES, path)
    return path.read_bytes()


def settings_of(path, reader):
    return Corpus(path=str(path), reader=reader)


def read_corpus(reader):
    """Reads a path as a split of a corpus in a format."""
    return lambda path: read(path, settings_of(path, reader))


def _bulk(file_format):
    return lambda path: list(read_chunks(Job(path, path, file_format), lambda count: None))


def _vectors(path):
    return read_vectors(VectorSettings(path=str(path)))


def _lexicon(path):
    return read_lexicons({"own": LexiconSource(path=str(path), partial=True)}, "run", split_digits=True)


def _lines(path):
    with open(path, "rb") as stream:
        return list(line_groups(stream, str(path)))


def targets(folder):
    """The readers: by name, the suffix of a file, a good content, and a function that reads a path."""
    result = {}
    for name, suffix in SUFFIX.items():
        content = written(name, folder)
        result[name] = (suffix, content, read_corpus(name))
        if name != "spacy":
            result[f"{name}, detected"] = (suffix, content, read_corpus("auto"))
    result["un"] = (".txt", b"Ada\tPERSON\nleft\tO\nRome\tLOC\n",
                    lambda path: read(path.parent, settings_of(path.parent, "un")))
    brat = folder / "brat"
    register.format["brat"]().write(SENTENCES, brat)
    annotations, = brat.glob("00000.ann")
    result["brat"] = (".ann", annotations.read_bytes(), _brat(annotations.with_suffix(".txt").read_bytes()))
    register.format["npy"]().write(SENTENCES, folder / "pair")
    texts, labels = ((folder / f"pair.{part}.npy").read_bytes() for part in ("texts", "labels"))
    result["npy"] = (".texts.npy", texts, _arrays(labels))
    vectors = "5 3\n" + "".join(f"{word} 0.5 -1e-3 2\n" for word in ("the", "ada", "日本", "rome", "of"))
    result["vectors in text"] = (".txt", vectors.encode(), _vectors)
    result["vectors of word2vec"] = (".bin", b"2 3\nthe " + np.ones(3, "<f4").tobytes() + b"\nada "
                                     + np.ones(3, "<f4").tobytes() + b"\n", _vectors)
    result["a lexicon"] = (".csv", b"entry,category\nAda Bert,PER\n\"Rome, NY\",LOC\n1996 Games,MISC\n", _lexicon)
    result["triples"] = (".ttl", TRIPLES.encode(), lambda path: list(triples(path, _Counter())))
    result["a configuration"] = (".yaml", CONFIG.encode(), load_config)
    result["predictions"] = (".txt", b"Ada B-PER B-PER\nleft O O\n\nRome B-LOC O\n", read_predictions)
    result["names of documents"] = (".txt", b"bc/cctv/00/cctv_0000\nnw/wsj/00/wsj_0001\n",
                                    lambda path: _names(path, "utf-8"))
    result["lines of text"] = (".txt", "Ada left.\r\nRome fell.\n日本\n".encode(), _lines)
    result["bulk text"] = (".txt", b"Ada left.\nRome fell.\n", _bulk("text"))
    lines = [json.dumps({"text": "Ada left.", "id": 1}), json.dumps({"text": "Rome \u00e9", "x": {"y": [1.5]}})]
    result["bulk JSONL"] = (".jsonl", "\n".join(lines).encode(), _bulk("jsonl"))
    result["bulk columns"] = (".conll", b"Ada N\nleft V\n\nRome N\n", _bulk("conll"))
    result["bulk Parquet"] = (".parquet", _parquet(), _bulk("parquet"))
    for suffix in (".gz", ".bz2", ".xz", ".zst"):
        from ner_mx.data.compression import compressed

        result[f"columns in {suffix}"] = (f".txt{suffix}", compressed(result["conll"][1], suffix), read_corpus("conll"))
    return result


class _Counter(dict):
    def __missing__(self, key):
        return 0


def _parquet():
    import pyarrow
    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": ["Ada left.", None, "Rome"], "id": [1, 2, 3]}), buffer)
    return buffer.getvalue()


def _brat(text):
    """The annotations change, and sometimes are in the place of the text."""
    def call(path):
        path.with_suffix(".txt").write_bytes(text)
        return read(path.parent, settings_of(path.parent, "brat"))
    return call


def _arrays(labels):
    def call(path):
        name = path.name[:-len(".texts.npy")]
        (path.parent / f"{name}.labels.npy").write_bytes(labels)
        return read(path.parent / name, settings_of(path.parent / name, "npy"))
    return call


def problem_of(name, reader, path, content):
    """Read a file; what is wrong with how the reader took it, or None."""
    from ner_mx.errors import UserError

    path = Path(path)
    path.write_bytes(content)
    try:
        reader(path)
    except UserError as error:
        message = str(error)
        if not message.isprintable() or len(message) > 3000:
            return f"{name}: not one line: {message[:300]!r}"
    return None
