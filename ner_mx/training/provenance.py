"""What a result depends on beside the configuration and the data: code, versions, machine, threads."""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import re
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, List, Union

import ner_mx
from ner_mx import __version__
from ner_mx.registry import loaded_code
from ner_mx.untyped import Device, Values

# The modules and packages whose code decides a result.
DECIDING = (
    "compat.py", "config/interfaces.py", "data", "resources", "features", "preprocessing", "models", "decoding",
    "evaluation/scores.py", "evaluation/raw_scores.py", "evaluation/seen_entities.py", "evaluation/calibration.py",
    "evaluation/word_scores.py", "evaluation/decision.py", "evaluation/unscored_types.py",
    "training/averaging.py", "training/distributed/workers.py", "training/distributed/shared_state.py",
    "training/case_augmentation.py", "training/callbacks/checkpointing.py", "training/callbacks/early_stopping.py",
    "training/checkpoints.py", "training/encoder_outputs.py", "training/fitting.py", "training/loop.py",
    "training/mxnet_optimizers.py", "training/optimizers", "training/run.py", "training/run_results.py",
    "training/schedules.py", "training/starting_point.py", "training/task.py", "training/trainable.py",
    "training/trainer.py")
PACKAGES = ("mxnet", "mxnet-cu112", "numpy", "pandas", "scikit-learn", "pydantic", "tokenizers", "safetensors")


def environment(device: Device) -> Values:
    """Code, versions and machine as JSON values; nothing of the user, the host's name or paths."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "ner_mx": __version__,
        "code": code_digest(),
        "python": platform.python_version(),
        "packages": versions,
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "device": str(device),
    }


def code_digest() -> str:
    """Sixteen digits of the SHA-256 over the code that decides a result, loaded modules included.

    Comments, docstrings, log messages and the texts of errors do not count.
    """
    return _digest_of(tuple(loaded_code))


@lru_cache(maxsize=8)
def _digest_of(loaded: Any) -> str:
    root = Path(ner_mx.__file__).parent
    files: List[Path] = []
    for name in DECIDING:
        files += [root / name] if name.endswith(".py") else sorted((root / name).rglob("*.py"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(root).as_posix()}\0{essence(path.read_text(encoding='utf-8'))}".encode())
    for source in loaded:
        if Path(source).is_file():
            digest.update(f"{Path(source).name}\0{essence(Path(source).read_text(encoding='utf-8'))}".encode())
    return digest.hexdigest()[:16]


def essence(code: str) -> str:
    """Code without what has no effect on results: comments, docstrings, log messages, texts of errors.

    >>> essence('x = 1  # one') == essence('x = 1')
    True
    """
    return ast.unparse(_WithoutTexts().visit(ast.parse(code)))


class _WithoutTexts(ast.NodeTransformer):
    """Removes docstrings and calls of the logger, and empties the arguments of raised errors."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        node = super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):  # a block stays one where nothing else is in it
            body[:] = [statement for statement in body if not isinstance(statement, ast.Pass)] or [ast.Pass()]
        return node

    def visit_Expr(self, node: ast.Expr) -> Union[ast.AST, None]:
        value = node.value
        is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        is_log = (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)
                  and isinstance(value.func.value, ast.Name) and value.func.value.id == "log")
        return ast.Pass() if is_text or is_log else node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc = ast.Call(node.exc.func, [], [])
        return node


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1).strip() if match else platform.processor()
