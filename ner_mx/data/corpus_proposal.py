"""A first look at a corpus: how it can be read, and the configuration that a person would start from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from ner_mx.config import Config, Corpus, dump_yaml
from ner_mx.config.schema import name_of
from ner_mx.data.annotation import check_annotation
from ner_mx.data.plausibility import implausible
from ner_mx.data.reading import is_single, shown_settings
from ner_mx.data.splits import Splits, all_sentences, read_splits
from ner_mx.data.statistics import counts
from ner_mx.data.text_files import guess_encoding
from ner_mx.errors import CorpusError
from ner_mx.untyped import Values

# The names that people give to the files of splits, in the order in which they are tried.
SPLIT_NAMES = {
    "train": re.compile(r"(?:^|[._-])(?:train|training|eng\.train)(?:[._-]|$)", re.IGNORECASE),
    "dev": re.compile(r"(?:^|[._-])(?:dev|devel|development|valid|validation|val|testa)(?:[._-]|$)", re.IGNORECASE),
    "test": re.compile(r"(?:^|[._-])(?:test|testing|testb|eval)(?:[._-]|$)", re.IGNORECASE)}

# Training stops early on a corpus that nobody has tuned a number of epochs for.
PATIENCE = 8


class Proposal(NamedTuple):
    """settings : nested values for ``config.yaml``.  facts : what was seen, a line each."""

    settings: Values
    facts: List[str]

    def to_yaml(self) -> str:
        """The configuration with the facts as comments."""
        header = ["What was seen in the corpus:", *self.facts, "",
                  "Every other setting has its default; the config.yaml of ner_mx explains them all."]
        comments = "".join(f"# {line}".rstrip() + "\n" for line in header)
        return comments + dump_yaml(self.settings)


def propose(path: Path) -> Proposal:
    """Look at a file or folder.

    Raises
    ------
    CorpusError : it cannot be read; the message names the key that is missing.
    """
    corpus = found_settings(path)
    config = Config.model_validate({"corpus": corpus})
    found = read_splits(config.corpus)
    splits, _, scheme, warnings = check_annotation(found.splits, config.corpus)
    proposed = next(iter(found.proposed.values()), {})
    for key, value in proposed.items():
        section, _, name = key.rpartition(".")
        (corpus.setdefault(section, {}) if section else corpus)[name] = value
    sentences = all_sentences(splits)
    with_pos = all(sentence.pos is not None for sentence in sentences)
    settings: Values = {"corpus": corpus, "features": {"pos": {"use": with_pos}},
                        "training": {"patience": PATIENCE}}
    described = (found.warnings + warnings + implausible(splits["train"])).described()
    read_as = shown_settings(proposed) or f"reader={config.corpus.reader}"
    problems = [f"{count:,} {reason}" for reason, count in described.items()]
    if not counts(sentences)["entities"]:
        problems.append("no entities: nothing can be learned; is another column or key the annotation?")
    return Proposal(settings, [f"  read with {read_as}, encoding={config.corpus.encoding}",
                               *_facts(splits, scheme.scheme, with_pos),
                               *(f"WARNING: {problem}" for problem in problems)])


def found_settings(path: Path) -> Values:
    """The settings below ``corpus`` that read a file or folder: names of its splits, its encoding.

    Raises
    ------
    CorpusError : there is nothing.
    """
    if not path.exists() and not is_single(Corpus(path=str(path))):
        raise CorpusError(path, None, "expected an annotated file or folder, found nothing")
    corpus: Values = {"name": name_of(str(path)), "path": str(path), **_split_files(path)}
    encoding = guess_encoding(_files(path))
    return corpus if encoding == "utf-8" else {**corpus, "encoding": encoding}


def _files(path: Path) -> List[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())[:50]


def _split_files(path: Path) -> Values:
    """The names of the splits of a folder; the splits that it lacks are drawn from the training data."""
    if not path.is_dir():
        return {"dev": None, "test": None}
    names: Dict[str, Optional[str]] = {}
    for split, pattern in SPLIT_NAMES.items():
        matching = sorted((entry.name for entry in path.iterdir() if pattern.search(entry.name)
                           and not entry.name.startswith(".")), key=lambda name: (len(name), name))
        names[split] = matching[0] if matching else None
    return names if names["train"] else {"dev": None, "test": None}


def _facts(splits: Splits, scheme: str, with_pos: bool) -> List[str]:
    lines = []
    for name, sentences in splits.items():
        count = counts(sentences)
        types = ", ".join(f"{label} {number:,}" for label, number in count["types"].items())
        lines.append(f"  {name}: {count['sentences']:,} sentences, {count['tokens']:,} tokens, "
                     f"{count['documents']:,} documents, {count['entities']:,} entities ({types})")
    return [*lines, f"  tags in the scheme {scheme}; {'with' if with_pos else 'without'} parts of speech"]
