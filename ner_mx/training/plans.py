"""A plan of many runs: experiments, seeds and what to set, resolved to one configuration a run."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from pydantic import Field

from ner_mx.config import Config, Section, as_arguments, load_experiment, read_yaml, validated
from ner_mx.errors import ConfigError, repeated
from ner_mx.features.processed import making_of
from ner_mx.files import write_text


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
    """One run: the configuration that the experiment and the plan's settings resolve to.

    What lies in the working folder's ``config.yaml`` has no part in it: a plan
    makes the same runs wherever it is worked off.
    """

    config: Config

    @property
    def name(self) -> str:
        return self.config.run.name

    @property
    def folder(self) -> Path:
        return Path(self.config.run.directory) / self.config.run.name

    @property
    def log(self) -> Path:
        """What its processes say."""
        return self.folder.with_name(f"{self.name}.log")

    def command(self, verb: str) -> List[str]:
        """The command line of one stage of the run; its configuration is written beside its folder."""
        path = self.folder.with_name(f"{self.name}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, self.config.to_yaml())
        return [sys.executable, "-m", "ner_mx", verb, "--config", str(path)]


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
        config = load_experiment(experiment, as_arguments(chosen))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    # What makes the features is in the name, so that groups which change them have folders of their own.
    making = json.dumps([making_of(config), config.corpus.path], sort_keys=True)
    chosen["corpus.name"] = f"{config.corpus.name}-{hashlib.sha256(making.encode()).hexdigest()[:8]}"
    return Planned(load_experiment(experiment, as_arguments(chosen)))
