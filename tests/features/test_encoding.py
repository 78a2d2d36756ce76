"""Features against gluonnlp, against the corpus itself, and against single sentences."""

import importlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.compat import mx
from ner_mx.config import Config
from ner_mx.data.normalization import fold_digits, normal_form
from ner_mx.data.sentence import Sentence
from ner_mx.errors import RunError
from ner_mx.features.batch import collate
from ner_mx.features.casing import CASINGS, casing
from ner_mx.features.characters import CHARACTER_TYPES, LENGTH_STEP, ROW_STEP, character_type
from ner_mx.features.encoder import Encoder
from ner_mx.features.vocabulary import Vocabulary

DEFAULT = Config().features
WORDS = st.text(min_size=1, max_size=12)


def sentence(text, tags=None, pos=None, document=0):
    tokens = tuple(text.split(" "))
    return Sentence(tokens, tuple((tags or " ".join("O" * len(tokens))).split()),
                    tuple(pos.split()) if pos else ("NN",) * len(tokens), "f", 1, document)


TRAIN = [sentence("EU rejects German call", "B-ORG O B-MISC O", "NNP VBZ JJ NN"),
         sentence("Peter B. 1996-08-22", "B-PER I-PER O", "NNP NNP CD", 1), sentence("eu", document=1)]


def test_vocabulary_is_in_gluonnlps_order():
    # gluonnlp imports MXNet, which works with this numpy only after compat has prepared it.
    assert mx.__version__
    gluonnlp = importlib.import_module("gluonnlp")
    counts = Counter(["the", "cat", "the", "dog", "the", "a", "a", "zebra", "cat", "Über", "<unk2>"])
    ours = Vocabulary.counted(counts, 1)
    theirs = gluonnlp.Vocab(counts, unknown_token="<unk>", padding_token=None, bos_token=None, eos_token=None)
    assert ours.to_json() == theirs.idx_to_token[1:]
    items = ["zebra", "the", "nowhere", "cat"]
    known = [ours.id(item) - 1 for item in items]  # gluonnlp has no id for padding before <unk>
    assert known == theirs[items]
    fewer = gluonnlp.Vocab(counts, max_size=3, unknown_token="<unk>", padding_token=None, bos_token=None,
                           eos_token=None)
    assert Vocabulary.counted(counts, 1, 3).to_json() == fewer.idx_to_token[1:]


@given(st.lists(WORDS, unique=True))
def test_vocabulary_round_trip_and_unknown(items):
    vocabulary = Vocabulary.from_json(Vocabulary(items).to_json())
    assert [vocabulary.id(item) for item in items] == list(range(2, len(items) + 2))
    assert vocabulary.id("no such item" * 3) == 1


def test_reserved_strings_in_a_corpus_are_ordinary_words():
    vocabulary = Vocabulary.counted(Counter({"<unk>": 2, "<pad>": 1}))
    assert (vocabulary.id("<unk>"), vocabulary.id("<pad>")) == (2, 3)


@pytest.mark.parametrize("value", [None, {"a": 1}, [1, 2], ["a", "a"]])
def test_a_damaged_vocabulary_is_refused(value):
    with pytest.raises(RunError, match="^vocab.json: expected a vocabulary as a list of distinct strings, "
                                       "found something else; preprocess again$"):
        Vocabulary.from_json(value)


@pytest.mark.parametrize("word, expected", [
    ("NATO", "allCaps"), ("Rome", "upperInitial"), ("the", "lowercase"), ("McVeigh", "mixedCaps"),
    ("1996", "noinfo"), ("...", "noinfo"), ("A", "allCaps"), ("iPod", "mixedCaps"),
    ("Élan", "upperInitial"), ("U.S.", "allCaps"), ("b2b", "lowercase"),
    ("O'Neill", "mixedCaps"), ("日本", "noinfo")])
def test_casing(word, expected):
    assert CASINGS[casing(word)] == expected


@pytest.mark.parametrize("character, expected", [
    ("A", "upper"), ("ß", "lower"), (".", "punctuation"), ("$", "punctuation"), ("7", "other"),
    ("日", "other")])
def test_character_types(character, expected):
    assert CHARACTER_TYPES[character_type(character)] == expected


def test_digits():
    assert [fold_digits("a12-345", method) for method in ("keep", "run", "each")] == ["a12-345", "a0-0", "a00-000"]
    assert normal_form("May96", "run", lower=True) == "may0"


@given(WORDS)
def test_every_word_has_one_casing_and_normal_form(word):
    assert 0 <= casing(word) < len(CASINGS)
    form = normal_form(word, "run", lower=True)
    assert normal_form(form, "run", lower=True) == form.lower() or not form.isascii()


def test_encoding_can_be_reversed():
    encoder = Encoder.fit(DEFAULT, TRAIN)
    encoded = encoder.encode(TRAIN)
    assert encoded.tokens() == [list(sentence.tokens) for sentence in TRAIN]
    assert [encoder.tags[index] for index in encoded.tags] == [
        "U-ORG", "O", "U-MISC", "O", "B-PER", "L-PER", "O", "O"]
    pos, words = encoder.feature("pos").vocabulary, encoder.feature("words").vocabulary
    assert [pos.items[index] for index in encoded.by_token["pos"][:3]] == ["NNP", "VBZ", "JJ"]
    assert [words.items[index] for index in encoded.by_type["words"][encoded.word_type]] == [
        "eu", "rejects", "german", "call", "peter", "b.", "0-0-0", "eu"]
    # All characters, of the words with their digits folded.
    text = "".join(encoder.feature("characters").vocabulary.items[index]
                   for index in encoded.by_type["characters"].values)
    assert text == "EUrejectsGermancallPeterB.0-0-0eu"


def test_vocabularies_come_from_training_data_alone():
    encoder = Encoder.fit(DEFAULT, TRAIN)
    unseen = encoder.encode([sentence("Zürich rejects", "B-LOC O", "XX VBZ")])
    assert list(unseen.by_type["words"][unseen.word_type]) == [1, encoder.feature("words").vocabulary.id("rejects")]
    assert unseen.by_type["characters"].values[1] == 1  # ü
    assert unseen.by_token["pos"][0] == 1
    assert unseen.tags[0] == 0  # the training data has no LOC


def test_rare_words_are_unknown():
    features = Config().updated({"features.words.min_count": 2}).features
    assert Encoder.fit(features, TRAIN).feature("words").vocabulary.to_json() == ["eu"]


def test_the_encoder_round_trip_as_json():
    encoder = Encoder.fit(DEFAULT, TRAIN)
    restored = Encoder.restore(DEFAULT, encoder.to_json(), encoder.arrays())
    for name, array in encoder.encode(TRAIN).arrays().items():
        np.testing.assert_array_equal(array, restored.encode(TRAIN).arrays()[name])
    with pytest.raises(RunError, match="^vocab.json: expected the tags and the state of every feature, "
                                       "found nothing for 'tags'; preprocess again$"):
        Encoder.restore(DEFAULT, {"words": []}, {})


def test_a_long_token_and_a_lone_surrogate_are_kept():
    odd = [sentence("x" * 5000 + " \ud800", "O O")]
    encoder = Encoder.fit(DEFAULT, odd)
    assert encoder.encode(odd).tokens() == [list(odd[0].tokens)]


def test_two_splits_joined_have_the_sentences_of_both():
    encoder = Encoder.fit(DEFAULT, TRAIN)
    joined = encoder.encode(TRAIN[:2]).followed_by(encoder.encode(TRAIN[2:]))
    assert joined.tokens() == [list(sentence.tokens) for sentence in TRAIN]
    assert_same_batch(encoder, joined, encoder.encode(TRAIN))


def assert_same_batch(encoder, actual, expected):
    """The sentences of both, each as one batch, differ at most in the numbering of the word types."""
    actual, expected = (collate(encoder.features, encoded, np.arange(len(encoded)), encoded.tags)
                        for encoded in (actual, expected))
    np.testing.assert_array_equal(actual.targets, expected.targets)
    for name in ("words", "casing", "pos"):
        np.testing.assert_array_equal(actual[name], expected[name])
    np.testing.assert_array_equal(actual["characters"][:, actual["word_types"]],
                                  expected["characters"][:, expected["word_types"]])


@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_last_sentences_are_those_of_the_corpus(count):
    encoder = Encoder.fit(DEFAULT, TRAIN)
    expected, actual = encoder.encode(TRAIN[-count:]), encoder.encode(TRAIN).last(count)
    assert actual.tokens() == expected.tokens()
    assert_same_batch(encoder, actual, expected)


def test_a_batch_holds_its_sentences():
    encoder = Encoder.fit(Config().updated({"features.characters.types": True}).features, TRAIN)
    words, characters = encoder.feature("words").vocabulary, encoder.feature("characters").vocabulary
    encoded = encoder.encode(TRAIN)
    order = np.array([2, 0, 1])
    batch = collate(encoder.features, encoded, order, encoded.tags)
    assert batch.tokens == 8 and batch["words"].shape == (4, 3)
    assert batch["length"].tolist() == [1, 4, 3] and batch.sentence is order
    for column, index in enumerate(order):
        tokens = TRAIN[index].tokens
        for step, token in enumerate(tokens):
            assert words.items[batch["words"][step, column]] == normal_form(token, "run", lower=True)
            assert batch["casing"][step, column] == casing(token)
            word_type = batch["word_types"][step, column]
            length = batch["character_length"][word_type]
            ids, types = (batch[name][:length, word_type] for name in ("characters", "character_types"))
            assert "".join(characters.items[character] for character in ids) == fold_digits(token, "run")
            assert types.tolist() == [character_type(character) for character in fold_digits(token, "run")]
            assert (batch["characters"][length:, word_type] == 0).all()
        tags = [encoder.tags[tag] for tag in batch.targets[:len(tokens), column]]
        assert tags == [encoder.tags[tag] for tag in
                        encoded.tags[encoded.bounds[index]:encoded.bounds[index + 1]]]
        assert (batch.targets[len(tokens):, column] == -1).all()
        for name in ("words", "casing", "pos", "word_types"):
            assert (batch[name][len(tokens):, column] == 0).all()
    assert batch["characters"].shape[1] % ROW_STEP == 0
    assert batch["characters"].shape[0] % LENGTH_STEP == 0
    assert (batch["character_length"] >= 1).all()
    assert all(array.dtype == np.int32 for array in batch.arrays.values())


def test_arrays_of_a_batch_can_be_replaced():
    encoder = Encoder.fit(DEFAULT, TRAIN)
    batch = collate(encoder.features, encoder.encode(TRAIN), np.arange(3))
    other = batch.with_arrays({"words": batch["words"] + 1, "new": batch["casing"]})
    assert (other["words"] == batch["words"] + 1).all() and other["new"] is batch["casing"]
    assert other["pos"] is batch["pos"] and "new" not in batch.arrays and batch.targets is None


def test_word_dropout_follows_the_counts():
    """A word that is seen n times is hidden with z / (z + n), and padding never is."""
    train = [sentence("often often often often rare"), sentence("often")]
    features = Config().updated({"features.words.dropout": 1.0}).features
    encoder = Encoder.fit(features, train)
    encoded = encoder.encode(train)
    words = encoder.feature("words")
    replace = words.noise(encoded)
    batch = collate(encoder.features, encoded, np.arange(2))
    random = np.random.RandomState(0)
    hidden = sum((replace(batch.arrays, random)["words"] == 1).astype(float) for _ in range(4000)) / 4000
    expected = np.where(batch["words"] == words.vocabulary.id("often"), 1 / 6,
                        np.where(batch["words"] == words.vocabulary.id("rare"), 1 / 2, 0.0))
    np.testing.assert_allclose(hidden, expected, atol=0.03)
    assert (hidden[1:, 1] == 0).all()
    off = Config().updated({"features.words.dropout": 0.0}).features
    assert Encoder.fit(off, train).feature("words").noise(encoded) is None
