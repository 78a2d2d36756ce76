"""Parquet: each row is a text, with any other columns beside it."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import Iterator, List, Optional, Sequence

from ner_mx.bulk.record_formats import ENTITIES, TEXT, CorpusRecord, decode_line, entities_to_json
from ner_mx.decoding.entities import Entity
from ner_mx.errors import CorpusError, UserError, install
from ner_mx.files import replacing
from ner_mx.untyped import ColumnType, Table, TableSchema


def arrow() -> ModuleType:
    """The library pyarrow.

    Raises
    ------
    UserError : it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f'Parquet needs pyarrow: {install("corpora")}') from None
    return pyarrow


def read_tables(path: Path, rows: int) -> Iterator[Table]:
    """The file as tables of at most ``rows`` rows.

    Raises
    ------
    CorpusError : the file is not Parquet, has no column of texts, or has a column of entities already.
    """
    pyarrow = arrow()
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            check_columns(path, file.schema_arrow)
            for batch in file.iter_batches(rows):
                yield pyarrow.Table.from_batches([batch])
    except (pyarrow.ArrowException, OSError) as error:
        raise CorpusError(path, None, f"expected Parquet, found: {str(error).splitlines()[0]}") from None


def check_columns(path: Path, schema: TableSchema) -> None:
    """Check that a file has a column of texts and none of entities.

    Raises
    ------
    CorpusError : it does not.
    """
    names = schema.names
    if names.count(TEXT) != 1:
        raise CorpusError(path, None, f'expected a column "{TEXT}", found {", ".join(names) or "none"}')
    column_type = schema.field(TEXT).type
    if not _is_string(column_type):
        raise CorpusError(path, None, f'expected strings in the column "{TEXT}", found {column_type}')
    if ENTITIES in names:
        raise CorpusError(path, None, f'expected no column "{ENTITIES}" yet, found one; drop or rename it')


def _is_string(column_type: ColumnType) -> bool:
    """Whether a column holds strings; categories of strings, which pandas writes as dictionaries, do."""
    types = arrow().types
    if types.is_dictionary(column_type):
        column_type = column_type.value_type
    return types.is_string(column_type) or types.is_large_string(column_type)


def records_of(table: Table) -> List[CorpusRecord]:
    """A record for each row."""
    column = table.column(TEXT)
    if arrow().types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    # A string column of Parquet may hold any bytes.
    return [_record(value) for value in column.cast(arrow().large_binary()).to_pylist()]


def _record(value: Optional[bytes]) -> CorpusRecord:
    if value is None:
        return CorpusRecord(None, problem="expected a text, found null")
    return decode_line(value)._replace(content=None)


def entities_type() -> ColumnType:
    """The type of the column of entities."""
    pyarrow = arrow()
    return pyarrow.list_(pyarrow.struct([
        ("start", pyarrow.int32()), ("end", pyarrow.int32()), ("label", pyarrow.string()),
        ("text", pyarrow.string()), ("score", pyarrow.float64())]))


def with_entities(table: Table, entities: Sequence[Sequence[Entity]]) -> Table:
    """The table with a column of entities appended."""
    pyarrow = arrow()
    column = pyarrow.array([entities_to_json(of_row) for of_row in entities], entities_type())
    return table.append_column(ENTITIES, column)


def as_bytes(table: Table) -> bytes:
    """A table as a Parquet file."""
    buffer = io.BytesIO()
    arrow().parquet.write_table(table, buffer)
    return buffer.getvalue()


def result_schema(source: Path) -> TableSchema:
    """The schema of a result: the source's columns and the entities.

    Raises
    ------
    CorpusError : the table has no column of texts, or has one of entities already.
    """
    pyarrow = arrow()
    try:
        schema = pyarrow.parquet.read_schema(source)
    except (pyarrow.ArrowException, OSError) as error:
        raise CorpusError(source, None, f"expected Parquet, found: {str(error).splitlines()[0]}") from None
    check_columns(source, schema)
    return schema.append(pyarrow.field(ENTITIES, entities_type()))


def join_tables(source: Path, parts: Sequence[Path], target: Path) -> None:
    """Join the tagged parts of a Parquet file, a row group each, with one of them in memory at a time."""
    pyarrow = arrow()
    schema = result_schema(source)
    with replacing(target) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as writer:
        for part in parts:
            # read_table would turn folders called key=value into columns.
            with pyarrow.parquet.ParquetFile(part) as file:
                writer.write_table(file.read().cast(schema))
