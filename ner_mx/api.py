"""The public API in Python: the functions behind the commands.

They return values, print nothing, and honour every setting of the
configuration.  Importing this module imports no MXNet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Union

from ner_mx import compat
from ner_mx.config import Config, Corpus, validate
from ner_mx.config import load_config as _load_config
from ner_mx.errors import BundleError, RunError
from ner_mx.evaluation.scores import Evaluation
from ner_mx.evaluation.scores import evaluate as _evaluate
from ner_mx.inference.bundle_folder import is_bundle
from ner_mx.inference.tagger import MinScore, Tagger
from ner_mx.preprocessing.processed_corpus import ProcessedCorpus, read_processed
from ner_mx.training.callbacks import Callback
from ner_mx.training.run_folder import is_run, read_run_config

PathLike = Union[str, Path]
AnyConfig = Union[Config, Mapping[str, Any], PathLike]


class Run:
    """A finished run.

    Parameters
    ----------
    folder : of the run.

    Attributes
    ----------
    config : the configuration it was made with.
    metrics : the content of ``metrics.json``.

    Raises
    ------
    RunError : the folder is not a finished run.
    """

    def __init__(self, folder: PathLike):
        from ner_mx.files import read_json

        self.folder = Path(folder)
        self.config: Config = read_run_config(self.folder)
        self.metrics: Dict[str, Any] = read_json(self.folder / "metrics.json", "train the run to its end")

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def scores(self) -> Dict[str, float]:
        """The entity F1 of each split, as a fraction: ``{"dev": ..., "test": ...}``.

        A model that reads parts of speech has ``test with predicted POS``, too.
        """
        from ner_mx.evaluation.conditions import Condition

        return {Condition.from_key(key).label: value["entity"]["micro"]["f1"]
                for key, value in self.metrics.items() if isinstance(value, dict) and "entity" in value}

    def evaluate(self, file: Optional[PathLike] = None, settings: Optional[Mapping[str, Any]] = None,
                 device: Optional[str] = None) -> Dict[str, Evaluation]:
        """Score the run on its test set, or on another annotated file.

        Parameters
        ----------
        settings : how the file is read, as values of the section ``corpus``; those of the run if
            not given.
        device : another device than the run's, such as ``"cpu"``.

        Returns
        -------
        The evaluation by condition: the name of the file, or ``test``, and the same
        ``with predicted POS`` if the model reads parts of speech.

        Raises
        ------
        CorpusError, RunError, ConfigError
        """
        compat.tune_process(self.config.run.threads)
        from ner_mx.training.run_evaluation import score_run

        corpus: Corpus = self.config.corpus
        if settings:
            corpus = self.config.updated({f"corpus.{key}": value for key, value in settings.items()}).corpus
        evaluations = score_run(self.folder, corpus, None if file is None else Path(file), device).by_condition
        return {condition.label: evaluation for condition, evaluation in evaluations.items()}

    def export(self, folder: PathLike, precision: str = "float32", overwrite: bool = False,
               key: Optional[PathLike] = None) -> Path:
        """Write the best network as a bundle, which needs no MXNet; returns its folder.

        Parameters
        ----------
        precision : of the weights: ``float32``, ``float16`` or ``int8``.
        overwrite : replace an existing bundle.
        key : the file of a secret key that signs it, see :mod:`ner_mx.inference.signatures`.

        Raises
        ------
        BundleError, RunError : see :func:`ner_mx.inference.exporting.export_run`.
        """
        compat.tune_process(self.config.run.threads)
        from ner_mx.inference.exporting import export_run

        export_run(self.folder, Path(folder), precision, overwrite, None if key is None else Path(key))
        return Path(folder)

    def tagger(self, device: Optional[str] = None, min_score: MinScore = None) -> Tagger:
        """The best network as a tagger, on MXNet."""
        compat.tune_process(self.config.run.threads)
        from ner_mx.inference.exporting import card
        from ner_mx.training.run_evaluation import load_recognizer

        return Tagger(load_recognizer(self.folder, device), card(self.config, self.metrics),
                      self.config.corpus.tokenizer, min_score)


def load_config(path: Optional[PathLike] = None, experiment: Optional[str] = None,
                settings: Optional[Mapping[str, Any]] = None) -> Config:
    """A configuration from a YAML file, a named experiment and single values, in layers.

    Parameters
    ----------
    path : None takes ``config.yaml`` of the working folder if there is one, else the defaults.
    experiment : such as ``"gmb"``, laid over it.
    settings : values by dotted key, such as ``{"training.epochs": 3}``, laid over both.

    Raises
    ------
    ConfigError : names the source, the key, the value and the nearest valid key.
    """
    return _load_config(path, experiment, settings or {})


def as_config(config: AnyConfig) -> Config:
    """A configuration from itself, from nested values, or from a YAML file.

    Raises
    ------
    ConfigError : it is not valid.
    """
    if isinstance(config, Config):
        return config
    if isinstance(config, Mapping):
        return validate(dict(config), "the configuration")
    return _load_config(config)


def preprocess(config: AnyConfig) -> ProcessedCorpus:
    """Read, check and encode a corpus, and write it to ``data/processed/<corpus.name>/``.

    Parameters
    ----------
    config : a :class:`Config`, nested values, or the path of a YAML file.

    Returns
    -------
    The processed corpus, for :func:`train`; its ``meta`` has the counts and warnings.

    Raises
    ------
    CorpusError, ConfigError : before anything is written.
    """
    from ner_mx.preprocessing.pipeline import process

    return process(as_config(config))


def train(corpus: Union[ProcessedCorpus, AnyConfig], *, seed: Optional[int] = None, name: Optional[str] = None,
          resume: Optional[PathLike] = None, overwrite: bool = False,
          callbacks: Sequence[Callback] = (), finish: bool = False, start: Optional[PathLike] = None) -> Run:
    """Train on a processed corpus, and write the folder of the run.

    Parameters
    ----------
    corpus : what :func:`preprocess` returned, or the configuration of a corpus that was processed.
    seed, name : other values for ``run.seed`` and ``run.name``.
    resume : the folder of an interrupted run, to resume after its last complete epoch.
    overwrite : replace a run of this name.
    callbacks : beside those of the configuration, see :class:`ner_mx.Callback`.
    finish : of a run to resume: train no further epoch, but evaluate the best one and write everything.
    start : the folder of a finished run whose network this one starts from, see
        :func:`ner_mx.training.starting_point.starting_point`.

    Raises
    ------
    RunError : there is no processed corpus, a run exists already, or there is none to resume.
    TrainingError : the loss is not a number, or explodes.
    KeyboardInterrupt : as :class:`ner_mx.training.interrupts.Stopped` if the run can be resumed.
    """
    config = corpus.config if isinstance(corpus, ProcessedCorpus) else as_config(corpus)
    changes = {key: value for key, value in (("run.seed", seed), ("run.name", name)) if value is not None}
    if changes:
        config = config.updated(changes)
    compat.tune_process(config.run.threads)
    from ner_mx.training.run import train_run

    processed = corpus if isinstance(corpus, ProcessedCorpus) else read_processed(config)
    result = train_run(processed, config, None if resume is None else Path(resume), overwrite, callbacks, finish,
                       None if start is None else Path(start))
    return Run(result.folder)


def evaluate(gold: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]) -> Evaluation:
    """Entity-level precision, recall and F1 by conlleval's rules.

    Parameters
    ----------
    gold, predicted : the tags of each sentence, in any scheme.

    Raises
    ------
    UserError : the numbers of sentences or tokens differ, or a tag is unknown.

    Examples
    --------
    >>> evaluate([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "O"]]).micro.f1
    1.0
    """
    gold_tags: List[Sequence[str]] = list(gold)
    return _evaluate(gold_tags, list(predicted))


def load(folder: PathLike, threads: Optional[int] = None, device: Optional[str] = None,
         min_score: MinScore = None, trusted: Optional[Sequence[PathLike]] = None) -> Tagger:
    """A tagger from a bundle (on onnxruntime), or from the folder of a run (on MXNet).

    Parameters
    ----------
    threads : of a bundle; None takes all cores.
    device : of a run; None takes its own.
    min_score : the least probability of an entity, a number or numbers by type.
    trusted : files of public keys, one of which must have signed the bundle; None asks for no signature.

    Raises
    ------
    UserError : ``min_score`` is not a probability, or of an unknown type; a key cannot be read.
    BundleError, RunError : the folder is neither, damaged, or not signed by a trusted key.
    """
    folder = Path(folder)
    if is_bundle(folder):
        return Tagger.load(folder, threads, min_score, trusted)
    if trusted is not None:
        raise BundleError(f"{folder}: expected a bundle that is signed by a trusted key, found no bundle")
    if not is_run(folder):
        raise RunError(f"{folder}: expected a bundle or the folder of a run, found neither")
    return Run(folder).tagger(device, min_score)
