"""The recogniser around a network: order, windows over long sentences, predicted parts of speech."""

import numpy as np
import pytest

from ner_mx.config import Config
from ner_mx.corpora.sentence import Sentence
from ner_mx.decoding import recogniser as module
from ner_mx.decoding.decoder import Decoder
from ner_mx.decoding.recogniser import LONGEST, OVERLAP, Recogniser
from ner_mx.features.encoder import Encoder

WORDS = ["the", "B-ORG", "I-ORG", "L-ORG", "U-LOC", "said"]


class ByWord:
    """A network that tags each word by its own name, whatever stands around it."""

    def __init__(self, encoder):
        self.encoder, self.longest = encoder, 0
        names = encoder.words.items
        self.tag_of = np.array([encoder.tags.index(name) if name in encoder.tags else 0 for name in names])

    def emissions(self, batch):
        self.longest = max(self.longest, len(batch.words))
        return np.eye(len(self.encoder.tags), dtype=np.float32)[self.tag_of[batch.words]] * 9

    def decoder(self):
        return Decoder(self.encoder.tags, Config().decoding)


@pytest.fixture
def recogniser():
    config = Config()
    config.features.pos.use = False
    config.features.words.lower = False
    tags = ("B-ORG", "L-ORG", "U-LOC")
    learnt = [Sentence(("x", "y", "z"), tags, None, "", 0, 0)]
    encoder = Encoder.learnt(config.features, learnt, extra_words=WORDS)
    return Recogniser(config, encoder, ByWord(encoder))


def text(random, length):
    """Random words with ORG entities of one to five words and LOC entities of one."""
    words = []
    while len(words) < length:
        kind = random.randint(4)
        size = random.randint(0, 4)
        words += [["the"], ["said", "the"], ["U-LOC"], ["B-ORG", *["I-ORG"] * size, "L-ORG"]][kind]
    return words


def spans(found):
    return [[tuple(one.span) for one in sentence] for sentence in found]


def test_a_long_sentence_is_read_in_windows_that_lose_nothing(recogniser, monkeypatch):
    random = np.random.RandomState(5)
    sentences = [text(random, length) for length in
                 (LONGEST + 1, 3, LONGEST, 3 * LONGEST + 17, 2 * LONGEST - OVERLAP, 1, 5000)]
    windowed = spans(recogniser.tag_batch(sentences))
    assert recogniser.network.longest == LONGEST
    monkeypatch.setattr(module, "LONGEST", 10**6)
    whole = spans(recogniser.tag_batch(sentences))
    assert recogniser.network.longest >= 5000
    assert windowed == whole and sum(map(len, whole)) > 1000


def test_windows_cover_every_token_with_context_around_it():
    for length in range(1, 4 * LONGEST, 7):
        starts = module._starts(length)
        assert starts[0] == 0 and starts[-1] + LONGEST >= length
        assert all(two - one == LONGEST - OVERLAP for one, two in zip(starts, starts[1:]))
        # No window lies wholly inside the one before it.
        assert len(starts) == 1 or starts[-2] + LONGEST < length


def test_answers_come_in_the_order_of_the_sentences(recogniser):
    random = np.random.RandomState(6)
    sentences = [text(random, length) for length in random.randint(1, 60, size=300)]
    together = recogniser.tag_batch(sentences)
    alone = [recogniser.tag_batch([sentence])[0] for sentence in sentences]
    assert spans(together) == spans(alone)
    for one, other in zip(together, alone):
        assert [s.probability for s in one] == pytest.approx([s.probability for s in other], abs=1e-12)
