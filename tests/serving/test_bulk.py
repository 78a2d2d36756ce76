"""Big corpora: every format, killed and gone on with, workers that die, a cluster."""

import bz2
import gzip
import json
import lzma
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from random_networks import some_sentences

from ner_mx.errors import CorpusError, RunError, UserError
from ner_mx.serving import bulk
from ner_mx.serving.records import entities_of

TEXTS = [" ".join(sentence.tokens) for sentence in some_sentences(400, seed=11)]
TEXTS[7], TEXTS[9] = "", 'tabs\t"quotes" \u2028 \x85 ümlaut 🙂'


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(bulk, "CHARACTERS", 3000)
    monkeypatch.setattr(bulk, "ROWS", 50)


def wanted(tagger, texts=TEXTS):
    return [[{**entity, "score": pytest.approx(entity["score"], abs=2e-5)} for entity in entities_of(found)]
            for found in tagger.predict_batch(texts)]


PACK = {"": lambda content: content, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
UNPACK = {"": lambda content: content, ".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


@pytest.mark.parametrize("pack", [*PACK, ".zst"])
def test_text_and_json_lines_packed_or_not(bundle, tagger, tmp_path, pack):
    if pack == ".zst":
        zstandard = pytest.importorskip("zstandard")
        packed = zstandard.ZstdCompressor().compress
        unpacked = lambda content: zstandard.ZstdDecompressor().stream_reader(  # noqa: E731
            content, read_across_frames=True).read()
    else:
        packed, unpacked = PACK[pack], UNPACK[pack]
    source = tmp_path / f"in.txt{pack}"
    source.write_bytes(packed("\r\n".join(TEXTS).encode("utf-8")))
    done = bulk.tag(bundle, source, tmp_path / f"out.jsonl{pack}")
    assert done[:3] == (1, 400, 0) and done.words == sum(len(text.split()) for text in TEXTS)
    lines = unpacked((tmp_path / f"out.jsonl{pack}").read_bytes()).decode().split("\n")
    records = [json.loads(line) for line in lines[:-1]]
    assert [record["text"] for record in records] == TEXTS
    assert [record["entities"] for record in records] == wanted(tagger)

    again = tmp_path / f"again.jsonl{pack}"
    source = tmp_path / f"in.jsonl{pack}"
    source.write_bytes(packed("".join(json.dumps({"id": number, "text": text}) + "\n"
                                      for number, text in enumerate(TEXTS)).encode()))
    bulk.tag(bundle, source, again)
    found = [json.loads(line) for line in unpacked(again.read_bytes()).decode().split("\n")[:-1]]
    assert [(record["id"], record["text"]) for record in found] == list(enumerate(TEXTS))
    assert [record["entities"] for record in found] == [record["entities"] for record in records]


def test_columns_keep_what_they_hold(bundle, tagger, tmp_path):
    sentences = some_sentences(300, seed=12)
    lines = ["-DOCSTART- -X- O", ""]
    for sentence in sentences:
        lines += [*(f"{token}\t{pos}" for token, pos in zip(sentence.tokens, sentence.pos)), "  "]
    (tmp_path / "in.conll").write_text("\n".join(lines), encoding="utf-8")
    done = bulk.tag(bundle, tmp_path / "in.conll", tmp_path / "out.conll")
    assert done.words == sum(len(sentence.tokens) for sentence in sentences)
    found = (tmp_path / "out.conll").read_text(encoding="utf-8").split("\n")
    assert found[:2] == ["-DOCSTART- -X- O O", ""]
    rows = [line.split("\t") for line in found[2:] if line]
    assert [row[:2] for row in rows] == [line.split("\t") for line in lines[2:] if line.strip()]
    spans = sum(len(one) for one in tagger.tag_batch([sentence.tokens for sentence in sentences]))
    assert sum(row[2].startswith("B-") for row in rows) == spans > 100


def test_columns_as_a_corpus_reads_them(bundle, tmp_path):
    """Words may hold blanks where tabs part columns, and no-break spaces anywhere; a column may be empty."""
    rows = ["New York\tNNP\tx", "10\u00a0000\tCD\t", "left\t\t", "", "10\u00a0000 CD", "men NNS "]
    (tmp_path / "in.tsv").write_text("\n".join(rows) + "\n\n\tNNP\n", encoding="utf-8")
    done = bulk.tag(bundle, tmp_path / "in.tsv", tmp_path / "out.tsv")
    assert (done.records, done.problems, done.words) == (3, 1, 5)
    lines = (tmp_path / "out.tsv").read_text(encoding="utf-8").split("\n")
    assert [line.split("\t")[:-1] for line in lines[:3]] == [row.split("\t") for row in rows[:3]]
    assert [line.rpartition(" ")[0] for line in lines[4:6]] == ["10\u00a0000 CD", "men NNS"]
    assert "in the first column" in (tmp_path / "out.tsv.bad.jsonl").read_text()
    (tmp_path / "a.conllu").write_text("# a comment\n1\tAda\n")
    with pytest.raises(UserError, match="expected a suffix among"):
        bulk.tag(bundle, tmp_path / "a.conllu", tmp_path / "never.conll")


def test_a_folder_called_like_a_column_is_no_column(bundle, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    (tmp_path / "in/year=2020").mkdir(parents=True)
    texts = pyarrow.array([b"Ada", b"a\xff\xfe", b"Bert"], pyarrow.binary())
    # A file of Parquet may call any bytes a string.
    broken = pyarrow.Array.from_buffers(pyarrow.string(), 3, texts.buffers())
    pyarrow.parquet.write_table(pyarrow.table({"text": broken}), tmp_path / "in/year=2020/a.parquet")
    done = bulk.tag(bundle, tmp_path / "in", tmp_path / "out")
    assert (done.records, done.problems) == (3, 1)
    with pyarrow.parquet.ParquetFile(tmp_path / "out/year=2020/a.parquet") as file:
        assert file.schema_arrow.names == ["text", "entities"] and file.metadata.num_rows == 3
    bad = json.loads((tmp_path / "out/year=2020/a.parquet.bad.jsonl").read_text())
    assert bad["record"] == 1 and "expected UTF-8, found byte 0xff" in bad["reason"]


def test_what_is_written_is_json_and_takes_nothing_away(bundle, tmp_path):
    lines = ['{"text": "Ada", "meta": "cut \\ud83d"}', '{"text": "Ada", "v": 1e999}',
             '{"text": "Ada", "v": NaN}', '{"text": "Ada", "entities": ["gold"]}',
             '{"text": "Ada", "v": 1e3}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    done = bulk.tag(bundle, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert (done.records, done.problems) == (5, 3)
    first, last = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert first["meta"] == "cut \ud83d" and last["v"] == 1000.0
    bad = [json.loads(line)["reason"] for line in (tmp_path / "out.jsonl.bad.jsonl").read_text().splitlines()]
    assert "1e999" in bad[0] and "NaN" in bad[1] and 'expected no "entities" yet' in bad[2]


def test_bad_records_fill_no_memory(tmp_path):
    (tmp_path / "in.txt").write_bytes((b"caf\xe9 " * 200 + b"\n") * 100)
    job = bulk.Job(tmp_path / "in.txt", tmp_path / "out", "text")
    with bulk._bar([job]) as bar:
        chunks = list(bulk._chunks(job, bar))
    # A line is kept to its thousandth character, and counted.
    assert all(len(record.content) == 1000 for chunk in chunks for record in chunk.records)
    assert len(chunks) == 34


def test_overwriting_keeps_the_old_result_until_the_new_one_stands(bundle, tmp_path, monkeypatch):
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(TEXTS), encoding="utf-8")
    bulk.tag(bundle, source, target)
    old = target.read_bytes()
    source.write_text("\n".join(TEXTS[::-1]), encoding="utf-8")
    tagged, calls = bulk.tagged_chunk, []

    def broken_off(tagger, chunk):
        calls.append(chunk.first)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return tagged(tagger, chunk)

    monkeypatch.setattr(bulk, "tagged_chunk", broken_off)
    with pytest.raises(KeyboardInterrupt):
        bulk.tag(bundle, source, target, overwrite=True)
    assert target.read_bytes() == old
    # The same command goes on: the two chunks that are there are not computed again.
    done = bulk.tag(bundle, source, target, overwrite=True)
    assert calls[3] == calls[2] and done.records < 400
    bulk.tag(bundle, source, tmp_path / "fresh.jsonl")
    assert target.read_bytes() == (tmp_path / "fresh.jsonl").read_bytes() != old
    assert bulk.tag(bundle, source, target).files == 0


def test_a_source_that_changes_meanwhile_is_not_called_done(bundle, tmp_path, monkeypatch):
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(TEXTS), encoding="utf-8")
    tagged = bulk.tagged_chunk

    def meanwhile(tagger, chunk):
        with open(source, "a", encoding="utf-8") as file:
            file.write("\nAda")
        return tagged(tagger, chunk)

    with monkeypatch.context() as patched:
        patched.setattr(bulk, "tagged_chunk", meanwhile)
        with pytest.raises(RunError, match="in.txt: changed while it was being tagged"):
            bulk.tag(bundle, source, target)
    assert not target.exists()
    with pytest.raises(RunError, match="of a source that has changed since"):
        bulk.tag(bundle, source, target)
    bulk.tag(bundle, source, target, overwrite=True)
    assert json.loads(target.read_text("utf-8").splitlines()[-1])["text"] == "Ada"


def test_tables_keep_their_columns(bundle, tagger, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"id": list(range(400)), "text": [*TEXTS[:20], None, *TEXTS[21:]]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    done = bulk.tag(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert done[:3] == (1, 400, 1)
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert found.select(["id", "text"]) == table
    texts = [*TEXTS[:20], "", *TEXTS[21:]]
    assert found.column("entities").to_pylist() == wanted(tagger, texts)
    bad = json.loads((tmp_path / "out.parquet.bad.jsonl").read_text())
    assert bad == {"record": 20, "reason": "expected a text, found null", "content": None}
    column = pyarrow.array(["Ada"])
    for name, change, problem in (
            ("none", pyarrow.table({"id": [1]}), 'expected a column "text", found id'),
            ("entities", pyarrow.table({"text": ["a"], "entities": [1]}), 'expected no column "entities"'),
            ("twice", pyarrow.table([column, column], ["text", "text"]), 'column "text", found text, text'),
            ("numbers", pyarrow.table({"text": [1]}), 'expected strings in the column "text", found int64')):
        pyarrow.parquet.write_table(change, tmp_path / f"{name}.parquet")
        with pytest.raises(CorpusError, match=problem):
            bulk.tag(bundle, tmp_path / f"{name}.parquet", tmp_path / "never.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(CorpusError, match="expected Parquet, found"):
        bulk.tag(bundle, tmp_path / "broken.parquet", tmp_path / "never.parquet")


def test_a_column_of_categories_is_one_of_strings(bundle, tagger, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    texts = [TEXTS[0], TEXTS[1], TEXTS[0], None]
    table = pyarrow.table({"text": pyarrow.array(texts).dictionary_encode()})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    assert bulk.tag(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet")[:3] == (1, 4, 1)
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert found.column("text").to_pylist() == texts
    assert found.column("entities").to_pylist() == wanted(tagger, [*texts[:3], ""])


def test_columns_under_the_suffix_of_text_are_warned_of(bundle, tmp_path, caplog):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/columns.txt").write_text("-DOCSTART- -X- O\n\nAda NNP B-PER\nleft VBD O\n")
    (tmp_path / "in/words.txt").write_text("Ada left.\nTo O\n")
    (tmp_path / "in/empty.txt").write_text("")
    bulk.plan(tmp_path / "in", tmp_path / "out", None)
    assert [one.args[0].name for one in caplog.records] == ["columns.txt"]
    bulk.plan(tmp_path / "in/columns.txt", tmp_path / "out", None)
    bulk.plan(tmp_path / "in/columns.txt", tmp_path / "out", "text")
    assert len(caplog.records) == 2


def nested(depth):
    return b'{"text": "deep", "x": ' + b"[" * depth + b"]" * depth + b"}\n"


def test_bad_records_go_aside_with_their_reasons(bundle, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "Ada"}\nnothing\n\n{"text": 3}\n{"txt": ""}\n[]\n'
                                        b'{"text": "caf\xe9"}\n{"text": "\\ud800"}\n{"text": "Bert"}\n'
                                        + b"[" * 100_000 + b"\n" + nested(95) + nested(900))
    done = bulk.tag(bundle, tmp_path / "in.jsonl", tmp_path / "out.jsonl", processes=2)
    assert done.records == 12 and done.problems == 9
    good = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in good] == ["Ada", "Bert", "deep"]
    bad = [json.loads(line) for line in (tmp_path / "out.jsonl.bad.jsonl").read_text().splitlines()]
    assert [one["record"] for one in bad] == [1, 2, 3, 4, 5, 6, 7, 9, 11]
    assert "expected UTF-8, found byte 0xe9" in bad[5]["reason"] and 'string under "text"' in bad[2]["reason"]


def write_folder(folder):
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    (folder / "deep" / "b.jsonl.gz").write_bytes(gzip.compress(
        "".join(json.dumps({"text": text}) + "\n" for text in TEXTS[::-1]).encode()))
    (folder / "empty.txt.gz").write_bytes(gzip.compress(b""))
    (folder / ".hidden.txt").write_text("not me")
    (folder / "notes.docx").write_text("nor me")


def everything(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")}


def test_a_folder_is_tagged_once(bundle, tmp_path, caplog):
    write_folder(tmp_path / "in")
    done = bulk.tag(bundle, tmp_path / "in", tmp_path / "out")
    assert done.files == 3 and "1 files have no suffix that is known" in caplog.text
    first = everything(tmp_path / "out")
    assert set(first) == {"a.txt.jsonl", "deep/b.jsonl.gz", "empty.txt.jsonl.gz"}
    assert gzip.decompress(first["empty.txt.jsonl.gz"]) == b""
    assert not [path for path in (tmp_path / "out").rglob("*") if "part" in path.name]
    assert bulk.tag(bundle, tmp_path / "in", tmp_path / "out").files == 0
    (tmp_path / "in/c.txt").write_text("Ada")
    assert bulk.tag(bundle, tmp_path / "in", tmp_path / "out", processes=2).files == 1
    assert {name: content for name, content in everything(tmp_path / "out").items() if name in first} == first
    (tmp_path / "in/c.txt").write_text("Bert")
    with pytest.raises(RunError, match="made of a source that has changed since"):
        bulk.tag(bundle, tmp_path / "in", tmp_path / "out")
    assert bulk.tag(bundle, tmp_path / "in", tmp_path / "out", overwrite=True).files == 4


MAIN = """
from pathlib import Path
from ner_mx.serving import bulk

bulk.CHARACTERS = 3000
if __name__ == "__main__":
    folder = Path('{folder}')
    bulk.tag(Path('{bundle}'), folder / "in", folder / "out", processes={processes})
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(bundle, tmp_path, root, processes):
    write_folder(tmp_path / "in")
    bulk.tag(bundle, tmp_path / "in", tmp_path / "whole")
    (tmp_path / "main.py").write_text(MAIN.format(bundle=bundle, folder=tmp_path, processes=processes))
    chance = random.Random(processes)
    parts = tmp_path / "out" / ".a.txt.jsonl.parts"
    killed = 0
    for _ in range(40):
        process = subprocess.Popen([sys.executable, tmp_path / "main.py"], start_new_session=True,
                                   env={**os.environ, "PYTHONPATH": str(root)}, stderr=subprocess.DEVNULL)
        # Kill it as soon as one part more is there, or a moment later.
        before = len(list(parts.glob("*"))) if parts.is_dir() else 0
        while process.poll() is None:
            if not parts.is_dir() and before or parts.is_dir() and len(list(parts.glob("*"))) > before + 6:
                time.sleep(chance.random() * 0.02)
                break
            time.sleep(0.001)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        if process.returncode == 0:
            break
    assert process.returncode == 0 and killed >= 2
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_a_worker_that_dies_costs_a_second_try(bundle, tmp_path, caplog):
    (tmp_path / "in.txt").write_text("\n".join(TEXTS * 4), encoding="utf-8")
    bulk.tag(bundle, tmp_path / "in.txt", tmp_path / "whole.jsonl")

    def kill_one():
        while not list(tmp_path.glob(".out.jsonl.parts/*3")):
            time.sleep(0.001)
        multiprocessing.active_children()[0].kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    bulk.tag(bundle, tmp_path / "in.txt", tmp_path / "out.jsonl", processes=2)
    killer.join()
    assert "a worker died" in caplog.text
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.filterwarnings("default")  # Ray's own
def test_a_cluster_gives_the_same_and_bears_a_death(bundle, tmp_path, root, monkeypatch):
    pytest.importorskip("ray")
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{root / 'tests'}")
    from ner_mx.serving.cluster import tag_tables

    table = pyarrow.table({"id": list(range(4000)), "text": [None, *(TEXTS * 10)[1:]]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    bulk.tag(bundle, tmp_path / "in.parquet", tmp_path / "local.parquet")

    killed = []

    def kill_one():
        end = time.time() + 60
        while not killed and time.time() < end:
            found = subprocess.run(["pgrep", "-f", "ray::.*RowTagger"], capture_output=True, text=True,
                                   check=False).stdout.split()
            for pid in found[:1]:
                time.sleep(0.3)
                os.kill(int(pid), signal.SIGKILL)
                killed.append(pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill_one)
    killer.start()
    done = tag_tables(bundle, tmp_path / "in.parquet", tmp_path / "ray.parquet", workers=2)
    killer.join()
    assert killed and done[:3] == (1, 4000, 1)
    one, two = (pyarrow.parquet.read_table(tmp_path / f"{name}.parquet") for name in ("local", "ray"))
    assert one.schema == two.schema and one.select(["id", "text"]) == two.select(["id", "text"])
    for found, other in zip(one.column("entities").to_pylist(), two.column("entities").to_pylist()):
        assert [{**entity, "score": pytest.approx(entity["score"], abs=2e-5)} for entity in found] == other
    assert tag_tables(bundle, tmp_path / "in.parquet", tmp_path / "ray.parquet").files == 0
    (tmp_path / "in.txt").write_text("Ada")
    with pytest.raises(UserError, match="expected Parquet for --engine ray, found text"):
        tag_tables(bundle, tmp_path / "in.txt", tmp_path / "out.jsonl")
    (tmp_path / "noname").write_text("Ada")
    with pytest.raises(UserError, match="expected Parquet for --engine ray, found jsonl"):
        tag_tables(bundle, tmp_path / "noname", tmp_path / "out.jsonl", "jsonl")


def test_what_cannot_be_tagged_is_one_line(bundle, tmp_path, run_command):
    (tmp_path / "in.txt").write_text("Ada left.")
    (tmp_path / "in.bin").write_text("Ada left.")
    (tmp_path / "broken.txt.gz").write_bytes(gzip.compress(os.urandom(5000))[:2000])
    (tmp_path / "taken.jsonl").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "fresh.jsonl.bad.jsonl").write_text('{"text": "mended"}\n')
    (tmp_path / "clash").mkdir()
    for name in ("a.jsonl", "a.jsonl.bad.jsonl"):
        (tmp_path / "clash" / name).write_text('{"text": "Ada left."}\n')
    for arguments, problem in (
            (["in.txt", "taken.jsonl"], "holds something already"),
            (["in.txt", "fresh.jsonl"], "fresh.jsonl.bad.jsonl: holds something already"),
            (["fresh.jsonl.bad.jsonl", "fresh.jsonl"], "expected a name for the bad records of"),
            (["clash", "out"], "expected a name for the bad records of"),
            (["in.txt", "out.jsonl", "--address", "auto"], "--address: expected --engine ray"),
            (["in.bin", "out.jsonl"], "expected a suffix among"),
            (["gone.txt", "out.jsonl"], "expected a file or folder, found none"),
            (["broken.txt.gz", "out.jsonl"], "broken.txt.gz: expected a readable file, found"),
            (["in.txt", "folder"], "expected the name of another file"),
            (["folder", "out"], "expected files to tag, found none"),
            (["in.txt", "out.jsonl", "--form", "csv"], "expected one of text, jsonl, conll, parquet"),
            (["in.txt", "out.jsonl", "--engine", "spark"], "expected local or ray")):
        done = run_command("-m", "ner_mx", "tag", bundle, *[
            tmp_path / one if not one.startswith("-") and one not in ("csv", "spark", "auto") else one
            for one in arguments])
        assert done.returncode == 2 and problem in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "taken.jsonl").read_text() == "mine"
    assert (tmp_path / "fresh.jsonl.bad.jsonl").read_text() == '{"text": "mended"}\n'
    good = run_command("-m", "ner_mx", "tag", bundle, tmp_path / "in.bin", tmp_path / "o", "--form", "text")
    assert good.returncode == 0 and "1 files, 1 records, 0 of them bad" in good.stdout
