"""Annotation in rounds, simulated on a corpus that is annotated already: what each strategy reaches with how much."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from tqdm import tqdm

from ner_mx.analysis.learning_curve import fit_power_law, predict
from ner_mx.analysis.selection import select
from ner_mx.analysis.uncertainty import read_uncertainties
from ner_mx.config import Config, result_fingerprint, validate
from ner_mx.data.annotation import check_annotation
from ner_mx.data.sentence import Sentence
from ner_mx.data.splits import SplitCorpus, read_splits
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import UserError
from ner_mx.files import read_json, sha256, write_json
from ner_mx.machine import available_cores
from ner_mx.preprocessing.pipeline import process
from ner_mx.registry import load_code, loaded_code, register
from ner_mx.untyped import Values

# Of a smaller training set, more epochs: their number grows with the root of the share, up to this factor.
MOST_EPOCHS = 4.0


class Chain(NamedTuple):
    """One simulation: a strategy, and the seed of its first sentences and of every training."""

    strategy: str
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.strategy}-{self.seed}"


class Round(NamedTuple):
    """What was reached with so many annotated tokens and sentences; F1 as fractions."""

    tokens: int
    sentences: int
    dev: float
    test: float
    seconds: float


Rounds = Dict[Chain, List[Round]]


def simulate(config: Config, strategies: Sequence[str], seeds: Sequence[int], shares: Sequence[float], folder: Path,
             workers: Optional[int] = None) -> Rounds:
    """Let each strategy choose sentences of train, round after round, and train on what was chosen so far.

    The first sentences are drawn at random, the same for every strategy with a seed.  The best epoch is chosen on
    dev, which every strategy has in full.  Finished rounds are kept below ``folder``: the same call resumes.

    Parameters
    ----------
    shares : of the tokens of train that are annotated in each round, increasing.
    workers : chains at a time, with one thread each; the cores of this machine if not given.

    Raises
    ------
    UserError : the shares do not increase from above 0 up to 1 at most, the folder is of another simulation, or a
        strategy has to read a network that splits tokens.
    ConfigError : there is no such strategy.
    """
    for name in strategies:
        register.strategy[name]
    if not shares or list(shares) != sorted(set(shares)) or not 0 < shares[0] <= shares[-1] <= 1:
        raise UserError(f"expected increasing shares above 0 and up to 1, found {', '.join(map(str, shares))}")
    if set(strategies) != {"random"} and (config.corpus.split_digits or config.corpus.characters):
        raise UserError("expected a model whose tokens have tags, found one that splits them into pieces; see "
                        "corpus.split_digits and corpus.characters")
    _check_folder(folder, config, shares)
    chains = [Chain(strategy, seed) for seed in seeds for strategy in strategies]
    arguments = (config.model_dump(mode="json"), list(shares), folder, list(loaded_code))
    # MXNet must not be forked.
    with ProcessPoolExecutor(min(workers or available_cores(), len(chains)), get_context("spawn")) as pool, \
            tqdm(total=len(chains), desc="simulating", unit="chain", disable=None, leave=False) as bar:
        futures = {pool.submit(run_chain, chain, *arguments): chain for chain in chains}
        try:
            for future in as_completed(futures):
                future.result()
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {chain: read_rounds(folder, chain) for chain in chains}


def _check_folder(folder: Path, config: Config, shares: Sequence[float]) -> None:
    """Note what a folder simulates, or check that it is the same."""
    files = read_splits(config.corpus).files
    described: Values = {"shares": list(shares), "configuration": result_fingerprint(config),
                         "files": {path.name: sha256(path) for path in files}}
    path = folder / "simulated.json"
    if path.is_file():
        if read_json(path) != described:
            raise UserError(f"{folder}: expected the same simulation, found one with another corpus, configuration or "
                            "shares; choose another folder")
    elif folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder}: expected a simulation or nothing, found other files; choose another folder")
    else:
        write_json(path, described)


def read_rounds(folder: Path, chain: Chain) -> List[Round]:
    """The finished rounds of a chain."""
    path = folder / chain.name / "rounds.json"
    return [Round(*entry) for entry in read_json(path)["rounds"]] if path.is_file() else []


def run_chain(chain: Chain, values: Values, shares: Sequence[float], folder: Path, code: Sequence[str]) -> None:
    """Run or resume one chain in this process.

    Parameters
    ----------
    values : of the configuration, whose classes cannot be pickled.
    code : the modules of the user's own.
    """
    for source in code:
        load_code(source)
    config = validate(values, "the configuration")
    from ner_mx import compat

    compat.tune_process(1)
    corpus = read_splits(config.corpus)
    splits = check_annotation(corpus.splits, config.corpus).words
    pool = splits["train"]
    total = sum(len(sentence.tokens) for sentence in pool)
    place = folder / chain.name
    state = read_json(place / "rounds.json") if (place / "rounds.json").is_file() else {"rounds": [], "chosen": []}
    rounds, chosen = [Round(*entry) for entry in state["rounds"]], list(map(int, state["chosen"]))
    if not chosen:
        chosen = _first(pool, shares[0] * total, chain.seed)
    for number in range(len(rounds), len(shares)):
        part = {name: [_in_iob2(sentence) for sentence in split] for name, split in splits.items()}
        part["train"] = [part["train"][index] for index in sorted(chosen)]
        tokens = sum(len(sentence.tokens) for sentence in part["train"])
        epochs = max(1, round(config.training.epochs * min(MOST_EPOCHS, math.sqrt(total / tokens))))
        trained = config.updated({
            "corpus.scheme": "IOB2", "corpus.name": "corpus", "corpus.processed": str(place / "processed"),
            "run.directory": str(place), "run.name": "run", "run.seed": chain.seed, "run.threads": 1,
            "training.epochs": epochs, "training.use_dev": False, "training.kvstore": None})
        figures = _train(trained, corpus._replace(splits=part))
        rounds.append(Round(tokens, len(chosen), *figures))
        if number + 1 < len(shares):
            rest = sorted(set(range(len(pool))) - set(chosen))
            chosen += rest if shares[number + 1] == 1 else _chosen(
                chain, number, place / "run", [pool[index] for index in rest], rest,
                int(shares[number + 1] * total) - tokens)
        write_json(place / "rounds.json", {"rounds": [list(entry) for entry in rounds], "chosen": chosen})
        for name in ("processed", "run"):
            rmtree(place / name, ignore_errors=True)


def _in_iob2(sentence: Sentence) -> Sentence:
    return sentence._replace(tags=convert_tags(sentence.gold, "IOB2"))


def _first(pool: Sequence[Sentence], tokens: float, seed: int) -> List[int]:
    """Sentences drawn at random, with about so many tokens."""
    chosen: List[int] = []
    for index in np.random.RandomState(seed).permutation(len(pool)):
        if tokens <= 0 and chosen:
            break
        chosen.append(int(index))
        tokens -= len(pool[index].tokens)
    return chosen


def _train(config: Config, corpus: SplitCorpus) -> Tuple[float, float, float]:
    """F1 on dev and test as raw text gets it, and the seconds of training."""
    from ner_mx.training.run import train_run

    result = train_run(process(config, corpus=corpus), config, overwrite=True)
    # Sorted, the condition with predicted parts of speech comes last.
    scores = {condition.split: result.scores[condition].micro.f1 for condition in sorted(result.scores)}
    return scores["dev"], scores["test"], float(read_json(result.folder / "metrics.json")["train"]["seconds"])


def _chosen(chain: Chain, number: int, run: Path, sentences: Sequence[Sentence], indices: Sequence[int],
            tokens: int) -> List[int]:
    """The indices of the sentences that a strategy chooses next."""
    from ner_mx.training.run_evaluation import load_recognizer

    recognizer = load_recognizer(run)
    listed = [list(sentence.tokens) for sentence in sentences]
    found = read_uncertainties(recognizer, recognizer.encode_tokens(listed))
    selected = select(listed, found, chain.strategy, 1000 * chain.seed + number, tokens=tokens)
    return [indices[entry.sentence] for entry in selected]


def simulation_values(config: Config, rounds: Rounds) -> Values:
    """A simulation as values of JSON."""
    train = check_annotation(read_splits(config.corpus).splits, config.corpus).words["train"]
    return {"corpus": config.corpus.name, "train_sentences": len(train),
            "train_tokens": sum(len(sentence.tokens) for sentence in train),
            "chains": [{**chain._asdict(), "rounds": [entry._asdict() for entry in entries]}
                       for chain, entries in rounds.items()]}


def learning_curve_values(config: Config, rounds: Rounds, further: Sequence[int]) -> Values:
    """A learning curve with the F1 that so many further sentences would bring, as values of JSON.

    Raises
    ------
    UserError : there are fewer than three sizes.
    """
    values = simulation_values(config, rounds)
    runs = [[(float(entry.tokens), entry.test) for entry in entries] for entries in rounds.values()]
    tokens, sentences = values["train_tokens"], values["train_sentences"]
    wanted = [0, *further]
    sizes = [tokens + round(count * tokens / sentences) for count in wanted]
    line = np.geomspace(min(size for run in runs for size, _ in run), max(sizes), 60).astype(int).tolist()
    law = fit_power_law([point for run in runs for point in run])
    predictions = predict(runs, [*sizes, *line])
    return {**values, "law": law._asdict(),
            "predictions": [{"sentences": count, **entry._asdict()} for count, entry in zip(wanted, predictions)],
            "line": [entry._asdict() for entry in predictions[len(sizes):]]}
