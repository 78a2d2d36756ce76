"""The search for settings: trials judged on dev, on Optuna; what ``ner-mx search`` does.

Chiu & Nichols 2016, section 4.2, drew 500 settings blindly, moved on from the
best with a particle swarm, and re-ran the best five.  Here the first trials
are drawn blindly, the tree of Parzen estimators (Bergstra et al. 2011)
proposes the others, what falls behind the median is pruned, and the best are
trained again in full.  The test set plays no part.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Union

import yaml
from pydantic import Field, ValidationError, model_validator
from tqdm import tqdm

from ner_mx.config import ConfigError, Section, load_config, read_yaml
from ner_mx.errors import RunError, TrainingError, UserError
from ner_mx.files import write_text
from ner_mx.training.records import read_record
from ner_mx.training.replication import Group, Plan, Planned, planned, process_corpora, replicate

log = logging.getLogger(__name__)

SPACES = Path(__file__).parent.parent / "spaces"

# How often a trial's history is looked at, in seconds.
GLANCE = 0.5


class Range(Section):
    """Numbers from ``low`` to ``high``, both included."""

    low: float
    high: float
    whole: bool = False
    step: Optional[int] = Field(None, ge=1)
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and (self.low <= 0 or self.step):
            raise ValueError("log needs a low above 0 and no step")
        return self


class Choice(Section):
    """One of several values."""

    among: List[Union[bool, int, float, str]] = Field(min_length=2)


class Space(Section):
    """What ``ner-mx search`` reads.

    trials : how many, pruned ones counted.  random : the first so many drawn blindly.
    prune_after : epochs that every trial is given before it may be pruned.
    set : settings of every trial.  again : the best so many are trained again,
        with ``seeds`` and ``again_set`` instead of ``set``.
    """

    experiment: str
    directory: str = "runs/search"
    trials: int = Field(60, ge=1)
    random: int = Field(20, ge=1)
    prune_after: int = Field(2, ge=1)
    seed: int = Field(1, ge=0)
    set: Dict[str, Any] = {}
    again: int = Field(5, ge=0)
    seeds: List[int] = Field([1, 2, 3], min_length=1)
    again_set: Dict[str, Any] = {}
    space: Dict[str, Union[Range, Choice]] = Field(min_length=1)


class Trial(NamedTuple):
    """One trial: its settings, the best dev F1, and how it ended (complete, pruned, failed)."""

    number: int
    settings: Dict[str, Any]
    score: Optional[float]
    state: str
    epochs: int


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


def read_space(name: str, changes: Dict[str, Any]) -> Space:
    """Read a space, by name or as a YAML file, with settings laid over it.

    Raises
    ------
    ConfigError : there is none, a key is unknown, or a range makes no valid configuration.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else SPACES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(space.stem for space in SPACES.glob("*.yaml")))
        raise ConfigError(f"space {name!r}: expected one of {known} or a YAML file")
    try:
        space = Space.model_validate(read_yaml(path))
    except ValidationError as error:
        problem = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
    space.set.update(changes)
    space.again_set.update(changes)
    for key, values in space.space.items():
        if key.split(".")[0] in ("run", "corpus", "features"):
            raise ConfigError(f"{path}: space.{key}: expected a key of network, loss, decoding or training; "
                              "every trial reads one processed corpus")
        ends = values.among if isinstance(values, Choice) else [_number(values, end) for end
                                                                in (values.low, values.high)]
        for end in ends:
            try:
                load_config(None, space.experiment, [f"{key}={json.dumps(end)}"])
            except ConfigError as error:
                raise ConfigError(f"{path}: space: {error}") from None
    return space


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
    UserError : Optuna is missing, or no trial has come to its end.
    """
    optuna = _optuna()
    space = read_space(name, changes)
    folder = Path(space.directory) / Path(name).stem
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=folder.name, storage=f"sqlite:///{folder / 'trials.sqlite3'}", load_if_exists=True,
        direction="maximize",
        # The sampler's state is not kept: a search that goes on must not draw the same again.
        sampler=optuna.samplers.TPESampler(seed=None if _begun(folder) else space.seed,
                                           n_startup_trials=space.random),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=min(5, space.random),
                                           n_warmup_steps=space.prune_after))
    _take_up(optuna, study)
    wanted = trials or space.trials
    left = wanted - len(study.get_trials(states=_ended(optuna)))
    if left > 0:
        process_corpora([_run(space, folder, -1, {})])
    _try_all(optuna, study, space, folder, left, workers or os.cpu_count() or 1)
    tried = [_trial(one) for one in study.get_trials(states=_ended(optuna))]
    complete = sorted((one for one in tried if one.state == "complete"), key=lambda one: -(one.score or 0.0))
    if not complete:
        raise UserError(f"{folder}: expected a trial that comes to its end, found none in {len(tried)}; "
                        "see the logs beside")
    again = _train_again(space, folder, complete[:space.again], workers)
    best = (next(one for one in complete if one.number == again[0][0]) if again else complete[0]).settings
    comment = f"# Found by ner-mx search {Path(name).stem} in {len(tried)} trials, judged on dev.\n"
    write_text(folder / "best.yaml", comment
               + yaml.safe_dump({"extends": space.experiment, **_nested(best)}, sort_keys=False))
    return Found(folder, tried, again, best)


def _optuna():
    try:
        import optuna
    except ImportError:
        raise UserError('the search needs Optuna: pip install "ner-mx[search]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _begun(folder: Path) -> bool:
    return (folder / "trials.sqlite3").exists()


def _ended(optuna):
    state = optuna.trial.TrialState
    return (state.COMPLETE, state.PRUNED, state.FAIL)


def _take_up(optuna, study) -> None:
    """Put the trials that an earlier process left running back into the queue."""
    for one in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        if one.params:
            study.enqueue_trial(one.params)
        study.tell(one.number, state=optuna.trial.TrialState.FAIL)


def _try_all(optuna, study, space: Space, folder: Path, count: int, workers: int) -> None:
    stop = threading.Event()
    with tqdm(total=max(0, count), unit="trial", disable=None, leave=False) as bar, \
            ThreadPoolExecutor(workers) as pool:

        def one() -> None:
            if not stop.is_set():
                trial = _attempt(optuna, study, space, folder, stop)
                if trial:
                    bar.update()

        futures = [pool.submit(one) for _ in range(count)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _attempt(optuna, study, space: Space, folder: Path, stop: threading.Event) -> bool:
    """Train one trial in a process of its own and tell its end; False if it was broken off."""
    trial = study.ask()
    settings = {key: _suggested(trial, key, values) for key, values in space.space.items()}
    run = _run(space, folder, trial.number, settings)
    shutil.rmtree(run.folder, ignore_errors=True)
    state = optuna.trial.TrialState
    best, seen, pruned = 0.0, 0, False
    log_file = run.folder.with_name(f"{run.name}.log")
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with open(log_file, "w", encoding="utf-8") as output:
        process = subprocess.Popen(run.arguments("train"), stdout=output, stderr=output,
                                   stdin=subprocess.DEVNULL)
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
        return False
    if pruned:
        study.tell(trial, state=state.PRUNED)
    elif process.returncode == 0:
        study.tell(trial, best)
    else:
        study.tell(trial, state=state.FAIL)
        if process.returncode != TrainingError.exit_code:
            log.warning("trial %d ended with exit code %d; see %s", trial.number, process.returncode,
                        log_file)
    return True


def _scores(folder: Path) -> List[float]:
    """The dev F1 of each epoch so far."""
    try:
        lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["score"] for line in lines]
    except OSError:
        return []


def _suggested(trial, key: str, values: Union[Range, Choice]) -> Any:
    if isinstance(values, Choice):
        return trial.suggest_categorical(key, values.among)
    if values.whole:
        return trial.suggest_int(key, int(values.low), int(values.high), step=values.step or 1,
                                 log=values.log)
    return trial.suggest_float(key, values.low, values.high, log=values.log)


def _number(values: Range, end: float) -> Union[int, float]:
    return int(end) if values.whole else end


def _run(space: Space, folder: Path, number: int, settings: Dict[str, Any]) -> Planned:
    group = Group(experiments=[space.experiment], seeds=[space.seed], name=f"trial-{number}",
                  set={**space.set, **settings})
    return planned(folder, Plan(directory=str(folder / "trials"), runs=[group]), group, space.experiment,
                   space.seed)


def _trial(one) -> Trial:
    reported = one.intermediate_values
    score = one.value if one.value is not None else max(reported.values(), default=None)
    state = {"FAIL": "failed"}.get(one.state.name, one.state.name.lower())
    return Trial(one.number, dict(one.params), score, state, len(reported))


def _train_again(space: Space, folder: Path, best: List[Trial], workers: Optional[int]) -> List[Any]:
    """Train the best settings in full, with every seed; (trial, dev F1s), best mean first."""
    if not best:
        return []
    plan = {"directory": str(folder / "again"), "records": str(folder / "records"), "runs": [
        {"experiments": [space.experiment], "seeds": space.seeds, "name": f"again-{one.number}",
         "set": {**space.again_set, **one.settings}} for one in best]}
    write_text(folder / "again.yaml", yaml.safe_dump(plan, sort_keys=False))
    replicate(folder / "again.yaml", workers)
    result = []
    for one in best:
        paths = [folder / "records" / f"again-{one.number}-{seed}.json" for seed in space.seeds]
        scores = [read_record(path).metrics["dev"]["entity"]["micro"]["f1"] for path in paths
                  if path.is_file()]
        if scores:
            result.append((one.number, scores))
    if not result:
        raise RunError(f"{folder / 'again'}: expected a run that comes to its end, found none")
    return sorted(result, key=lambda item: -statistics.mean(item[1]))


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
