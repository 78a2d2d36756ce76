"""The folder of a run: what describes it, whether it may be replaced or resumed.  Imports no MXNet."""

from __future__ import annotations

from pathlib import Path
from typing import FrozenSet, NamedTuple, Optional

from ner_mx.array_files import read_arrays, write_arrays
from ner_mx.config import Config, difference, migrated, read_yaml, result_fingerprint, validate
from ner_mx.decoding.entity_rules import EntityRules
from ner_mx.errors import RunError, UserError
from ner_mx.features.encoder import Encoder
from ner_mx.files import read_json, replacing_folder, write_json, write_text
from ner_mx.preprocessing.processed_corpus import ProcessedCorpus, corpus_folder
from ner_mx.training.provenance import code_digest
from ner_mx.untyped import Values

# The copy of the rules that a run is used with.
RULES = "rules.jsonl"
# What a run keeps of the description of its corpus, for its report.
DATA_KEYS = ("counts", "scheme", "split", "duplicates", "proposed", "raw_text", "features", "warnings")


def run_folder(config: Config) -> Path:
    """The folder of the run of a configuration."""
    return Path(config.run.directory) / config.run.name


def is_run(folder: Path) -> bool:
    """Whether a folder describes a run."""
    return (folder / "config.yaml").is_file()


def complete_epochs(folder: Path) -> int:
    """After how many epochs a run that was stopped would be resumed."""
    state = folder / "last/state.json"
    return int(read_json(state)["epoch"]) if state.is_file() else 0


def read_run_config(folder: Path) -> Config:
    """The configuration that a run was made with.

    Raises
    ------
    RunError : the folder is not a run.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise RunError(f"{folder}: expected a run folder, found no config.yaml in it")
    return validate(migrated(read_yaml(path)), str(path))


def finished_metrics(folder: Path) -> Values:
    """The figures of a finished run.

    Raises
    ------
    RunError : it is no run, or not finished.
    """
    if not (folder / "metrics.json").is_file():
        raise RunError(f"{folder}: expected a finished run, found no metrics.json in it")
    return dict(read_json(folder / "metrics.json"))


def read_run_encoder(folder: Path, config: Config) -> Encoder:
    """The encoder of a run.

    Raises
    ------
    RunError : its files are missing or damaged.
    """
    remedy = "train again, with this version"
    return Encoder.restore(config.features, read_json(folder / "vocab.json", remedy),
                           read_arrays(folder / "features.npz", remedy))


def read_rules(config: Config) -> Optional[EntityRules]:
    """The rules that a configuration names; None if it names none.

    Raises
    ------
    UserError : the file cannot be read, or a line is no rule.
    """
    path = config.inference.rules
    if path is None:
        return None
    if config.corpus.split_digits or config.corpus.characters:
        raise UserError("inference.rules: expected a network that reads whole tokens, found one that splits them")
    return EntityRules(_content(Path(path)), config.corpus.tokenizer, path)


def read_run_rules(folder: Path, config: Config) -> Optional[EntityRules]:
    """The rules that a run keeps; None if it has none.

    Raises
    ------
    UserError : they are damaged.
    """
    path = folder / RULES
    return EntityRules(_content(path), config.corpus.tokenizer, str(path)) if path.is_file() else None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: expected rules, found: {error.strerror}; see inference.rules") from None


def start_run(folder: Path, config: Config, corpus: ProcessedCorpus, made_in: Values, overwrite: bool) -> None:
    """Create the folder of a new run, in the place of an old one if ``overwrite``.

    Parameters
    ----------
    made_in : the environment, see :func:`~ner_mx.training.provenance.environment`, and the number of workers.

    Raises
    ------
    RunError : there is a run, and it may not be replaced; or something else.
    """
    check_place(folder, overwrite)
    rules = read_rules(config)
    with replacing_folder(folder) as new:
        if rules is not None:
            (new / RULES).write_bytes(rules.content)
        write_text(new / "config.yaml", config.to_yaml())
        write_json(new / "environment.json", {**made_in, "data": corpus.meta["sources"]})
        write_json(new / "data.json", {key: corpus.meta[key] for key in DATA_KEYS})
        write_json(new / "vocab.json", corpus.encoder.to_json())
        write_arrays(new / "features.npz", corpus.encoder.arrays())
        (new / "last").mkdir()


def check_place(folder: Path, overwrite: bool) -> None:
    """Check that a new run may be written to a folder.

    Raises
    ------
    RunError : there is a run, and it may not be replaced; or something else.
    """
    if folder.exists() and any(folder.iterdir()):
        if not overwrite:
            raise RunError(f"{folder}: holds a run already; set run.name, resume the run, or allow it with "
                           "--overwrite")
        if not is_run(folder) or not (folder / "last").is_dir():
            raise RunError(f"{folder}: expected a run to replace, found other files; set run.name or "
                           "run.directory")


def check_resumable(folder: Path, config: Config, corpus: ProcessedCorpus,
                    workers: Optional[int] = None) -> None:
    """Check that a run was made with the same configuration, corpus and number of workers; nothing is written.

    Parameters
    ----------
    workers : that go on; None if no further epoch is trained.

    Raises
    ------
    RunError : it was not.
    """
    before = read_run_config(folder)
    if not before.training.schedule.needs_length():
        before = before.updated({"training.epochs": config.training.epochs})
    differs = difference(result_fingerprint(before, seed=True), result_fingerprint(config, seed=True))
    if differs:
        raise RunError(f"{folder}: the run to resume was made with another configuration: {differs} "
                       "now; resume with the same settings"
                       + (f", or use the run as it is with --finish {folder}" if "epochs" in differs else ""))
    made_in = read_json(folder / "environment.json")
    if workers is not None and made_in.get("workers", 1) != workers:
        raise RunError(f"{folder}: expected the {made_in.get('workers', 1)} workers that the run was started with, "
                       f"found {workers}; see ner-mx launch -n")
    if (made_in.get("data") != corpus.meta["sources"]
            or read_json(folder / "vocab.json") != corpus.encoder.to_json()):
        raise RunError(f"{folder}: the run to resume was made on another corpus than is in "
                       f"{corpus_folder(config)} now; preprocess that corpus again, or start a new run")


def note_code(folder: Path) -> None:
    """Add the code that resumes a run to the code that started it."""
    recorded = read_json(folder / "environment.json")
    states = recorded.get("code", "").split("+")  # "" if the run is older than the entry
    if code_digest() not in states:
        write_json(folder / "environment.json", {**recorded, "code": "+".join([*states, code_digest()])})


def read_kept_types(folder: Path) -> FrozenSet[str]:
    """The types that a finished run learned from an earlier network alone, see ``train --from``."""
    path = folder / "metrics.json"
    return frozenset(read_json(path).get("kept_types", ()) if path.is_file() else ())


class Decision(NamedTuple):
    """What a run has fitted on dev after training.

    temperature : what scores are divided by before they become probabilities.
    outside_penalty : what is taken from the score of O before tags are chosen.
    """

    temperature: float
    outside_penalty: float


def read_decision(folder: Path, config: Config) -> Decision:
    """What a finished run has fitted; without effect if the run is not finished."""
    path, penalty = folder / "metrics.json", config.decoding.outside_penalty
    metrics = read_json(path) if path.is_file() else {}
    return Decision(float(metrics.get("temperature", 1.0)),
                    float(metrics.get("outside_penalty", 0.0)) if penalty == "auto" else penalty)
