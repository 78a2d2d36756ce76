"""Named experiments, and those in files of a user's own: settings that may extend other experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional, Sequence

from ner_mx.config.merging import merged
from ner_mx.config.yaml_documents import read_yaml
from ner_mx.errors import ConfigError, nearest, shown
from ner_mx.untyped import Values

EXPERIMENTS = Path(__file__).parent.parent / "experiments" / "definitions"


def experiment_names() -> List[str]:
    """The named experiments that come with the package."""
    return sorted(path.stem for path in EXPERIMENTS.rglob("*.yaml"))


def _experiment_path(name: str, beside: Optional[Path] = None) -> Optional[Path]:
    """The file of an experiment, in whichever folder it is; None if it is unknown.

    Parameters
    ----------
    beside : the folder of the file that names it, where a relative path is looked for first.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        return next((place for place in ([beside / path] if beside else []) + [path] if place.is_file()), None)
    return next((path for path in EXPERIMENTS.rglob("*.yaml") if path.stem == name), None)


def read_experiment(name: str, beside: Optional[Path] = None, below: Sequence[str] = ()) -> Values:
    """The settings of a named experiment, or of a YAML file that ``name`` points to.

    ``extends: other`` at its top lays it over another experiment, and
    ``extends: [first, second]`` over the second laid over the first.

    Parameters
    ----------
    beside : the folder of the experiment that extends it.
    below : the experiments that lead to it.

    Raises
    ------
    ConfigError : there is no such experiment, or it extends itself.
    """
    if name in below:
        raise ConfigError(f"experiment {name}: extends itself: {' -> '.join([*below, name])}")
    path = _experiment_path(name, beside)
    if path is None:
        raise ConfigError(f"experiment {shown(name)}: expected a YAML file or one of the named "
                          "experiments, found neither" + nearest(name, experiment_names()))
    settings = read_yaml(path)
    result: Values = {}
    for base in _bases(path, settings.pop("extends", [])):
        result = merged(result, read_experiment(base, path.parent, [*below, name]))
    return merged(result, settings)


def _bases(path: Path, extends: Any) -> List[str]:
    bases = [extends] if isinstance(extends, str) else extends
    if not isinstance(bases, list) or not all(isinstance(base, str) and base for base in bases):
        raise ConfigError(f"experiment {path.stem}: extends: expected the name of an experiment, or a list of them, "
                          f"found {extends!r}")
    return bases


def parent_of(name: str) -> Optional[str]:
    """The first experiment that another one extends; None if it extends none."""
    path = _experiment_path(name)
    extends = read_yaml(path).get("extends") if path else None
    parent = extends[0] if isinstance(extends, list) and extends else extends
    return parent if isinstance(parent, str) else None
