"""A plan of many runs: experiments, seeds and settings, resolved to one configuration per run."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

from pydantic import Field

from ner_mx.config import Config, Section, features_fingerprint, load_experiment, read_yaml, validate_as
from ner_mx.config.layers import nested
from ner_mx.config.schema import NAME
from ner_mx.errors import ConfigError, first_duplicate
from ner_mx.files import write_text
from ner_mx.registry import loaded_code
from ner_mx.training.run_folder import run_folder
from ner_mx.untyped import ReadOnlyValues, Values


class Group(Section):
    """Experiments that are run with the same seeds and settings."""

    experiments: List[str] = Field(min_length=1)
    seeds: List[int] = Field(min_length=1)
    name: Optional[str] = Field(None, pattern=NAME)
    set: Values = {}


class Plan(Section):
    """What ``ner-mx replicate`` reads."""

    directory: str = "runs"
    records: str = "reports/runs"
    set: Values = {}
    runs: List[Group] = Field(min_length=1)


class PlannedRun(NamedTuple):
    """One run: the configuration that the experiment and the settings of the plan resolve to.

    ``config.yaml`` of the working folder has no effect on it: a plan makes the
    same runs wherever it is executed.
    """

    config: Config

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.config.run.name

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return run_folder(self.config)

    @property
    def log(self) -> Path:
        """What its processes print."""
        return self.folder.with_name(f"{self.name}.log")

    def command(self, verb: str) -> List[str]:
        """The command line of one stage of the run; its configuration is written beside its folder.

        The process loads the same modules as this one, see :func:`ner_mx.registry.load_code`.
        """
        path = self.folder.with_name(f"{self.name}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, self.config.to_yaml())
        code = [argument for source in loaded_code for argument in ("--code", source)]
        return [sys.executable, "-m", "ner_mx", verb, *code, "--config", str(path)]


def read_plan(path: Path) -> Tuple[Plan, List[PlannedRun]]:
    """Read a plan and resolve every run of it; nothing is written.

    Raises
    ------
    ConfigError : a key, experiment or setting is unknown, or two runs have one name.
    """
    plan = validate_as(Plan, read_yaml(path), str(path))
    runs: List[PlannedRun] = []
    for group in plan.runs:
        if group.name and len(group.experiments) > 1:
            raise ConfigError(f"{path}: runs: expected one experiment under the name {group.name}, found "
                              f"{len(group.experiments)}; give each a group of its own")
        for experiment in group.experiments:
            for seed in group.seeds:
                runs.append(planned_run(path, plan, group, experiment, seed))
    duplicate = first_duplicate(run.name for run in runs)
    if duplicate:
        raise ConfigError(f"{path}: expected runs of different names, found two called {duplicate}; "
                          "give one of the groups a name")
    return plan, runs


def planned_run(path: Path, plan: Plan, group: Group, experiment: str, seed: int) -> PlannedRun:
    """One run of a plan, resolved.

    Raises
    ------
    ConfigError : the experiment or a setting is unknown, or a setting is one that the plan itself makes.
    """
    own = {"run.directory": plan.directory, "run.seed": seed,
           "run.name": f"{group.name or experiment}-{seed}", "run.threads": 1}
    settings = {**plan.set, **group.set, **own}
    for key in (*own, "corpus.name"):
        if _sets(plan.set, key) or _sets(group.set, key):
            raise ConfigError(f"{path}: set: {key}: expected no key that a plan sets itself; see directory, "
                              "seeds and name")
    try:
        config = load_experiment(experiment, settings, path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    # What decides the features is part of the name, so that groups which change them have folders of their own.
    fingerprint = json.dumps([features_fingerprint(config), config.corpus.path], sort_keys=True)
    settings["corpus.name"] = f"{config.corpus.name}-{hashlib.sha256(fingerprint.encode()).hexdigest()[:8]}"
    return PlannedRun(load_experiment(experiment, settings, path.parent))


def _sets(values: ReadOnlyValues, key: str) -> bool:
    """Whether settings, dotted or in mappings, have a value for a dotted key."""
    inner: Any = nested(values)
    for part in key.split("."):
        if not isinstance(inner, dict) or part not in inner:
            return False
        inner = inner[part]
    return True
