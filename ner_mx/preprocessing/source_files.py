"""The files that a processed corpus is made from, and whether they have changed since."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Dict, Mapping, Optional, Sequence

from ner_mx.config import Config, Corpus
from ner_mx.config.fingerprints import kind_of
from ner_mx.config.section import Section
from ner_mx.data.splits import corpus_files
from ner_mx.errors import CorpusError
from ner_mx.files import sha256


def corpus_sources(files: Sequence[Path], settings: Corpus) -> Dict[str, Path]:
    """The files of a corpus, each under its path below ``corpus.path``.

    A split that is named by an absolute path, and is elsewhere, is under its name, with as many of its
    folders as tell it from the others.
    """
    root = Path(settings.path)
    below = {str(path.relative_to(root)): path for path in files if root.is_dir() and root in path.parents}
    others = [path for path in dict.fromkeys(files) if path not in below.values()]
    return {**below, **_distinct(others, below)}


def _distinct(paths: Sequence[Path], taken: Mapping[str, Path]) -> Dict[str, Path]:
    """Paths under their last components, as few as make every name different."""
    for count in range(1, 1 + max((len(path.parts) for path in paths), default=0)):
        names = {"/".join(path.parts[-count:]): path for path in paths}
        if len(names) == len(paths) and not set(names) & set(taken):
            return names
    return {str(path): path for path in paths}


def source_files(files: Sequence[Path], config: Config) -> Dict[str, Path]:
    """The files that go into a processed corpus: those of the corpus, vectors, lexicons, and of other features."""
    sources = corpus_sources(files, config.corpus)
    for feature, settings in config.features.settings().items():
        for name, path in _resource_files(settings, feature).items():
            # A file of vectors may be called like a file of the corpus.
            sources[f"{feature}/{name}" if name in sources else name] = path
    return sources


def _resource_files(section: Section, name: str) -> Dict[str, Path]:
    """The input files that a section of the configuration, called ``name``, refers to."""
    files = section.input_files(name)
    if files is not None:
        return files
    result: Dict[str, Path] = {}
    for key, value in section:
        is_path = kind_of(section, key, "features").is_path
        for entry_name, entry in (value if isinstance(value, dict) else {key: value}).items():
            if isinstance(entry, Section):
                result.update(_resource_files(entry, entry_name))
            elif is_path and isinstance(entry, str) and Path(entry).is_file():
                result[f"{entry_name}/{Path(entry).name}"] = Path(entry)
    return result


def changed_source(made: Mapping[str, str], config: Config) -> Optional[str]:
    """The first file that has changed since a processed corpus or a run was made; None if none has.

    Files that no longer exist are ignored: a processed corpus does not need them.

    Parameters
    ----------
    made : the SHA-256 of each file that went in.
    """
    try:
        files = corpus_files(config.corpus)
    except CorpusError:
        files = []
    for name, path in source_files(files, config).items():
        # Version 0.1 and the first of 0.2 recorded the files of an encoder under "/".
        if path.is_file() and made.get(name, made.get(f"/{path.name}")) != _sha256(path, path.stat().st_mtime_ns):
            return name
    return None


@cache
def _sha256(path: Path, modified: int) -> str:
    return sha256(path)
