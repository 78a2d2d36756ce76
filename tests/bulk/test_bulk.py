"""Large corpora: every format, killed runs that resume, workers that die, a Ray cluster."""

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

from ner_mx.bulk import chunks, jobs, tagging
from ner_mx.bulk.record_formats import entities_to_json
from ner_mx.bulk.tagging import tag_files
from ner_mx.data.compression import compressed
from ner_mx.errors import CorpusError, RunError, UserError

TEXTS = [" ".join(sentence.tokens) for sentence in some_sentences(400, seed=11)]
TEXTS[7], TEXTS[9] = "", 'tabs\t"quotes" \u2028 \x85 ümlaut 🙂'


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(jobs, "CHUNK_CHARACTERS", 3000)
    monkeypatch.setattr(jobs, "CHUNK_ROWS", 50)


def expected_entities(tagger, texts=TEXTS):
    return [[{**entity, "score": pytest.approx(entity["score"], abs=2e-5)} for entity in entities_to_json(entities)]
            for entities in tagger.predict_batch(texts)]


COMPRESS = {"": lambda content: content, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
DECOMPRESS = {"": lambda content: content, ".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


@pytest.mark.parametrize("suffix", [*COMPRESS, ".zst"])
def test_text_and_json_lines_with_and_without_compression(bundle, tagger, tmp_path, suffix):
    if suffix == ".zst":
        zstandard = pytest.importorskip("zstandard")
        compress = zstandard.ZstdCompressor().compress
        decompress = lambda content: zstandard.ZstdDecompressor().stream_reader(  # noqa: E731
            content, read_across_frames=True).read()
    else:
        compress, decompress = COMPRESS[suffix], DECOMPRESS[suffix]
    source = tmp_path / f"in.txt{suffix}"
    source.write_bytes(compress("\r\n".join(TEXTS).encode("utf-8")))
    done = tag_files(bundle, source, tmp_path / f"out.jsonl{suffix}")
    assert done[:3] == (1, 400, 0) and done.words == sum(len(text.split()) for text in TEXTS)
    lines = decompress((tmp_path / f"out.jsonl{suffix}").read_bytes()).decode().split("\n")
    records = [json.loads(line) for line in lines[:-1]]
    assert [record["text"] for record in records] == TEXTS
    assert [record["entities"] for record in records] == expected_entities(tagger)

    second_target = tmp_path / f"again.jsonl{suffix}"
    source = tmp_path / f"in.jsonl{suffix}"
    source.write_bytes(compress("".join(json.dumps({"id": number, "text": text}) + "\n"
                                      for number, text in enumerate(TEXTS)).encode()))
    tag_files(bundle, source, second_target)
    from_json = [json.loads(line) for line in decompress(second_target.read_bytes()).decode().split("\n")[:-1]]
    assert [(record["id"], record["text"]) for record in from_json] == list(enumerate(TEXTS))
    assert [record["entities"] for record in from_json] == [record["entities"] for record in records]


def test_conll_columns_are_kept_and_tags_appended(bundle, tagger, tmp_path):
    sentences = some_sentences(300, seed=12)
    lines = ["-DOCSTART- -X- O", ""]
    for sentence in sentences:
        lines += [*(f"{token}\t{pos}" for token, pos in zip(sentence.tokens, sentence.pos)), "  "]
    (tmp_path / "in.conll").write_text("\n".join(lines), encoding="utf-8")
    done = tag_files(bundle, tmp_path / "in.conll", tmp_path / "out.conll")
    assert done.words == sum(len(sentence.tokens) for sentence in sentences)
    tagged = (tmp_path / "out.conll").read_text(encoding="utf-8").split("\n")
    assert tagged[:2] == ["-DOCSTART- -X- O O", ""]
    rows = [line.split("\t") for line in tagged[2:] if line]
    assert [row[:2] for row in rows] == [line.split("\t") for line in lines[2:] if line.strip()]
    spans = sum(len(scored) for scored in tagger.tag_batch([sentence.tokens for sentence in sentences]))
    assert sum(row[2].startswith("B-") for row in rows) == spans > 100


def test_conll_columns_are_separated_as_in_a_corpus(bundle, tmp_path):
    """In columns separated by tabs, words may hold spaces; no-break spaces separate nothing; a column may be empty."""
    rows = ["New York\tNNP\tx", "10\u00a0000\tCD\t", "left\t\t", "", "10\u00a0000 CD", "men NNS "]
    (tmp_path / "in.tsv").write_text("\n".join(rows) + "\n\n\tNNP\n", encoding="utf-8")
    done = tag_files(bundle, tmp_path / "in.tsv", tmp_path / "out.tsv", "conll")
    assert (done.records, done.problems, done.words) == (3, 1, 5)
    lines = (tmp_path / "out.tsv").read_text(encoding="utf-8").split("\n")
    assert [line.split("\t")[:-1] for line in lines[:3]] == [row.split("\t") for row in rows[:3]]
    assert [line.rpartition(" ")[0] for line in lines[4:6]] == ["10\u00a0000 CD", "men NNS"]
    assert "in the first column" in (tmp_path / "out.tsv.bad.jsonl").read_text()
    (tmp_path / "a.conllu").write_text("# a comment\n1\tAda\n")
    with pytest.raises(UserError, match="expected a suffix among"):
        tag_files(bundle, tmp_path / "a.conllu", tmp_path / "never.conll")


def test_a_folder_named_like_a_partition_adds_no_column(bundle, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    (tmp_path / "in/year=2020").mkdir(parents=True)
    texts = pyarrow.array([b"Ada", b"a\xff\xfe", b"Bert"], pyarrow.binary())
    # A string column of a Parquet file may hold any bytes.
    broken = pyarrow.Array.from_buffers(pyarrow.string(), 3, texts.buffers())
    pyarrow.parquet.write_table(pyarrow.table({"text": broken}), tmp_path / "in/year=2020/a.parquet")
    done = tag_files(bundle, tmp_path / "in", tmp_path / "out")
    assert (done.records, done.problems) == (3, 1)
    with pyarrow.parquet.ParquetFile(tmp_path / "out/year=2020/a.parquet") as file:
        assert file.schema_arrow.names == ["text", "entities"] and file.metadata.num_rows == 3
    bad = json.loads((tmp_path / "out/year=2020/a.parquet.bad.jsonl").read_text())
    assert bad["record"] == 1 and "expected UTF-8, found byte 0xff" in bad["reason"]


def test_the_output_is_valid_json_and_keeps_every_key(bundle, tmp_path):
    lines = ['{"text": "Ada", "meta": "cut \\ud83d"}', '{"text": "Ada", "v": 1e999}',
             '{"text": "Ada", "v": NaN}', '{"text": "Ada", "entities": ["gold"]}',
             '{"text": "Ada", "v": 1e3}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    done = tag_files(bundle, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert (done.records, done.problems) == (5, 3)
    first, last = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert first["meta"] == "cut \ud83d" and last["v"] == 1000.0
    bad = [json.loads(line)["reason"] for line in (tmp_path / "out.jsonl.bad.jsonl").read_text().splitlines()]
    assert "1e999, which JSON cannot represent" in bad[0] and "NaN, which JSON cannot represent" in bad[1]
    assert 'expected no "entities" yet' in bad[2]


def test_bad_records_are_truncated_and_counted_into_chunks(tmp_path):
    source = tmp_path / "in.txt"
    source.write_bytes((b"caf\xe9 " * 200 + b"\n") * 100)
    advances = []
    read = list(chunks.read_chunks(jobs.Job(source, tmp_path / "out", "text"), advances.append))
    assert all(len(record.content) == 1000 for chunk in read for record in chunk.records)
    assert len(read) == 34
    assert sum(advances) == source.stat().st_size


def test_overwriting_keeps_the_old_result_until_the_new_one_is_complete(bundle, tmp_path, monkeypatch):
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(TEXTS), encoding="utf-8")
    tag_files(bundle, source, target)
    old = target.read_bytes()
    source.write_text("\n".join(TEXTS[::-1]), encoding="utf-8")
    tag_chunk, calls = tagging.tag_chunk, []

    def interrupted_at_the_third_chunk(tagger, chunk):
        calls.append(chunk.first)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return tag_chunk(tagger, chunk)

    monkeypatch.setattr(tagging, "tag_chunk", interrupted_at_the_third_chunk)
    with pytest.raises(KeyboardInterrupt):
        tag_files(bundle, source, target, overwrite=True)
    assert target.read_bytes() == old
    # The same call resumes: the two finished chunks are not computed again.
    done = tag_files(bundle, source, target, overwrite=True)
    assert calls[3] == calls[2] and done.records < 400
    tag_files(bundle, source, tmp_path / "fresh.jsonl")
    assert target.read_bytes() == (tmp_path / "fresh.jsonl").read_bytes() != old
    assert tag_files(bundle, source, target).files == 0


def test_a_source_that_changes_while_it_is_tagged_is_an_error(bundle, tmp_path, monkeypatch):
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(TEXTS), encoding="utf-8")
    tag_chunk = tagging.tag_chunk

    def changing_the_source(tagger, chunk):
        with open(source, "a", encoding="utf-8") as file:
            file.write("\nAda")
        return tag_chunk(tagger, chunk)

    with monkeypatch.context() as patched:
        patched.setattr(tagging, "tag_chunk", changing_the_source)
        with pytest.raises(RunError, match="in.txt: changed while it was being tagged"):
            tag_files(bundle, source, target)
    assert not target.exists()
    with pytest.raises(RunError, match="from a source that has changed since"):
        tag_files(bundle, source, target)
    tag_files(bundle, source, target, overwrite=True)
    assert json.loads(target.read_text("utf-8").splitlines()[-1])["text"] == "Ada"


def test_parquet_tables_keep_their_columns(bundle, tagger, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"id": list(range(400)), "text": [*TEXTS[:20], None, *TEXTS[21:]]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    done = tag_files(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert done[:3] == (1, 400, 1)
    tagged = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert tagged.select(["id", "text"]) == table
    texts = [*TEXTS[:20], "", *TEXTS[21:]]
    assert tagged.column("entities").to_pylist() == expected_entities(tagger, texts)
    bad = json.loads((tmp_path / "out.parquet.bad.jsonl").read_text())
    assert bad == {"record": 20, "reason": "expected a text, found null", "content": None}
    column = pyarrow.array(["Ada"])
    for name, invalid_table, problem in (
            ("none", pyarrow.table({"id": [1]}), 'expected a column "text", found id'),
            ("entities", pyarrow.table({"text": ["a"], "entities": [1]}), 'expected no column "entities"'),
            ("twice", pyarrow.table([column, column], ["text", "text"]), 'column "text", found text, text'),
            ("numbers", pyarrow.table({"text": [1]}), 'expected strings in the column "text", found int64')):
        pyarrow.parquet.write_table(invalid_table, tmp_path / f"{name}.parquet")
        with pytest.raises(CorpusError, match=problem):
            tag_files(bundle, tmp_path / f"{name}.parquet", tmp_path / "never.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(CorpusError, match="expected Parquet, found"):
        tag_files(bundle, tmp_path / "broken.parquet", tmp_path / "never.parquet")


def test_a_column_of_categories_is_read_as_strings(bundle, tagger, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    texts = [TEXTS[0], TEXTS[1], TEXTS[0], None]
    table = pyarrow.table({"text": pyarrow.array(texts).dictionary_encode()})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    assert tag_files(bundle, tmp_path / "in.parquet", tmp_path / "out.parquet")[:3] == (1, 4, 1)
    tagged = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert tagged.column("text").to_pylist() == texts
    assert tagged.column("entities").to_pylist() == expected_entities(tagger, [*texts[:3], ""])


def test_conll_columns_in_a_file_with_the_suffix_of_text_give_a_warning(bundle, tmp_path, caplog):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/columns.txt").write_text("-DOCSTART- -X- O\n\nAda NNP B-PER\nleft VBD O\n")
    (tmp_path / "in/words.txt").write_text("Ada left.\nTo O\n")
    (tmp_path / "in/empty.txt").write_text("")
    jobs.plan_jobs(tmp_path / "in", tmp_path / "out", None)
    assert [record.args[0].name for record in caplog.records] == ["columns.txt"]
    jobs.plan_jobs(tmp_path / "in/columns.txt", tmp_path / "out", None)
    jobs.plan_jobs(tmp_path / "in/columns.txt", tmp_path / "out", "text")
    assert len(caplog.records) == 2


def nested(depth):
    return b'{"text": "deep", "x": ' + b"[" * depth + b"]" * depth + b"}\n"


def test_bad_records_are_written_to_a_file_with_their_reasons(bundle, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "Ada"}\nnothing\n\n{"text": 3}\n{"txt": ""}\n[]\n'
                                        b'{"text": "caf\xe9"}\n{"text": "\\ud800"}\n{"text": "Bert"}\n'
                                        + b"[" * 100_000 + b"\n" + nested(95) + nested(900))
    done = tag_files(bundle, tmp_path / "in.jsonl", tmp_path / "out.jsonl", processes=2)
    assert done.records == 12 and done.problems == 9
    good = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in good] == ["Ada", "Bert", "deep"]
    bad = [json.loads(line) for line in (tmp_path / "out.jsonl.bad.jsonl").read_text().splitlines()]
    assert [record["record"] for record in bad] == [1, 2, 3, 4, 5, 6, 7, 9, 11]
    assert "expected UTF-8, found byte 0xe9" in bad[5]["reason"] and 'string under "text"' in bad[2]["reason"]


def write_folder(folder):
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    (folder / "deep" / "b.jsonl.gz").write_bytes(gzip.compress(
        "".join(json.dumps({"text": text}) + "\n" for text in TEXTS[::-1]).encode()))
    (folder / "empty.txt.gz").write_bytes(gzip.compress(b""))
    (folder / ".hidden.txt").write_text("not me")
    (folder / "notes.docx").write_text("nor me")


def visible_files(folder):
    """The content of every file that is not hidden, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")}


def test_the_files_of_a_folder_are_tagged_once(bundle, tmp_path, caplog):
    write_folder(tmp_path / "in")
    done = tag_files(bundle, tmp_path / "in", tmp_path / "out")
    assert done.files == 3 and "1 files have an unknown suffix" in caplog.text
    first = visible_files(tmp_path / "out")
    assert set(first) == {"a.txt.jsonl", "deep/b.jsonl.gz", "empty.txt.jsonl.gz"}
    assert gzip.decompress(first["empty.txt.jsonl.gz"]) == b""
    assert not [path for path in (tmp_path / "out").rglob("*") if "part" in path.name]
    assert tag_files(bundle, tmp_path / "in", tmp_path / "out").files == 0
    (tmp_path / "in/c.txt").write_text("Ada")
    assert tag_files(bundle, tmp_path / "in", tmp_path / "out", processes=2).files == 1
    assert {name: content for name, content in visible_files(tmp_path / "out").items() if name in first} == first
    (tmp_path / "in/c.txt").write_text("Bert")
    with pytest.raises(RunError, match="from a source that has changed since"):
        tag_files(bundle, tmp_path / "in", tmp_path / "out")
    assert tag_files(bundle, tmp_path / "in", tmp_path / "out", overwrite=True).files == 4


def test_parts_that_remain_beside_a_finished_result_are_removed(bundle, tmp_path, monkeypatch):
    """A process can be killed between finishing a result and removing its parts."""
    (tmp_path / "in.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(tagging.shutil, "rmtree", lambda folder: None)
        tag_files(bundle, tmp_path / "in.txt", tmp_path / "out.jsonl")
    assert list(tmp_path.glob(".out.jsonl.parts/*"))
    assert tag_files(bundle, tmp_path / "in.txt", tmp_path / "out.jsonl").files == 0
    assert not (tmp_path / ".out.jsonl.parts").exists()


MAIN = """
from pathlib import Path
from ner_mx.bulk import jobs
from ner_mx.bulk.tagging import tag_files

jobs.CHUNK_CHARACTERS = 3000
if __name__ == "__main__":
    folder = Path('{folder}')
    tag_files(Path('{bundle}'), folder / "in", folder / "out", processes={processes})
"""


def count_files(folder):
    """The number of files in a folder that another process may remove at any moment."""
    try:
        return len(os.listdir(folder))
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_killed_at_random_moments_resumes_to_the_same_bytes(bundle, tmp_path, root, processes):
    write_folder(tmp_path / "in")
    tag_files(bundle, tmp_path / "in", tmp_path / "whole")
    (tmp_path / "main.py").write_text(MAIN.format(bundle=bundle, folder=tmp_path, processes=processes))
    generator = random.Random(processes)
    parts = tmp_path / "out" / ".a.txt.jsonl.parts"
    killed = 0
    for _ in range(40):
        process = subprocess.Popen([sys.executable, tmp_path / "main.py"], start_new_session=True,
                                   env={**os.environ, "PYTHONPATH": str(root)}, stderr=subprocess.DEVNULL)
        # Kill it a moment after some more parts are finished.
        before = count_files(parts)
        while process.poll() is None:
            if before and not parts.is_dir() or count_files(parts) > before + 6:
                time.sleep(generator.random() * 0.02)
                break
            time.sleep(0.001)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        if process.returncode == 0:
            break
    assert process.returncode == 0 and killed >= 2
    assert visible_files(tmp_path / "out") == visible_files(tmp_path / "whole")


def test_the_chunk_of_a_worker_that_dies_is_tagged_again(bundle, tmp_path, caplog):
    (tmp_path / "in.txt").write_text("\n".join(TEXTS * 4), encoding="utf-8")
    tag_files(bundle, tmp_path / "in.txt", tmp_path / "whole.jsonl")

    def kill_a_worker():
        while not list(tmp_path.glob(".out.jsonl.parts/*3")):
            time.sleep(0.001)
        multiprocessing.active_children()[0].kill()

    killer = threading.Thread(target=kill_a_worker)
    killer.start()
    tag_files(bundle, tmp_path / "in.txt", tmp_path / "out.jsonl", processes=2)
    killer.join()
    assert "a worker process died; its chunk is tagged again" in caplog.text
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.filterwarnings("default")  # Ray's own
def test_a_cluster_gives_the_same_result_and_survives_the_death_of_a_worker(bundle, tmp_path, root, monkeypatch):
    pytest.importorskip("ray")
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    monkeypatch.setenv("PYTHONPATH", f"{root}{os.pathsep}{root / 'tests'}")
    from ner_mx.bulk.cluster import tag_tables

    table = pyarrow.table({"id": list(range(4000)), "text": [None, *(TEXTS * 10)[1:]]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    tag_files(bundle, tmp_path / "in.parquet", tmp_path / "local.parquet")

    killed = []

    def kill_a_worker():
        end = time.time() + 60
        while not killed and time.time() < end:
            pids = subprocess.run(["pgrep", "-f", "ray::.*TableTagger"], capture_output=True, text=True,
                                  check=False).stdout.split()
            for pid in pids[:1]:
                time.sleep(0.3)
                os.kill(int(pid), signal.SIGKILL)
                killed.append(pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill_a_worker)
    killer.start()
    done = tag_tables(bundle, tmp_path / "in.parquet", tmp_path / "ray.parquet", workers=2)
    killer.join()
    assert killed and done[:3] == (1, 4000, 1)
    local, cluster = (pyarrow.parquet.read_table(tmp_path / f"{name}.parquet") for name in ("local", "ray"))
    assert local.schema == cluster.schema and local.select(["id", "text"]) == cluster.select(["id", "text"])
    for expected, entities in zip(local.column("entities").to_pylist(), cluster.column("entities").to_pylist()):
        assert [{**entity, "score": pytest.approx(entity["score"], abs=2e-5)} for entity in expected] == entities
    assert tag_tables(bundle, tmp_path / "in.parquet", tmp_path / "ray.parquet").files == 0
    (tmp_path / "in.txt").write_text("Ada")
    with pytest.raises(UserError, match="expected Parquet for the engine ray, found text"):
        tag_tables(bundle, tmp_path / "in.txt", tmp_path / "out.jsonl")
    (tmp_path / "noname").write_text("Ada")
    with pytest.raises(UserError, match="expected Parquet for the engine ray, found jsonl"):
        tag_tables(bundle, tmp_path / "noname", tmp_path / "out.jsonl", "jsonl")


CODE = """
from ner_mx.features import TypeLookup
from ner_mx.registry import register


@register.feature("last_two_letters")
class LastTwoLetters(TypeLookup):
    def value(self, word):
        return word[-2:]
"""

MAIN_WITH_CODE = """
import sys
from pathlib import Path

from random_networks import build

from ner_mx.bulk import cluster, jobs, tagging
from ner_mx.inference.bundle import write_bundle
from ner_mx.inference.exporting import bundle_of
from ner_mx.registry import load_code

if __name__ == "__main__":
    jobs.CHUNK_ROWS = 50
    folder = Path(sys.argv[1])
    load_code(str(folder / "letters.py"))
    network = build({"features.last_two_letters.dimension": 5})
    write_bundle(bundle_of(*network, {"data": {}, "seed": 1}), folder / "bundle")
    source = folder / "in.parquet"
    if sys.argv[2] == "local":
        tagging.tag_files(folder / "bundle", source, folder / "workers.parquet", processes=2)
    else:
        cluster.tag_tables(folder / "bundle", source, folder / "workers.parquet", workers=2)
    tagging.tag_files(folder / "bundle", source, folder / "single.parquet")
"""


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_workers_load_the_code_modules_of_the_calling_process(tmp_path, root, run_command, engine):
    """The bundle has a feature of a module outside the package: a worker without the module cannot read it."""
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    if engine == "ray":
        pytest.importorskip("ray")
    pyarrow.parquet.write_table(pyarrow.table({"text": TEXTS}), tmp_path / "in.parquet")
    (tmp_path / "letters.py").write_text(CODE)
    (tmp_path / "main.py").write_text(MAIN_WITH_CODE)
    done = run_command(tmp_path / "main.py", tmp_path, engine,
                       env={"PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"})
    assert done.returncode == 0, done.stderr
    assert "died" not in done.stderr
    single, workers = (pyarrow.parquet.read_table(tmp_path / f"{name}.parquet") for name in ("single", "workers"))
    assert workers.select(["text"]) == single.select(["text"])
    for expected, entities in zip(single.column("entities").to_pylist(), workers.column("entities").to_pylist()):
        assert [{**entity, "score": pytest.approx(entity["score"], abs=2e-5)} for entity in expected] == entities
    assert sum(map(len, workers.column("entities").to_pylist())) > 100


def test_what_cannot_be_tagged_is_an_error_of_one_line(bundle, tmp_path, run_command):
    (tmp_path / "in.txt").write_text("Ada left.")
    (tmp_path / "in.bin").write_text("Ada left.")
    (tmp_path / "broken.txt.gz").write_bytes(gzip.compress(os.urandom(5000))[:2000])
    (tmp_path / "taken.jsonl").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "fresh.jsonl.bad.jsonl").write_text('{"text": "repaired"}\n')
    (tmp_path / "clash").mkdir()
    for name in ("a.jsonl", "a.jsonl.bad.jsonl"):
        (tmp_path / "clash" / name).write_text('{"text": "Ada left."}\n')
    for arguments, problem in (
            (["in.txt", "taken.jsonl"], "taken.jsonl: exists already; choose another target"),
            (["in.txt", "fresh.jsonl"], "fresh.jsonl.bad.jsonl: exists already; choose another target"),
            (["fresh.jsonl.bad.jsonl", "fresh.jsonl"], "expected a name for the bad records of"),
            (["clash", "out"], "expected a name for the bad records of"),
            (["in.txt", "out.jsonl", "--address", "auto"], "--address: expected --engine ray"),
            (["in.bin", "out.jsonl"], "expected a suffix among"),
            (["gone.txt", "out.jsonl"], "gone.txt: expected a file or folder, found nothing"),
            (["broken.txt.gz", "out.jsonl"], "broken.txt.gz: expected a readable file, found"),
            (["in.txt", "folder"], "expected the name of another file"),
            (["folder", "out"], "expected files to tag, found nothing"),
            (["in.txt", "out.jsonl", "--form", "csv"], "expected one of text, jsonl, conll, parquet"),
            (["in.txt", "out.jsonl", "--engine", "spark"], "expected local or ray")):
        done = run_command("-m", "ner_mx", "tag", bundle, *[
            argument if argument.startswith("-") or argument in ("csv", "spark", "auto") else tmp_path / argument
            for argument in arguments])
        assert done.returncode == 2 and problem in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "taken.jsonl").read_text() == "mine"
    assert (tmp_path / "fresh.jsonl.bad.jsonl").read_text() == '{"text": "repaired"}\n'
    good = run_command("-m", "ner_mx", "tag", bundle, tmp_path / "in.bin", tmp_path / "o", "--form", "text")
    assert good.returncode == 0 and "1 files, 1 records, 0 of them bad" in good.stdout


# --- files as they are ---


def test_linked_folders_are_followed_and_cycles_are_not(bundle, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.txt").write_text("Ada left Rome.\n")
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/b.txt").write_text("Bob came.\n")
    (tmp_path / "in/linked").symlink_to(tmp_path / "other")
    (tmp_path / "in/sub/again").symlink_to(tmp_path / "in")
    assert tag_files(bundle, tmp_path / "in", tmp_path / "out").files == 2
    assert (tmp_path / "out/linked/a.txt.jsonl").is_file() and (tmp_path / "out/sub/b.txt.jsonl").is_file()


def test_a_damaged_file_does_not_stop_the_others(bundle, tmp_path, call_command):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("Ada left Rome.\n")
    (tmp_path / "in/b.txt.gz").write_bytes(b"\x1f\x8b damaged")
    (tmp_path / "in/c.txt").write_text("Bob came.\n")
    done = call_command("-m", "ner_mx", "tag", bundle, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 2 and "b.txt.gz: expected a readable file" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")) == [
        "a.txt.jsonl", "c.txt.jsonl"]
    # Repaired, it is tagged by the same command.
    (tmp_path / "in/b.txt.gz").write_bytes(compressed(b"Zoe left.\n", ".gz"))
    assert call_command("-m", "ner_mx", "tag", bundle, tmp_path / "in", tmp_path / "out").returncode == 0
    assert (tmp_path / "out/b.txt.jsonl.gz").is_file()


def test_json_lines_keep_their_numbers_keys_and_escapes(bundle, tmp_path):
    line = '{"n": 3.14159265358979323846, "n": 1e400, "k": [1.0, {"x": "\\u00e9}"}], "text": "Ada left Rome."} '
    (tmp_path / "in.jsonl").write_text(line.replace("1e400", "1E2") + "\n")
    tag_files(bundle, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    written = (tmp_path / "out.jsonl").read_text()
    assert written.startswith('{"n": 3.14159265358979323846, "n": 1E2, "k": [1.0, {"x": "\\u00e9}"}], "text": '
                              '"Ada left Rome.", "entities": [')
    assert json.loads(written)["text"] == "Ada left Rome."


def test_upper_case_suffixes_and_tables_that_are_no_columns(bundle, tmp_path, caplog):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.TXT.GZ").write_bytes(compressed(b"Ada left.\n", ".gz"))
    (tmp_path / "in/sales.tsv").write_text("name\tcount\nAda\t3\n")
    (tmp_path / "in/b.tsv").write_text("Ada\tB-PER\nleft\tO\n\n")
    assert tag_files(bundle, tmp_path / "in", tmp_path / "out").files == 2
    assert "1 files have an unknown suffix and are skipped" in caplog.text
    assert gzip.decompress((tmp_path / "out/a.TXT.jsonl.GZ").read_bytes()).startswith(b'{"text": "Ada left."')


def test_utf_16_without_a_mark_is_bad_and_nothing_but_bad_records_is_a_failure(bundle, tmp_path, call_command):
    (tmp_path / "in.txt").write_bytes("Ada left.\nBob came.\n".encode("utf-16-le"))
    done = call_command("-m", "ner_mx", "tag", bundle, tmp_path / "in.txt", tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert "found a NUL character; is it UTF-16?" in (tmp_path / "out.jsonl.bad.jsonl").read_text()


def test_a_target_in_another_format_and_an_array_are_errors(bundle, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(UserError, match="out.parquet: expected the suffix of a result in jsonl, found .parquet"):
        tag_files(bundle, tmp_path / "in.jsonl", tmp_path / "out.parquet")
    (tmp_path / "in.json").write_text('[\n{"text": "a"}\n]\n')
    with pytest.raises(UserError, match="in.json: expected a record of JSON per line, found an array"):
        tag_files(bundle, tmp_path / "in.json", tmp_path / "out.json")


def test_another_least_probability_is_another_result(bundle, tmp_path):
    (tmp_path / "in.txt").write_text("Ada met Bob in Rome.\n")
    tag_files(bundle, tmp_path / "in.txt", tmp_path / "out.jsonl", min_score="1.0")
    assert json.loads((tmp_path / "out.jsonl").read_text())["entities"] == []
    with pytest.raises(RunError, match="with another bundle"):
        tag_files(bundle, tmp_path / "in.txt", tmp_path / "out.jsonl")
