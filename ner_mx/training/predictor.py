"""A run's network on new text, through MXNet."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Dict, Optional

from ner_mx.compat import choose_device
from ner_mx.corpora.annotation import annotated
from ner_mx.corpora.readers import read
from ner_mx.corpora.schemes import convert
from ner_mx.corpora.splits import read_parts
from ner_mx.decoding.recogniser import Recogniser
from ner_mx.evaluation.scores import Evaluation, evaluate
from ner_mx.features.encoder import Encoder
from ner_mx.features.lexicon_files import from_arrays
from ner_mx.files import read_arrays, read_json
from ner_mx.training.model import Model
from ner_mx.training.run import read_run_config
from ner_mx.training.task import pos_settings, predicted_tags

log = logging.getLogger(__name__)


def load_recogniser(folder: Path, device: Optional[str] = None) -> Recogniser:
    """The best network of a run, on its own device or on ``device`` (as in ``run.device``).

    Raises
    ------
    RunError : the folder is no run, is not finished, or is damaged.
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


def evaluate_run(folder: Path, file: Optional[Path] = None,
                 device: Optional[str] = None) -> Dict[str, Evaluation]:
    """Score a run on its test set, or on another file of its corpus' format.

    Returns
    -------
    The evaluation under ``test`` or the file's name (gold POS, where the
    network reads POS), and under that name ``with predicted POS``.

    Raises
    ------
    CorpusError, RunError, ConfigError
    """
    recogniser = load_recogniser(folder, device)
    settings = recogniser.config.corpus
    name = file.name if file else "test"
    sentences = read(file, settings).sentences if file else read_parts(settings).parts["test"]
    found = annotated({name: sentences}, settings)
    for what, count in found.warnings.items():
        log.warning("warning: %d %s", count, what)
    sentences = found.parts[name]
    gold = [convert(sentence.tags or ("O",) * len(sentence.tokens), "IOB2") for sentence in sentences]
    encoded = recogniser.encoder.encode(sentences)
    forms = {name: encoded}
    if recogniser.pos_network is not None:
        forms[f"{name} with predicted POS"] = recogniser.with_predicted_pos(encoded)
        if (encoded.pos < 0).any():
            del forms[name]
    return {name: evaluate(gold, predicted_tags(recogniser.encoder.tags, recogniser.rows(form)))
            for name, form in forms.items()}
