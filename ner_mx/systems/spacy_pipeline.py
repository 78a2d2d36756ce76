"""spaCy's standard CPU pipeline for entities, trained by spaCy's own commands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Iterator, List, Sequence

from ner_mx.data.detection import format_named
from ner_mx.data.sentence import Sentence
from ner_mx.errors import ConfigError, TrainingError, UserError, first_line, install, shown
from ner_mx.registry import register
from ner_mx.resources.vectors.reading import read_vectors
from ner_mx.resources.vectors.settings import VectorSettings
from ner_mx.systems import System, checked_settings
from ner_mx.temporary import temporary_folder
from ner_mx.untyped import ReadOnlyValues, Values

PIPELINE = "pipeline"
# language: of spaCy's blank pipeline.  vectors, words: as features.words.vectors.path and .words.  steps, patience:
# of training, in batches; 20,000 and 1,600 are spaCy's.
LIMITS = {"steps": (1, 1e9), "patience": (0, 1e9)}
DEFAULTS = {"language": "en", "vectors": None, "words": None, "steps": 20000, "patience": 1600}


@register.system("spacy")
class SpacyPipeline(System):
    """``spacy init config --pipeline ner --optimize efficiency`` and ``spacy train``, https://spacy.io/usage/training."""

    def __init__(self, settings: ReadOnlyValues, seed: int = 1):
        super().__init__(checked_settings(self.name, settings, DEFAULTS, LIMITS), seed)
        if self.settings["words"] and not self.settings["vectors"]:
            raise ConfigError("spacy: words: expected vectors, too, whose rows they name")
        self._pipeline: Any = None
        self._history: List[List[float]] = []

    def fit(self, train: Sequence[Sentence], dev: Sequence[Sentence]) -> None:
        """Train until dev does not improve for so many steps.

        Raises
        ------
        UserError : spaCy is not installed.
        ConfigError : it does not know the language, or lacks a package for it, or there are no such vectors.
        CorpusError : the vectors cannot be read.
        TrainingError : spaCy's command fails.
        """
        if self.settings["vectors"] and not Path(self.settings["vectors"]).exists():
            raise ConfigError("spacy: vectors: expected a file or folder of vectors, found nothing at "
                              f"{shown(self.settings['vectors'])}")
        try:
            _spacy().blank(self.settings["language"])
        except ImportError as error:
            raise ConfigError(f"{self.name}: language: expected one that spaCy has all packages for, found "
                              f"{shown(self.settings['language'])}: {first_line(error)}") from None
        with temporary_folder(Path(gettempdir()) / "ner_mx-spacy", mode=0o700) as place:
            for name, sentences in (("train", train), ("dev", dev)):
                # One document for each sentence, as tag() reads them.
                format_named("spacy").write([sentence._replace(pos=None, document=number)
                                             for number, sentence in enumerate(sentences)], place / f"{name}.spacy")
            list(_command("init", "config", place / "config.cfg", "--lang", self.settings["language"],
                          "--pipeline", "ner", "--optimize", "efficiency"))
            overrides = ["--paths.train", place / "train.spacy", "--paths.dev", place / "dev.spacy",
                         "--training.seed", self.seed, "--training.max_steps", self.settings["steps"],
                         "--training.patience", self.settings["patience"]]
            if self.settings["vectors"]:
                _write_vectors(VectorSettings(path=self.settings["vectors"], words=self.settings["words"]),
                               self.settings["language"], place)
                overrides += ["--paths.vectors", place / "vectors",
                              "--components.tok2vec.model.embed.include_static_vectors", "true"]
            started = time.perf_counter()
            for line in _command("train", place / "config.cfg", "--output", place / "trained", *overrides):
                self._history += [[*judged, round(time.perf_counter() - started, 1)] for judged in _judgements(line)]
            self._pipeline = _spacy().load(place / "trained/model-best")

    def tag(self, sentences: Sequence[Sentence]) -> List[List[str]]:
        """The entities of the pipeline, which reads the tokens as they are."""
        if self._pipeline is None:
            raise RuntimeError("fit() or load() must be called before tag()")
        from spacy.tokens import Doc

        docs = (Doc(self._pipeline.vocab, words=list(sentence.tokens)) for sentence in sentences)
        return [[f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]
                for doc in self._pipeline.pipe(docs)]

    def describe(self) -> Values:
        """The version of spaCy, the components, and of each judgement by dev: step, F1 and seconds since the start."""
        return {"version": _spacy().__version__, "components": self._pipeline.pipe_names if self._pipeline else [],
                "history": self._history}

    def save(self, folder: Path) -> None:
        """Write the pipeline as spaCy does."""
        self._pipeline.to_disk(folder / PIPELINE)

    def load(self, folder: Path) -> None:
        """Read it."""
        try:
            self._pipeline = _spacy().load(folder / PIPELINE)
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{folder / PIPELINE}: expected a pipeline of spaCy, found: {first_line(error)}") from None


def _command(*arguments: object) -> Iterator[str]:
    """Run one of spaCy's commands; yields the lines that it prints, as it prints them.

    Raises
    ------
    TrainingError : it fails.
    """
    last = ""
    with subprocess.Popen([sys.executable, "-m", "spacy", *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
                          env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.strip() or last
            yield line
    if process.returncode:
        raise TrainingError(f"spacy {arguments[0]}: expected the command to succeed, found: "
                            f"{shown(last or f'the exit code {process.returncode}', 200)}")


def _judgements(line: str) -> List[List[float]]:
    """Step and F1 in a row of the table that ``spacy train`` prints; empty for other lines."""
    cells = line.split()
    if len(cells) < 6 or not (cells[0].isdigit() and cells[1].isdigit()):
        return []
    return [[int(cells[1]), float(cells[-4]) / 100]]  # the last ones are F1, precision, recall and a score


def _write_vectors(settings: VectorSettings, language: str, place: Path) -> None:
    """Vectors as a folder of spaCy's; where they know only lower case, for words in other cases, too."""
    from spacy.vectors import Vectors

    vectors = read_vectors(settings)
    pipeline = _spacy().blank(language)
    pipeline.vocab.vectors = Vectors(data=vectors.matrix, keys=[pipeline.vocab.strings.add(word)
                                                                for word in vectors.words])
    # spaCy looks up tokens as they are: what ``spacy init vectors --attr LOWER`` sets is not in the saved folder.
    if all(word == word.lower() for word in vectors.words):
        for form in (str.capitalize, str.upper):
            for row, word in enumerate(vectors.words):
                key = pipeline.vocab.strings.add(form(word))
                if key not in pipeline.vocab.vectors:
                    pipeline.vocab.vectors.add(key, row=row)
    pipeline.to_disk(place / "vectors")


def _spacy() -> Any:
    try:
        import spacy
    except ImportError:
        raise UserError(f'the system spacy needs spaCy: {install("spacy")}') from None
    return spacy
