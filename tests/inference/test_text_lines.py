"""Lines of a stream: all of them, in order, as soon as they are available."""

import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import build

from ner_mx.errors import UserError
from ner_mx.inference import text_lines as module
from ner_mx.inference.bundle import write_bundle
from ner_mx.inference.exporting import bundle_of
from ner_mx.inference.text_lines import line_groups


def stream_of(content):
    return io.BufferedReader(io.BytesIO(content))


@given(st.lists(st.text(alphabet="aé🙂\r ", max_size=12)), st.booleans(), st.integers(1, 9))
def test_every_line_is_read_regardless_of_the_size_of_reads(texts, ends, size):
    content = "\n".join(texts).encode() + (b"\n" if ends and texts else b"")
    expected = content.decode().split("\n")
    if expected[-1] == "":
        expected.pop()
    original, module.READ_AHEAD = module.READ_AHEAD, size
    try:
        lines = [line for group in line_groups(stream_of(content), "x") for line in group]
    finally:
        module.READ_AHEAD = original
    assert lines == [line.rstrip("\r") for line in expected]


def test_the_error_for_a_line_that_is_not_utf_8_gives_its_number():
    lines = []
    with pytest.raises(UserError, match="x:3: expected UTF-8, found byte 0xe9"):
        for group in line_groups(stream_of(b"a\nb\ncaf\xe9\nc\n"), "x"):
            lines += group
    assert lines == ["a", "b"]


def test_a_byte_order_mark_is_not_part_of_the_text():
    stream = stream_of("\ufeffone\n\ufefftwo\n".encode())
    assert [line for group in line_groups(stream, "x") for line in group] == ["one", "\ufefftwo"]


def test_a_process_that_waits_for_an_answer_gets_it(tmp_path, root):
    """It writes a line and reads the answer before it writes the next."""
    write_bundle(bundle_of(*build(), {"data": {}, "seed": 1}), tmp_path / "b")
    process = subprocess.Popen([sys.executable, "-m", "ner_mx", "predict", tmp_path / "b"], cwd=root,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "OMP_NUM_THREADS": "1"})
    for text in ("Ada left.", "", "Bert said the bank."):
        process.stdin.write(f"{text}\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["text"] == text
    assert process.communicate(timeout=30)[0] == "" and process.returncode == 0
