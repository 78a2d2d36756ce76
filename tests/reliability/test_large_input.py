"""Lines without end in small compressed files, in constant memory."""

import gzip
from collections import Counter

import pytest
from reliability.memory import peak

from ner_mx.bulk.chunks import read_chunks
from ner_mx.bulk.jobs import Job
from ner_mx.data.bounded_lines import LONGEST_LINE, bounded_lines, is_too_long
from ner_mx.data.compression import opened
from ner_mx.data.streamed_text import streamed_lines
from ner_mx.errors import CorpusError, UserError
from ner_mx.inference.text_lines import line_groups
from ner_mx.resources.dbpedia import triples
from ner_mx.resources.vectors import VectorSettings, read_vectors

SIZE = 3 * LONGEST_LINE


def compressed_line(path, before, after, filling=b"x"):
    """A file with one line of about SIZE bytes between others; members of gzip follow each other."""
    member = gzip.compress(filling * ((1 << 20) // len(filling)), 1)
    path.write_bytes(gzip.compress(before) + member * (SIZE >> 20) + gzip.compress(b"\n" + after))
    return path


@pytest.mark.parametrize("file_format, before, after, good", [
    ("text", b"Ada left.\n", b"Rome fell.\n", 2), ("jsonl", b'{"text": "a"}\n', b'{"text": "b"}\n', 2),
    ("conll", b"Ada\nleft\n\n", b"\nRome\nfell\n", 2)])
def test_a_line_without_end_is_one_bad_record(tmp_path, file_format, before, after, good):
    path = compressed_line(tmp_path / "f.gz", before, after)
    chunks, memory = peak(lambda: list(read_chunks(Job(path, path, file_format), lambda count: None)))
    records = [record for chunk in chunks for record in chunk.records]
    problems = [record.problem for record in records if record.problem]
    assert problems == [f"expected lines of at most {LONGEST_LINE:,} bytes, found a longer one"]
    assert len(records) - len(problems) == good
    assert max(len(str(record.content)) for record in records) < 10_000
    assert memory < 5 * LONGEST_LINE


def test_a_sentence_without_end_is_one_bad_record(tmp_path):
    path = compressed_line(tmp_path / "f.gz", b"Ada\n\n", b"\n\nRome\n", filling=(b"x" * 1023 + b"\n"))
    chunks, memory = peak(lambda: list(read_chunks(Job(path, path, "conll"), lambda count: None)))
    problems = [record.problem for chunk in chunks for record in chunk.records]
    assert problems[0] == problems[-1] == "" and "sentences of at most" in problems[1] and len(problems) == 3
    assert memory < 5 * LONGEST_LINE


def test_lines_of_a_stream_are_refused_by_number(tmp_path):
    path = compressed_line(tmp_path / "f.gz", b"Ada left.\n", b"Rome fell.\n")

    def read():
        groups = []
        with pytest.raises(UserError, match="f.gz:2: expected lines of at most"), opened(path) as (stream, _):
            for group in line_groups(stream, "f.gz"):
                groups += group
        return groups

    groups, memory = peak(read)
    assert groups == ["Ada left."] and memory < 6 * LONGEST_LINE


def test_vectors_skip_and_count_such_a_line(tmp_path):
    path = compressed_line(tmp_path / "f.txt.gz", b"a 1 2\nb 3 4\n", b"c 5 6\n", filling=b"x 1 ")
    vectors, memory = peak(lambda: read_vectors(VectorSettings(path=str(path))))
    assert vectors.words == ["a", "b", "c"] and memory < 5 * LONGEST_LINE
    assert vectors.warnings == {"lines of more than 1,048,576 characters": 1}


@pytest.mark.parametrize("filling, tokens", [(b"word ", SIZE // 5), (b"x", 1)])
def test_text_for_vectors_is_divided(tmp_path, filling, tokens):
    path = compressed_line(tmp_path / "f.gz", b"", b"after\n", filling)

    def count():
        sizes = [(len(line.split()), len(line)) for line in streamed_lines(path)]
        return sum(words for words, _ in sizes), max(size for _, size in sizes)

    (words, longest), memory = peak(count)
    assert longest < 1 << 22 and memory < 3 * LONGEST_LINE
    assert tokens <= words + SIZE // 1000 and words <= tokens + SIZE // 1000


def test_a_dump_of_triples_skips_and_counts_it(tmp_path):
    path = compressed_line(tmp_path / "f.ttl.gz", b'<a> <b> "c"@en .\n<x', b"<d> <e> <f> .\n")
    skipped = Counter()
    found, memory = peak(lambda: list(triples(path, skipped)))
    assert [subject for subject, *_ in found] == ["a", "d"] and sum(skipped.values()) == 1
    assert memory < 3 * LONGEST_LINE


def test_annotated_text_has_a_limit(tmp_path, monkeypatch):
    from ner_mx.data import text_files

    monkeypatch.setattr(text_files, "LARGEST", 1 << 20)
    path = compressed_line(tmp_path / "f.txt.gz", b"Ada B-PER\n", b"left O\n")
    with pytest.raises(CorpusError, match="expected at most 1,048,576 bytes of annotated text, found more; divide it"):
        text_files.read_text(path, "utf-8")


def test_bounded_lines_are_those_of_the_stream(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"\n\nab\n" + b"c" * 10 + b"\n" + b"d" * 11 + b"\n" + b"e" * 25 + b"\nf")
    with open(path, "rb") as stream:
        lines = list(bounded_lines(stream, 10))
    assert [line[:1] for line in lines] == [b"\n", b"\n", b"a", b"c", b"d", b"e", b"f"]
    assert [is_too_long(line, 10) for line in lines] == [False] * 4 + [True, True, False]
