"""Many runs: a plan of experiments and seeds, executed on every core or on several machines.

A plan never repeats a finished run.  A run that is finished in its folder, or
among the records, is skipped; one that was killed is resumed after its last
epoch; one whose training failed is counted and not tried again.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ner_mx.config import portable
from ner_mx.errors import ConfigError, RunError
from ner_mx.experiments.engines import DONE, ENGINES, FAILED, Outcome, execute_stage
from ner_mx.experiments.plans import PlannedRun, read_plan
from ner_mx.experiments.records import Settings, read_failure, read_record, write_failure, write_record
from ner_mx.files import read_json
from ner_mx.preprocessing.processed_corpus import META, corpus_folder, is_current
from ner_mx.preprocessing.source_files import changed_source
from ner_mx.training.run_folder import is_run, read_run_config

log = logging.getLogger(__name__)


def replicate(path: Path, workers: Optional[int] = None, engine: str = "local",
              address: Optional[str] = None, records: Optional[Path] = None) -> List[Outcome]:
    """Execute a plan; returns how each run ended, in the order of the plan.

    Parameters
    ----------
    workers : runs at a time, with one thread each; the cores of this machine, or of the
        cluster, if not given.
    engine : ``local``, or ``ray``: the cluster at ``address``, whose machines
        share the folders.
    records : another folder for the records than the plan's.

    Raises
    ------
    ConfigError : the plan is not valid.
    RunError : a record was made with another configuration than the plan's.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine: expected one of {', '.join(ENGINES)}, found {engine!r}")
    if address and engine != "ray":
        raise ConfigError(f"address: expected none with the engine {engine}, found {address!r}; "
                          "use the engine ray")
    plan, runs = read_plan(path)
    records = records or Path(plan.records)
    outcomes = {run.name: outcome for run in runs for outcome in [known_outcome(run, records)] if outcome}
    left = [run for run in runs if run.name not in outcomes]
    log.info("%d runs: %d known, %d to do", len(runs), len(outcomes), len(left))
    for name, (state, reason) in process_corpora(left).items():
        log.info("%s: %s (%s)", name, state, reason)
        outcomes[name] = Outcome(name, state, reason)
    left = [run for run in left if run.name not in outcomes]
    with logging_redirect_tqdm(), \
            tqdm(total=len(left), unit="run", disable=None, leave=False) as bar:
        for outcome in ENGINES[engine](left, workers, address):
            outcomes[outcome.name] = outcome
            bar.update()
            log.info("%s: %s%s", outcome.name, outcome.state,
                     f" ({outcome.reason})" if outcome.reason else "")
            run = next(run for run in left if run.name == outcome.name)
            if outcome.state == DONE:
                write_record(read_record(run.folder), records)
            elif outcome.state == FAILED:
                write_failure(run.name, run.config, outcome.reason, records)
    return [outcomes[run.name] for run in runs]


def process_corpora(runs: Sequence[PlannedRun]) -> Dict[str, Tuple[str, str]]:
    """Process the corpora that are missing or not current; one at a time, since runs share them.

    Returns
    -------
    By name, how runs without one ended, and why: a corpus, a lexicon or a file of vectors is not as expected.
    """
    problems: Dict[Path, Tuple[str, str]] = {}
    for run in {corpus_folder(run.config): run for run in runs}.values():
        folder = corpus_folder(run.config)
        if not is_current(run.config):
            problem = execute_stage(run, "preprocess")
            if problem:
                problems[folder] = problem
                continue
            for reason, count in read_json(folder / META)["warnings"].items():
                log.warning("%s: %d %s", run.config.corpus.path, count, reason)
    return {run.name: problems[corpus_folder(run.config)] for run in runs
            if corpus_folder(run.config) in problems}


def known_outcome(run: PlannedRun, records: Path) -> Optional[Outcome]:
    """How a run has ended, in its folder or among the records; None if it is still to do.

    Raises
    ------
    RunError : there is a run or record of the name, made with another configuration or of other files.
    """
    record_path = records / f"{run.name}.json"
    for place in (run.folder, record_path):
        if place == record_path and not record_path.is_file():
            continue
        # The report is the last that a run writes: one that was killed before it is resumed there.
        if place == run.folder and not all((run.folder / name).is_file() for name in ("metrics.json", "report.md")):
            continue
        record = read_record(place)
        _check_same(place, "the run of the plan", record.settings, run, "remove the old one")
        changed = changed_source(record.metrics["data"], run.config)
        if changed:
            raise RunError(f"{place}: expected a run on the current {changed}, found one on another; give the "
                           "group a name, or remove the old one")
        if place == run.folder and not record_path.is_file():
            write_record(record, records)
        return Outcome(run.name, DONE)
    reason = read_failure(run.name, run.config, records)
    if reason is not None:
        return Outcome(run.name, FAILED, reason)
    if is_run(run.folder):
        started = Settings(portable(read_run_config(run.folder)))
        _check_same(run.folder, "the run of the plan, to resume it", started, run, "remove the old one")
    return None


def _check_same(place: Path, expected: str, settings: Settings, run: PlannedRun, remedy: str) -> None:
    differs = settings.differs(run.config)
    if differs:
        raise RunError(f"{place}: expected {expected}, found one with another configuration: {differs} now; "
                       f"give the group a name, or {remedy}")
