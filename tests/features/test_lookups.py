"""Lookup features: their vocabularies, arrays and statistics."""

from collections import Counter

import numpy as np
import pytest

from ner_mx.config import Config
from ner_mx.data.sentence import Sentence
from ner_mx.errors import ConfigError, CorpusError, RunError
from ner_mx.features.affixes import Affixes
from ner_mx.features.batch import collate
from ner_mx.features.encoder import Encoder
from ner_mx.features.feature import Feature, TokenLookup, TrainingData, TypeLookup
from ner_mx.features.pos import PartOfSpeech
from ner_mx.features.shape import Shape
from ner_mx.features.words import Words
from ner_mx.resources.lexicon_matching import POSITIONS

TRAIN = [Sentence(("Rome", "fell", "fell"), ("B-LOC", "O", "O"), ("N", "V", "V")),
         Sentence(("Oslo",), ("B-LOC",), ("N",))]
DATA = TrainingData(TRAIN, Counter(token for sentence in TRAIN for token in sentence.tokens), False)
SETTINGS = Config().updated({"features.pos.use": True}).features


class Suffix(TypeLookup):
    """The last letter of a word."""

    name = "casing"  # a feature reads the settings of its name

    def value(self, word):
        return word[-1]


class Position(TokenLookup):
    """Whether a token is the first of its sentence."""

    name = "pos"

    def values(self, sentence):
        return ["first"] + ["later"] * (len(sentence.tokens) - 1)


@pytest.mark.parametrize("feature, strings, ids", [
    (Suffix, ["l", "e", "o"], [[3, 4], [2, 0], [2, 0]]),
    (Position, ["first", "later"], [[2, 2], [3, 0], [3, 0]])])
def test_a_lookup_counts_its_values_and_makes_batches(feature, strings, ids):
    fitted = feature.fit(SETTINGS, DATA)
    assert fitted.state() == strings and fitted.size == len(strings) + 2
    restored = feature.restore(SETTINGS, fitted.state(), {})
    encoder = Encoder(SETTINGS, [restored], ["O"])
    encoded = encoder.encode(TRAIN)
    assert list(encoded.by_type) + list(encoded.by_token) == [feature.name]
    batch = collate(encoder.features, encoded, np.arange(2))
    assert batch[feature.name].tolist() == ids and batch[feature.name].dtype == np.int32
    assert fitted.statistics({}, {})["size"] == len(strings) + 2


def test_affixes_are_prefixes_and_suffixes_of_each_length():
    """With those of a short word the word itself, digits folded, and rare ones unknown."""
    settings = Config().updated({"features.affixes.longest": 3, "features.affixes.min_count": 2}).features
    sentences = [Sentence(("Oslo", "Osling", "ab"), ("O",) * 3), Sentence(("12b", "Oslo"), ("O",) * 2)]
    counts = Counter(token for sentence in sentences for token in sentence.tokens)
    affixes = Affixes.fit(settings, TrainingData(sentences, counts))
    assert affixes.values("Oslo") == ["2<Os", "2>lo", "3<Osl", "3>slo"]
    assert affixes.values("a") == ["2<a", "2>a", "3<a", "3>a"]
    assert affixes.values("12b") == ["2<0b", "2>0b", "3<0b", "3>0b"]
    assert affixes.state() == ["2<Os", "3<Osl", "2>lo", "3>slo"] and affixes.columns == 4
    encoder = Encoder(settings, [affixes], ["O"])
    batch = collate(encoder.features, encoder.encode(sentences), np.arange(2))["affixes"]
    assert batch.shape == (3, 2, 4) and batch[2, 1].tolist() == [0] * 4, "padding"
    assert batch[:, 0].tolist() == [[2, 4, 3, 5], [2, 1, 3, 1], [1, 1, 1, 1]]
    assert affixes.tables(batch) == {"affixes": (6, 10)}
    restored = Affixes.restore(settings, affixes.state(), {})
    assert restored.encode_type("Oslo") == affixes.encode_type("Oslo") == ([2, 4, 3, 5],)


def test_shapes_are_counted_like_other_values():
    sentences = [Sentence(("Rome", "Oslo", "NATO", "x-9"), ("O",) * 4)]
    fitted = Shape.fit(SETTINGS, TrainingData(sentences, Counter(sentences[0].tokens)))
    assert fitted.state() == ["Xxx"] and fitted.value("x-99999") == "x-00"


@pytest.mark.parametrize("feature, method, argument", [(TypeLookup, "value", "a"), (TokenLookup, "values", TRAIN[0])])
def test_a_lookup_must_say_what_it_looks_up(feature, method, argument):
    class Unfinished(feature):
        name = "casing"

    with pytest.raises(NotImplementedError):
        getattr(Unfinished(SETTINGS, None), method)(argument)


def test_a_feature_without_state_needs_no_restore_of_its_own():
    class Stateless(Feature):
        name = "casing"

    assert isinstance(Stateless.restore(SETTINGS, None, {}), Stateless)
    assert Stateless(SETTINGS).state() is None and Stateless(SETTINGS).arrays() == {}


def test_lexicons_report_their_entries_and_matches(tmp_path):
    (tmp_path / "ner.loc.lst").write_text("rome\noslo\nnew york\n")
    source = {"path": str(tmp_path), "files": {"LOC": "ner.loc.lst"}}
    settings = Config().updated({"features.lexicons.sources": {"own": source}}).features
    encoder = Encoder.fit(settings, TRAIN)
    lexicons = encoder.feature("lexicons")
    statistics = lexicons.statistics({}, {"train": encoder.encode(TRAIN)})
    assert statistics == {"size": len(POSITIONS), "categories": {
        "own LOC": {"entries": 3, "matched": {"train": 0.5}}}}
    assert lexicons.summary(statistics) == [("lexicon own LOC", "3 entries; matched: 50.00% of train")]


def test_words_report_unknown_words_and_coverage():
    statistics = {"unknown": {"dev": 0.5, "test": 0.25},
                  "coverage": {"dev": {"exact": 0.5, "missing": 0.5}, "test": {"exact": 1.0, "missing": 0.0}}}
    assert Words.summary(statistics) == [
        ("unknown words", "50.00% of dev, 25.00% of test"),
        ("vectors, dev", "50.00% exact, 50.00% missing"), ("vectors, test", "100.00% exact, 0.00% missing")]
    assert Words.summary({"unknown": {"dev": 1.0}}) == [("unknown words", "100.00% of dev")]


def with_vectors(tmp_path, **changes):
    """The features of a configuration with vectors of two dimensions."""
    (tmp_path / "vectors.txt").write_text("Rome 1 2\nfell 3 4\n")
    return Config().updated({"features.words.vectors.path": str(tmp_path / "vectors.txt"), **{
        f"features.words.{key}": value for key, value in changes.items()}}).features


def test_restored_words_have_the_dimension_of_their_vectors(tmp_path):
    fitted = Words.fit(with_vectors(tmp_path), DATA)
    assert fitted.dimension == 2
    assert {name: array.dtype.kind + str(array.itemsize) for name, array in fitted.pretrained().items()} == {
        "matrix": "f4", "known": "b1"}
    restored = Words.restore(with_vectors(tmp_path), fitted.state(), {})
    assert restored.dimension == 2 and restored.state() == fitted.state() and restored.pretrained() == {}
    with pytest.raises(ConfigError, match="expected 5-dimensional vectors, .* found 2-dimensional"):
        Words.restore(with_vectors(tmp_path, dimension=5), fitted.state(), {})
    without = Words.restore(SETTINGS, {"words": ["rome"], "vector_dimension": None}, {})
    assert without.dimension == 100


def test_a_word_takes_the_first_vector_of_its_form(tmp_path):
    """``rome`` is not in the file: the first word of this form is; an exact match goes first."""
    settings = with_vectors(tmp_path)
    (tmp_path / "vectors.txt").write_text("fell 9 9\nRome 1 2\nROME 3 4\nFELL 5 6\n")
    words = Words.fit(settings, DATA)
    matrix = words.pretrained()["matrix"]
    assert matrix[words.vocabulary.id("rome")].tolist() == [1, 2]
    assert matrix[words.vocabulary.id("fell")].tolist() == [9, 9]


@pytest.mark.parametrize("damage", [{}, {"tags": ["O"]}, {"tags": ["O"], "features": {}}, None])
def test_a_damaged_encoder_is_one_line(damage):
    with pytest.raises(RunError, match="^vocab.json: expected the tags and the state of every feature, found "
                                       "nothing for .*; preprocess again$"):
        Encoder.restore(SETTINGS, damage, {})


def test_the_dimension_of_vectors_makes_the_key_irrelevant():
    assert SETTINGS.settings()["words"].irrelevant() == ()
    config = Config().updated({"features.words.vectors.path": "vectors.txt"})
    assert config.features.settings()["words"].irrelevant() == ("dimension",)


def test_parts_of_speech_of_raw_text_are_left_to_the_tagger():
    pos = PartOfSpeech.fit(SETTINGS, DATA)
    raw = [Sentence(("Rome", "fell")), Sentence(("Oslo",))]
    for sentences, ids in ((raw, [-1, -1, -1]), (TRAIN, pos.vocabulary.ids(["N", "V", "V", "N"]))):
        array, = pos.encode_tokens(sentences)
        assert array.tolist() == ids and array.dtype == np.int32


def test_a_sentence_without_the_others_parts_of_speech_is_one_line():
    pos = PartOfSpeech.fit(SETTINGS, DATA)
    with pytest.raises(CorpusError, match="^dev.txt:7: expected POS tags as in the other sentences, found nothing$"):
        pos.encode_tokens([*TRAIN, Sentence(("Oslo",), source="dev.txt", line=7)])


def test_counts_of_words_with_one_value_are_added():
    """Three rare words that end in t are more than two of a frequent one."""
    data = TrainingData(TRAIN, Counter({"cat": 1, "hat": 1, "mat": 1, "dog": 2}), False)
    assert Suffix.fit(SETTINGS, data).vocabulary.items[2:] == ["t", "g"]


def test_labels_may_hold_dashes():
    encoder = Encoder.fit(SETTINGS, [Sentence(("a", "b"), ("B-GPE-LOC", "O"), ("N", "N"))])
    assert encoder.entity_types == ["GPE-LOC"] and "U-GPE-LOC" in encoder.tags
