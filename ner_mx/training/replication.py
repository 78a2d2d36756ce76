"""Many runs: a plan of experiments and seeds, worked off on every core or on several machines.

A plan never repeats what is done.  A run that stands finished in its folder,
or in small form among the records, is passed over; one that was killed goes
on from its last epoch; one whose training failed is counted, not tried again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from pydantic import Field
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ner_mx.config import Config, Section, as_arguments, load_config, read_yaml, validated
from ner_mx.errors import ConfigError, RunError, TrainingError, UserError, repeated
from ner_mx.features.preprocessing import changed_source, is_current
from ner_mx.features.processed import folder_of, making_of
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

# The trainings that run now, to be stopped with us.
_processes: Set[subprocess.Popen] = set()


class Group(Section):
    """Experiments that are run with the same seeds and settings."""

    experiments: List[str] = Field(min_length=1)
    seeds: List[int] = Field(min_length=1)
    name: Optional[str] = Field(None, pattern=r"^[\w][\w.+=-]*$")
    set: Dict[str, Any] = {}


class Plan(Section):
    """What ``ner-mx replicate`` reads."""

    directory: str = "runs"
    records: str = "reports/runs"
    set: Dict[str, Any] = {}
    runs: List[Group] = Field(min_length=1)


class Planned(NamedTuple):
    """One run: the experiment and the settings that make it, and what they resolve to."""

    experiment: str
    settings: List[str]
    config: Config

    @property
    def name(self) -> str:
        return self.config.run.name

    @property
    def folder(self) -> Path:
        return Path(self.config.run.directory) / self.config.run.name

    def arguments(self, verb: str) -> List[str]:
        """The command line of one stage of the run."""
        pairs = [part for setting in self.settings for part in ("--set", setting)]
        return [sys.executable, "-m", "ner_mx", verb, "--experiment", self.experiment, *pairs]


class Outcome(NamedTuple):
    """What became of a run: ``done``, ``failed`` for a reason, or ``broken off``."""

    name: str
    state: str
    reason: str = ""


def read_plan(path: Path) -> Tuple[Plan, List[Planned]]:
    """Read a plan and resolve every run of it; nothing is written.

    Raises
    ------
    ConfigError : an unknown key, experiment or setting, or two runs of one name.
    """
    plan = validated(Plan, read_yaml(path), str(path))
    runs: List[Planned] = []
    for group in plan.runs:
        if group.name and len(group.experiments) > 1:
            raise ConfigError(f"{path}: runs: expected one experiment under the name {group.name}, found "
                              f"{len(group.experiments)}; give each a group of its own")
        for experiment in group.experiments:
            for seed in group.seeds:
                runs.append(planned(path, plan, group, experiment, seed))
    twice = repeated(run.name for run in runs)
    if twice:
        raise ConfigError(f"{path}: expected runs of different names, found two called {twice}; "
                          "give one of the groups a name")
    return plan, runs


def planned(path: Path, plan: Plan, group: Group, experiment: str, seed: int) -> Planned:
    """One run of a plan, resolved; ``path`` stands in the error.

    Raises
    ------
    ConfigError : an unknown experiment or setting, or one that the plan itself gives.
    """
    own = {"run.directory": plan.directory, "run.seed": seed,
           "run.name": f"{group.name or experiment}-{seed}", "run.threads": 1}
    chosen = {**plan.set, **group.set, **own}
    for key in (*own, "corpus.name"):
        if key in plan.set or key in group.set:
            raise ConfigError(f"{path}: set: {key}: expected no key that a plan gives itself; see directory, "
                              "seeds and name")
    try:
        config = load_config(None, experiment, as_arguments(chosen))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    # What makes the features is in the name, so that groups which change them have folders of their own.
    making = json.dumps([making_of(config), config.corpus.path], sort_keys=True)
    chosen["corpus.name"] = f"{config.corpus.name}-{hashlib.sha256(making.encode()).hexdigest()[:8]}"
    settings = as_arguments(chosen)
    return Planned(experiment, settings, load_config(None, experiment, settings))


def replicate(path: Path, workers: Optional[int] = None, engine: str = "local",
              address: Optional[str] = None, records: Optional[Path] = None) -> List[Outcome]:
    """Work off a plan; what each run came to, in the plan's order.

    Parameters
    ----------
    workers : runs at a time, a thread each; the cores of this machine if not given.
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
        for outcome in ENGINES[engine](left, workers or os.cpu_count() or 1, address):
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
            problem = _execute(run, "preprocess", run.folder.with_name(f"{run.name}.log"))
            if problem:
                problems[folder_of(run.config)] = problem[1]
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


def run_one(run: Planned) -> Outcome:
    """Train one run in a process of its own, going on where it was broken off."""
    resume = ["--resume", str(run.folder)] if (run.folder / "last/state.json").is_file() else ["--overwrite"]
    problem = _execute(run, "train", run.folder.with_name(f"{run.name}.log"), resume)
    if problem is None:
        return Outcome(run.name, "done")
    return Outcome(run.name, *problem)


def _execute(run: Planned, verb: str, log_file: Path,
             arguments: Sequence[str] = ()) -> Optional[Tuple[str, str]]:
    """Run one stage; None if it went well, else (state, the last line that it said)."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with open(log_file, "a", encoding="utf-8") as output:
        process = subprocess.Popen([*run.arguments(verb), *arguments], stdout=output, stderr=output,
                                   stdin=subprocess.DEVNULL)
        _processes.add(process)
        code = process.wait()
        _processes.discard(process)
    if code == 0:
        return None
    lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    said = lines[-1] if lines else ""
    if code == TrainingError.exit_code:
        return "failed", said.replace("error: ", "", 1)
    return "broken off", said.replace("error: ", "", 1) if code == 2 else f"exit code {code}; see {log_file}"


def _local(runs: Sequence[Planned], workers: int, address: Optional[str]) -> Iterator[Outcome]:
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(run_one, run) for run in runs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            # What has not begun must not begin; what runs ends behind its next step, to be resumed.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_processes):
                process.terminate()
            raise


def _ray(runs: Sequence[Planned], workers: int, address: Optional[str]) -> Iterator[Outcome]:
    try:
        import ray
    except ImportError:
        raise UserError('the engine ray needs Ray: pip install "ner-mx[ray]"') from None
    here = os.getcwd()
    started = not ray.is_initialized()
    if started:
        ray.init(address=address, num_cpus=None if address else workers, log_to_driver=False,
                 include_dashboard=False)

    # A run that takes its worker with it would do so again: it is broken off, and the plan goes on.
    @ray.remote(num_cpus=1, max_retries=0)
    def remote(run: Planned) -> Outcome:
        os.chdir(here)
        return run_one(run)

    try:
        waiting = {remote.remote(run): run for run in runs}
        while waiting:
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            run = waiting.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                yield Outcome(run.name, "broken off", f"its worker died: {type(error).__name__}")
    finally:
        if started:
            ray.shutdown()


ENGINES: Dict[str, Callable[[Sequence[Planned], int, Optional[str]], Iterator[Outcome]]] = {
    "local": _local, "ray": _ray}
