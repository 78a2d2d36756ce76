"""A synthetic corpus whose sentence lengths, vocabulary and word lengths follow the statistics of CoNLL-2003."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from ner_mx.config import Config
from ner_mx.data.sentence import Sentence
from ner_mx.features.encoded import Encoded
from ner_mx.features.encoder import Encoder

CONFIG = Config().updated({"features.casing.use": False, "features.pos.use": False})
TAGS = ("O", "O", "O", "O", "B-PER", "B-LOC", "B-ORG", "B-MISC")


def conll_like(sentences: int, seed: int = 0) -> Tuple[Encoder, Encoded]:
    """An encoder and its encoded sentences: mean length 14.5, Zipf's law over 20,000 words."""
    random = np.random.RandomState(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgkqjxz"))
    words = ["".join(random.choice(letters, size)) for size in 2 + random.poisson(4.5, 20_000)]
    # Half the sentences are short (headlines, tables), half are running text.
    lengths = np.where(random.random_sample(sentences) < 0.5, 2 + random.poisson(4, sentences),
                       8 + random.poisson(15, sentences))
    ranks = np.minimum(random.zipf(1.25, lengths.sum()), len(words)) - 1
    tokens = iter(ranks)
    corpus = [Sentence(tuple(words[next(tokens)] for _ in range(length)), tuple(random.choice(TAGS, length)))
              for length in lengths]
    encoder = Encoder.fit(CONFIG.features, corpus)
    return encoder, encoder.encode(corpus)
