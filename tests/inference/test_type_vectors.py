"""The vectors of word types: those of a network that computes each type alone, whatever was asked before."""

import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from random_networks import build, lexicon_sources

from ner_mx.data.sentence import Sentence
from ner_mx.features.batch import collate
from ner_mx.inference import type_vectors
from ner_mx.inference.exporting import bundle_of
from ner_mx.inference.onnx_session import OnnxSession
from ner_mx.inference.tagger import Tagger
from ner_mx.inference.type_vectors import TypeVectors

WORDS = ["".join(letters) * times for letters in itertools.product("abÉ1", repeat=4) for times in (1, 3, 40)]
DIMENSION = 12 + 9 + 60 + 8  # words, characters, affixes, casing


@pytest.fixture(scope="module")
def parts():
    """The encoder, the features of the word type alone, and a graph of their vectors."""
    recognizer, config = build()
    graph = bundle_of(recognizer, config, {"data": {}, "seed": 1}).graphs["model.words"]
    features = [feature for feature in recognizer.encoder.features if feature.of_word_type]
    assert [feature.name for feature in features] == ["words", "characters", "affixes", "casing"]
    session = OnnxSession(graph, "vectors")
    return recognizer.encoder, features, lambda batch: session(batch, DIMENSION)


class Counting:
    """A session that counts the tokens that it computes."""

    def __init__(self, session):
        self.session, self.tokens = session, 0

    def __call__(self, batch):
        self.tokens += batch.tokens
        return self.session(batch)


def encoded(encoder, words):
    """Sentences of five tokens."""
    return encoder.encode([Sentence(tuple(words[start:start + 5])) for start in range(0, len(words), 5)])


@pytest.fixture(scope="module")
def expected(parts):
    """By word, the vector of a sentence of this word alone."""
    encoder, features, session = parts
    return {word: session(collate(features, encoder.encode([Sentence((word,))]), np.array([0])))[0, 0]
            for word in WORDS}


def assert_expected(found, encoding, expected):
    assert found.shape == (len(encoding.word_types()), DIMENSION) and found.dtype == np.float32
    for word, vector in zip(encoding.word_types(), found):
        np.testing.assert_array_equal(vector, expected[word])


def test_a_type_is_computed_once(parts, expected):
    encoder, features, session = parts
    counting = Counting(session)
    vectors = TypeVectors(counting, features, DIMENSION)
    short = [word for word in WORDS if len(word.encode()) <= type_vectors.LONGEST_CACHED]
    for words in (short[:90], short[50:170], short, list(reversed(short))):
        encoding = encoded(encoder, words)
        assert_expected(vectors(encoding), encoding, expected)
    assert counting.tokens == len(short)


def test_long_words_are_not_kept(parts, expected):
    encoder, features, session = parts
    counting = Counting(session)
    vectors = TypeVectors(counting, features, DIMENSION)
    long = [word for word in WORDS if len(word.encode()) > type_vectors.LONGEST_CACHED][:50]
    for times in (1, 2, 3):
        encoding = encoded(encoder, long)
        assert_expected(vectors(encoding), encoding, expected)
        assert counting.tokens == 50 * times


@pytest.mark.parametrize("kept", [1, 7, 200])
def test_a_small_cache_changes_no_vector(parts, expected, monkeypatch, kept):
    encoder, features, session = parts
    monkeypatch.setattr(type_vectors, "CACHE", 4 * DIMENSION * kept)
    vectors = TypeVectors(session, features, DIMENSION)
    random = np.random.RandomState(4)
    for _ in range(30):
        encoding = encoded(encoder, [WORDS[index] for index in random.randint(len(WORDS), size=60)])
        assert_expected(vectors(encoding), encoding, expected)
        assert len(vectors._rows) <= kept == len(vectors._table)


def test_two_types_may_have_the_same_form(parts, expected):
    """As after a change of case: each is one of the word types."""
    encoder, features, session = parts
    vectors = TypeVectors(session, features, DIMENSION)
    twice = encoder.with_words(encoder.encode([Sentence(("x", "y", "z"))]), [WORDS[3], WORDS[3], WORDS[6]])
    for encoding in (twice, encoder.encode([Sentence((WORDS[9], WORDS[6]))]), twice):
        assert_expected(vectors(encoding), encoding, expected)
    assert len(set(vectors._rows.values())) == len(vectors._rows) == 3


def test_a_forked_process_does_not_wait_for_a_thread_of_its_parent(parts):
    encoder, features, session = parts
    vectors = TypeVectors(session, features, DIMENSION)
    encoding = encoder.encode([Sentence(("Ada",))])
    before = vectors(encoding)
    with vectors._lock:
        child = os.fork()
        if not child:
            signal.alarm(20)
            os._exit(0 if np.array_equal(vectors(encoding), before) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_threads_share_a_cache(parts, expected, monkeypatch):
    encoder, features, session = parts
    monkeypatch.setattr(type_vectors, "CACHE", 4 * DIMENSION * 100)
    vectors = TypeVectors(session, features, DIMENSION)
    texts = [encoded(encoder, [WORDS[index] for index in np.random.RandomState(seed).randint(len(WORDS), size=90)])
             for seed in range(60)]
    with ThreadPoolExecutor(8) as pool:
        for encoding, found in zip(texts, pool.map(vectors, texts)):
            assert_expected(found, encoding, expected)


def test_the_vectors_of_a_batch_are_zero_in_padding(parts):
    encoder, features, session = parts
    scorer = Tagger.of_bundle(bundle_of(*build(), {"data": {}, "seed": 1})).recognizer.scorer
    prepared = scorer.prepared(encoder.encode([Sentence(("a", "b", "c")), Sentence(("d",))]))
    batch = collate(scorer.features, prepared, np.array([0, 1]))
    assert set(batch.arrays) == {"word_vectors"}
    assert not batch["word_vectors"][1:, 1].any() and batch["word_vectors"][0, 1].any()


def test_without_sentences(parts):
    encoder, features, session = parts
    tagger = Tagger.of_bundle(bundle_of(*build(), {"data": {}, "seed": 1}))
    assert tagger.tag_batch([]) == [] and tagger.tag_batch([[], []]) == [[], []]
    assert tagger.recognizer.decode(encoder.encode([])) == []


def test_the_graph_of_a_network_reads_only_what_depends_on_the_sentence(tmp_path):
    changes = {"features.pos.use": True, "features.lexicons.sources": lexicon_sources(tmp_path)}
    tagger = Tagger.of_bundle(bundle_of(*build(changes), {"data": {}, "seed": 1}))
    inputs = {name: set(scorer._session.inputs) for name, scorer in
              {"model": tagger.recognizer.scorer, **tagger.recognizer.taggers}.items()}
    both = {"word_vectors", "lexicons", "length"}
    assert inputs == {"model": {*both, "pos"}, "pos": both}
