"""A run's network on new text, through MXNet."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import numpy as np

from ner_mx.compat import choose_device
from ner_mx.corpora.annotation import annotated
from ner_mx.corpora.digits import joined_spans, split_at_digits
from ner_mx.corpora.readers import read
from ner_mx.corpora.schemes import convert
from ner_mx.corpora.sentence import Sentence
from ner_mx.corpora.splits import read_parts
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.evaluation.scores import Evaluation, evaluate
from ner_mx.features.encoder import Encoded, Encoder
from ner_mx.features.lexicon_files import from_arrays
from ner_mx.files import read_arrays, read_json
from ner_mx.training.model import Model
from ner_mx.training.run import read_run_config
from ner_mx.training.task import pos_settings, predicted_tags

log = logging.getLogger(__name__)


class Predictor:
    """The best network of a run, and the POS tagger beside it where the network reads POS."""

    def __init__(self, model: Model, encoder: Encoder, pos_model: Optional[Model]):
        self.model, self.encoder, self.pos_model = model, encoder, pos_model

    @classmethod
    def load(cls, folder: Path, device: Optional[str] = None) -> Predictor:
        """Load a run onto its own device, or onto ``device`` (as in ``run.device``).

        Raises
        ------
        RunError : the folder is no run, is not finished, or is damaged.
        """
        config = read_run_config(folder)
        context = choose_device(device or config.run.device)
        lexicons = from_arrays(read_arrays(folder / "lexicons.npz")) if config.features.lexicons else []
        encoder = Encoder.from_json(config.features, read_json(folder / "vocab.json"), lexicons)
        model = _loaded(Model(config, encoder, encoder.tags, context), folder)
        pos_model = None
        if config.features.pos.use:
            pos_model = _loaded(Model(pos_settings(config), encoder, encoder.pos.items, context,
                                      constrained=False), folder / "pos")
        return cls(model, encoder, pos_model)

    def with_predicted_pos(self, encoded: Encoded) -> Encoded:
        """The same sentences with the tagger's parts of speech, where the network reads any."""
        if self.pos_model is None:
            return encoded
        rows = self.pos_model.predict(encoded)
        return encoded.replaced(pos=np.concatenate(rows).astype(np.int32))

    def tag_batch(self, sentences: Sequence[Sequence[str]]) -> List[List[ScoredSpan]]:
        """The entities of tokenised sentences, none of them empty, with their probabilities."""
        split = self.model.config.corpus.split_digits
        read = [Sentence(tuple(tokens), None, None, "", 0, 0) for tokens in sentences]
        encoded = self.with_predicted_pos(self.encoder.encode(
            [split_at_digits(sentence) for sentence in read] if split else read))
        decoder = self.model.decoder()
        result: List[List[ScoredSpan]] = [[] for _ in sentences]
        for batch, emissions in self.model.run(encoded):
            for number, spans in zip(batch.sentence, decoder.spans(emissions, batch.length)):
                if split:
                    places = joined_spans([span for span, _ in spans], sentences[number])
                    spans = [ScoredSpan(place, one.probability) for place, one in zip(places, spans)]
                result[number] = spans
        return result


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
    predictor = Predictor.load(folder, device)
    settings = predictor.model.config.corpus
    name = file.name if file else "test"
    sentences = read(file, settings).sentences if file else read_parts(settings).parts["test"]
    found = annotated({name: sentences}, settings)
    for what, count in found.warnings.items():
        log.warning("warning: %d %s", count, what)
    sentences = found.parts[name]
    gold = [convert(sentence.tags or ("O",) * len(sentence.tokens), "IOB2") for sentence in sentences]
    encoded = predictor.encoder.encode(sentences)
    forms = {name: encoded}
    if predictor.pos_model is not None:
        forms[f"{name} with predicted POS"] = predictor.with_predicted_pos(encoded)
        if (encoded.pos < 0).any():
            del forms[name]
    return {name: evaluate(gold, predicted_tags(predictor.encoder.tags, predictor.model.predict(form)))
            for name, form in forms.items()}
