"""Tag large corpora on a Ray cluster: Ray Data reads Parquet and distributes the rows; results are written here."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import List, NamedTuple, Optional, Sequence

from ner_mx.bulk import jobs, tables
from ner_mx.bulk.chunks import bad_record_line
from ner_mx.bulk.jobs import Job, check_unchanged, finish_job, pending_jobs, plan_jobs, start_job
from ner_mx.bulk.tagging import Totals
from ner_mx.errors import UserError
from ner_mx.files import replacing, write_text
from ner_mx.inference.tagger import MinScore, TaggerSource
from ner_mx.ray_session import ray_session
from ner_mx.registry import loaded_code
from ner_mx.untyped import Table


class TableTagger:
    """Tags tables on a worker of the cluster."""

    def __init__(self, source: TaggerSource):
        self._tagger = source.load(1)

    def __call__(self, table: Table) -> Table:
        return tables.with_entities(table, self._tagger.predict_batch(
            [record.text or "" for record in tables.records_of(table)]))


def tag_tables(bundle: Path, source: Path, target: Path, file_format: Optional[str] = None, workers: int = 1,
               address: Optional[str] = None, overwrite: bool = False, min_score: MinScore = None,
               trusted: Optional[Sequence[Path]] = None) -> Totals:
    """Tag a Parquet file, or a folder of them, on a Ray cluster; finished files are skipped.

    The results equal those of :func:`ner_mx.bulk.tagging.tag_files`.  The rows of a
    worker that dies are tried again; an interrupted call starts over with the
    file that it was tagging.

    Parameters
    ----------
    file_format : ``parquet`` for files without the suffix.
    workers : number of workers, one thread each.
    address : of a cluster that sees the sources, the bundle and the modules of the user's
        own under the same paths; None starts a cluster on this machine.
    overwrite : whether existing results may be replaced.
    min_score, trusted : see :meth:`ner_mx.inference.tagger.Tagger.load`.

    Raises
    ------
    UserError : a file is not Parquet, or a library is missing.
    CorpusError, RunError, BundleError : as :func:`ner_mx.bulk.tagging.tag_files`.
    """
    tables.arrow()  # Ray Data needs it, too: report it first
    planned = plan_jobs(source, target, file_format)
    other = next((job for job in planned if job.file_format != "parquet"), None)
    if other:
        raise UserError(f"{other.source}: expected Parquet for the engine ray, found {other.file_format}; "
                        "the engine local reads it")
    # The workers see the same paths from other folders.
    tagger = TaggerSource(bundle.resolve(), min_score,
                          None if trusted is None else tuple(path.resolve() for path in trusted), tuple(loaded_code))
    with pending_jobs(tagger, planned, target, overwrite) as (pending, digest):
        started = time.perf_counter()
        counts = []
        # One core more than the workers take: Ray Data's own tasks need some.
        with ray_session(address, workers + 1):
            import ray.data

            context = ray.data.DataContext.get_current()
            context.execution_options.preserve_order = True
            context.enable_progress_bars = False
            for job in pending:
                counts.append(_tag_parquet(ray, job, tagger, digest, workers))
        return Totals(len(pending), sum(count.records for count in counts), sum(count.problems for count in counts),
                      sum(count.words for count in counts), time.perf_counter() - started)


class _Counts(NamedTuple):
    records: int
    problems: int
    words: int


def _tag_parquet(ray: ModuleType, job: Job, tagger: TaggerSource, digest: str, workers: int) -> _Counts:
    """Tag one file and count its records."""
    pyarrow = tables.arrow()
    schema = tables.result_schema(job.source)
    fingerprint = start_job(job, digest)
    tagged = ray.data.read_parquet(str(job.source.resolve())).map_batches(
        TableTagger, fn_constructor_args=(tagger,), batch_format="pyarrow", batch_size=jobs.CHUNK_ROWS,
        concurrency=workers, num_cpus=1)
    count = words = 0
    bad: List[str] = []
    with replacing(job.target) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as writer:
        for table in tagged.iter_batches(batch_format="pyarrow", batch_size=jobs.CHUNK_ROWS):
            records = tables.records_of(table)
            bad += [bad_record_line(index, record) for index, record in enumerate(records, start=count)
                    if record.problem]
            count += len(records)
            words += sum(len((record.text or "").split()) for record in records)
            writer.write_table(table.select(schema.names).cast(schema))
        check_unchanged(job, digest, fingerprint)
    if bad:
        write_text(job.bad_records_path, "".join(bad))
    else:
        job.bad_records_path.unlink(missing_ok=True)
    finish_job(job, fingerprint)
    return _Counts(count, len(bad), words)
