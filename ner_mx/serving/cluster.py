"""Big corpora over a Ray cluster: Ray Data reads Parquet and spreads its rows, we write what comes back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Optional

from ner_mx.errors import UserError
from ner_mx.files import replacing, write_json, write_text
from ner_mx.ray_session import joined
from ner_mx.runtime.tagger import Tagger
from ner_mx.serving import tables
from ner_mx.serving.bulk import (
    ROWS,
    Job,
    Totals,
    bad_line,
    bad_of,
    check_unchanged,
    left_to_do,
    made,
    plan,
)


class RowTagger:
    """What a worker of the cluster runs."""

    def __init__(self, bundle: str):
        self._tagger = Tagger.load(bundle, threads=1)

    def __call__(self, table: Any) -> Any:
        return tables.with_entities(table, self._tagger.predict_batch(
            [record.text or "" for record in tables.records_of(table)]))


def tag_tables(bundle: Path, source: Path, target: Path, form: Optional[str] = None, workers: int = 1,
               address: Optional[str] = None, overwrite: bool = False) -> Totals:
    """Tag a Parquet file, or a folder of them, on a cluster; what is tagged already is passed over.

    The result of a file is that of :func:`ner_mx.serving.bulk.tag`.  A worker
    that dies costs its rows a second try; a call that is broken off begins
    the file anew that it was at.

    Parameters
    ----------
    form : ``parquet``, where no suffix says so.
    workers : of the cluster, a thread each.
    address : of a cluster, which reads sources and bundle under the same paths;
        one on this machine is started if not given.
    """
    tables.arrow()  # Ray Data needs it, too
    jobs = plan(source, target, form)
    other = next((job for job in jobs if job.form != "parquet"), None)
    if other:
        raise UserError(f"{other.source}: expected Parquet for --engine ray, found {other.form}; "
                        "the engine local reads it")
    with left_to_do(bundle, jobs, target, overwrite) as (left, digest):
        started, counts = time.perf_counter(), [0, 0, 0]
        # One core more than the workers take: Ray Data's own tasks want some.
        with joined(address, workers + 1) as ray:
            import ray.data

            context = ray.data.DataContext.get_current()
            context.execution_options.preserve_order = True
            context.enable_progress_bars = False
            for job in left:
                for number, count in enumerate(_tag_file(ray, job, bundle, digest, workers)):
                    counts[number] += count
        return Totals(len(left), *counts, time.perf_counter() - started)


def _tag_file(ray: Any, job: Job, bundle: Path, digest: str, workers: int) -> Any:
    """Records, problems and words of a file."""
    pyarrow = tables.arrow()
    schema = tables.schema_of(job.source)
    making = made(job, digest)
    write_json(job.beside("made.json"), making)
    rows = ray.data.read_parquet(str(job.source.resolve())).map_batches(
        RowTagger, fn_constructor_args=(str(bundle.resolve()),), batch_format="pyarrow", batch_size=ROWS,
        concurrency=workers, num_cpus=1)
    records, words, bad = 0, 0, []
    with replacing(job.target) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as writer:
        for table in rows.iter_batches(batch_format="pyarrow", batch_size=ROWS):
            read = tables.records_of(table)
            bad += [bad_line(number, record) for number, record in enumerate(read, start=records)
                    if record.problem]
            records += len(read)
            words += sum(len((record.text or "").split()) for record in read)
            writer.write_table(table.select(schema.names).cast(schema))
        check_unchanged(job, digest, making)
    if bad:
        write_text(bad_of(job), "".join(bad))
    else:
        bad_of(job).unlink(missing_ok=True)
    write_json(job.beside("made.json"), {**making, "done": True})
    return records, len(bad), words
