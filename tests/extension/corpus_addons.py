"""A module of a user's own: a format, a tokenizer, a split method, a tag encoding, features, a batching, and more."""

import re
from typing import Annotated

import numpy as np
import typer
from pydantic import Field

from ner_mx.config import RESULT, FeatureSettings, LookupSettings
from ner_mx.data.formats import Format
from ner_mx.data.sentence import Reading, Sentence, no_warnings
from ner_mx.data.tokenizers import Token, Tokenizer
from ner_mx.features import Feature, TokenLookup, TypeLookup
from ner_mx.registry import register
from ner_mx.systems import System


@register.format("slashes")
class Slashes(Format):
    """One sentence per line, each token as word/POS/tag; a folder of .slashed files is one corpus."""

    suffixes = (".slashed",)

    def read(self, path, settings):
        sentences = []
        for file in self.files(path):
            for line in file.read_text(encoding=settings.encoding).splitlines():
                tokens, pos, tags = zip(*(field.rsplit("/", 2) for field in line.split(" ")))
                sentences.append(Sentence(tokens, tags, pos, str(file)))
        return Reading(sentences, no_warnings())

    def write(self, sentences, path):
        path.write_text("".join(" ".join("/".join(triple) for triple in zip(
            sentence.tokens, sentence.pos or ["_"] * len(sentence.tokens), sentence.gold)) + "\n"
            for sentence in sentences), encoding="utf-8")
        return no_warnings()

    def files(self, path):
        return sorted(path.glob("*.slashed")) if path.is_dir() else [path]


@register.tokenizer("letters")
class Letters(Tokenizer):
    """Runs of letters, and single other characters."""

    def tokens(self, text):
        return [Token(*match.span(), match.group()) for match in re.finditer(r"[^\W\d_]+|\S", text)]


@register.split("every-fourth")
def every_fourth(sentences, split):
    """Each fourth sentence is dev, each fourth after it is test."""
    return {"train": [sentence for index, sentence in enumerate(sentences) if index % 4 < 2],
            "dev": sentences[2::4], "test": sentences[3::4]}


@register.tag_encoding("BIE")
def bie(span, adjacent):
    """B begins every entity, E ends those of more than one token."""
    length = span.end - span.start
    return ["B"] if length == 1 else ["B", *["I"] * (length - 2), "E"]


class SuffixSettings(LookupSettings):
    """length : of the suffix."""

    length: int = Field(3, ge=1)


@register.feature("suffix")
class Suffix(TypeLookup):
    """The last letters of a word: a lookup by word type."""

    Settings = SuffixSettings

    def value(self, word):
        return word[-self.settings.length:].lower()


@register.feature("place")
class Place(TokenLookup):
    """Whether a token is the first or last of its sentence: a lookup by token."""

    def values(self, sentence):
        last = len(sentence.tokens) - 1
        return ["first" if index == 0 else "last" if index == last else "inside" for index in range(last + 1)]


class LengthSettings(FeatureSettings):
    """dimension : of the vector."""

    dimension: Annotated[int, RESULT] = Field(4, ge=1)


@register.feature("length_of_word")
class LengthOfWord(Feature):
    """The length of a word, as a number and not as a lookup: it needs a block of its own."""

    Settings = LengthSettings

    @property
    def by_type(self):
        return (self.name,)

    def encode_type(self, word):
        return (min(len(word), 30),)

    def collate(self, encoded, layout):
        return {self.name: layout.laid_out(np.asarray(encoded.by_type[self.name])[layout.word_type])}


@register.batching("one-by-one")
def one_by_one(lengths, size, random):
    """Batches of a single sentence each."""
    return [np.array([index]) for index in range(len(lengths))]


@register.system("nothing")
class Nothing(System):
    """Finds no entity."""

    def fit(self, train, dev):
        pass

    def tag(self, sentences):
        return [["O"] * len(sentence.tokens) for sentence in sentences]


@register.output("brackets")
def brackets(text, entities, tokenizer):
    """The text with its entities in brackets."""
    for entity in reversed(entities):
        text = f"{text[:entity.start]}[{entity.text}|{entity.label}]{text[entity.end:]}"
    return text + "\n"


@register.command("greet")
def greet(name: str):
    """Greet somebody."""
    typer.echo(f"Good day, {name}")
