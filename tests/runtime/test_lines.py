"""Lines of a stream: every one, in order, as soon as it is there."""

import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.errors import UserError
from ner_mx.runtime import lines as module
from ner_mx.runtime.lines import line_groups


@given(st.lists(st.text(alphabet="aé🙂\r ", max_size=12)), st.booleans(), st.integers(1, 9))
def test_every_line_whatever_arrives_together(texts, ends, size):
    content = "\n".join(texts).encode() + (b"\n" if ends and texts else b"")
    wanted = content.decode().split("\n")
    if wanted[-1] == "":
        wanted.pop()
    before, module.READ_AHEAD = module.READ_AHEAD, size
    try:
        found = [line for group in line_groups(io.BufferedReader(io.BytesIO(content)), "x") for line in group]
    finally:
        module.READ_AHEAD = before
    assert found == [line.rstrip("\r") for line in wanted]


def test_a_line_that_is_no_text_is_named():
    found = []
    with pytest.raises(UserError, match="x:3: expected UTF-8, found byte 0xe9"):
        for group in line_groups(io.BufferedReader(io.BytesIO(b"a\nb\ncaf\xe9\nc\n")), "x"):
            found += group
    assert found == ["a", "b"]


def test_a_byte_order_mark_is_no_part_of_the_text():
    stream = io.BufferedReader(io.BytesIO("\ufeffone\n\ufefftwo\n".encode()))
    assert [line for group in line_groups(stream, "x") for line in group] == ["one", "\ufefftwo"]


def test_who_waits_for_an_answer_gets_it(tmp_path, root):
    """A co-process writes a line and reads the answer before it writes the next."""
    from random_networks import build

    from ner_mx.runtime.bundle import write_bundle
    from ner_mx.runtime.export import bundled

    write_bundle(bundled(build(), {"data": {}, "seed": 1}), tmp_path / "b")
    process = subprocess.Popen([sys.executable, "-m", "ner_mx", "predict", tmp_path / "b"], cwd=root,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "OMP_NUM_THREADS": "1"})
    for text in ("Ada left.", "", "Bert said the bank."):
        process.stdin.write(f"{text}\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["text"] == text
    assert process.communicate(timeout=30)[0] == "" and process.returncode == 0
