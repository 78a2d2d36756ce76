"""Corpus formats, one per file.

To add one, put a module into this package (or load one of your own) with a
subclass of :class:`Format` under ``@register.format("name")``.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, List, Sequence, Tuple

from ner_mx.config import Corpus
from ner_mx.data.sentence import Reading, Sentence, Warnings


class Format:
    """A way in which annotated sentences are stored.

    Attributes
    ----------
    suffixes : of its files, for guessing the format from a name; ``""`` for a folder.
    """

    name: ClassVar[str]
    suffixes: ClassVar[Tuple[str, ...]] = ()

    def read(self, path: Path, settings: Corpus) -> Reading:
        """Read a file or folder.

        Raises
        ------
        CorpusError : it is not what the format expects.
        """
        raise NotImplementedError

    def write(self, sentences: Sequence[Sentence], path: Path) -> Warnings:
        """Write sentences; their tags are in any scheme.

        Returns
        -------
        Counts of what the format cannot hold.
        """
        raise NotImplementedError

    def files(self, path: Path) -> List[Path]:
        """Every file that :meth:`read` reads for a path; a changed one is noticed before training."""
        if path.is_dir():
            return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        return [path]

    def exists(self, path: Path) -> bool:
        """Whether there is something to read."""
        return path.exists()

    def written(self, path: Path) -> List[Path]:
        """The paths that :meth:`write` creates."""
        return [path]

    @classmethod
    def is_writable(cls) -> bool:
        """Whether the format can be written."""
        return cls.write is not Format.write
