"""The search for settings: trials judged on dev, on Optuna; what ``ner-mx search`` does.

Chiu & Nichols 2016 drew 500 settings blindly, moved on from the
best with a particle swarm, and re-ran the best five.  Here the first trial has
the experiment's own settings, where the ranges hold them, some are drawn
blindly, the tree of Parzen estimators (Bergstra et al. 2011) proposes the
others, what falls behind the median is pruned, and the best are trained again
in full.  The test set plays no part.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import shutil
import signal
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import yaml

from ner_mx.config import Config, difference
from ner_mx.errors import ConfigError, RunError, TrainingError, UserError, install
from ner_mx.features.preprocessing import changed_source
from ner_mx.features.processed import folder_of, making_of
from ner_mx.files import locked, read_json, write_text
from ner_mx.training.plans import Group, Plan, Planned, planned
from ner_mx.training.records import read_record
from ner_mx.training.replication import process_corpora, replicate
from ner_mx.training.space import Space, draw, own_values, read_space, settings_of

log = logging.getLogger(__name__)

# How often a trial's history is looked at, in seconds.
GLANCE = 0.5
# How often a trial is begun before what ends it from outside counts as its own failure.
TRIES = 2

# Where a corpus lies and what it is called, which is no setting of what is trained.
PLACES = ("corpus.path", "corpus.processed", "corpus.name")

# Two threads that ask at once are given the same queued trial: SQLite does not keep them apart.
_asking = threading.Lock()


class Trial(NamedTuple):
    """One trial: its settings, the best dev F1, and how it ended (complete, pruned, failed).

    own : whether its settings are those of the experiment.
    """

    number: int
    settings: Dict[str, Any]
    score: Optional[float]
    state: str
    epochs: int
    own: bool = False


class Found(NamedTuple):
    """What a search found.

    trials : every one, by number.
    again : settings that were trained in full, best first: (trial's number, dev F1 of each seed).
    best : the settings of the experiment file that was written.
    """

    folder: Path
    trials: List[Trial]
    again: List[Any]
    best: Dict[str, Any]


def search(name: str, changes: Dict[str, Any], workers: Optional[int] = None,
           trials: Optional[int] = None) -> Found:
    """Search, or go on with a search that was broken off.

    Parameters
    ----------
    name : of a space that comes with the package, or a YAML file.
    changes : settings for every run, such as ``corpus.path``.
    workers : trials at a time, a thread each; the cores of this machine if not given.
    trials : another number than the space's.

    Raises
    ------
    ConfigError : the space is none.
    RunError : another process searches here, or the trials so far are of another space.
    UserError : Optuna is missing, or no trial has come to its end.
    """
    optuna = _optuna()
    space = read_space(name, changes)
    folder = Path(space.directory) / Path(name).stem
    with locked(folder, "wait for it, or set directory in the space"):
        return _search(optuna, space, folder, trials or space.trials, workers)


def _search(optuna, space: Space, folder: Path, wanted: int, workers: Optional[int]) -> Found:
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=folder.name, storage=f"sqlite:///{folder / 'trials.sqlite3'}", load_if_exists=True,
        direction="maximize",
        # The sampler's state is not kept: a search that goes on must not draw the same again.
        sampler=optuna.samplers.TPESampler(seed=None if _begun(folder) else space.seed,
                                           n_startup_trials=space.random),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=min(5, space.random),
                                           n_warmup_steps=space.prune_after))
    corpus = _run(space, folder, -1, {})
    _check_same(study, space, folder, corpus.config)
    _take_up(optuna, study)
    left = wanted - len(_tried(optuna, study))
    if left > 0:
        for problem in process_corpora([corpus]).values():
            raise UserError(problem)
        study.set_user_attr("data", read_json(folder_of(corpus.config) / "meta.json")["sources"])
        own = own_values(space, corpus.config)
        if own and not study.get_trials(deepcopy=False):
            study.enqueue_trial(own, user_attrs={"own": True})
    _try_all(optuna, study, space, folder, left, workers or os.cpu_count() or 1)
    tried = [_trial(space, one) for one in _tried(optuna, study)]
    complete = sorted((one for one in tried if one.state == "complete"), key=lambda one: -(one.score or 0.0))
    if not complete:
        raise UserError(f"{folder}: expected a trial that comes to its end, found none in {len(tried)}; "
                        "see the logs beside")
    again = _train_again(space, folder, complete[:space.again], workers)
    best = (next(one for one in complete if one.number == again[0][0]) if again else complete[0]).settings
    comment = f"# Found by ner-mx search {folder.name} in {len(tried)} trials, judged on dev.\n"
    # What every run was trained with belongs to it.
    write_text(folder / "best.yaml", comment + yaml.safe_dump(
        {"extends": space.experiment, **_nested({**_placeless(space.set), **best})}, sort_keys=False))
    return Found(folder, tried, again, best)


def _optuna():
    try:
        import optuna
    except ImportError:
        raise UserError(f'the search needs Optuna: {install("search")}') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _begun(folder: Path) -> bool:
    return (folder / "trials.sqlite3").exists()


def _placeless(settings: Dict[str, Any]) -> Dict[str, Any]:
    """Settings without those that say where things lie."""
    return {key: value for key, value in settings.items()
            if key not in PLACES and key.split(".")[0] != "run"}


def _check_same(study, space: Space, folder: Path, config: Config) -> None:
    """Refuse to put trials of one space or corpus beside those of another.

    Raises
    ------
    RunError
    """
    # How the corpus is read stands under "making", whoever said it.
    everywhere = {key: value for key, value in _placeless({**space.set, **space.shortened}).items()
                  if not key.startswith("corpus.")}
    now = {**json.loads(space.model_dump_json(include={"experiment", "seed", "space"})),
           "set": json.loads(json.dumps(everywhere)), "making": making_of(config)}
    before = study.user_attrs.get("space", now)
    differs = difference(before, now)
    if differs:
        raise RunError(f"{folder}: expected the space of the trials that are there, found another: {differs} "
                       "now; give the space another name, or remove the folder")
    study.set_user_attr("space", now)
    changed = changed_source(study.user_attrs["data"], config) if "data" in study.user_attrs else None
    if changed:
        raise RunError(f"{folder}: expected the {changed} of the trials that are there, found another; give "
                       "the space another name, or remove the folder")


def _tried(optuna, study) -> List[Any]:
    """The trials that came to an end of their own; those that were broken off are none of them."""
    state = optuna.trial.TrialState
    return [one for one in study.get_trials(states=(state.COMPLETE, state.PRUNED, state.FAIL))
            if one.state != state.FAIL or one.user_attrs.get("ended")]


def _take_up(optuna, study) -> None:
    """Put the trials that an earlier process left running back into the queue."""
    for one in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        if one.params:
            study.enqueue_trial(one.params, user_attrs=one.user_attrs)
        study.tell(one.number, state=optuna.trial.TrialState.FAIL)


def _try_all(optuna, study, space: Space, folder: Path, count: int, workers: int) -> None:
    stop = threading.Event()
    ordinals = itertools.count(1)
    with ThreadPoolExecutor(workers) as pool:

        def one() -> None:
            ended = None if stop.is_set() else _attempt(optuna, study, space, folder, stop)
            if ended is not None:
                log.info("%s; %d of %d", _told(_trial(space, study.trials[ended])), next(ordinals), count)

        futures = [pool.submit(one) for _ in range(count)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _told(trial: Trial) -> str:
    score = "" if trial.score is None else f", dev F1 {100 * trial.score:.2f}"
    return f"trial {trial.number}: {trial.state}{score}"


def _attempt(optuna, study, space: Space, folder: Path, stop: threading.Event) -> Optional[int]:
    """Train one trial in a process of its own and tell its end; its number, None if it was broken off."""
    with _asking:
        trial = study.ask()
    try:
        run = _run(space, folder, trial.number, draw(space, trial))
    except ConfigError as error:  # values that do not go together
        log.warning("trial %d: %s", trial.number, error)
        _fail(optuna, study, trial)
        return trial.number
    shutil.rmtree(run.folder, ignore_errors=True)
    state = optuna.trial.TrialState
    best, seen, pruned = 0.0, 0, False
    command = run.command("train")
    with open(run.log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        while process.poll() is None:
            time.sleep(GLANCE)
            for score in _scores(run.folder)[seen:]:
                seen += 1
                best = max(best, score)
                trial.report(best, seen)
                # The last epoch is paid for already.
                pruned = pruned or (seen < run.config.training.epochs and trial.should_prune())
            if pruned or stop.is_set():
                process.send_signal(signal.SIGTERM)
                process.wait()
    best = max([best, *_scores(run.folder)])
    shutil.rmtree(run.folder, ignore_errors=True)
    if stop.is_set() and process.returncode != 0 and not pruned:
        return None
    if pruned:
        study.tell(trial, state=state.PRUNED)
    elif process.returncode == 0:
        study.tell(trial, best)
    elif process.returncode == TrainingError.exit_code:
        _fail(optuna, study, trial)
    else:
        # A full disk, a killed process: no fault of the settings, unless it happens to them again.
        tries = trial.user_attrs.get("tries", 0) + 1
        trial.set_user_attr("tries", tries)
        if tries < TRIES:
            raise RunError(f"trial {trial.number} ended with exit code {process.returncode}; see {run.log}, "
                           "and search again to go on")
        log.warning("trial %d ended with exit code %d again; see %s", trial.number, process.returncode,
                    run.log)
        _fail(optuna, study, trial)
    return trial.number


def _fail(optuna, study, trial) -> None:
    """Count a trial as failed."""
    trial.set_user_attr("ended", True)
    study.tell(trial, state=optuna.trial.TrialState.FAIL)


def _scores(folder: Path) -> List[float]:
    """The dev F1 of each epoch so far."""
    try:
        lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["score"] for line in lines]
    except OSError:
        return []


def _run(space: Space, folder: Path, number: int, settings: Dict[str, Any]) -> Planned:
    group = Group(experiments=[space.experiment], seeds=[space.seed], name=f"trial-{number}",
                  set={**space.set, **space.shortened, **settings})
    return planned(folder, Plan(directory=str(folder / "trials"), runs=[group]), group, space.experiment,
                   space.seed)


def _trial(space: Space, one) -> Trial:
    reported = one.intermediate_values
    score = one.value if one.value is not None else max(reported.values(), default=None)
    state = {"FAIL": "failed"}.get(one.state.name, one.state.name.lower())
    return Trial(one.number, settings_of(space, one.params), score, state, len(reported),
                 one.user_attrs.get("own", False))


def _train_again(space: Space, folder: Path, best: List[Trial], workers: Optional[int]) -> List[Any]:
    """Train the best settings in full, with every seed; (trial, dev F1s), best mean first.

    Settings of which a seed diverged stand behind those of which none did.

    Raises
    ------
    RunError : a run was broken off from outside.
    """
    if not best:
        return []
    plan = {"directory": str(folder / "again"), "records": str(folder / "records"), "runs": [
        {"experiments": [space.experiment], "seeds": space.seeds, "name": _full_name(folder, one),
         "set": {**space.set, **one.settings}} for one in best]}
    write_text(folder / "again.yaml", yaml.safe_dump(plan, sort_keys=False))
    outcomes = replicate(folder / "again.yaml", workers)
    broken = next((one for one in outcomes if one.state == "broken off"), None)
    if broken:
        raise RunError(f"{broken.name} was broken off: {broken.reason}; search again to go on")
    result = []
    for one in best:
        paths = [folder / "records" / f"{_full_name(folder, one)}-{seed}.json" for seed in space.seeds]
        scores = [read_record(path).metrics["dev"]["entity"]["micro"]["f1"] for path in paths
                  if path.is_file()]
        if scores:
            result.append((one.number, scores))
    if not result:
        raise RunError(f"{folder / 'again'}: expected a run that comes to its end, found none")
    return sorted(result, key=lambda item: (-len(item[1]), -statistics.mean(item[1])))


def _full_name(folder: Path, trial: Trial) -> str:
    """What the runs in full of a trial's settings are called: a name that tells them from other searches'."""
    return f"{re.sub('[^A-Za-z0-9]+', '-', folder.name).strip('-') or 'trial'}-{trial.number}"


def _nested(settings: Dict[str, Any]) -> Dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``."""
    result: Dict[str, Any] = {}
    for key, value in settings.items():
        *parents, last = key.split(".")
        section = result
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    return result
