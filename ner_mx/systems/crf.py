"""A linear-chain conditional random field with the classical features of words, through python-crfsuite."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import gettempdir
from typing import Any, List, Sequence

from ner_mx.data.sentence import Sentence
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import ConfigError, UserError, first_line, install
from ner_mx.files import replacing
from ner_mx.registry import register
from ner_mx.systems import System, checked_settings
from ner_mx.temporary import temporary_folder
from ner_mx.untyped import ReadOnlyValues, Values

MODEL = "model.crfsuite"
# c1, c2: of the L1 and L2 regularization.  min_count: of an attribute.  encoding: of the tags.
DEFAULTS = {"c1": 0.1, "c2": 0.01, "iterations": 100, "min_count": 1, "encoding": "BILOU"}
LIMITS = {"c1": (0, 1e6), "c2": (0, 1e6), "iterations": (1, 1e6), "min_count": (0, 1e6)}
# What is read of each word at most, so that a very long one has as many attributes as another.
LONGEST = 40

_RUNS = re.compile(r"(.)\1+")


@register.system("crf")
class ConditionalRandomField(System):
    """Words, shapes and affixes in a window of five words, and pairs of words (Lafferty et al. 2001).

    Trained by L-BFGS; the seed changes nothing.
    """

    def __init__(self, settings: ReadOnlyValues, seed: int = 1):
        super().__init__(checked_settings(self.name, settings, DEFAULTS, LIMITS), seed)
        if self.settings["encoding"] not in register.tag_encoding:
            raise ConfigError(f"{self.name}: encoding: {register.tag_encoding.unknown(self.settings['encoding'])}")
        self._model = b""
        self._tagger: Any = None

    def fit(self, train: Sequence[Sentence], dev: Sequence[Sentence]) -> None:
        """Train for so many iterations; dev is not read."""
        trainer = _crfsuite().Trainer(verbose=False)
        trainer.set_params({"c1": self.settings["c1"], "c2": self.settings["c2"],
                            "max_iterations": self.settings["iterations"],
                            "feature.minfreq": self.settings["min_count"],
                            "feature.possible_transitions": True})
        for sentence in train:
            trainer.append(attributes(sentence.tokens), convert_tags(sentence.gold, self.settings["encoding"]))
        with temporary_folder(Path(gettempdir()) / "ner_mx-crf", mode=0o700) as place:
            trainer.train(str(place / MODEL))
            self._open((place / MODEL).read_bytes())

    def _open(self, model: bytes) -> None:
        self._model, self._tagger = model, _crfsuite().Tagger()
        self._tagger.open_inmemory(model)

    def tag(self, sentences: Sequence[Sentence]) -> List[List[str]]:
        """The likeliest tags; ill-formed sequences are read by conlleval's rule."""
        if self._tagger is None:
            raise RuntimeError("fit() or load() must be called before tag()")
        return [list(convert_tags(self._tagger.tag(attributes(sentence.tokens)), "IOB2")) for sentence in sentences]

    def describe(self) -> Values:
        """The number of attributes and tags."""
        if self._tagger is None:
            return {}
        info = self._tagger.info()
        return {"attributes": len(info.attributes), "tags": len(info.labels)}

    def save(self, folder: Path) -> None:
        """Write the model in CRFsuite's format."""
        with replacing(folder / MODEL) as temporary:
            temporary.write_bytes(self._model)

    def load(self, folder: Path) -> None:
        """Read it."""
        try:
            self._open((folder / MODEL).read_bytes())
        except (OSError, ValueError) as error:
            raise UserError(f"{folder / MODEL}: expected a model of CRFsuite, found: {first_line(error)}") from None


def attributes(tokens: Sequence[str]) -> List[List[str]]:
    """The attributes of each word, as CRFsuite reads them: of itself, of two words on each side, and of pairs."""
    words = [token[:LONGEST] for token in tokens]
    lower = [word.lower() for word in words]
    shapes = [shape_of(word) for word in words]
    runs = [_RUNS.sub(r"\1", shape) for shape in shapes]
    result = []
    for place, word in enumerate(words):
        small = lower[place]
        own = ["bias", f"w={word}", f"l={small}", f"s={shapes[place]}", f"r={runs[place]}"]
        for size in range(1, min(4, len(small)) + 1):
            own += [f"p={small[:size]}", f"x={small[-size:]}"]
        for step in (-2, -1, 1, 2):
            if 0 <= place + step < len(words):
                own += [f"{step}l={lower[place + step]}", f"{step}s={shapes[place + step]}"]
            else:
                own.append(f"{step}l")
        if place:
            own.append(f"-1,0={lower[place - 1]} {small}")
        if place + 1 < len(words):
            own.append(f"0,1={small} {lower[place + 1]}")
        result.append(own)
    return result


def shape_of(word: str) -> str:
    """Capitals as X, other letters as x, digits as 9.

    >>> shape_of("McDonald's-22")
    "XxXxxxxx'x-99"
    """
    return "".join("X" if letter.isupper() else "x" if letter.isalpha() else "9" if letter.isdigit() else letter
                   for letter in word)


def _crfsuite() -> Any:
    try:
        import pycrfsuite
    except ImportError:
        raise UserError(f'the system crf needs python-crfsuite: {install("crf")}') from None
    return pycrfsuite
