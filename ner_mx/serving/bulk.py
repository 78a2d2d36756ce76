"""Big corpora: files in, files with entities out, in constant memory, as often interrupted as may be.

A file is read in chunks whose borders depend on the file alone, and each
chunk's result is a file of its own, whole or not there at all.  The result is
their join.  So a run that is killed at any moment goes on behind the last
chunk that is there, and ends with the same bytes as one that was not.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from tqdm import tqdm

from ner_mx.corpora import packing
from ner_mx.errors import RunError, UserError, repeated
from ner_mx.files import locked, read_json, replacing, sha256, write_json
from ner_mx.runtime.bundle import MANIFEST
from ner_mx.runtime.tagger import Tagger
from ner_mx.serving import tables
from ner_mx.serving.records import FORMS, SUFFIXES, Record, form_of, looks_like_columns
from ner_mx.serving.workers import Workers

log = logging.getLogger(__name__)

# A chunk ends behind so many characters, or rows of a table.
CHARACTERS, ROWS = 1 << 18, 1024


class Job(NamedTuple):
    """A file to tag; ``form`` is its format."""

    source: Path
    target: Path
    form: str

    def beside(self, ending: str) -> Path:
        """A hidden name beside the result."""
        return self.target.with_name(f".{self.target.name}.{ending}")


class Chunk(NamedTuple):
    """Records that are tagged together; of a table, ``table`` holds all its columns."""

    form: str
    pack: str
    first: int
    records: List[Record]
    table: Any = None

    def __str__(self) -> str:
        return f"records {self.first} to {self.first + len(self.records) - 1}"


class Tagged(NamedTuple):
    """A chunk's share of the result and of the file of bad records."""

    content: bytes
    bad: bytes
    records: int
    problems: int
    words: int


class Totals(NamedTuple):
    """What a call did; what earlier ones did is not in it.

    words : runs between blanks in a text, tokens in a tokenised sentence.
    """

    files: int
    records: int
    problems: int
    words: int
    seconds: float


def tag(bundle: Path, source: Path, target: Path, form: Optional[str] = None, processes: int = 1,
        overwrite: bool = False) -> Totals:
    """Tag a file, or every file of a folder; what is tagged already is passed over.

    Parameters
    ----------
    form : ``text``, ``jsonl``, ``conll`` or ``parquet``; by the suffix if not given.
    processes : that tag, a thread each; a single one takes all cores.

    Raises
    ------
    CorpusError : a file cannot be read.
    RunError : the target holds something else.
    BundleError : the bundle is none.
    """
    with left_to_do(bundle, plan(source, target, form), target, overwrite) as (jobs, digest):
        started, counts = time.perf_counter(), [0, 0, 0]
        begin = Begin(bundle, None if processes == 1 else 1)
        with Workers(begin, processes) as workers, _bar(jobs) as bar:
            for job in jobs:
                for tagged in _tag_file(job, digest, workers, bar):
                    for number, count in enumerate((tagged.records, tagged.problems, tagged.words)):
                        counts[number] += count
        return Totals(len(jobs), *counts, time.perf_counter() - started)


@contextmanager
def left_to_do(bundle: Path, jobs: List[Job], target: Path,
               overwrite: bool) -> Iterator[Tuple[List[Job], str]]:
    """The jobs that are not done, and the bundle's digest; no other process is at them meanwhile."""
    Tagger.load(bundle, threads=1)  # whatever is wrong with it shows here
    digest = sha256(bundle / MANIFEST)
    with locked(target, "wait for it, or choose another target"):
        if overwrite:
            for job in jobs:
                _begin_anew(job, digest)
        left = [job for job in jobs if not _is_done(job, digest)]
        if len(left) < len(jobs):
            log.info("%d of %d files are tagged already", len(jobs) - len(left), len(jobs))
        yield left, digest


def plan(source: Path, target: Path, form: Optional[str]) -> List[Job]:
    """The files to tag, in order, and where their results go.

    Raises
    ------
    UserError : there is nothing to tag, a format is unknown, or two files would have one name.
    """
    if form is not None and form not in {*FORMS, "parquet"}:
        raise UserError(f"--form: expected one of {', '.join([*FORMS, 'parquet'])}, found {form!r}")
    if not source.exists():
        raise UserError(f"{source}: expected a file or folder, found none")
    if not source.is_dir():
        found = form_of(source, form)
        if found is None:
            raise UserError(f"{source}: expected a suffix among {', '.join(SUFFIXES)}, found "
                            f"{source.suffix!r}; say what it is with --form")
        if target.is_dir() or target.resolve() == source.resolve():
            raise UserError(f"{target}: expected the name of another file")
        return _checked([Job(source, target, found)], form)
    if target.is_file() or source.resolve() in (target.resolve(), *target.resolve().parents):
        raise UserError(f"{target}: expected a folder outside the source's")
    paths = [path for path in sorted(source.rglob("*")) if path.is_file()
             and not any(part.startswith(".") for part in path.relative_to(source).parts)]
    forms = {path: form_of(path, form) for path in paths}
    jobs = [Job(path, target / path.relative_to(source).parent / _result_name(path, found), found)
            for path, found in forms.items() if found is not None]
    if len(jobs) < len(paths):
        log.warning("warning: %d files have no suffix that is known, and are left alone",
                    len(paths) - len(jobs))
    if not jobs:
        raise UserError(f"{source}: expected files to tag, found none; say what they are with --form")
    return _checked(jobs, form)


def _checked(jobs: List[Job], form: Optional[str]) -> List[Job]:
    """The jobs, whose sources, results and files of bad records are all different files.

    Of a file that only its suffix calls text (``form`` is None), a warning says that it looks like columns.

    Raises
    ------
    UserError : one of them would take the place of another.
    """
    for job in jobs:
        if form is None and job.form == "text" and looks_like_columns(job.source):
            log.warning("warning: %s is read as a text a line, and looks like columns; those are read with "
                        "--form conll", job.source)
    twice = repeated(job.target for job in jobs)
    if twice:
        raise UserError(f"{twice}: expected one source for each result, found two; rename one")
    others = {path.resolve() for job in jobs for path in (job.source, job.target)}
    for job in jobs:
        if bad_of(job).resolve() in others:
            raise UserError(f"{bad_of(job)}: expected a name for the bad records of {job.source} alone, "
                            "found it among the sources or results; rename one, or choose another target")
    return jobs


def _result_name(path: Path, form: str) -> str:
    """``a.txt.gz`` becomes ``a.txt.jsonl.gz``; what is in the result's format keeps its name."""
    if form != "text":
        return path.name
    plain, pack = (path.with_suffix(""), path.suffix) if path.suffix in packing.SUFFIXES else (path, "")
    return plain.name + FORMS[form].suffix + pack


def _begin_anew(job: Job, digest: str) -> None:
    """Forget what was made; the old result stands until the new one is whole.

    What an earlier call with the same aim left half done is gone on with.
    """
    if job.beside("made.json").is_file():
        earlier = read_json(job.beside("made.json"))
        if earlier == made(job, digest):
            return
    shutil.rmtree(job.beside("parts"), ignore_errors=True)
    write_json(job.beside("made.json"), made(job, digest))


def bad_of(job: Job) -> Path:
    """Where the records of a file go that cannot be read."""
    return job.target.with_name(f"{job.target.name}.bad.jsonl")


def made(job: Job, digest: str) -> Dict[str, Any]:
    """What a result is made of."""
    status = job.source.stat()
    return {"bundle": digest, "form": job.form, "chunk": [CHARACTERS, ROWS],
            "source": {"size": status.st_size, "mtime_ns": status.st_mtime_ns}}


def _is_done(job: Job, digest: str) -> bool:
    """Whether a file is tagged already.

    Raises
    ------
    RunError : what is there is something else, or made with another bundle or of another source.
    """
    if not job.beside("made.json").is_file():
        taken = next((path for path in (job.target, bad_of(job)) if path.exists()), None)
        if taken:
            raise RunError(f"{taken}: holds something already; choose another target, or give --overwrite")
        return False
    if not job.target.exists() and not any(job.beside("parts").glob("*")):
        return False  # nothing came of it
    earlier = read_json(job.beside("made.json"))
    wanted = made(job, digest)
    for key, what in (("bundle", "with another bundle"), ("form", "as another format"),
                      ("chunk", "by a version that cuts otherwise"),
                      ("source", "of a source that has changed since")):
        if earlier.get(key) != wanted[key]:
            raise RunError(f"{job.target}: what is there was made {what}; choose another target, or give "
                           "--overwrite")
    return bool(earlier.get("done")) and job.target.is_file()


def _tag_file(job: Job, digest: str, workers: Workers, bar: Any) -> Iterator[Tagged]:
    """Tag what is left of a file, chunk by chunk, and join the parts."""
    making = made(job, digest)
    write_json(job.beside("made.json"), making)
    parts = job.beside("parts")
    parts.mkdir(parents=True, exist_ok=True)
    known = 0
    while (parts / f"{known:08d}").is_file():
        known += 1
    count = known
    for tagged in workers.map(islice(_chunks(job, bar), known, None)):
        # The part itself comes last: where it is, the chunk is done.
        for name, content in ((f"{count:08d}.bad", tagged.bad), (f"{count:08d}", tagged.content)):
            with replacing(parts / name) as temporary:
                temporary.write_bytes(content)
        count += 1
        yield tagged
    numbers = [f"{number:08d}" for number in range(count)]
    bad = [parts / f"{number}.bad" for number in numbers]
    check_unchanged(job, digest, making)
    if any(path.stat().st_size for path in bad):
        _joined(bad, bad_of(job))
    else:
        bad_of(job).unlink(missing_ok=True)
    if job.form == "parquet":
        tables.join(job.source, [parts / number for number in numbers], job.target)
    else:
        _joined([parts / number for number in numbers], job.target)
    write_json(job.beside("made.json"), {**making, "done": True})
    shutil.rmtree(parts)


def check_unchanged(job: Job, digest: str, making: Dict[str, Any]) -> None:
    """Refuse a result of which nobody can say what it was made of.

    Raises
    ------
    RunError : the source was written to while it was read.
    """
    if made(job, digest) != making:
        raise RunError(f"{job.source}: changed while it was being tagged; give the same command with "
                       "--overwrite")


def _joined(parts: Iterable[Path], path: Path) -> None:
    with replacing(path) as temporary, open(temporary, "wb") as file:
        for part in parts:
            with open(part, "rb") as one:
                shutil.copyfileobj(one, file, 1 << 20)


def _chunks(job: Job, bar: Any) -> Iterator[Chunk]:
    """A file's chunks; ``bar`` is told how many bytes of it are read."""
    first, told = 0, 0
    if job.form == "parquet":
        for table in tables.read_rows(job.source, ROWS):
            yield Chunk(job.form, "", first, tables.records_of(table), table)
            first += table.num_rows
        bar.update(job.source.stat().st_size)
        return
    pack = job.target.suffix if job.target.suffix in packing.SUFFIXES else ""
    with packing.opened(job.source) as (stream, raw):
        records: List[Record] = []
        size = 0
        for record in FORMS[job.form].read(stream):
            records.append(record)
            size += record.size
            if size >= CHARACTERS:
                yield Chunk(job.form, pack, first, records)
                first, records, size = first + len(records), [], 0
                bar.update(raw.tell() - told)
                told = raw.tell()
        # An empty file has an empty result, and a packed one of these is not no bytes.
        if records or not first:
            yield Chunk(job.form, pack, first, records)
        bar.update(raw.tell() - told)


def _bar(jobs: List[Job]) -> Any:
    """A bar over the bytes of the sources; nothing without a terminal."""
    return tqdm(total=sum(job.source.stat().st_size for job in jobs), unit="B", unit_scale=True,
                disable=None, leave=False)


def tagged_chunk(tagger: Tagger, chunk: Chunk) -> Tagged:
    """Find the entities of a chunk's records."""
    good = [record for record in chunk.records if not record.problem]
    if chunk.form == "conll":
        found: List[Any] = [[one.span for one in spans]
                            for spans in tagger.tag_batch([record.tokens for record in good])]
        words = sum(len(record.tokens) for record in good)
    else:
        texts = [record.text or "" for record in good]
        found = list(tagger.predict_batch(texts))
        words = sum(len(text.split()) for text in texts)
    bad = [bad_line(chunk.first + number, record) for number, record in enumerate(chunk.records)
           if record.problem]
    if chunk.form == "parquet":
        # A row stays where it is; the one that has no text has no entities.
        waiting = iter(found)
        content = tables.as_bytes(tables.with_entities(
            chunk.table, [[] if record.problem else next(waiting) for record in chunk.records]))
    else:
        write = FORMS[chunk.form].write
        content = packing.packed(b"".join(map(write, good, found)), chunk.pack)
    return Tagged(content, "".join(bad).encode("utf-8", "surrogatepass"), len(chunk.records), len(bad), words)


def bad_line(number: int, record: Record) -> str:
    """What the file of bad records says of one: its number in the source, from 0, and the reason."""
    return json.dumps({"record": number, "reason": record.problem, "content": record.content},
                      ensure_ascii=False) + "\n"


class Begin(NamedTuple):
    """What a worker does first: load the tagger, to tag chunks with."""

    bundle: Path
    threads: Optional[int]

    def __call__(self) -> Callable[[Chunk], Tagged]:
        return partial(tagged_chunk, Tagger.load(self.bundle, threads=self.threads))
