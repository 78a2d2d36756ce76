"""Names for values of libraries and files that have no static types: they say what a value is."""

from __future__ import annotations

from typing import Any, Dict, Mapping

# MXNet's: an NDArray, or a Symbol while a block is hybridized; the namespace of their operators.
Tensor = Any
Operators = Any
Block = Any
Device = Any
Trainer = Any

# pyarrow's: tables, their schemas, and the types of their columns.
Table = Any
TableSchema = Any
ColumnType = Any

# Plain values of YAML or JSON, by key.
Json = Any
Values = Dict[str, Any]
ReadOnlyValues = Mapping[str, Any]
