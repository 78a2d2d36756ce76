"""Which format a corpus is in: named by ``corpus.reader``, or by the content and suffix of its files."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Dict, List

from ner_mx.config import Corpus
from ner_mx.data.compression import content_suffix, opened
from ner_mx.data.formats import Format
from ner_mx.errors import UserError
from ner_mx.registry import register

AUTO = "auto"
COLUMNS = "conll"

# How many bytes of a file are looked at.
LOOKED_AT = 1 << 16


def format_named(name: str) -> Format:
    """The format of this name.

    Raises
    ------
    ConfigError : there is no such format.
    """
    chosen: Format = register.format[name]()
    return chosen


def format_of(path: Path, settings: Corpus) -> Format:
    """The format in which a corpus is read: the named one, or what its content and suffix say.

    Parameters
    ----------
    path : a file or folder; it need not exist.
    """
    return format_named(settings.reader if settings.reader != AUTO else detect_format(path, settings.encoding))


def detect_format(path: Path, encoding: str = "utf-8") -> str:
    """The name of the format of a file or folder.

    The formats that recognize the content come first, among them one that has the suffix; then the
    suffix alone; everything else is taken for columns.
    """
    beginning = _beginning(path, encoding)
    recognized = [name for name in register.format.names() if format_named(name).recognizes(path, beginning)]
    by_suffix = formats_by_suffix().get(content_suffix(path), "") if content_suffix(path) else ""
    if by_suffix and (by_suffix in recognized or not (recognized or path.is_dir())):
        return by_suffix
    return recognized[0] if recognized else COLUMNS


def formats_by_suffix() -> Dict[str, str]:
    """The names of the formats by the suffixes of their files; ``""`` is that of a folder."""
    return {suffix: name for name in register.format.names() for suffix in register.format[name].suffixes}


def format_to_write(path: Path) -> Format:
    """The format in which a file of this suffix is written.

    Raises
    ------
    UserError : no format has the suffix.
    """
    suffixes = formats_by_suffix()
    suffix = content_suffix(path)
    if suffix not in suffixes:
        raise UserError(f"{path}: expected a suffix among {', '.join(filter(None, suffixes))}, found "
                        f"{path.suffix!r}; name the format")
    return format_named(suffixes[suffix])


def _beginning(path: Path, encoding: str) -> str:
    """The first characters of a file; "" for anything else."""
    try:
        if not path.is_file():
            return ""
        with opened(path) as (stream, _):
            content = stream.read(LOOKED_AT)
        # The last character may be cut.
        return codecs.getincrementaldecoder(encoding)("replace").decode(content).lstrip("\ufeff")
    except Exception:  # a codec that is not one of text raises errors of its own; the reader reports all of them
        return ""


def readable_names() -> List[str]:
    """The names of every format, and ``auto``."""
    return [AUTO, *register.format.names()]
