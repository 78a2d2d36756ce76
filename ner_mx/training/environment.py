"""What a result depends on beside the configuration: versions, machine, threads."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any, Dict

import ner_mx
from ner_mx import __version__

# Whose code decides a result.
PARTS = ("compat.py", "config", "corpora", "features", "networks", "decoding", "evaluation", "training")
PACKAGES = ("mxnet", "mxnet-cu112", "gluonnlp", "numpy", "pandas", "scikit-learn", "pydantic")


def environment(device: Any) -> Dict[str, Any]:
    """Versions and machine as JSON values; nothing of the user, the host's name or the paths."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "ner_mx": __version__,
        "code": code(),
        "python": platform.python_version(),
        "packages": versions,
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "device": str(device),
    }


def code() -> str:
    """Sixteen digits of the SHA-256 over what decides a run's result beside its configuration and data."""
    root = Path(ner_mx.__file__).parent
    digest = hashlib.sha256()
    files = [path for part in PARTS for path in ([root / part] if part.endswith(".py") else
                                                 (root / part).rglob("*.py"))]
    for path in sorted(files):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1).strip() if match else platform.processor()
