"""Tag large corpora file by file, in constant memory, resuming after any interruption.

A file is read in chunks whose borders depend on the file alone, and the result
of each chunk is written atomically to a file of its own.  The result of the
file is their concatenation.  A run that is killed at any moment therefore
resumes after the last finished chunk and ends with the same bytes.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from tqdm import tqdm

from ner_mx.bulk import tables
from ner_mx.bulk.chunks import Chunk, TaggedChunk, read_chunks, tag_chunk
from ner_mx.bulk.jobs import Job, check_unchanged, finish_job, pending_jobs, plan_jobs, start_job
from ner_mx.bulk.worker_pool import WorkerPool
from ner_mx.errors import CorpusError
from ner_mx.files import naming, replacing
from ner_mx.inference.tagger import MinScore, TaggerSource
from ner_mx.registry import loaded_code


class Totals(NamedTuple):
    """What a call did, without the work of earlier, interrupted calls.

    words : words of a text, separated by whitespace; tokens of a tokenized sentence.
    failures : why files could not be read, a line each; their results are missing.
    """

    files: int
    records: int
    problems: int
    words: int
    seconds: float
    failures: Tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker does first: it loads the tagger."""

    source: TaggerSource
    threads: Optional[int]

    def __call__(self) -> Callable[[Chunk], TaggedChunk]:
        return partial(tag_chunk, self.source.load(self.threads))


def tag_files(bundle: Path, source: Path, target: Path, file_format: Optional[str] = None, processes: int = 1,
              overwrite: bool = False, min_score: MinScore = None,
              trusted: Optional[Sequence[Path]] = None) -> Totals:
    """Tag a file, or every file of a folder; finished files are skipped.

    Parameters
    ----------
    file_format : ``text``, ``jsonl``, ``conll`` or ``parquet``; None goes by the suffix.
    processes : number of worker processes, one thread each; with 1, this process uses all cores.
    overwrite : whether existing results may be replaced.
    min_score, trusted : see :meth:`ner_mx.inference.tagger.Tagger.load`.

    Raises
    ------
    UserError : there is nothing to tag, a format is unknown, or two results would have the same name.
    CorpusError : the only file cannot be read; of several, the others are tagged.
    RunError : the target exists and was made from something else.
    BundleError : the bundle is missing, damaged, or not signed by a trusted key.
    """
    tagger = TaggerSource(bundle, min_score, None if trusted is None else tuple(trusted), tuple(loaded_code))
    with pending_jobs(tagger, plan_jobs(source, target, file_format), target, overwrite) as (jobs, digest):
        started = time.perf_counter()
        records = problems = words = 0
        failures: List[str] = []
        setup = WorkerSetup(tagger, None if processes == 1 else 1)
        size = sum(job.source.stat().st_size for job in jobs)
        # The bar counts bytes of the sources; it is hidden without a terminal.
        with WorkerPool(setup, processes) as workers, tqdm(
                total=size, unit="B", unit_scale=True, disable=None, leave=False) as bar:
            for job in jobs:
                try:
                    for tagged in _tag_file(job, digest, workers, bar.update):
                        records += tagged.records
                        problems += tagged.problems
                        words += tagged.words
                except CorpusError as error:
                    # A damaged file does not stop the others.
                    if len(jobs) == 1:
                        raise
                    failures.append(str(error))
        return Totals(len(jobs) - len(failures), records, problems, words, time.perf_counter() - started,
                      tuple(failures))


def _tag_file(job: Job, digest: str, workers: WorkerPool[Chunk, TaggedChunk],
              advance: Callable[[int], object]) -> Iterator[TaggedChunk]:
    """Tag the remaining chunks of a file, yield them, then join all of its chunks."""
    with naming(job.parts_folder, job.target, inside=False), naming(job.fingerprint_path, job.target):
        yield from _tag_chunks(job, digest, workers, advance)


def _tag_chunks(job: Job, digest: str, workers: WorkerPool[Chunk, TaggedChunk],
                advance: Callable[[int], object]) -> Iterator[TaggedChunk]:
    fingerprint = start_job(job, digest)
    parts = job.parts_folder
    parts.mkdir(parents=True, exist_ok=True)
    finished = 0
    while (parts / f"{finished:08d}").is_file():
        finished += 1
    count = finished
    for tagged in workers.map(islice(read_chunks(job, advance), finished, None)):
        # The part itself is written last: if it exists, the chunk is finished.
        for name, content in ((f"{count:08d}.bad", tagged.bad_records), (f"{count:08d}", tagged.content)):
            with replacing(parts / name) as temporary:
                temporary.write_bytes(content)
        count += 1
        yield tagged
    check_unchanged(job, digest, fingerprint)
    _join_parts(job, [f"{index:08d}" for index in range(count)])
    finish_job(job, fingerprint)
    shutil.rmtree(parts)


def _join_parts(job: Job, names: Iterable[str]) -> None:
    """Write the result, and the file of bad records if there are any."""
    parts = [job.parts_folder / name for name in names]
    bad = [path.with_name(f"{path.name}.bad") for path in parts]
    if any(path.stat().st_size for path in bad):
        _concatenate(bad, job.bad_records_path)
    else:
        job.bad_records_path.unlink(missing_ok=True)
    if job.file_format == "parquet":
        tables.join_tables(job.source, parts, job.target)
    else:
        _concatenate(parts, job.target)


def _concatenate(paths: Iterable[Path], target: Path) -> None:
    with replacing(target) as temporary, open(temporary, "wb") as output:
        for path in paths:
            with open(path, "rb") as part:
                shutil.copyfileobj(part, output, 1 << 20)
