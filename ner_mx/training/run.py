"""A configuration and its processed corpus to a run folder: what ``train.py`` does."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional

import numpy as np
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ner_mx.compat import choose_device, seed_everything
from ner_mx.config import Config, difference
from ner_mx.errors import RunError
from ner_mx.evaluation.calibration import Judge, calibration
from ner_mx.evaluation.files import Predictions, write_predictions
from ner_mx.evaluation.scores import Evaluation, Score, by_group, evaluate
from ner_mx.features.encoder import Encoded, joined
from ner_mx.features.lexicon_files import to_arrays
from ner_mx.features.preprocessing import changed_source
from ner_mx.features.processed import Processed, folder_of, read_processed
from ner_mx.features.vectors import fitting_dimension
from ner_mx.files import locked, read_json, replacing_folder, sha256, write_arrays, write_json, write_text
from ner_mx.training import interrupts
from ner_mx.training.checkpoints import State, load_state, save_state
from ner_mx.training.environment import code, environment
from ner_mx.training.loop import epochs
from ner_mx.training.model import Model
from ner_mx.training.optimizers import build_trainer
from ner_mx.training.records import read_run_config
from ner_mx.training.task import Task, entity_task, pos_task, predicted_tags

log = logging.getLogger(__name__)

# The paper, on excluding failed trials: OntoNotes' are judged by the last 5,000 sentences learnt.
FITTED = 5000


class Result(NamedTuple):
    """What training ends with.

    tables : the evaluation of each part, under its name (``test``, or
        ``test with predicted POS``).
    """

    folder: Path
    tables: Dict[str, Evaluation]


def run_folder(config: Config) -> Path:
    """Where a configuration's run lies."""
    return Path(config.run.directory) / config.run.name


def train(config: Config, resume: Optional[Path] = None, overwrite: bool = False) -> Result:
    """Train, evaluate and write ``runs/<run.name>/``.

    Parameters
    ----------
    resume : a run folder to go on with after its last complete epoch.
    overwrite : replace a run of this name, as soon as all is well with the configuration and the corpus.

    Raises
    ------
    RunError : no processed corpus, a run that is there already, or none to resume.
    TrainingError : the loss is no number or explodes.
    Stopped : interrupted, in a state to go on from.
    """
    folder = resume or run_folder(config)
    processed = read_processed(config)
    if not resume:  # a run goes on with the corpus that it began with
        _check_current(processed, config)
    # Training need not be told the path again; evaluating the run later needs it.
    config.corpus.path = processed.meta["path"]
    if processed.vectors is not None:
        config.network.word_dimension = fitting_dimension(config, processed.vectors.shape[1])
    device = choose_device(config.run.device)
    task = entity_task(processed, config)
    # Whatever is wrong with the configuration shows here, before anything is written.
    build_model(task, processed, device)
    with locked(folder, "wait for it, or set run.name"), interrupts.deferred():
        if resume:
            _check_resumable(folder, config, processed)
            _note_code(folder)
        else:
            _start(folder, config, processed, device, overwrite)
        log.info("corpus %s; device %s; %s word gradients; %s batches of %s", config.corpus.path, device,
                 "row-sparse" if config.training.optimizer.sparse_words else "dense",
                 config.training.batches, config.training.batch_size)
        parts = dict(processed.parts)
        try:
            if config.features.pos.use:
                parts.update(_with_predicted_pos(folder / "pos", processed, config, device))
            model, state = fit(folder, task, processed, device)
            return _finish(folder, config, processed, model, state, parts)
        except KeyboardInterrupt:
            raise interrupts.Stopped(folder) from None


def _check_current(processed: Processed, config: Config) -> None:
    """Refuse a processed corpus that was made from other files than the configuration names.

    It stands without them: one that is not there is not asked for.

    Raises
    ------
    RunError
    """
    changed = changed_source(processed.meta["sources"], config)
    if changed:
        raise RunError(f"{folder_of(config)}: was made from another {changed} than is there now (corpus.path "
                       f"was {processed.meta['path']}, and is {config.corpus.path}); run preprocess.py with "
                       "the same arguments")


def build_model(task: Task, processed: Processed, device: Any) -> Model:
    """The network of a task, not initialised.

    Raises
    ------
    ConfigError : loss.weights names a class that does not exist.
    """
    counts = np.bincount(task.labels["train"], minlength=len(task.classes))
    return Model(task.config, processed.encoder, task.classes, device, task.constrained, counts)


def fit(folder: Path, task: Task, processed: Processed, device: Any) -> tuple[Model, State]:
    """Train one network in a folder of its own, from its last complete epoch on.

    Returns
    -------
    The network with the best parameters, and where training ended.
    """
    config = task.config
    seed_everything(config.run.seed)
    parts = {**processed.parts, "train": _learnt(processed, config)}
    if config.training.use_dev:
        labels = np.concatenate([task.labels["train"], task.labels["dev"]])
        task = task._replace(labels={**task.labels, "train": labels})
    model = build_model(task, processed, device)
    model.initialize()
    if processed.vectors is not None and processed.known is not None:
        model.network.set_vectors(processed.vectors, processed.known)
    trainer = build_trainer(config.training.optimizer, model.parameters())
    last, best = folder / "last", folder / "best.params"
    if (last / "state.json").exists():
        state = load_state(last, model, trainer)
        log.info("%s: going on after epoch %d", folder, state.epoch)
    else:
        state = State(0, 0, -1.0, [])
        save_state(last, state, model, trainer)
    _write_history(folder, state)
    if not _stopped(state, config):
        with _progress(config.training.epochs - state.epoch) as report:
            for record in epochs(model, trainer, task, parts, config.run.seed, state.epoch, report):
                better = record["score"] > state.best_score or config.training.use_dev
                state = State(record["epoch"], record["epoch"] if better else state.best_epoch,
                              record["score"] if better else state.best_score,
                              [*state.history, record])
                if better:
                    model.save(best)
                save_state(last, state, model, trainer)
                _write_history(folder, state)
                log.info("epoch %d/%d  loss %.4f  dev%s %s %.4f%s  %.0f tokens/s", record["epoch"],
                         config.training.epochs, record["loss"],
                         " (learnt)" if config.training.use_dev else "", task.measure, record["score"],
                         " *" if better else "", record["tokens_per_second"])
                if _stopped(state, config):
                    break
    model.load(best)
    return model, state


def _learnt(processed: Processed, config: Config) -> Encoded:
    """The sentences that a network learns: those of train, with those of dev if the settings say so."""
    parts = processed.parts
    return joined(parts["train"], parts["dev"]) if config.training.use_dev else parts["train"]


def _fitted(model: Model, processed: Processed, config: Config) -> float:
    """The entity F1 on the last of the sentences that were learnt: low where training has failed."""
    part = _learnt(processed, config).last(FITTED)
    tags = processed.encoder.tags
    gold = predicted_tags(tags, np.split(part.tag, part.bounds[1:-1]))
    return evaluate(gold, predicted_tags(tags, model.predict(part))).micro.f1


def _stopped(state: State, config: Config) -> bool:
    patience = config.training.patience
    return state.epoch >= config.training.epochs or bool(
        patience and state.epoch - state.best_epoch >= patience)


def _with_predicted_pos(folder: Path, processed: Processed, config: Config,
                        device: Any) -> Dict[str, Encoded]:
    """Train the POS tagger and give dev and test its tags instead of the gold ones."""
    task = pos_task(processed, config)
    model, state = fit(folder, task, processed, device)
    result = {}
    accuracy = {}
    for name in ("dev", "test"):
        rows = model.predict(processed.parts[name])
        accuracy[name] = task.score(name, rows)
        result[f"{name} with predicted POS"] = processed.parts[name].replaced(
            pos=np.concatenate(rows).astype(np.int32))
    write_json(folder / "metrics.json", {
        "accuracy": accuracy, "seconds": sum(record["seconds"] for record in state.history)})
    log.info("POS tagger: accuracy %.4f on dev, %.4f on test", accuracy["dev"], accuracy["test"])
    return result


def _finish(folder: Path, config: Config, processed: Processed, model: Model, state: State,
            parts: Dict[str, Encoded]) -> Result:
    tables: Dict[str, Evaluation] = {}
    genres: Dict[str, Dict[str, Score]] = {}
    for name, part in parts.items():
        if name == "train":
            continue
        rows = model.predict(part)
        gold = name.split()[0]
        predicted = predicted_tags(processed.encoder.tags, rows)
        tables[name] = evaluate(processed.gold[gold], predicted)
        if gold in processed.genres:
            genres[name] = by_group(processed.genres[gold], processed.gold[gold], predicted)
        write_predictions(folder / "predictions" / f"{name.replace(' ', '-')}.conll",
                          Predictions(part.tokens(), processed.gold[gold], predicted))
    seconds = sum(record["seconds"] for record in state.history)
    trained = sum(record["seconds"] * record["tokens_per_second"] for record in state.history)
    metrics: Dict[str, Any] = {name.replace(" ", "_"): table.to_json() for name, table in tables.items()}
    for name, scores in genres.items():
        metrics[name.replace(" ", "_")]["genres"] = {
            genre: score.to_json() for genre, score in scores.items()}
    metrics["train"] = {"seconds": seconds, "tokens_per_second": trained / seconds,
                        "epochs": state.epoch, "best_epoch": state.best_epoch,
                        "use_dev": config.training.use_dev,
                        "fitted_f1": _fitted(model, processed, config)}
    metrics.update(_calibrated(model, parts, processed, config))
    if config.features.pos.use:
        metrics["pos_tagger"] = read_json(folder / "pos" / "metrics.json")
    metrics["seed"] = config.run.seed
    metrics["best_params_sha256"] = sha256(folder / "best.params")
    metrics["data"] = processed.meta["sources"]
    write_json(folder / "metrics.json", metrics)
    return Result(folder, tables)


def _calibrated(model: Model, parts: Dict[str, Encoded], processed: Processed,
                config: Config) -> Dict[str, Any]:
    """Fit a temperature on dev, with the parts of speech that raw text gets, and say what it does."""
    names = {name.split()[0]: name for name in parts if name != "train"}  # predicted POS come last
    judges = {part: Judge(model, parts[name], processed.gold[part], model.width,
                          config.training.evaluation_batch) for part, name in names.items()}
    # What was trained on looks surer than it is.
    temperature = judges["dev"].fit() if "dev" in judges and not config.training.use_dev else 1.0
    return {"temperature": temperature,
            "calibration": {part: calibration(judge, temperature) for part, judge in judges.items()}}


def _start(folder: Path, config: Config, processed: Processed, device: Any, overwrite: bool) -> None:
    """Put what describes a run into a new folder; with ``overwrite``, in the place of an old run."""
    if folder.exists() and any(folder.iterdir()):
        if not overwrite:
            raise RunError(f"{folder}: holds a run already; set run.name, or give --resume {folder} or "
                           "--overwrite")
        if not (folder / "config.yaml").is_file() or not (folder / "last").is_dir():
            raise RunError(f"{folder}: expected a run to replace, found other files; set run.name or "
                           "run.directory")
    with replacing_folder(folder) as new:
        write_text(new / "config.yaml", config.to_yaml())
        write_json(new / "environment.json", {**environment(device), "data": processed.meta["sources"]})
        write_json(new / "vocab.json", processed.encoder.to_json())
        write_arrays(new / "lexicons.npz", to_arrays(processed.encoder.lexicons))
        (new / "last").mkdir()


def _check_resumable(folder: Path, config: Config, processed: Processed) -> None:
    """Refuse to go on with another configuration or on another corpus; nothing is written."""
    made, wanted = (one.model_dump(mode="json") for one in (read_run_config(folder), config))
    # A run may be moved, and go on with other threads or another device; nothing else may differ.
    for one in (made, wanted):
        one["run"] = {"seed": one["run"]["seed"]}
        del one["corpus"]["path"], one["corpus"]["processed"]
    differs = difference(made, wanted)
    if differs:
        raise RunError(f"{folder}: the run to resume was made with another configuration: {differs} "
                       "now; resume with the same arguments")
    if (read_json(folder / "environment.json").get("data") != processed.meta["sources"]
            or read_json(folder / "vocab.json") != processed.encoder.to_json()):
        raise RunError(f"{folder}: the run to resume was made on another corpus than is in "
                       f"{folder_of(config)} now; preprocess that corpus again, or start a new run")


def _note_code(folder: Path) -> None:
    """Add the code that goes on with a run to the code that began it."""
    made = read_json(folder / "environment.json")
    states = made.get("code", "").split("+")  # that of a run older than the note is ""
    if code() not in states:
        write_json(folder / "environment.json", {**made, "code": "+".join([*states, code()])})


def _write_history(folder: Path, state: State) -> None:
    write_text(folder / "history.jsonl",
               "".join(json.dumps(record) + "\n" for record in state.history))


@contextmanager
def _progress(total: int):
    """A bar on stderr with loss, speed and time left; nothing without a terminal."""
    bar: Optional[tqdm] = None

    def report(step: int, steps: int, tokens: int, loss: float) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(total=total * steps, unit="step", disable=None, leave=False, dynamic_ncols=True)
        bar.update()
        if not bar.disable:
            rate = bar.format_dict["rate"] or 0.0
            bar.set_postfix_str(f"loss {loss:.4f}, {rate * tokens / step:,.0f} tokens/s", refresh=False)

    try:
        # Log lines appear above the bar instead of tearing it.
        with logging_redirect_tqdm():
            yield report
    finally:
        if bar is not None:
            bar.close()
