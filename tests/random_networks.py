"""Networks of every kind with random parameters, as a run would leave them, without training them."""

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import Config
from ner_mx.data.pieces import pieces_of
from ner_mx.data.sentence import Sentence
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.features.encoder import Encoder
from ner_mx.training.task import tagger_config
from ner_mx.training.trainable import Trainable

WORDS = ("Ada", "Bert", "Florence", "EU", "the", "of", "bank", "said", "17-member", "1996-08-22", ",", ".",
         "naïve", "e\u0301tude", "日本", "🙂", "O'Neil", "antidisestablishmentarianism" * 3)
TAGS = ("O", "O", "B-PER", "I-PER", "B-LOC", "B-ORG", "I-ORG")
SMALL = {"features.words.dimension": 12, "features.characters.filters": 9, "model.units": 11}
LISTS = {"PER": [["ada", "bert"], ["bert"]], "LOC": [["florence"], ["the", "bank"]]}


def some_sentences(count, seed=0, longest=30):
    """Sentences of words, tags and parts of speech drawn at random."""
    random = np.random.RandomState(seed)
    result = []
    for size in 1 + random.randint(longest, size=count):
        tags = [TAGS[row] for row in random.randint(len(TAGS), size=size)]
        # An I- that continues nothing begins an entity.
        tags = [f"B-{tag[2:]}" if tag[0] == "I" and before[2:] != tag[2:] else tag
                for before, tag in zip(["O", *tags], tags)]
        words = tuple(WORDS[row] for row in random.randint(len(WORDS), size=size))
        pos = tuple("NVD"[row] for row in random.randint(3, size=size))
        result.append(Sentence(words, tuple(tags), pos))
    return result


def lexicon_sources(folder):
    """Two lexicons for ``features.lexicons.sources``, written to a folder."""
    for category, entries in LISTS.items():
        (folder / f"ner.{category.lower()}.lst").write_text("".join(f"{' '.join(entry)}\n" for entry in entries))
    files = {category: f"ner.{category.lower()}.lst" for category in LISTS}
    return {"one": {"path": str(folder), "files": files},
            "two": {"path": str(folder), "files": files, "positions": "yes-no"}}


def build(changes=None):
    """A recognizer on MXNet, and its configuration, for values by dotted key over a small configuration."""
    config = Config().updated({"features.pos.use": False, **SMALL, **(changes or {})})
    encoder = Encoder.fit(config.features, some_sentences(50), config.corpus.split_digits)
    mx.random.seed(3)
    np.random.seed(3)
    model = Trainable(config, encoder, encoder.tags, mx.cpu(), config.features.tag_encoding)
    model.initialize()
    if config.loss.learns_transitions:
        for parameter in (model.loss.transitions, model.loss.start):
            parameter.set_data(mx.nd.random.normal(shape=parameter.shape))
    taggers = {}
    for feature in encoder.predicted():
        tagger = Trainable(tagger_config(config, feature), encoder, feature.vocabulary.items, mx.cpu(), encoding=None)
        tagger.initialize()
        taggers[feature.name] = tagger
    return Recognizer(encoder, model, taggers, config.training.evaluation_batch,
                      pieces_of(config.corpus.split_digits, config.corpus.characters)), config
