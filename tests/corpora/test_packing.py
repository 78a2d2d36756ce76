"""Packed files: what is in them, however many members, and an error where one ends too soon."""

import bz2
import gzip
import lzma
import zlib

import pytest

from ner_mx.corpora.packing import SUFFIXES, opened, packed
from ner_mx.errors import CorpusError

CONTENT = b"".join(b"line %d of some text\n" % number for number in range(20_000))
ORACLES = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


def content(path):
    with opened(path) as (stream, _):
        return stream.read()


@pytest.mark.parametrize("suffix", ["", *SUFFIXES])
def test_members_follow_one_another(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    members = [packed(part, suffix) for part in (CONTENT[:100_000], b"", CONTENT[100_000:])]
    path.write_bytes(b"".join(members))
    assert content(path) == CONTENT
    with opened(path) as (stream, _):
        assert b"".join(iter(lambda: stream.read(7), b"")) == CONTENT
    if suffix in ORACLES:
        assert ORACLES[suffix](members[0]) == CONTENT[:100_000]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.999])
def test_a_file_that_is_cut_short_is_no_whole_one(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    whole = packed(CONTENT, suffix)
    path.write_bytes(whole[:int(len(whole) * share)])
    with pytest.raises(CorpusError, match=f"a{suffix}: expected a "):
        content(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_one_line(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    whole = bytearray(packed(CONTENT, suffix))
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(whole))
    try:
        assert zlib.crc32(content(path)) != zlib.crc32(CONTENT)  # Zstandard keeps no sum unless asked
        assert suffix == ".zst"
    except CorpusError as error:
        assert "\n" not in str(error)
    path.write_bytes(b"this is not packed at all")
    with pytest.raises(CorpusError):
        content(path)
