"""What a result depends on beside the configuration: versions, machine, threads."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any, Dict

from ner_mx import __version__

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
        "python": platform.python_version(),
        "packages": versions,
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "device": str(device),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1).strip() if match else platform.processor()
