"""The recognizer with a scorer: order, windows over long sentences, empty sentences."""

import numpy as np
import pytest

from ner_mx.config import Config
from ner_mx.data.pieces import DigitPieces, pieces_of
from ner_mx.data.sentence import Sentence
from ner_mx.decoding import scoring as module
from ner_mx.decoding import windows
from ner_mx.decoding.decoder import Decoder
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.decoding.windows import LONGEST, OVERLAP, window_ranges
from ner_mx.features.batch import collate
from ner_mx.features.encoder import Encoder

WORDS = ["the", "B-ORG", "I-ORG", "L-ORG", "U-LOC", "said"]


class ByWord:
    """A scorer that tags each word by its own name, regardless of the words around it."""

    def __init__(self, encoder):
        self.encoder, self.features, self.longest = encoder, encoder.features, 0
        names = encoder.feature("words").vocabulary.items
        self.tag_of = np.array([encoder.tags.index(name) if name in encoder.tags else 0 for name in names])

    def prepared(self, encoded):
        return encoded

    def emissions(self, batch):
        words = batch["words"]
        self.longest = max(self.longest, len(words))
        return np.eye(len(self.encoder.tags), dtype=np.float32)[self.tag_of[words]] * 9

    def decoder(self):
        return Decoder(self.encoder.tags, Config().decoding)


class ByPlace(ByWord):
    """A scorer whose scores depend on the word and on its position in the window, so that windows disagree."""

    def emissions(self, batch):
        emissions = super().emissions(batch) / 6
        random = np.random.RandomState(11)
        noise = random.normal(size=(1000, 1, emissions.shape[2])).astype(np.float32)
        return emissions + noise[:len(emissions)]


@pytest.fixture(scope="module")
def encoder():
    config = Config().updated({"features.pos.use": False, "features.words.lower": False})
    sentences = [Sentence(("x", "y", "z"), ("B-ORG", "L-ORG", "U-LOC")), Sentence(tuple(WORDS))]
    return Encoder.fit(config.features, sentences)


@pytest.fixture
def recognizer(encoder):
    return Recognizer(encoder, ByWord(encoder))


def random_words(random, length):
    """At least ``length`` words, with ORG entities of two to five words and LOC entities of one."""
    words = []
    while len(words) < length:
        kind = random.randint(4)
        size = random.randint(0, 4)
        words += [["the"], ["said", "the"], ["U-LOC"], ["B-ORG", *["I-ORG"] * size, "L-ORG"]][kind]
    return words


def spans(tagged):
    return [[tuple(scored.span) for scored in sentence] for sentence in tagged]


def test_windows_over_a_long_sentence_lose_nothing(recognizer, monkeypatch):
    random = np.random.RandomState(5)
    sentences = [random_words(random, length) for length in
                 (LONGEST + 1, 3, LONGEST, 3 * LONGEST + 17, 2 * LONGEST - OVERLAP, 1, 5000)]
    windowed = spans(recognizer.tag_batch(sentences))
    assert recognizer.scorer.longest == LONGEST
    monkeypatch.setattr(windows, "LONGEST", 10**6)
    at_once = spans(recognizer.tag_batch(sentences))
    assert recognizer.scorer.longest >= 5000
    assert windowed == at_once and sum(map(len, at_once)) > 1000


def test_windows_cover_every_token_with_context_around_it():
    assert window_ranges(0) == []
    for length in range(1, 4 * LONGEST, 7):
        starts = [start for start, _ in window_ranges(length)]
        assert [end for _, end in window_ranges(length)] == [min(start + LONGEST, length) for start in starts]
        assert starts[0] == 0 and starts[-1] + LONGEST >= length
        assert all(following - start == LONGEST - OVERLAP for start, following in zip(starts, starts[1:]))
        # No window lies wholly inside the one before it.
        assert len(starts) == 1 or starts[-2] + LONGEST < length


@pytest.mark.parametrize("seed", range(5))
def test_windows_over_pieces_are_bounded(seed):
    """None has more pieces than a window of tokens has tokens, however long tokens are; every token has an owner."""
    random = np.random.RandomState(seed)
    tokens = ["x" * size for size in random.choice([1, 2, 9, 90, 5000], 400, p=[0.4, 0.3, 0.2, 0.06, 0.04])]
    pieces = pieces_of(False, "vote")
    found = windows.windows_over([tokens, ["a"]], pieces)
    assert found[-1] == (1, 0, ["a"], 0, 1)
    for window in found:
        assert len(pieces.split(window.tokens)) <= LONGEST
        assert window.start <= window.first < window.last <= window.start + len(window.tokens)
    assert [window.first for window in found[1:-1]] == [window.last for window in found[:-2]]
    assert found[0].first == 0 and found[-2].last == 400


def test_results_are_in_the_order_of_the_sentences(recognizer):
    random = np.random.RandomState(6)
    sentences = [random_words(random, length) for length in random.randint(1, 60, size=300)]
    together = recognizer.tag_batch(sentences)
    alone = [recognizer.tag_batch([sentence])[0] for sentence in sentences]
    assert spans(together) == spans(alone)
    for tagged, tagged_alone in zip(together, alone):
        assert [scored.probability for scored in tagged] == pytest.approx(
            [scored.probability for scored in tagged_alone], abs=1e-12)


def test_an_encoded_split_is_decoded_in_order(encoder, recognizer):
    random = np.random.RandomState(5)
    split = [Sentence(tuple(random_words(random, size))) for size in random.randint(1, 40, 30)]
    decoded = recognizer.decode(encoder.encode(split))
    assert [[encoder.tags[index] for index in ids] for ids in decoded] == [
        [word if word in encoder.tags else "O" for word in sentence.tokens] for sentence in split]


def test_marginals_are_in_the_order_of_the_sentences(recognizer):
    random = np.random.RandomState(7)
    sentences = [random_words(random, length) for length in random.randint(1, 60, size=100)]
    together = recognizer.marginals_batch(sentences)
    for sentence, marginals in zip(sentences, together):
        assert marginals.shape == (len(sentence), len(recognizer.encoder.tags))
        np.testing.assert_allclose(marginals, recognizer.marginals_batch([sentence])[0], atol=1e-12)


def test_empty_sentences(recognizer):
    assert recognizer.tag_batch([]) == [] and recognizer.marginals_batch([]) == []
    tagged = recognizer.tag_batch([[], ["U-LOC"], []])
    assert spans(tagged) == [[], [(0, 1, "LOC")], []]
    marginals = recognizer.marginals_batch([[], ["U-LOC"], []])
    assert [array.shape for array in marginals] == [(0, 9), (1, 9), (0, 9)]


@pytest.mark.parametrize("method", ["tag_batch", "marginals_batch"])
def test_sentences_that_are_not_tokens_are_errors(recognizer, method):
    with pytest.raises(TypeError, match="expected sentences as tokens, found a string"):
        getattr(recognizer, method)(["Rome fell"])
    with pytest.raises(ValueError, match="sentence 1: expected tokens of at least one character, found ''"):
        getattr(recognizer, method)([["Rome"], ["fell", ""]])


def test_split_tokens_have_no_marginals(encoder):
    recognizer = Recognizer(encoder, ByWord(encoder), pieces=DigitPieces())
    with pytest.raises(ValueError, match="expected a model whose tokens are not split at digits"):
        recognizer.marginals_batch([["1996"]])


@pytest.fixture(params=[(8, 4), (9, 2), (12, 10), (10, 0)], ids=str)
def small_windows(request, monkeypatch):
    longest, overlap = request.param
    monkeypatch.setattr(windows, "LONGEST", longest)
    monkeypatch.setattr(windows, "OVERLAP", overlap)
    return longest, overlap


def marginals_alone(scorer, tokens):
    """Those of tokens that are read at once."""
    encoded = scorer.encoder.encode([Sentence(tuple(tokens))])
    batch = collate(scorer.features, encoded, np.arange(1))
    return scorer.decoder().marginals(scorer.emissions(batch), batch.length)[0]


def owner(starts, token, longest, overlap):
    """The window to which a token belongs: in an overlap, the first half is that of the earlier window."""
    reading = [start for start in starts if start <= token < start + longest]
    earlier = reading[0]
    for start in reading[1:]:
        if token >= start + overlap // 2:
            earlier = start
    return earlier


def test_a_token_in_an_overlap_has_the_marginals_of_the_window_that_owns_it(encoder, small_windows):
    longest, overlap = small_windows
    scorer = ByPlace(encoder)
    recognizer = Recognizer(encoder, scorer)
    random = np.random.RandomState(9)
    disagreements = 0
    for length in range(1, 60):
        tokens = random_words(random, length)[:length]
        marginals, = recognizer.marginals_batch([tokens])
        np.testing.assert_allclose(marginals.sum(axis=1), 1.0, atol=1e-12)
        starts = [start for start, _ in window_ranges(length)]
        windows = {start: marginals_alone(scorer, tokens[start:start + longest]) for start in starts}
        for token, computed in enumerate(marginals):
            start = owner(starts, token, longest, overlap)
            np.testing.assert_allclose(computed, windows[start][token - start], atol=1e-12)
            disagreements += any(not np.allclose(computed, windows[other][token - other], atol=1e-3)
                                 for other in starts if other <= token < other + longest)
    assert disagreements > 100 or not overlap


def test_entities_and_marginals_come_from_the_same_window(encoder, small_windows):
    """The probability of a single-token entity is the marginal of its tag; a longer one's is at most that."""
    recognizer = Recognizer(encoder, ByPlace(encoder))
    random = np.random.RandomState(10)
    single = longer = 0
    sentences = [random_words(random, length) for length in random.randint(20, 80, size=20)]
    for tagged, marginals in zip(recognizer.tag_batch(sentences), recognizer.marginals_batch(sentences)):
        for (start, end, label), probability in tagged:
            tag = encoder.tags.index(f"{'U' if end == start + 1 else 'B'}-{label}")
            if end == start + 1:
                assert probability == pytest.approx(marginals[start, tag], abs=1e-12)
                single += 1
            else:
                assert probability <= marginals[start, tag] + 1e-12
                longer += 1
    assert single > 50 and longer > 50


def test_entities_that_touch_are_both_kept(recognizer):
    tagged = recognizer.tag_batch([["U-LOC", "U-LOC", "B-ORG", "L-ORG"]])
    assert spans(tagged) == [[(0, 1, "LOC"), (1, 2, "LOC"), (2, 4, "ORG")]]


def test_pieces_keep_the_probability_of_their_entity(encoder):
    whole = Recognizer(encoder, ByWord(encoder)).tag_batch([["said", "U-LOC"]])[0][0].probability
    merged = Recognizer(encoder, ByWord(encoder), pieces=DigitPieces()).tag_batch([["said", "U-LOC"]])[0][0].probability
    assert merged == whole


def test_batches_with_long_words_are_divided_until_they_fit(encoder, monkeypatch):
    sentences = [Sentence(("x" * size,) * 4) for size in (1, 2, 3, 50, 60)]
    encoded = encoder.encode(sentences)
    monkeypatch.setattr(module, "CELLS", 500)
    batches = [batch.tolist() for batch in module.plan_scoring(encoder.features, encoded, 5)]
    longest = encoded.longest_types({"characters": 1})
    assert sorted(sum(batches, [])) == list(range(5))
    for batch in batches:
        assert len(batch) == 1 or longest[batch].max() * 4 * len(batch) <= 500
    assert len(batches) < 5
    alone = encoder.encode([Sentence(("x" * 900,))])
    assert [len(batch) for batch in module.plan_scoring(encoder.features, alone, 5)] == [1]
