"""``pytorch_model.bin``: malicious, damaged and odd files of ``torch.save``."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from random_checkpoints import write_checkpoint

from ner_mx.errors import CorpusError
from ner_mx.resources.checkpoints.checkpoint import read_checkpoint
from ner_mx.resources.checkpoints.torch_files import read_torch_file


class Command:
    """What runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def as_archive(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", content)
    return buffer.getvalue()


@pytest.mark.parametrize("wrap", [as_archive, lambda content: content])
@pytest.mark.parametrize("value", [Command, lambda path: {"a": Command(path)}, lambda path: [Command(path)],
                                   lambda path: {"a": type("X", (), {"__reduce__": lambda self: (
                                       eval, (f"open({str(path)!r}, 'w')",))})()}])
def test_a_malicious_pickle_is_refused_and_not_executed(tmp_path, wrap, value):
    folder = write_checkpoint(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    for protocol in range(2, 6):
        content = pickle.dumps(value(tmp_path / "executed"), protocol)
        (folder / "pytorch_model.bin").write_bytes(wrap(content))
        with pytest.raises(CorpusError, match=r"pytorch_model\.bin: expected a dictionary of tensors"):
            read_checkpoint(folder)
    assert not (tmp_path / "executed").exists()


def tensor_program(*, offset=0, shape=(2,), strides=(1,), size=4, kind="FloatStorage"):
    """The pickle of a dictionary with one tensor, as an archive."""
    numbers = lambda values: b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"  # noqa: E731
    text = lambda value: b"X" + struct.pack("<I", len(value)) + value.encode()  # noqa: E731
    tensor = (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + b"ctorch\n" + kind.encode() + b"\n"
              + text("0") + text("cpu") + b"J" + struct.pack("<i", size) + b"tQJ" + struct.pack("<i", offset)
              + numbers(shape) + numbers(strides) + b"\x89ccollections\nOrderedDict\n)RtR")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}" + text("a") + tensor + b"s.")
        archive.writestr("x/data/0", np.arange(4, dtype=np.float32).tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize("changes, problem", [
    ({"offset": 3}, "'a' beyond its storage"), ({"offset": -1}, "'a' of an impossible shape"),
    ({"shape": (1 << 30,), "strides": (0,)}, "'a' beyond its storage"), ({"shape": (2, 2)}, "of an impossible shape"),
    ({"strides": (-1,)}, "'a' of an impossible shape"), ({"kind": "Tensor"}, "a reference to"), ({}, None)])
def test_tensors_beyond_their_data(tmp_path, changes, problem):
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(tensor_program(**changes))
    if problem is None:
        assert read_torch_file(path)["a"].tolist() == [0, 1]
        return
    with pytest.raises(CorpusError, match=problem):
        read_torch_file(path)


DEEP = b"N" + b"q\0h\0\x86" * 40  # a tuple of a tuple twice, and so on: to hash it would take for ever
TEXT = b"X\1\0\0\0a"


def archive_of(program, name="x/data.pkl", compression=zipfile.ZIP_STORED, **others):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(name, program)
        for other, content in others.items():
            archive.writestr(f"x/{other}", content)
    return buffer.getvalue()


@pytest.mark.parametrize("content, problem", [
    (archive_of(b"\x80\x02}" + DEEP + b"Ns."), "a name or key that is no text"),
    (archive_of(b"\x80\x04" + TEXT + DEEP + b"\x93."), "a name or key that is no text"),
    (archive_of(b"\x80\x02}" + TEXT + b"(X\7\0\0\0storagectorch\nFloatStorage\n" + DEEP + TEXT + b"K\4tQs."),
     "a name or key that is no text"),
    (archive_of(b"\x80\x02}N" + b"\x85" * 1_000_000 + b"Ns."), "a name or key that is no text"),
    (archive_of(b"", "x/other"), "an archive without data.pkl"),
    (b"PK\5\6" + bytes(18), "an archive without data.pkl"),
    (b"}u.", "an end without a beginning"), (b"t.", "an end without a beginning"),
    (b"]e.", "an end without a beginning"),
    (archive_of(b"\x80\x02}.", compression=zipfile.ZIP_DEFLATED), "compressed tensors"),
    (archive_of(b"\x80\x02}.", compression=zipfile.ZIP_LZMA), "compressed tensors"),
    (archive_of(b"\x80\x02}.", byteorder=b"big"), "big-endian")])
def test_a_program_that_would_hang_or_crash(tmp_path, content, problem):
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=problem):
        read_torch_file(path)


def test_tensors_that_share_their_data_do_not_fill_the_memory(tmp_path):
    torch = pytest.importorskip("torch")
    shared, path = torch.arange(5000.0), tmp_path / "pytorch_model.bin"
    torch.save({"a": shared, "b": shared, "nothing": torch.zeros(0, 4)}, path)
    assert sorted(read_torch_file(path)) == ["a", "b"]
    torch.save({f"name{number}": shared for number in range(50)}, path)
    with pytest.raises(CorpusError, match="too many tensors that share their data"):
        read_torch_file(path)
