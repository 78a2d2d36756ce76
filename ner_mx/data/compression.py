"""Compressed files (.gz, .bz2, .xz, .zst): transparent reading, with an error for truncated files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, Tuple

from ner_mx.errors import CorpusError, UserError, install

SUFFIXES = (".gz", ".zst", ".bz2", ".xz")

# Bytes of a Zstandard file that are decompressed at a time: they may become thirty thousand times as many.
_READ = 1 << 12


def compression_suffix(path: Path) -> str:
    """The suffix that says how a file is compressed, as it is written; ``""`` for a file that is not."""
    return path.suffix if path.suffix.lower() in SUFFIXES else ""


def content_suffix(path: Path) -> str:
    """The suffix of a file without that of its compression, in lower case.

    >>> content_suffix(Path("corpus.JSONL.gz"))
    '.jsonl'
    """
    return (path.with_suffix("") if compression_suffix(path) else path).suffix.lower()


@contextmanager
def opened(path: Path) -> Iterator[Tuple[BinaryIO, BinaryIO]]:
    """Open a file for reading, decompressed if its suffix says so.

    Yields
    ------
    The stream to read, and the file itself, whose position is the progress.

    Raises
    ------
    CorpusError : the file cannot be read, is damaged or truncated; also while the block reads it.
    """
    with _errors_of(path):
        raw = open(path, "rb")  # noqa: SIM115
    # Only errors of the file are its own: the block may write to another that is full.
    with raw, io.BufferedReader(_Checked(path, _decompressed(path, raw)), 1 << 20) as stream:
        yield stream, raw


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Turn the errors of reading a file into one line that names it."""
    try:
        yield
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorpusError(path, None, f"expected a readable file, found: {reason}") from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise CorpusError(path, None, f"expected a compressed file, found a damaged one: {error}") from None


def _decompressed(path: Path, raw: BinaryIO) -> Any:
    if path.suffix.lower() == ".zst":
        return _Zstandard(raw)
    openers: Dict[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    opener = openers.get(path.suffix.lower())
    return opener(raw) if opener else raw


class _Checked(io.RawIOBase):
    """A stream whose errors name its file."""

    def __init__(self, path: Path, stream: Any):
        self._path, self._stream = path, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _errors_of(self._path):
            count: int = self._stream.readinto(buffer)
            return count


class _Zstandard(io.RawIOBase):
    """A Zstandard file of any number of frames.

    The reader of the library does not notice a file that ends within a frame.
    """

    def __init__(self, raw: BinaryIO):
        self._raw, self._library = raw, zstandard()
        self._frame: Any = None
        self._compressed = self._content = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._content:
            self._compressed = self._compressed or self._raw.read(_READ)
            if not self._compressed:
                if self._frame is not None:
                    raise EOFError("it is truncated")
                return 0
            if self._frame is None:
                self._frame = self._library.ZstdDecompressor().decompressobj()
            self._content, self._compressed = self._frame.decompress(self._compressed), b""
            if self._frame.eof:
                self._compressed, self._frame = self._frame.unused_data, None
        count = min(len(buffer), len(self._content))
        buffer[:count], self._content = self._content[:count], self._content[count:]
        return count


def compressed(content: bytes, suffix: str) -> bytes:
    """Content as one member of a compressed file; members can be concatenated.

    The same content gives the same bytes, without a time stamp.
    """
    suffix = suffix.lower()
    if suffix == ".zst":
        return zstandard().ZstdCompressor(level=3).compress(content)
    pack = {".gz": lambda content: gzip.compress(content, 6, mtime=0), ".bz2": bz2.compress,
            ".xz": lzma.compress}.get(suffix)
    return pack(content) if pack else content


def zstandard() -> Any:
    """The library ``zstandard``.

    Raises
    ------
    UserError : it is not installed.
    """
    try:
        import zstandard as library
    except ImportError:
        raise UserError(f'a .zst file needs zstandard: {install("corpora")}') from None
    return library
