"""Packed files (.gz, .bz2, .xz, .zst): read as what is in them, and an error where one is cut short."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Iterator, Tuple

from ner_mx.errors import CorpusError, UserError, install

SUFFIXES = (".gz", ".zst", ".bz2", ".xz")

# So much of a Zstandard file is unpacked at a time, in bytes: it may become thirty thousand times as much.
_READ = 1 << 12


@contextmanager
def opened(path: Path) -> Iterator[Tuple[BinaryIO, BinaryIO]]:
    """A file to read, unpacked where its suffix says so, and the file itself, whose place is progress.

    Raises
    ------
    CorpusError : it cannot be read, is damaged or cut short; also in the block that reads.
    """
    try:
        with open(path, "rb") as raw, _unpacked(path, raw) as stream:
            yield stream, raw
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorpusError(path, None, f"expected a readable file, found: {reason}") from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise CorpusError(path, None, f"expected a packed file, found damage: {error}") from None


def _unpacked(path: Path, raw: BinaryIO) -> Any:
    if path.suffix == ".zst":
        return io.BufferedReader(_Zstandard(raw), 1 << 20)
    opener = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(path.suffix)
    return io.BufferedReader(opener(raw), 1 << 20) if opener else _as_it_is(raw)


@contextmanager
def _as_it_is(raw: BinaryIO) -> Iterator[BinaryIO]:
    yield raw


class _Zstandard(io.RawIOBase):
    """A Zstandard file of any number of frames.

    The library's own reader takes a file that ends within a frame for a whole one.
    """

    def __init__(self, raw: BinaryIO):
        self._raw, self._library = raw, zstandard()
        self._frame: Any = None
        self._packed = self._plain = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain:
            self._packed = self._packed or self._raw.read(_READ)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("it is cut short")
                return 0
            if self._frame is None:
                self._frame = self._library.ZstdDecompressor().decompressobj()
            self._plain, self._packed = self._frame.decompress(self._packed), b""
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        count = min(len(buffer), len(self._plain))
        buffer[:count], self._plain = self._plain[:count], self._plain[count:]
        return count


def packed(content: bytes, suffix: str) -> bytes:
    """Content as one member of a packed file; members follow one another.

    The same content gives the same bytes: no time stands in them.
    """
    if suffix == ".zst":
        return zstandard().ZstdCompressor(level=3).compress(content)
    pack = {".gz": lambda content: gzip.compress(content, 6, mtime=0), ".bz2": bz2.compress,
            ".xz": lzma.compress}.get(suffix)
    return pack(content) if pack else content


def zstandard() -> Any:
    """The library, or a line that says how to get it."""
    try:
        import zstandard as library
    except ImportError:
        raise UserError(f'a .zst file needs zstandard: {install("corpora")}') from None
    return library
