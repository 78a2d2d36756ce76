"""Checkpoints by their names on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from ner_mx.errors import UserError, first_line, install

NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
PATTERNS = ["config.json", "model.safetensors", "pytorch_model.bin", "tokenizer.json", "tokenizer_config.json",
            "vocab.txt", "vocab.json", "merges.txt"]


def downloaded(name: str) -> Path:
    """The folder of a checkpoint, downloaded unless it is in the cache of huggingface_hub.

    Raises
    ------
    UserError : there is no such folder, and it cannot be downloaded.
    """
    problem = f"expected the folder of a checkpoint or the name of one on the Hugging Face hub, found {name!r}"
    if not NAME.fullmatch(name):
        raise UserError(f"features.transformer.path: {problem}")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise UserError(f"features.transformer.path: {problem}, and nothing to download with; "
                        f"{install('encoders')}") from None
    try:
        return Path(snapshot_download(name, allow_patterns=PATTERNS))
    except Exception as error:  # its own errors, those of its network library, and of the disk
        raise UserError(f"features.transformer.path: {problem}, and cannot download it: {first_line(error)}; copy "
                        "the folder to this machine and set its path") from None
