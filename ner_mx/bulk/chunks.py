"""Chunks of a large corpus: read from a file, tagged, and encoded as a part of its result."""

from __future__ import annotations

import json
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Union

from ner_mx.bulk import jobs, tables
from ner_mx.bulk.record_formats import FORMATS, CorpusRecord
from ner_mx.data import compression
from ner_mx.data.spans import Span
from ner_mx.decoding.entities import Entity
from ner_mx.inference.tagger import Tagger
from ner_mx.untyped import Table


class Chunk(NamedTuple):
    """Records that are tagged together.

    compression_suffix : of the source and the result, such as ``.gz``; "" if it is not compressed.
    first : the index of the first record in the file.
    table : of a Parquet file, the rows with all their columns.
    """

    file_format: str
    compression_suffix: str
    first: int
    records: List[CorpusRecord]
    table: Optional[Table] = None

    def __str__(self) -> str:
        return f"records {self.first} to {self.first + len(self.records) - 1}"


class TaggedChunk(NamedTuple):
    """What a chunk adds to the result and to the file of bad records, with its counts."""

    content: bytes
    bad_records: bytes
    records: int
    problems: int
    words: int


def read_chunks(job: jobs.Job, advance: Callable[[int], object]) -> Iterator[Chunk]:
    """The chunks of a file, whose borders depend on the file alone.

    Parameters
    ----------
    advance : called with the number of bytes of the file that were read since the last call.
    """
    return (_read_table if job.file_format == "parquet" else _read_stream)(job, advance)


def _read_table(job: jobs.Job, advance: Callable[[int], object]) -> Iterator[Chunk]:
    first = 0
    for table in tables.read_tables(job.source, jobs.CHUNK_ROWS):
        yield Chunk(job.file_format, "", first, tables.records_of(table), table)
        first += table.num_rows
    advance(job.source.stat().st_size)


def _read_stream(job: jobs.Job, advance: Callable[[int], object]) -> Iterator[Chunk]:
    suffix = compression.compression_suffix(job.target)
    first = size = position = 0
    records: List[CorpusRecord] = []
    with compression.opened(job.source) as (stream, raw):
        for record in FORMATS[job.file_format].read(stream):
            records.append(record)
            size += record.size
            if size >= jobs.CHUNK_CHARACTERS:
                yield Chunk(job.file_format, suffix, first, records)
                first, records, size = first + len(records), [], 0
                advance(raw.tell() - position)
                position = raw.tell()
        # An empty file has an empty result, which is not zero bytes when compressed.
        if records or not first:
            yield Chunk(job.file_format, suffix, first, records)
        advance(raw.tell() - position)


def tag_chunk(tagger: Tagger, chunk: Chunk) -> TaggedChunk:
    """Find the entities of the records of a chunk."""
    good = [record for record in chunk.records if not record.problem]
    if chunk.file_format == "conll":
        spans = [[scored.span for scored in sentence]
                 for sentence in tagger.tag_batch([record.tokens for record in good])]
        words = sum(len(record.tokens) for record in good)
        content = _encode_records(chunk, good, spans)
    else:
        texts = [record.text or "" for record in good]
        entities = tagger.predict_batch(texts)
        words = sum(len(text.split()) for text in texts)
        content = (_encode_table(chunk, entities) if chunk.file_format == "parquet"
                   else _encode_records(chunk, good, entities))
    bad = [bad_record_line(index, record) for index, record in enumerate(chunk.records, start=chunk.first)
           if record.problem]
    return TaggedChunk(content, "".join(bad).encode("utf-8", "surrogatepass"), len(chunk.records), len(bad), words)


def _encode_records(chunk: Chunk, records: Sequence[CorpusRecord],
                    marked: Union[Sequence[Sequence[Span]], Sequence[Sequence[Entity]]]) -> bytes:
    write = FORMATS[chunk.file_format].write
    return compression.compressed(b"".join(map(write, records, marked)), chunk.compression_suffix)


def _encode_table(chunk: Chunk, entities: Sequence[Sequence[Entity]]) -> bytes:
    # Rows keep their places; a row without a text has no entities.
    of_good_rows = iter(entities)
    return tables.as_bytes(tables.with_entities(
        chunk.table, [[] if record.problem else next(of_good_rows) for record in chunk.records]))


def bad_record_line(index: int, record: CorpusRecord) -> str:
    """A line of the file of bad records: the index of the record in the file, the reason, and the content."""
    return json.dumps({"record": index, "reason": record.problem, "content": record.content},
                      ensure_ascii=False) + "\n"
