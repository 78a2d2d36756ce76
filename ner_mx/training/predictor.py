"""A run's network on new text, through MXNet."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from ner_mx.compat import choose_device
from ner_mx.config import Corpus
from ner_mx.corpora.annotation import annotated
from ner_mx.corpora.readers import is_there
from ner_mx.corpora.schemes import convert
from ner_mx.corpora.sentence import Sentence
from ner_mx.corpora.spans import spans_of
from ner_mx.corpora.splits import read_part, read_parts
from ner_mx.decoding.recogniser import Recogniser
from ner_mx.errors import CorpusError, RunError
from ner_mx.evaluation.scores import Evaluation, evaluate
from ner_mx.features.encoder import Encoder
from ner_mx.features.lexicon_files import from_arrays
from ner_mx.features.preprocessing import corpus_sources
from ner_mx.files import read_arrays, read_json, sha256
from ner_mx.training.model import Model
from ner_mx.training.records import read_run_config
from ner_mx.training.task import pos_settings, predicted_tags

log = logging.getLogger(__name__)


def load_recogniser(folder: Path, device: Optional[str] = None) -> Recogniser:
    """The best network of a run, on its own device or on ``device`` (as in ``run.device``).

    Raises
    ------
    RunError : the folder is no run, has no network yet, or is damaged.
    """
    config = read_run_config(folder)
    context = choose_device(device or config.run.device)
    lexicons = from_arrays(read_arrays(folder / "lexicons.npz")) if config.features.lexicons else []
    encoder = Encoder.from_json(config.features, read_json(folder / "vocab.json"), lexicons)
    model = _loaded(Model(config, encoder, encoder.tags, context), folder)
    if (folder / "metrics.json").is_file():
        model.temperature = read_json(folder / "metrics.json").get("temperature", 1.0)
    pos_model = None
    if config.features.pos.use:
        pos_model = _loaded(Model(pos_settings(config), encoder, encoder.pos.items, context,
                                  constrained=False), folder / "pos")
    return Recogniser(config, encoder, model, pos_model)


def _loaded(model: Model, folder: Path) -> Model:
    model.initialize()
    model.load(folder / "best.params")
    return model


def _check_same(folder: Path, files: List[Path], settings: Corpus) -> None:
    """Refuse to score a run on other files than it was made from, under their names.

    Raises
    ------
    RunError
    """
    made = read_json(folder / "environment.json").get("data", {})
    for name, path in corpus_sources(files, settings).items():
        if name in made and made[name] != sha256(path):
            raise RunError(f"{Path(settings.path) / name}: expected the file that {folder} was made from, "
                           "found another; name the file to score the run on it")


def _warn_of_types(sentences: Sequence[Sentence], tags: Sequence[str]) -> None:
    """Say which types the network does not know."""
    types = Counter(span.label for sentence in sentences for span in spans_of(sentence.tags or ()))
    unknown = sorted(set(types) - {tag[2:] for tag in tags if tag != "O"})
    if unknown:
        log.warning("warning: %d entities of types that the run does not know (%s); they count as missed",
                    sum(types[label] for label in unknown), ", ".join(unknown))


def evaluate_run(folder: Path, settings: Corpus, file: Optional[Path] = None,
                 device: Optional[str] = None) -> Dict[str, Evaluation]:
    """Score a run on its test set, or on another file.

    Parameters
    ----------
    settings : how the corpus or the file is read: the run's, or others for a file in another format.

    Returns
    -------
    The evaluation under ``test`` or the file's name (gold POS, where the
    network reads POS), and under that name ``with predicted POS``.

    Raises
    ------
    CorpusError, RunError, ConfigError
    """
    recogniser = load_recogniser(folder, device)
    name = file.name if file else "test"
    if file:
        if not is_there(file):
            raise CorpusError(file, None, "expected an annotated file, found none")
        sentences, warnings = read_part(file, settings)
    else:
        divided = read_parts(settings)
        _check_same(folder, divided.files, settings)
        sentences, warnings = divided.parts["test"], divided.warnings
    found = annotated({name: sentences}, settings)
    for what, count in (warnings + found.warnings).items():
        log.warning("warning: %d %s", count, what)
    sentences = found.parts[name]
    _warn_of_types(sentences, recogniser.encoder.tags)
    gold = [convert(sentence.tags or ("O",) * len(sentence.tokens), "IOB2") for sentence in sentences]
    encoded = recogniser.encoder.encode(sentences)
    forms = {name: encoded}
    if recogniser.pos_network is not None:
        forms[f"{name} with predicted POS"] = recogniser.with_predicted_pos(encoded)
        if (encoded.pos < 0).any():
            del forms[name]
    return {name: evaluate(gold, predicted_tags(recogniser.encoder.tags, recogniser.rows(form)))
            for name, form in forms.items()}
