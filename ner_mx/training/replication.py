"""Many runs: a plan of experiments and seeds, worked off on every core or on several machines.

A plan never repeats what is done.  A run that stands finished in its folder,
or in small form among the records, is passed over; one that was killed goes
on from its last epoch; one whose training failed is counted, not tried again.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ner_mx.errors import ConfigError, RunError
from ner_mx.features.preprocessing import changed_source, is_current
from ner_mx.features.processed import folder_of
from ner_mx.files import read_json
from ner_mx.training.engines import ENGINES, Outcome, execute
from ner_mx.training.plans import Planned, read_plan
from ner_mx.training.records import (
    Record,
    portable,
    read_failure,
    read_record,
    read_run_config,
    write_failure,
    write_record,
)

log = logging.getLogger(__name__)


def replicate(path: Path, workers: Optional[int] = None, engine: str = "local",
              address: Optional[str] = None, records: Optional[Path] = None) -> List[Outcome]:
    """Work off a plan; what each run came to, in the plan's order.

    Parameters
    ----------
    workers : runs at a time, a thread each; the cores of this machine, or of the
        cluster, if not given.
    engine : ``local``, or ``ray``: the cluster at ``address``, whose machines
        share the folders.
    records : another folder for the runs in small form than the plan's.

    Raises
    ------
    ConfigError : the plan is none.
    RunError : a record was made with another configuration than the plan's.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine: expected one of {', '.join(ENGINES)}, found {engine!r}")
    if address and engine != "ray":
        raise ConfigError(f"address: expected none with the engine {engine}, found {address!r}; "
                          "add --engine ray")
    plan, runs = read_plan(path)
    records = records or Path(plan.records)
    outcomes = {run.name: outcome for run in runs for outcome in [known_outcome(run, records)] if outcome}
    left = [run for run in runs if run.name not in outcomes]
    log.info("%d runs: %d known, %d to do", len(runs), len(outcomes), len(left))
    for name, problem in process_corpora(left).items():
        log.info("%s: %s", name, problem)
        outcomes[name] = Outcome(name, "broken off", problem)
    left = [run for run in left if run.name not in outcomes]
    with logging_redirect_tqdm(), \
            tqdm(total=len(left), unit="run", disable=None, leave=False) as bar:
        for outcome in ENGINES[engine](left, workers, address):
            outcomes[outcome.name] = outcome
            bar.update()
            log.info("%s: %s%s", outcome.name, outcome.state,
                     f" ({outcome.reason})" if outcome.reason else "")
            run = next(run for run in left if run.name == outcome.name)
            if outcome.state == "done":
                write_record(read_record(run.folder), records)
            elif outcome.state == "failed":
                write_failure(run.name, run.config, outcome.reason, records)
    return [outcomes[run.name] for run in runs]


def process_corpora(runs: Sequence[Planned]) -> Dict[str, str]:
    """Make the processed corpora that are not there or not of today; one at a time, since runs share them.

    Returns
    -------
    By name, why runs have none: a corpus, a lexicon or a file of vectors is not as expected.
    """
    problems: Dict[Path, str] = {}
    for run in {folder_of(run.config): run for run in runs}.values():
        if not is_current(run.config):
            problem = execute(run, "preprocess")
            if problem:
                problems[folder_of(run.config)] = problem[1]
                continue
            for what, count in read_json(folder_of(run.config) / "meta.json")["warnings"].items():
                log.warning("warning: %s: %d %s", run.config.corpus.path, count, what)
    return {run.name: problems[folder_of(run.config)] for run in runs if folder_of(run.config) in problems}


def known_outcome(run: Planned, records: Path) -> Optional[Outcome]:
    """What a run has come to already, in its folder or among the records; None: it is still to do.

    Raises
    ------
    RunError : there is a run or record of the name, made with another configuration or of other files.
    """
    kept = records / f"{run.name}.json"
    for place in (run.folder, kept):
        if place == kept and not kept.is_file():
            continue
        if place == run.folder and not (run.folder / "metrics.json").is_file():
            continue
        record = read_record(place)
        differs = record.differs(run.config)
        if differs:
            raise RunError(f"{place}: expected the run of the plan, found one with another configuration: "
                           f"{differs} now; give the group a name, or remove the old one")
        changed = changed_source(record.metrics["data"], run.config)
        if changed:
            raise RunError(f"{place}: expected a run on the {changed} that is there now, found one on "
                           "another; give the group a name, or remove the old one")
        if place == run.folder and not kept.is_file():
            write_record(record, records)
        return Outcome(run.name, "done")
    reason = read_failure(run.name, run.config, records)
    if reason is not None:
        return Outcome(run.name, "failed", reason)
    if (run.folder / "config.yaml").is_file():
        begun = Record(run.name, portable(read_run_config(run.folder)), {}, {})
        differs = begun.differs(run.config)
        if differs:
            raise RunError(f"{run.folder}: expected the run of the plan to go on with, found one with "
                           f"another configuration: {differs} now; give the group a name, or remove the old "
                           "one")
    return None
