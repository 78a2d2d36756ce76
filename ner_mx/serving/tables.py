"""Parquet: a row is a text, with whatever columns stand beside it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence

from ner_mx.errors import CorpusError, UserError, install
from ner_mx.files import replacing
from ner_mx.runtime.text import Entity
from ner_mx.serving.records import ENTITIES, TEXT, Record, decoded, entities_of


def arrow() -> Any:
    """The library, or a line that says how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f'Parquet needs pyarrow: {install("corpora")}') from None
    return pyarrow


def read_rows(path: Path, rows: int) -> Iterator[Any]:
    """Tables of so many rows.

    Raises
    ------
    CorpusError : no Parquet, no column of texts, or one of entities already.
    """
    pyarrow = arrow()
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            check_columns(path, file.schema_arrow)
            for batch in file.iter_batches(rows):
                yield pyarrow.Table.from_batches([batch])
    except (pyarrow.ArrowException, OSError) as error:
        raise CorpusError(path, None, f"expected Parquet, found: {str(error).splitlines()[0]}") from None


def check_columns(path: Path, schema: Any) -> None:
    """Raise a CorpusError where a table has no texts, or entities already."""
    names = schema.names
    if names.count(TEXT) != 1:
        raise CorpusError(path, None, f'expected a column "{TEXT}", found {", ".join(names) or "none"}')
    kind = schema.field(TEXT).type
    if not _is_string(kind):
        raise CorpusError(path, None, f'expected strings in the column "{TEXT}", found {kind}')
    if ENTITIES in names:
        raise CorpusError(path, None, f'expected no column "{ENTITIES}" yet, found one; drop or rename it')


def _is_string(kind: Any) -> bool:
    """Whether a type is one of strings; those of pandas' categories are."""
    types = arrow().types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    return types.is_string(kind) or types.is_large_string(kind)


def records_of(table: Any) -> List[Record]:
    """A record for each row."""
    column = table.column(TEXT)
    if arrow().types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    # A string of Parquet may be any bytes.
    return [_record(value) for value in column.cast(arrow().large_binary()).to_pylist()]


def _record(value: Optional[bytes]) -> Record:
    if value is None:
        return Record(None, problem="expected a text, found null")
    return decoded(value)._replace(content=None)


def entity_type() -> Any:
    """What a cell of the column of entities holds."""
    pyarrow = arrow()
    return pyarrow.list_(pyarrow.struct([
        ("start", pyarrow.int32()), ("end", pyarrow.int32()), ("label", pyarrow.string()),
        ("text", pyarrow.string()), ("score", pyarrow.float64())]))


def with_entities(table: Any, found: Sequence[Sequence[Entity]]) -> Any:
    """The table with the column of entities behind its own."""
    pyarrow = arrow()
    column = pyarrow.array([entities_of(entities) for entities in found], entity_type())
    return table.append_column(ENTITIES, column)


def as_bytes(table: Any) -> bytes:
    """A table as a Parquet file."""
    buffer = io.BytesIO()
    arrow().parquet.write_table(table, buffer)
    return buffer.getvalue()


def schema_of(source: Path) -> Any:
    """What the result of a table looks like.

    Raises
    ------
    CorpusError : the table has no texts, or entities already.
    """
    pyarrow = arrow()
    try:
        schema = pyarrow.parquet.read_schema(source)
    except (pyarrow.ArrowException, OSError) as error:
        raise CorpusError(source, None, f"expected Parquet, found: {str(error).splitlines()[0]}") from None
    check_columns(source, schema)
    return schema.append(pyarrow.field(ENTITIES, entity_type()))


def join(source: Path, parts: Sequence[Path], path: Path) -> None:
    """One Parquet file of many, a row group for each; one of them is in memory at a time."""
    pyarrow = arrow()
    schema = schema_of(source)
    with replacing(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as writer:
        for part in parts:
            # Not read_table: it makes columns of folders called key=value.
            with pyarrow.parquet.ParquetFile(part) as file:
                writer.write_table(file.read().cast(schema))
