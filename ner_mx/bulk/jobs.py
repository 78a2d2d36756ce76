"""The files of a large corpus: which are tagged, where their results go, and which are finished.

Hidden files beside a result record what it is made from (``made.json``) and
hold its finished chunks (``parts``) until all of them are there.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Set, Tuple

from ner_mx.bulk.record_formats import FORMATS, SUFFIXES, detect_format, is_json_array, looks_like_columns
from ner_mx.data import compression
from ner_mx.errors import RunError, UserError, first_duplicate
from ner_mx.files import locked, read_json, sha256, write_json
from ner_mx.inference.bundle_folder import MANIFEST
from ner_mx.inference.tagger import TaggerSource
from ner_mx.untyped import Values

log = logging.getLogger(__name__)

# A chunk ends after so many characters, or after so many rows of a table.
CHUNK_CHARACTERS, CHUNK_ROWS = 1 << 18, 1024

ALL_FORMATS = (*FORMATS, "parquet")


class Job(NamedTuple):
    """A file to tag.

    file_format : ``text``, ``jsonl``, ``conll`` or ``parquet``.
    """

    source: Path
    target: Path
    file_format: str

    @property
    def fingerprint_path(self) -> Path:
        """The file that records what the result is made from, and whether it is finished."""
        return self.target.with_name(f".{self.target.name}.made.json")

    @property
    def parts_folder(self) -> Path:
        """The folder of the finished chunks."""
        return self.target.with_name(f".{self.target.name}.parts")

    @property
    def bad_records_path(self) -> Path:
        """The file of the records that cannot be read."""
        return self.target.with_name(f"{self.target.name}.bad.jsonl")


def plan_jobs(source: Path, target: Path, file_format: Optional[str]) -> List[Job]:
    """The files to tag, in order, and where their results go.

    Parameters
    ----------
    source : a file, or a folder whose files of known formats are tagged.
    target : a file for a file, a folder for a folder.
    file_format : of every file; None goes by the suffixes.

    Raises
    ------
    UserError : there is nothing to tag, a format is unknown, or two results would have the same name.
    """
    if file_format is not None and file_format not in ALL_FORMATS:
        raise UserError(f"format: expected one of {', '.join(ALL_FORMATS)}, found {file_format!r}")
    if not source.exists():
        raise UserError(f"{source}: expected a file or folder, found nothing")
    jobs = (_jobs_of_folder if source.is_dir() else _job_of_file)(source, target, file_format)
    for job in jobs:
        if job.file_format == "jsonl" and job.source.is_file() and is_json_array(job.source):
            raise UserError(f"{job.source}: expected a record of JSON per line, found an array; write its elements "
                            "one per line, as jq -c '.[]' does")
        if file_format is None and job.file_format == "text" and looks_like_columns(job.source):
            log.warning("%s is read as one text per line, but looks like CoNLL columns; give the format conll if "
                        "it holds columns", job.source)
    _check_collisions(jobs)
    return jobs


def _job_of_file(source: Path, target: Path, file_format: Optional[str]) -> List[Job]:
    known_format = detect_format(source, file_format)
    if known_format is None:
        raise UserError(f"{source}: expected a suffix among {', '.join(SUFFIXES)}, found {source.suffix!r}; "
                        "rename the file, or give its format")
    if target.is_dir() or target.resolve() == source.resolve():
        raise UserError(f"{target}: expected the name of another file")
    written = "jsonl" if known_format == "text" else known_format
    suffix = compression.content_suffix(target)
    if SUFFIXES.get(suffix, written) != written:
        raise UserError(f"{target}: expected the suffix of a result in {written}, found {suffix}; a result "
                        "has the format of its source, and that of text is JSONL")
    return [Job(source, target, known_format)]


def _jobs_of_folder(source: Path, target: Path, file_format: Optional[str]) -> List[Job]:
    if target.is_file() or source.resolve() in (target.resolve(), *target.resolve().parents):
        raise UserError(f"{target}: expected a folder outside the source folder")
    paths = sorted(_files_below(source))
    jobs = []
    for path in paths:
        known_format = detect_format(path, file_format)
        if known_format is not None:
            folder = target / path.relative_to(source).parent
            jobs.append(Job(path, folder / _result_name(path, known_format), known_format))
    if len(jobs) < len(paths):
        log.warning("%d files have an unknown suffix and are skipped", len(paths) - len(jobs))
    if not jobs:
        raise UserError(f"{source}: expected files to tag, found nothing; rename them, or give their format")
    return jobs


def _files_below(folder: Path) -> Iterator[Path]:
    """The files below a folder, those of linked folders, too; hidden ones are left out."""
    seen: Set[Path] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        # A link to a folder above would lead here again.
        real = Path(place).resolve()
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith(".")]
        if real not in seen:
            yield from (Path(place) / name for name in files if not name.startswith("."))
        seen.add(real)


def _check_collisions(jobs: List[Job]) -> None:
    """Check that no source, result or file of bad records would overwrite another.

    Raises
    ------
    UserError : two of these files are the same.
    """
    duplicate = first_duplicate(job.target for job in jobs)
    if duplicate:
        raise UserError(f"{duplicate}: expected one source for each result, found two; rename one")
    files = {path.resolve() for job in jobs for path in (job.source, job.target)}
    for job in jobs:
        if job.bad_records_path.resolve() in files:
            raise UserError(f"{job.bad_records_path}: expected a name for the bad records of {job.source} alone, "
                            "found it among the sources or results; rename one, or choose another target")


def _result_name(path: Path, file_format: str) -> str:
    """The name of a result: ``a.txt.gz`` becomes ``a.txt.jsonl.gz``; files of other formats keep their names."""
    if file_format != "text":
        return path.name
    suffix = compression.compression_suffix(path)
    return path.name[:len(path.name) - len(suffix)] + FORMATS[file_format].suffix + suffix


@contextmanager
def pending_jobs(tagger: TaggerSource, jobs: List[Job], target: Path,
                 overwrite: bool) -> Iterator[Tuple[List[Job], str]]:
    """Lock the target, and yield the unfinished jobs and the digest of the bundle.

    Raises
    ------
    BundleError : the bundle is missing or damaged.
    RunError : another process tags into the target, or a result exists that was made from something else.
    """
    thresholds = tagger.load(1).thresholds  # a damaged bundle is reported before anything is written
    chosen = tagger.min_score
    if thresholds is not None and not isinstance(chosen, str):  # however a mapping is ordered
        chosen = json.dumps(thresholds.to_json(), sort_keys=True)
    digest = sha256(tagger.bundle / MANIFEST) + (f" {chosen}" if chosen is not None else "")
    with locked(target, "wait for it, or choose another target"):
        if overwrite:
            for job in jobs:
                _discard_result(job, digest)
        pending = []
        for job in jobs:
            if _is_finished(job, digest):
                # They remain if the process was killed right after the result was finished.
                shutil.rmtree(job.parts_folder, ignore_errors=True)
            else:
                pending.append(job)
        if len(pending) < len(jobs):
            log.info("%d of %d files are already finished", len(jobs) - len(pending), len(jobs))
        yield pending, digest


def _discard_result(job: Job, digest: str) -> None:
    """Make a job pending; the old result stays until the new one is complete.

    An interrupted job with the same bundle and source is kept, so that it resumes.
    """
    fingerprint = job_fingerprint(job, digest)
    if job.fingerprint_path.is_file() and read_json(job.fingerprint_path) == fingerprint:
        return
    shutil.rmtree(job.parts_folder, ignore_errors=True)
    write_json(job.fingerprint_path, fingerprint)


def job_fingerprint(job: Job, digest: str) -> Values:
    """What decides a result: the bundle, the format, the chunk sizes, and the size and time of the source."""
    status = job.source.stat()
    return {"bundle": digest, "form": job.file_format, "chunk": [CHUNK_CHARACTERS, CHUNK_ROWS],
            "source": {"size": status.st_size, "mtime_ns": status.st_mtime_ns}}


def _is_finished(job: Job, digest: str) -> bool:
    """Whether a result is complete.

    Raises
    ------
    RunError : the result was made with another bundle, from another source, or by another program.
    """
    if not job.fingerprint_path.is_file():
        existing = next((path for path in (job.target, job.bad_records_path) if path.exists()), None)
        if existing:
            raise RunError(f"{existing}: exists already; choose another target, or allow it with --overwrite")
        return False
    if not job.target.exists() and not any(job.parts_folder.glob("*")):
        return False  # interrupted before the first chunk
    recorded, expected = read_json(job.fingerprint_path), job_fingerprint(job, digest)
    if not isinstance(recorded, dict):
        raise RunError(f"{job.fingerprint_path}: expected the record of a result, found a damaged file; remove it with "
                       "the result, or allow it with --overwrite")
    for key, difference in (("bundle", "with another bundle"), ("form", "in another format"),
                            ("chunk", "by a version with other chunk sizes"),
                            ("source", "from a source that has changed since")):
        if recorded.get(key) != expected[key]:
            raise RunError(f"{job.target}: was made {difference}; choose another target, or allow it with "
                           "--overwrite")
    return bool(recorded.get("done")) and job.target.is_file()


def start_job(job: Job, digest: str) -> Values:
    """Record what the result will be made from, and return it."""
    fingerprint = job_fingerprint(job, digest)
    write_json(job.fingerprint_path, fingerprint)
    return fingerprint


def check_unchanged(job: Job, digest: str, fingerprint: Values) -> None:
    """Check that the source did not change while it was tagged.

    Raises
    ------
    RunError : it did.
    """
    if job_fingerprint(job, digest) != fingerprint:
        raise RunError(f"{job.source}: changed while it was being tagged; tag it again with --overwrite")


def remove_finished_parts(root: Path) -> List[Path]:
    """Remove the chunks of results that are complete, below a folder; returns their folders."""
    removed = []
    for parts in sorted(root.rglob(".*.parts")):
        fingerprint = parts.with_name(f"{parts.name[:-len('.parts')]}.made.json")
        if _is_recorded_as_done(fingerprint):
            shutil.rmtree(parts, ignore_errors=True)
            removed.append(parts)
    return removed


def _is_recorded_as_done(fingerprint: Path) -> bool:
    try:
        recorded = read_json(fingerprint)
    except (RunError, OSError):
        return False
    return isinstance(recorded, dict) and bool(recorded.get("done"))


def finish_job(job: Job, fingerprint: Values) -> None:
    """Record that the result is complete."""
    write_json(job.fingerprint_path, {**fingerprint, "done": True})
