"""Compressed files: their content, of any number of members, and an error if one is truncated."""

import bz2
import gzip
import lzma
import zlib

import pytest

from ner_mx.data.compression import SUFFIXES, compressed, opened
from ner_mx.errors import CorpusError

CONTENT = b"".join(b"line %d of some text\n" % number for number in range(20_000))
ORACLES = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


def content(path):
    with opened(path) as (stream, _):
        return stream.read()


@pytest.mark.parametrize("suffix", ["", *SUFFIXES])
def test_members_are_read_one_after_the_other(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    members = [compressed(part, suffix) for part in (CONTENT[:100_000], b"", CONTENT[100_000:])]
    path.write_bytes(b"".join(members))
    assert content(path) == CONTENT
    with opened(path) as (stream, _):
        assert b"".join(iter(lambda: stream.read(7), b"")) == CONTENT
    if suffix in ORACLES:
        assert ORACLES[suffix](members[0]) == CONTENT[:100_000]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.999])
def test_a_truncated_file_is_an_error(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    complete = compressed(CONTENT, suffix)
    path.write_bytes(complete[:int(len(complete) * share)])
    with pytest.raises(CorpusError, match=f"a{suffix}: expected a "):
        content(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_an_error_of_one_line(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    damaged = bytearray(compressed(CONTENT, suffix))
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(bytes(damaged))
    try:
        assert zlib.crc32(content(path)) != zlib.crc32(CONTENT)  # Zstandard has no checksum by default
        assert suffix == ".zst"
    except CorpusError as error:
        assert "\n" not in str(error)
    path.write_bytes(b"this is not compressed at all")
    with pytest.raises(CorpusError):
        content(path)
