"""Features against gluonnlp, against the corpus itself, and against single sentences."""

import importlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.config import Features, Vectors
from ner_mx.corpora.packing import SUFFIXES, packed
from ner_mx.corpora.sentence import Sentence
from ner_mx.errors import CorpusError, RunError
from ner_mx.features.batching import LENGTH_STEP, ROW_STEP, collate, plan
from ner_mx.features.encoder import Encoder, joined
from ner_mx.features.vectors import find, read_vectors
from ner_mx.features.vocabulary import Vocabulary
from ner_mx.features.words import CASINGS, CHARACTER_TYPES, casing, character_type, fold_digits, normal_form

WORDS = st.text(min_size=1, max_size=12)


def sentence(text, tags=None, pos=None, document=0):
    tokens = tuple(text.split(" "))
    return Sentence(tokens, tuple((tags or " ".join("O" * len(tokens))).split()),
                    tuple(pos.split()) if pos else ("NN",) * len(tokens), "f", 1, document)


TRAIN = [sentence("EU rejects German call", "B-ORG O B-MISC O", "NNP VBZ JJ NN"),
         sentence("Peter B. 1996-08-22", "B-PER I-PER O", "NNP NNP CD", 1), sentence("eu", document=1)]


def test_vocabulary_is_in_gluonnlps_order():
    # gluonnlp imports MXNet, which needs the guard before it.
    importlib.import_module("ner_mx.compat")
    gluonnlp = importlib.import_module("gluonnlp")
    counts = Counter(["the", "cat", "the", "dog", "the", "a", "a", "zebra", "cat", "Über", "<unk2>"])
    ours = Vocabulary.counted(counts, 1)
    theirs = gluonnlp.Vocab(counts, unknown_token="<unk>", padding_token=None, bos_token=None, eos_token=None)
    assert ours.to_json() == theirs.idx_to_token[1:]
    items = ["zebra", "the", "nowhere", "cat"]
    known = [ours.row(item) - 1 for item in items]  # gluonnlp has no row for padding before <unk>
    assert known == theirs[items]


@given(st.lists(WORDS, unique=True))
def test_vocabulary_round_trip_and_unknown(items):
    vocabulary = Vocabulary.from_json(Vocabulary(items).to_json())
    assert [vocabulary.row(item) for item in items] == list(range(2, len(items) + 2))
    assert vocabulary.row("no such item" * 3) == 1


def test_reserved_words_of_a_corpus_are_words():
    vocabulary = Vocabulary.counted(Counter({"<unk>": 2, "<pad>": 1}))
    assert (vocabulary.row("<unk>"), vocabulary.row("<pad>")) == (2, 3)


@pytest.mark.parametrize("value", [None, {"a": 1}, [1, 2], ["a", "a"]])
def test_a_damaged_vocabulary(value):
    with pytest.raises(RunError, match="vocab.json"):
        Vocabulary.from_json(value)


@pytest.mark.parametrize("word, wanted", [
    ("NATO", "allCaps"), ("Rome", "upperInitial"), ("the", "lowercase"), ("McVeigh", "mixedCaps"),
    ("1996", "noinfo"), ("...", "noinfo"), ("A", "allCaps"), ("iPod", "mixedCaps"),
    ("Élan", "upperInitial"), ("U.S.", "allCaps"), ("b2b", "lowercase"),
    ("O'Neill", "mixedCaps"), ("日本", "noinfo")])
def test_casing(word, wanted):
    assert CASINGS[casing(word)] == wanted


@pytest.mark.parametrize("character, wanted", [
    ("A", "upper"), ("ß", "lower"), (".", "punctuation"), ("$", "punctuation"), ("7", "other"),
    ("日", "other")])
def test_character_types(character, wanted):
    assert CHARACTER_TYPES[character_type(character)] == wanted


def test_digits():
    assert [fold_digits("a12-345", how) for how in ("keep", "run", "each")] == ["a12-345", "a0-0", "a00-000"]
    assert normal_form("May96", Features()) == "may0"


@given(WORDS)
def test_every_word_has_one_casing_and_normal_form(word):
    assert 0 <= casing(word) < len(CASINGS)
    assert normal_form(normal_form(word, Features()), Features()) == normal_form(word, Features()).lower() \
        or not normal_form(word, Features()).isascii()


def test_encoded_sentences_give_the_corpus_back():
    encoder = Encoder.learnt(Features(), TRAIN)
    encoded = encoder.encode(TRAIN)
    assert encoded.tokens() == [list(one.tokens) for one in TRAIN]
    assert [encoder.tags[row] for row in encoded.tag] == [
        "U-ORG", "O", "U-MISC", "O", "B-PER", "L-PER", "O", "O"]
    assert [encoder.pos.items[row] for row in encoded.pos[:3]] == ["NNP", "VBZ", "JJ"]
    assert [encoder.words.items[encoded.word[form]] for form in encoded.form] == [
        "eu", "rejects", "german", "call", "peter", "b.", "0-0-0", "eu"]
    # Every character, none cut: those of the form with its digits folded.
    text = "".join(encoder.characters.items[row] for row in encoded.characters)
    assert text == "EUrejectsGermancallPeterB.0-0-0eu"


def test_tables_come_from_training_data_alone():
    encoder = Encoder.learnt(Features(), TRAIN)
    unseen = encoder.encode([sentence("Zürich rejects", "B-LOC O", "XX VBZ")])
    assert list(unseen.word[unseen.form]) == [1, encoder.words.row("rejects")]
    assert unseen.characters[1] == 1  # ü
    assert unseen.pos[0] == 1
    assert unseen.tag[0] == 0  # LOC is no type of the training data


def test_rare_words_are_unknown():
    features = Features(words={"min_count": 2})
    assert Encoder.learnt(features, TRAIN).words.to_json() == ["eu"]


def test_the_tables_round_trip_as_json():
    encoder = Encoder.learnt(Features(), TRAIN)
    again = Encoder.from_json(Features(), encoder.to_json())
    for name, array in encoder.encode(TRAIN).arrays().items():
        np.testing.assert_array_equal(array, again.encode(TRAIN).arrays()[name])
    with pytest.raises(RunError):
        Encoder.from_json(Features(), {"words": []})


def test_a_long_token_and_a_lone_surrogate_are_kept():
    odd = [sentence("x" * 5000 + " \ud800", "O O")]
    encoder = Encoder.learnt(Features(), odd)
    assert encoder.encode(odd).tokens() == [list(odd[0].tokens)]


def test_two_parts_joined_are_their_sentences():
    encoder = Encoder.learnt(Features(), TRAIN)
    one, two = encoder.encode(TRAIN[:2]), encoder.encode(TRAIN[2:])
    both = joined(one, two)
    assert both.tokens() == [list(one.tokens) for one in TRAIN]
    wanted = collate(encoder.encode(TRAIN), np.arange(3))
    found = collate(both, np.arange(3))
    np.testing.assert_array_equal(found.words, wanted.words)
    np.testing.assert_array_equal(found.tags, wanted.tags)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_last_sentences_are_those(count):
    encoder = Encoder.learnt(Features(), TRAIN)
    wanted, found = encoder.encode(TRAIN[-count:]), encoder.encode(TRAIN).last(count)
    assert found.tokens() == wanted.tokens()
    for part in ("words", "tags", "casing", "pos"):
        np.testing.assert_array_equal(getattr(collate(found, np.arange(len(found))), part),
                                      getattr(collate(wanted, np.arange(len(wanted))), part))


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(1, 9), st.sampled_from(["sorted", "exact"]),
       st.booleans())
def test_a_plan_holds_every_sentence_once(lengths, size, how, shuffled):
    lengths = np.array(lengths, int)
    batches = plan(lengths, size, how, np.random.RandomState(0) if shuffled else None)
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in batches)
    if how == "exact":
        assert all(len(set(lengths[batch])) == 1 for batch in batches)


def test_sorted_batches_pad_little():
    lengths = np.random.RandomState(0).randint(1, 60, 2000)
    batches = plan(lengths, 32, "sorted", np.random.RandomState(1))
    padded = sum(lengths[batch].max() * len(batch) for batch in batches)
    assert padded / lengths.sum() < 1.05


def test_a_shuffled_plan_differs_from_epoch_to_epoch():
    lengths = np.repeat([3, 5], 50)
    plans = [plan(lengths, 8, "exact", np.random.RandomState(seed)) for seed in (0, 1, 0)]
    flat = [[tuple(batch) for batch in one] for one in plans]
    assert flat[0] == flat[2] != flat[1]


@pytest.mark.parametrize("width", [1, 3, 4])
def test_a_batch_holds_its_sentences(width):
    encoder = Encoder.learnt(Features(), TRAIN)
    encoded = encoder.encode(TRAIN)
    order = np.array([2, 0, 1])
    batch = collate(encoded, order, width)
    assert batch.tokens == 8 and batch.words.shape == (4, 3)
    left = (width - 1) // 2
    for column, number in enumerate(order):
        tokens = TRAIN[number].tokens
        for step, token in enumerate(tokens):
            assert encoder.words.items[batch.words[step, column]] == normal_form(token, Features())
            form = batch.forms[step, column]
            length = batch.character_length[form]
            rows = batch.characters[left:left + length, form]
            assert "".join(encoder.characters.items[row] for row in rows) == fold_digits(token, "run")
            turned = batch.reverse[step, column]
            assert divmod(turned, 3) == (len(tokens) - 1 - step, column)
        assert (batch.tags[len(tokens):, column] == -1).all()
        assert (batch.words[len(tokens):, column] == 0).all()
    assert batch.characters.shape[1] % ROW_STEP == 0
    assert (batch.characters.shape[0] - width + 1) % LENGTH_STEP == 0
    assert (batch.character_length >= 1).all()


def vectors_file(tmp_path, text, **changes):
    path = tmp_path / "vectors.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Vectors(path=str(path), **changes)


GLOVE = "the 1 2\nRome 3 4\n"


@pytest.mark.parametrize("text, words, warnings", [
    (GLOVE, ["the", "Rome"], {}),
    ("2 2\n" + GLOVE, ["the", "Rome"], {}),
    (GLOVE.replace("\n", "\r\n"), ["the", "Rome"], {}),
    (GLOVE.replace("\n", " \n"), ["the", "Rome"], {}),
    (GLOVE + "cut 5", ["the", "Rome"], {"lines with too few numbers": 1}),
    (". . . 5 6\n" + GLOVE, [". . .", "the", "Rome"], {}),
    (GLOVE + "the 9 9\n", ["the", "Rome"], {"words that stood before": 1}),
    (GLOVE + "odd 1 x\n", ["the", "Rome"], {"lines with something that is no number": 1}),
    (GLOVE + "odd 1 nan\n", ["the", "Rome"], {"words with a number that is not finite": 1}),
    (GLOVE + "large 1 1e50\n", ["the", "Rome"], {"words with a number that is not finite": 1}),
    (GLOVE + "\u00b2 7 8\n", ["the", "Rome", "\u00b2"], {}),
    ("\u00b2 3\n" + GLOVE, ["the", "Rome"], {"lines with too few numbers": 1}),
    (GLOVE + "\u0085 1 1\n", ["the", "Rome", "\u0085"], {}),
])
def test_vectors_in_their_forms(tmp_path, text, words, warnings):
    found = read_vectors(vectors_file(tmp_path, text))
    assert (found.words, dict(found.warnings)) == (words, warnings)
    np.testing.assert_array_equal(found.matrix[words.index("the")], [1, 2])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_packed_vectors(tmp_path, suffix):
    (tmp_path / f"v.txt{suffix}").write_bytes(packed(GLOVE.encode(), suffix))
    (tmp_path / f"v.bin{suffix}").write_bytes(packed(
        b"1 2\nthe " + np.array([1, 2], "<f4").tobytes() + b"\n", suffix))
    assert read_vectors(Vectors(path=str(tmp_path / f"v.txt{suffix}"))).words == ["the", "Rome"]
    assert read_vectors(Vectors(path=str(tmp_path / f"v.bin{suffix}"))).matrix.tolist() == [[1, 2]]


def test_the_header_of_word2vecs_text_is_held_against_what_follows(tmp_path):
    assert read_vectors(vectors_file(tmp_path, "5 2\n" + GLOVE)).warnings == {
        "words that the first line announces and the file has not": 3}
    assert not read_vectors(vectors_file(tmp_path, "5 2\n" + GLOVE, limit=2)).warnings
    with pytest.raises(CorpusError, match=":1: expected 2 numbers a word announced, as they follow, found 3"):
        read_vectors(vectors_file(tmp_path, "2 3\n" + GLOVE))


def test_vectors_up_to_a_limit(tmp_path):
    assert read_vectors(vectors_file(tmp_path, GLOVE, limit=1)).words == ["the"]
    assert read_vectors(vectors_file(tmp_path, "2 2\n" + GLOVE, limit=1)).words == ["the"]


@pytest.mark.parametrize("text, message", [
    (b"", "found none"), (b"word\n", "expected a word and its numbers"), (b"\xff 1 2\n", "expected utf-8"),
    (b"a x y\n", "found none")])
def test_bad_vectors(tmp_path, text, message):
    with pytest.raises(CorpusError, match=message):
        read_vectors(vectors_file(tmp_path, text))
    with pytest.raises(CorpusError, match="features.vectors.path"):
        read_vectors(Vectors(path=str(tmp_path / "none")))


def test_word2vecs_binary(tmp_path):
    path = tmp_path / "v.bin"
    rows = {"the": [1.0, 2.0], "Rom\u00e9": [3.0, 4.0]}
    data = b"2 2\n" + b"".join(word.encode() + b" " + np.array(row, "<f4").tobytes() + b"\n"
                               for word, row in rows.items())
    path.write_bytes(data)
    found = read_vectors(Vectors(path=str(path)))
    assert found.words == list(rows)
    np.testing.assert_array_equal(found.matrix, list(rows.values()))
    assert read_vectors(Vectors(path=str(path), limit=1)).words == ["the"]
    for damaged, message in ((data[:-6], "cut short after 1"), (b"the 1 2\n", "header of two numbers"),
                             (b"99999999999999999999 300\n", "fit into memory"), (data + b"x", "found more"),
                             (b"2 0\nthe \nRome \n", "2 of 0 numbers"), (b"0 2\n", "0 of 2 numbers")):
        path.write_bytes(damaged)
        with pytest.raises(CorpusError, match=message):
            read_vectors(Vectors(path=str(path)))


def test_sennas_pair_of_files(tmp_path):
    (tmp_path / "words.lst").write_text("the\nrome\n")
    (tmp_path / "embeddings.txt").write_text("1 2\n3 4\n")
    found = read_vectors(Vectors(path=str(tmp_path)))
    assert found.words == ["the", "rome"] and found.matrix.tolist() == [[1, 2], [3, 4]]
    (tmp_path / "embeddings.txt").write_text("1 2\n3\n")
    with pytest.raises(CorpusError, match="embeddings.txt:2: expected 2 numbers as on line 1, found 1"):
        read_vectors(Vectors(path=str(tmp_path)))
    (tmp_path / "embeddings.txt").write_text("1 2\n")
    with pytest.raises(CorpusError, match="expected 2 lines as in words.lst, found 1"):
        read_vectors(Vectors(path=str(tmp_path)))


def test_senna_as_it_is_published(tmp_path):
    for name, text in (("hash/words.lst", "the\nrome\n"), ("embeddings/embeddings.txt", "1 2\n3 4\n")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    assert read_vectors(Vectors(path=str(tmp_path))).matrix.tolist() == [[1, 2], [3, 4]]


UNUSABLE = [("the", [1, 2]), ("odd", [np.nan, 1]), ("odder", [1, -np.inf]), ("", [1, 1]), ("the", [9, 9]),
            ("rome", [3, 4])]
PASSED_OVER = {"words with a number that is not finite": 2, "words that stood before": 1, "empty words": 1}


def write_binary(folder, rows):
    (folder / "v.bin").write_bytes(f"{len(rows)} 2\n".encode() + b"".join(
        word.encode() + b" " + np.array(row, "<f4").tobytes() + b"\n" for word, row in rows))
    return folder / "v.bin"


def write_senna(folder, rows):
    (folder / "words.lst").write_text("".join(f"{word}\n" for word, _ in rows))
    (folder / "embeddings.txt").write_text("".join(f"{one} {two}\n" for _, (one, two) in rows))
    return folder


@pytest.mark.parametrize("write", [write_binary, write_senna])
def test_what_is_no_vector_is_passed_over_and_counted(tmp_path, write):
    found = read_vectors(Vectors(path=str(write(tmp_path, UNUSABLE))))
    assert found.words == ["the", "rome"] and found.matrix.tolist() == [[1, 2], [3, 4]]
    assert found.warnings == PASSED_OVER
    with pytest.raises(CorpusError, match="expected words with finite numbers, found none"):
        read_vectors(Vectors(path=str(write(tmp_path, UNUSABLE[1:3]))))


def test_how_a_word_is_found():
    rows = {"the": 0, "Rome": 1, "0-0": 2, "00": 3}
    assert [find(rows, word) for word in ("Rome", "THE", "12-7", "77", "Paris")] == [1, 0, 2, 3, -1]


@pytest.mark.corpus
def test_a_real_file_that_is_cut_off(shared):
    path = shared / "glove/glove.6B.100d.head2717.txt"
    found = read_vectors(Vectors(path=str(path)))
    assert found.matrix.shape == (2717, 100)
    assert found.warnings == {"lines with too few numbers": 1}
