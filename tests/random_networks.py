"""Networks of every kind with random parameters, as a run would leave them, without training them."""

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import Config, LexiconSource, validate
from ner_mx.corpora.sentence import Sentence
from ner_mx.decoding.recogniser import Recogniser
from ner_mx.features.encoder import Encoder
from ner_mx.features.lexicon import Lexicon
from ner_mx.features.lexicon_files import Category
from ner_mx.training.model import Model
from ner_mx.training.task import pos_settings

WORDS = ("Ada", "Bert", "Florence", "EU", "the", "of", "bank", "said", "17-member", "1996-08-22", ",", ".",
         "naïve", "e\u0301tude", "日本", "🙂", "O'Neil", "antidisestablishmentarianism" * 3)
TAGS = ("O", "O", "B-PER", "I-PER", "B-LOC", "B-ORG", "I-ORG")
SMALL = {"word_dimension": 12, "character_filters": 9, "lstm_units": 11, "window_units": 13}


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
        result.append(Sentence(words, tuple(tags), pos, "", 0, 0))
    return result


def build(**changes):
    """A recogniser on MXNet for changes to the configuration, such as ``loss__name="sentence"``."""
    config = Config()
    config.features.pos.use = False
    values = config.model_dump(mode="json")
    for key, value in {**{f"network__{key}": value for key, value in SMALL.items()}, **changes}.items():
        section = values
        *path, last = key.split("__")
        for part in path:
            section = section[part]
        section[last] = value
    config = validate(values, "test")
    lexicons = []
    if config.features.lexicons:
        for source in config.features.lexicons:
            lexicons += [Category(source, "PER", Lexicon.of([["ada", "bert"], ["bert"]])),
                         Category(source, "LOC", Lexicon.of([["florence"], ["the", "bank"]]))]
    encoder = Encoder.learnt(config.features, some_sentences(50), lexicons=lexicons)
    mx.random.seed(3)
    np.random.seed(3)
    model = Model(config, encoder, encoder.tags, mx.cpu())
    model.initialize()
    if config.loss.name == "sentence":
        for parameter in (model.loss.transitions, model.loss.start):
            parameter.set_data(mx.nd.random.normal(shape=parameter.shape))
    pos_model = None
    if config.features.pos.use:
        pos_model = Model(pos_settings(config), encoder, encoder.pos.items, mx.cpu(), constrained=False)
        pos_model.initialize()
    return Recogniser(config, encoder, model, pos_model)

LEXICONS = {"one": LexiconSource(path="a").model_dump(), "two": LexiconSource(path="b", positions="yes-no")
            .model_dump()}
