"""The tensors of a checkpoint file by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np

from ner_mx.errors import CorpusError, UserError, first_line, install, shown
from ner_mx.resources.checkpoints.floats import as_float32
from ner_mx.resources.checkpoints.torch_files import read_torch_file

# Of safetensors, by its names of them; bfloat16 has the upper half of the bits of float32.
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read_tensors(path: Path) -> Dict[str, np.ndarray]:
    """The float tensors of ``model.safetensors`` or ``pytorch_model.bin``, as float32; others are left out.

    Raises
    ------
    CorpusError : the file is damaged, or holds more than tensors.
    UserError : safetensors is not installed.
    """
    return _read_safetensors(path) if path.suffix == ".safetensors" else read_torch_file(path)


def _read_safetensors(path: Path) -> Dict[str, np.ndarray]:
    try:
        import safetensors
    except ImportError:
        raise UserError(f"{path}: needs safetensors; {install('encoders')}") from None
    try:
        found: Any = safetensors.deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except (safetensors.SafetensorError, OSError, MemoryError) as error:
        raise CorpusError(path, None, f"expected tensors in the format of safetensors, found: {first_line(error)}; "
                                      "download it again") from None
    result = {}
    for name, tensor in found:
        kind = tensor["dtype"]
        if kind in DTYPES and tensor["data"]:
            try:
                data = np.frombuffer(tensor["data"], DTYPES[kind]).reshape(tensor["shape"])
            except (ValueError, OverflowError) as error:  # more dimensions than numpy has
                raise CorpusError(path, None, f"{shown(name)}: expected a tensor, found: {first_line(error)}") from None
            result[name] = as_float32(data, kind == "BF16")
    return result
