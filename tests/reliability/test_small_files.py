"""Small files that took much time or memory, or ended in an error of a library."""

import gzip
import json

import pytest
from reliability.memory import peak

from ner_mx.config import Corpus
from ner_mx.data.conversion import convert_corpus
from ner_mx.data.reading import read
from ner_mx.errors import CorpusError, UserError
from ner_mx.resources.dbpedia import clean
from ner_mx.resources.vectors import VectorSettings, read_vectors


def read_file(tmp_path, name, content, **settings):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return read(path, Corpus(path=str(path), **settings))


@pytest.mark.parametrize("key", ["sentences", "tokens"])
def test_tokens_that_repeat_the_text(tmp_path, key):
    text = "a" * 200_000
    pairs = [[0, len(text) - 1 - number] for number in range(1500)]
    tokens = [pairs] if key == "sentences" else [{"start": start, "end": end} for start, end in pairs]
    record = json.dumps({"text": text, "label": [], key: tokens})
    reading, memory = peak(lambda: read_file(tmp_path, "f.jsonl", record))
    assert reading.sentences and memory < 60_000_000


def test_millions_of_empty_lines(tmp_path):
    content = gzip.compress(b"a B-X\nb O\n" + b"\n" * 2_000_000 + b"c O\n")
    reading, memory = peak(lambda: read_file(tmp_path, "f.txt.gz", content))
    assert [len(sentence.tokens) for sentence in reading.sentences] == [2, 1] and memory < 80_000_000


def test_a_word_of_vectors_without_end(tmp_path):
    path = tmp_path / "v.bin.gz"
    path.write_bytes(gzip.compress(b"1 1\n" + b"a" * (4 << 20) + b" \0\0\0\0"))
    with pytest.raises(CorpusError, match="expected words of at most 8,192 bytes"):
        read_vectors(VectorSettings(path=str(path)))


@pytest.mark.parametrize("record", [
    {"text": "Aa. " * 40_000, "label": [[0, 160_000 - 1, "PER"]]},                      # over all sentences
    {"text": "a" + " " * 200_000, "label": [[0, 200_001 - n, "PER"] for n in range(2000)]},  # over white space
    {"text": "ab", "label": [[0, 1, "a" + "\u0315\u0316" * 60_000]]}])                   # marks to be ordered
def test_spans_and_labels_take_linear_time(tmp_path, record):
    """Each took from seconds to minutes."""
    reading = read_file(tmp_path, "f.jsonl", json.dumps(record))
    assert sum(tag.startswith("B-") for sentence in reading.sentences for tag in sentence.tags) == 1


@pytest.mark.parametrize("name, content, problem", [
    ("f.txt", "1 " * 20_000 + "O\n", "expected columns, found 20,001 of them"),
    ("f.csv", "Sentence #,Word,POS,Tag" + "," * 50_000 + "\nSentence: 1,a,N,O\n", "expected at most 1000 columns"),
    ("f.csv", 'Sentence #,Word,POS,Tag\nSentence: 1,"a\nSentence: 2,b,N,O\n'
              + "".join(f",x{number},N,O\n" for number in range(20_000)) + '",N,O\n', "bare quotation mark|expected"),
    ("f.json", json.dumps({"tokens": ["a", "\ud800"], "ner_tags": ["O", "O"]}), "half of a surrogate pair"),
    ("f.json", json.dumps({"tokens": ["a", "b"], "ner_tags": ["O", "B-\udfff"]}), "half of a surrogate pair"),
    ("f.jsonl", json.dumps({"text": "a b", "label": [[0, 1, "X"]], "m": "\ud800"}), "half of a surrogate pair"),
    ("f.jsonl", json.dumps({"text": "a b", "label": [[0, 1, "X"]], "\ud800": 1}), "half of a surrogate pair")])
def test_files_that_are_refused_in_one_line(tmp_path, name, content, problem):
    with pytest.raises(CorpusError, match=problem) as error:
        read_file(tmp_path, name, content)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("annotations", [{"annotations": [{"result": 5}]}, {"completions": [{"result": None}]},
                                         {"annotations": [{"result": [5, {"value": []}]}]}])
def test_results_of_label_studio_that_are_no_list(tmp_path, annotations):
    task = json.dumps([{"data": {"text": "a b"}, **annotations}])
    reading = read_file(tmp_path, "f.json", task, reader="label-studio")
    assert [sentence.tags for sentence in reading.sentences] == [("O", "O")]


@pytest.mark.parametrize("encoding", ["zlib", "rot13", "hex", "undefined", "idna", "punycode", "none"])
def test_codecs_that_are_no_encodings_of_text(tmp_path, encoding):
    path = tmp_path / "f.txt"
    path.write_bytes(b"Ada B-PER\nleft O\n" * 9 + b"\xff")
    with pytest.raises(UserError):
        convert_corpus(path, tmp_path / "out.jsonl", Corpus(path=str(path), encoding=encoding))


def test_labels_of_dumps_are_cleaned_in_one_pass():
    assert clean("(" * 30_000 + ")" * 30_000) == "" and clean("a" + " " * 30_000 + "b") == "a b"
    assert clean("A (b (c) d) (e") == "A ( e" and clean("a) b (c)") == "a ) b" and clean("x  (y)") == "x"
