"""Runs on parts of a corpus: folds, samples.  They are trained in parallel, and resumed if they were interrupted."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import List, Mapping, NamedTuple, Optional, Sequence

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ner_mx.config import Config, result_fingerprint
from ner_mx.data.sentence import Sentence
from ner_mx.data.splits import SplitCorpus
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import RunError
from ner_mx.experiments.engines import DONE, ENGINES
from ner_mx.experiments.plans import PlannedRun
from ner_mx.preprocessing.pipeline import process
from ner_mx.preprocessing.processed_corpus import is_current

log = logging.getLogger(__name__)


class CorpusPart(NamedTuple):
    """The splits that one run is trained on.

    name : of the part, such as ``fold-1``.
    splits : sentences with whole tokens and tags in any scheme; train, dev and test.
    """

    name: str
    splits: Mapping[str, Sequence[Sentence]]


def part_runs(config: Config, corpus: SplitCorpus, parts: Sequence[CorpusPart], folder: Path) -> List[PlannedRun]:
    """The runs on parts of a corpus, which are processed below ``folder`` unless they were before.

    Parameters
    ----------
    corpus : what the parts are of; its files are noted as their sources.
    """
    config = config.updated({"corpus.scheme": "IOB2"})
    runs = []
    for part in tqdm(parts, desc="preprocessing", unit="part", disable=None, leave=False):
        name = f"{part.name}-{_digest(config, part.splits)}"
        run = PlannedRun(config.updated({
            "corpus.name": name, "corpus.processed": str(folder / "processed"), "run.name": name,
            "run.directory": str(folder / "runs"), "run.threads": 1}))
        if not is_current(run.config):
            process(run.config, corpus=corpus._replace(splits={
                key: [sentence._replace(tags=convert_tags(sentence.gold, "IOB2")) for sentence in split]
                for key, split in part.splits.items()}))
        runs.append(run)
    return runs


def _digest(config: Config, splits: Mapping[str, Sequence[Sentence]]) -> str:
    """A name for a part: other settings or other sentences have another one."""
    content = json.dumps([result_fingerprint(config, seed=True), {
        name: [[sentence.tokens, sentence.tags] for sentence in split] for name, split in splits.items()}])
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def train_parts(runs: Sequence[PlannedRun], workers: Optional[int]) -> None:
    """Train what is not finished yet, in processes with one thread each.

    Raises
    ------
    RunError : a run cannot be trained, with its reason.
    """
    left = [run for run in runs if not (run.folder / "report.md").is_file()]  # what a run writes last
    with logging_redirect_tqdm(), tqdm(total=len(left), desc="training", unit="run", disable=None, leave=False) as bar:
        for outcome in ENGINES["local"](left, workers, None):
            bar.update()
            if outcome.state != DONE:
                raise RunError(f"{outcome.name}: {outcome.state}: {outcome.reason}")
            log.info("%s: done", outcome.name)
