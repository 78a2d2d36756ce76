"""The search for settings: trials judged on dev, with Optuna; what ``ner-mx search`` does.

Chiu & Nichols 2016 drew 500 settings at random, continued from the best with
a particle swarm, and re-ran the best five.  Here the first trial has the
experiment's own settings, if the ranges contain them, some are drawn at
random, the tree of Parzen estimators (Bergstra et al. 2011) proposes the
others, trials below the median are pruned, and the best are trained again in
full.  The test set is not used.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import statistics
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

from ner_mx.config import Config, difference, dump_yaml, features_fingerprint, nested
from ner_mx.config.fingerprints import decides
from ner_mx.errors import RunError, UserError, first_line, install
from ner_mx.experiments.engines import INTERRUPTED, REFUSED
from ner_mx.experiments.records import read_record
from ner_mx.experiments.replication import process_corpora, replicate
from ner_mx.experiments.search_space import SearchSpace, own_values, read_space
from ner_mx.experiments.search_trials import (
    Optuna,
    Study,
    Trial,
    as_trial,
    ended_trials,
    planned_trial,
    requeue,
    run_trials,
)
from ner_mx.files import locked, read_json, write_text
from ner_mx.machine import available_cores
from ner_mx.preprocessing.processed_corpus import META, corpus_folder
from ner_mx.preprocessing.source_files import changed_source
from ner_mx.untyped import ReadOnlyValues, Values

log = logging.getLogger(__name__)


class SearchResult(NamedTuple):
    """The result of a search.

    trials : every one, by number.
    retrained : settings that were trained in full, best first: (number of the trial, dev F1 of each seed).
    best : the settings of the experiment file that was written.
    """

    folder: Path
    trials: List[Trial]
    retrained: List[Tuple[int, List[float]]]
    best: Values


def search(name: str, changes: ReadOnlyValues, workers: Optional[int] = None,
           trials: Optional[int] = None) -> SearchResult:
    """Search, or resume a search that was interrupted.

    Parameters
    ----------
    name : of a space that comes with the package, or a YAML file.
    changes : settings for every run, such as ``corpus.path``.
    workers : trials at a time, with one thread each; the cores of this machine if not given.
    trials : another number than the space's.

    Raises
    ------
    ConfigError : the space is not valid.
    RunError : another process searches here, or the existing trials are of another space.
    UserError : Optuna is not installed, or no trial is complete.
    """
    optuna = _optuna()
    space = read_space(name, changes)
    folder = Path(space.directory) / Path(name).stem
    with locked(folder, "wait for it, or set directory in the space"):
        return _search(optuna, space, folder, trials or space.trials, workers)


def _search(optuna: Optuna, space: SearchSpace, folder: Path, wanted: int, workers: Optional[int]) -> SearchResult:
    folder.mkdir(parents=True, exist_ok=True)
    study = _study(optuna, space, folder)
    corpus = planned_trial(space, folder, -1, {})
    _check_same(study, space, folder, corpus.config)
    requeue(optuna, study)
    left = wanted - len(ended_trials(optuna, study))
    if left > 0:
        for problem in process_corpora([corpus]).values():
            raise UserError(problem)
        study.set_user_attr("data", read_json(corpus_folder(corpus.config) / META)["sources"])
        own = own_values(space, corpus.config)
        if own and not study.get_trials(deepcopy=False):
            study.enqueue_trial(own, user_attrs={"own": True})
    run_trials(optuna, study, space, folder, left, workers or available_cores())
    trials = [as_trial(space, trial) for trial in ended_trials(optuna, study)]
    trials.sort(key=lambda trial: trial.number)
    complete = sorted((trial for trial in trials if trial.state == "complete"),
                      key=lambda trial: -(trial.score or 0.0))
    if not complete:
        raise UserError(f"{folder}: expected a complete trial, found nothing in {len(trials)}; see their logs")
    retrained = _retrain(space, folder, complete[:space.retrain], workers)
    best = (next(trial for trial in complete if trial.number == retrained[0][0]) if retrained
            else complete[0]).settings
    comment = f"# Found by ner-mx search {folder.name} in {len(trials)} trials, judged on dev.\n"
    # The settings of every run belong to it.
    write_text(folder / "best.yaml", comment + dump_yaml(
        {"extends": space.experiment,
         **nested({**_without_places(space.set, corpus.config), **best})}))
    return SearchResult(folder, trials, retrained, best)


def _optuna() -> Optuna:
    try:
        import optuna
    except ImportError:
        raise UserError(f'the search needs Optuna: {install("search")}') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _study(optuna: Optuna, space: SearchSpace, folder: Path) -> Any:
    from sqlalchemy.pool import NullPool

    storage = folder / "trials.sqlite3"
    pruner = optuna.pruners.MedianPruner(n_startup_trials=min(5, space.startup_trials),
                                         n_warmup_steps=space.prune_after)
    # Without the path in a URL, in which percent signs, question marks and braces would have a meaning.
    options = {"creator": lambda: sqlite3.connect(storage), "poolclass": NullPool}
    try:
        stored = optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)
        return optuna.create_study(study_name=folder.name, storage=stored, load_if_exists=True,
                                   direction="maximize", pruner=pruner)
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in ("sqlalchemy", "sqlite3",
                                                                                         "optuna", "alembic"):
            raise
        raise RunError(f"{storage}: expected the trials of a search, found a damaged or locked database "
                       f"({first_line(error)}); wait for the other process, or remove the file") from None


def _without_places(settings: ReadOnlyValues, config: Config) -> Values:
    """Settings without those that say where things are, or what they are called."""
    return {key: value for key, value in settings.items()
            if decides(config, key) != "nothing" and key.split(".")[0] != "run"}


def _check_same(study: Study, space: SearchSpace, folder: Path, config: Config) -> None:
    """Check that the existing trials are of the same space and corpus.

    Raises
    ------
    RunError
    """
    # How the corpus is read is part of the fingerprint, whichever layer sets it.
    everywhere = {key: value for key, value in _without_places(space.trial_settings, config).items()
                  if not key.startswith("corpus.")}
    now = {**json.loads(space.model_dump_json(include={"experiment", "seed", "space"})),
           "set": json.loads(json.dumps(everywhere)), "features": features_fingerprint(config)}
    earlier = study.user_attrs.get("space", now)
    differs = difference(earlier, now)
    if differs:
        raise RunError(f"{folder}: expected the space of the existing trials, found another: {differs} "
                       "now; give the space another name, or remove the folder")
    study.set_user_attr("space", now)
    changed = changed_source(study.user_attrs["data"], config) if "data" in study.user_attrs else None
    if changed:
        raise RunError(f"{folder}: expected the {changed} of the existing trials, found another; give "
                       "the space another name, or remove the folder")


def _retrain(space: SearchSpace, folder: Path, best: List[Trial],
             workers: Optional[int]) -> List[Tuple[int, List[float]]]:
    """Train the best settings in full, with every seed; (trial, dev F1 of each seed), best mean first.

    Settings with a seed that diverged come after those without.

    Raises
    ------
    RunError : a run was interrupted, or its input is not as expected.
    """
    if not best:
        return []
    plan = {"directory": str(folder / "again"), "records": str(folder / "records"), "runs": [
        {"experiments": [space.experiment], "seeds": space.seeds, "name": _retrained_name(folder, trial),
         "set": {**space.set, **trial.settings}} for trial in best]}
    write_text(folder / "again.yaml", dump_yaml(plan))
    outcomes = replicate(folder / "again.yaml", workers)
    missing = next((outcome for outcome in outcomes if outcome.state in (INTERRUPTED, REFUSED)), None)
    if missing:
        raise RunError(f"{missing.name} was {missing.state}: {missing.reason}; search again to resume")
    result = []
    for trial in best:
        paths = [folder / "records" / f"{_retrained_name(folder, trial)}-{seed}.json" for seed in space.seeds]
        scores = [read_record(path).metrics["dev"]["entity"]["micro"]["f1"] for path in paths
                  if path.is_file()]
        if scores:
            result.append((trial.number, scores))
    if not result:
        raise RunError(f"{folder / 'again'}: expected a complete run, found nothing")
    return sorted(result, key=lambda entry: (-len(entry[1]), -statistics.mean(entry[1])))


def _retrained_name(folder: Path, trial: Trial) -> str:
    """The name of the full runs of a trial's settings; it differs from those of other searches."""
    return f"{re.sub('[^A-Za-z0-9]+', '-', folder.name).strip('-') or 'trial'}-{trial.number}"
