"""The trials of a search: proposed by Optuna, trained in processes of their own, pruned, repeated if interrupted."""

from __future__ import annotations

import itertools
import json
import logging
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

from ner_mx.errors import ConfigError, RunError, TrainingError
from ner_mx.experiments.plans import Group, Plan, PlannedRun, planned_run
from ner_mx.experiments.search_space import SearchSpace, draw, settings_of
from ner_mx.untyped import ReadOnlyValues, Values

log = logging.getLogger(__name__)

# Seconds between two looks at the history of a trial.
INTERVAL = 0.5
# How often a trial is started before an end from outside counts as its own failure.
TRIES = 2

# Attributes of Optuna's trials: the number of the trial here, and whether all of its settings are drawn.
NUMBER, DRAWN = "ordinal", "drawn"

# Two threads that ask at the same time get the same queued trial: SQLite does not keep them apart.
_asking = threading.Lock()


# Optuna's module, studies and trials, which are imported only if the search is used.
Optuna = Any
Study = Any
OptunaTrial = Any


class Trial(NamedTuple):
    """One trial: its settings, the best dev F1, and how it ended (complete, pruned, failed).

    own : whether its settings are those of the experiment.
    """

    number: int
    settings: Values
    score: Optional[float]
    state: str
    epochs: int
    own: bool = False


def ended_trials(optuna: Optuna, study: Study) -> List[Any]:
    """The trials that have ended; those that were interrupted are not among them."""
    state = optuna.trial.TrialState
    return [trial for trial in study.get_trials(states=(state.COMPLETE, state.PRUNED, state.FAIL))
            if trial.state != state.FAIL or trial.user_attrs.get("ended")]


def requeue(optuna: Optuna, study: Study) -> None:
    """Put the trials that an earlier process left running back into the queue, with what identifies them."""
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        # Settings of which only some were drawn are drawn again, by the same random numbers.
        drawn = trial.params if trial.user_attrs.get(DRAWN) else trial.system_attrs.get("fixed_params", {})
        if drawn:
            study.enqueue_trial(drawn, user_attrs=trial.user_attrs)
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _ask(optuna: Optuna, study: Study, space: SearchSpace) -> Tuple[OptunaTrial, Values]:
    """A trial from the queue, or a new one, with a number of its own, and its settings.

    A trial that was interrupted is one of Optuna's that failed, and one that has the same number here: a search
    by a single worker ends with the same trials, however often it was interrupted.
    """
    with _asking:
        states = optuna.trial.TrialState
        open_trials = study.get_trials(deepcopy=False, states=(states.RUNNING, states.WAITING))
        used = {_number(trial) for trial in [
            *ended_trials(optuna, study), *(trial for trial in open_trials if NUMBER in trial.user_attrs)]}
        number = next(number for number in itertools.count() if number not in used)
        # The proposals depend on the trials before, and on random numbers that only this trial has.
        study.sampler = optuna.samplers.TPESampler(seed=(space.seed * 1_000_003 + number) % 2 ** 32,
                                                   n_startup_trials=space.startup_trials)
        trial = study.ask()
        if NUMBER not in trial.user_attrs:
            trial.set_user_attr(NUMBER, number)
        settings = draw(space, trial)
        trial.set_user_attr(DRAWN, True)
        return trial, settings


def _number(trial: Any) -> int:
    """The number of a trial; that of Optuna for trials of earlier versions."""
    return int(trial.user_attrs.get(NUMBER, trial.number))


def run_trials(optuna: Optuna, study: Study, space: SearchSpace, folder: Path, count: int, workers: int) -> None:
    """Run so many more trials, several at a time."""
    stop = threading.Event()
    finished = itertools.count(1)
    with ThreadPoolExecutor(workers) as pool:

        def next_trial() -> None:
            try:
                number = None if stop.is_set() else run_trial(optuna, study, space, folder, stop)
            except BaseException:
                stop.set()  # before the next one begins
                raise
            if number is not None:
                log.info("%s; %d of %d", _summary(as_trial(space, study.trials[number])), next(finished), count)

        futures = [pool.submit(next_trial) for _ in range(count)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _summary(trial: Trial) -> str:
    score = "" if trial.score is None else f", dev F1 {100 * trial.score:.2f}"
    return f"trial {trial.number}: {trial.state}{score}"


class _TrialRun(NamedTuple):
    """How the process of a trial ended."""

    score: float
    pruned: bool
    code: int


def run_trial(optuna: Optuna, study: Study, space: SearchSpace, folder: Path,
              stop: threading.Event) -> Optional[int]:
    """Train one trial in a process of its own and record its end; returns its number, None if interrupted."""
    trial, settings = _ask(optuna, study, space)
    try:
        run = planned_trial(space, folder, _number(trial), settings)
    except ConfigError as error:  # values that are not valid together
        log.warning("trial %d: %s", _number(trial), error)
        _fail(optuna, study, trial)
        return int(trial.number)
    ended = _watch(trial, run, stop)
    if stop.is_set() and ended.code != 0 and not ended.pruned:
        return None
    if ended.pruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    elif ended.code == 0:
        study.tell(trial, ended.score)
    elif ended.code == TrainingError.exit_code:
        _fail(optuna, study, trial)
    else:
        _count_crash(optuna, study, trial, run, ended.code)
    return int(trial.number)


def _watch(trial: OptunaTrial, run: PlannedRun, stop: threading.Event) -> _TrialRun:
    """Train, reporting each epoch; the process is stopped if the trial is pruned or the search ends."""
    shutil.rmtree(run.folder, ignore_errors=True)
    best, seen, pruned = 0.0, 0, False
    command = run.command("train")
    with open(run.log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        while process.poll() is None:
            time.sleep(INTERVAL)
            for score in _scores(run.folder)[seen:]:
                seen += 1
                best = max(best, score)
                trial.report(best, seen)
                # After the last epoch, pruning saves nothing.
                pruned = pruned or (seen < run.config.training.epochs and trial.should_prune())
            if pruned or stop.is_set():
                process.send_signal(signal.SIGTERM)
                process.wait()
    for score in _scores(run.folder)[seen:] if process.returncode == 0 else ():
        seen += 1
        best = max(best, score)
        trial.report(best, seen)
    shutil.rmtree(run.folder, ignore_errors=True)
    return _TrialRun(best, pruned, process.returncode)


def _count_crash(optuna: Optuna, study: Study, trial: OptunaTrial, run: PlannedRun, code: int) -> None:
    """A full disk or a killed process is not the fault of the settings, unless it happens again.

    Raises
    ------
    RunError : it is the first time.
    """
    tries = trial.user_attrs.get("tries", 0) + 1
    trial.set_user_attr("tries", tries)
    if tries < TRIES:
        raise RunError(f"trial {_number(trial)} ended with exit code {code}; see {run.log}, "
                       "and search again to resume")
    log.warning("trial %d ended with exit code %d again; see %s", _number(trial), code, run.log)
    _fail(optuna, study, trial)


def _fail(optuna: Optuna, study: Study, trial: OptunaTrial) -> None:
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


def planned_trial(space: SearchSpace, folder: Path, number: int, settings: ReadOnlyValues) -> PlannedRun:
    """The run of a trial.

    Raises
    ------
    ConfigError : its settings are not valid together.
    """
    group = Group(experiments=[space.experiment], seeds=[space.seed], name=f"trial-{number}",
                  set={**space.trial_settings, **settings})
    return planned_run(folder, Plan(directory=str(folder / "trials"), runs=[group]), group, space.experiment,
                       space.seed)


def as_trial(space: SearchSpace, trial: OptunaTrial) -> Trial:
    """A trial of Optuna as ours."""
    reported = trial.intermediate_values
    score = trial.value if trial.value is not None else max(reported.values(), default=None)
    state = {"FAIL": "failed"}.get(trial.state.name, trial.state.name.lower())
    return Trial(_number(trial), settings_of(space, trial.params), score, state, len(reported),
                 trial.user_attrs.get("own", False))
