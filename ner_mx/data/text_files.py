"""Files of text to lines; an encoding error names the line."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import BinaryIO, List, Optional, Sequence

from ner_mx.data.compression import compression_suffix, opened
from ner_mx.errors import CorpusError

# Annotated text is held in memory; a few megabytes of a compressed file may become many gigabytes.
LARGEST = 1 << 30


def read_text(path: Path, encoding: str, settings: Optional[str] = "corpus",
              content: str = "annotated text", may_be_empty: bool = False) -> str:
    """The decoded text of a file, without a byte-order mark.

    Parameters
    ----------
    settings : the section of the configuration with the keys ``path`` and ``encoding``, for
        messages; None if the file was named by an argument and must be in ``encoding``.
    content : what the file should hold, for messages.
    may_be_empty : whether the file may be empty, or hold white space alone.

    Raises
    ------
    CorpusError : the file is missing, is a folder, cannot be read, is empty, or
        is not in ``encoding``.
    """
    elsewhere = f"; set {settings}.path" if settings else ""
    encoded = f"set {settings}.encoding" if settings else f"convert it to {encoding}"
    try:
        data = _content(path)
    except FileNotFoundError:
        raise CorpusError(path, None, f"expected a file, found nothing{elsewhere}") from None
    except IsADirectoryError:
        raise CorpusError(path, None, f"expected a file, found a folder{elsewhere}") from None
    except OSError as error:
        raise CorpusError(path, None, f"expected a readable file, found: {error.strerror}") from None
    if len(data) > LARGEST:
        raise CorpusError(path, None, f"expected at most {LARGEST:,} bytes of {content}, found more; divide it")
    if not data.strip() and not may_be_empty:
        raise CorpusError(path, None, f"expected {content}, found an empty file")
    try:
        text = data.decode(encoding)
    except LookupError:
        raise CorpusError(path, None, f"expected a known encoding in {settings}.encoding, "
                                      f"found {encoding!r}") from None
    except UnicodeDecodeError as error:
        # Line ends of UTF-16 and UTF-32 have more than one byte, and are counted the same.
        line = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(path, line, (
            f"expected {encoding}, found byte {data[error.start]:#04x}; {encoded} "
            "(windows-1252 and iso-8859-1 are common)")) from None
    except (UnicodeError, ValueError) as error:  # raised by codecs such as idna
        raise CorpusError(path, None, f"expected {encoding}, found: {error}; {encoded}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise CorpusError(path, line, f"expected text, found a NUL character; is it binary, or UTF-16? "
                                      f"{encoded}")
    return text[1:] if text.startswith("\ufeff") else text


def _content(path: Path) -> bytes:
    """The bytes of a file, decompressed if its suffix says so."""
    if not compression_suffix(path) or not path.is_file():
        with open(path, "rb") as file:
            return _bounded(file)
    with opened(path) as (stream, _):
        return _bounded(stream)


def _bounded(stream: BinaryIO) -> bytes:
    """All of a stream, or enough of it to see that it is too large."""
    blocks: List[bytes] = []
    size = 0
    # In blocks: a single call would take the memory of the limit at once.
    while size <= LARGEST:
        block = stream.read(1 << 20)
        if not block:
            break
        blocks.append(block)
        size += len(block)
    return b"".join(blocks)


def read_lines(path: Path, encoding: str, settings: Optional[str] = "corpus",
               content: str = "annotated text", may_be_empty: bool = False) -> List[str]:
    """The lines of a file, without their ends: ``\\n``, ``\\r\\n`` or ``\\r`` and nothing else.

    ``str.splitlines`` would also split at characters such as U+0085 and U+2028,
    which occur inside tokens in real corpora.
    """
    text = read_text(path, encoding, settings, content, may_be_empty)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines


def guess_encoding(paths: Sequence[Path]) -> str:
    """The encoding of files: UTF-8 or UTF-16 if their bytes say so, else windows-1252, the most common other one."""
    for path in paths:
        if path.suffix in (".npy", ".spacy"):
            continue
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return "windows-1252"
    return "utf-8"
