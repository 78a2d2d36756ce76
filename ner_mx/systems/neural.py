"""This package's own models as a system: preprocess, train and tag in a temporary folder."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir
from typing import List, Optional, Sequence

from ner_mx import compat
from ner_mx.config import Config
from ner_mx.data.detection import format_named
from ner_mx.data.sentence import Sentence
from ner_mx.data.tag_schemes import tags_of
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.errors import ConfigError
from ner_mx.preprocessing.pipeline import process
from ner_mx.registry import register
from ner_mx.systems import System
from ner_mx.temporary import temporary_folder
from ner_mx.untyped import ReadOnlyValues, Values


@register.system("ner_mx")
class Neural(System):
    """The settings are values of a configuration by dotted key, such as ``{"training.epochs": 3}``."""

    def __init__(self, settings: ReadOnlyValues, seed: int = 1):
        super().__init__(settings, seed)
        misplaced = [key for key in settings if key.split(".")[0] in ("corpus", "run")]
        if misplaced:
            raise ConfigError(f"ner_mx: expected settings of features, model and training, found {misplaced[0]}")
        self._recognizer: Optional[Recognizer] = None

    def fit(self, train: Sequence[Sentence], dev: Sequence[Sentence]) -> None:
        """Write both as columns, and train on them; dev chooses the epoch."""
        compat.tune_process()
        from ner_mx.training.run import train_run
        from ner_mx.training.run_evaluation import load_recognizer

        # One that a killed process left is removed by the next.
        with temporary_folder(Path(gettempdir()) / "ner_mx-baseline", mode=0o700) as place:
            for name, sentences in (("train", train), ("dev", dev), ("test", dev)):
                format_named("conll").write(sentences, place / f"{name}.txt")
            if not all(sentence.pos for sentence in [*train, *dev]):
                self.settings.setdefault("features.pos.use", False)
            config = Config().updated({
                "corpus.path": str(place), "corpus.processed": str(place / "processed"),
                "run.directory": str(place / "runs"), "run.seed": self.seed,
                **self.settings})
            self._recognizer = load_recognizer(train_run(process(config), config).folder)

    def tag(self, sentences: Sequence[Sentence]) -> List[List[str]]:
        """The tags of the best network, with predicted parts of speech if it reads any."""
        if self._recognizer is None:
            raise RuntimeError("fit() must be called before tag()")
        found = self._recognizer.tag_batch([sentence.tokens for sentence in sentences])
        return [list(tags_of([scored.span for scored in spans], len(sentence.tokens), "IOB2"))
                for spans, sentence in zip(found, sentences)]

    def describe(self) -> Values:
        """The features and the entity types."""
        if self._recognizer is None:
            return {}
        encoder = self._recognizer.encoder
        return {"features": [feature.name for feature in encoder.features], "types": encoder.entity_types}
