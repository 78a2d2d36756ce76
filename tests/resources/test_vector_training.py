"""Training vectors: compressed text, the network's form of words, and nothing left on failure."""

import gzip
import json

import numpy as np
import pytest

from ner_mx.data.compression import SUFFIXES, compressed
from ner_mx.errors import ConfigError, CorpusError, RunError, UserError
from ner_mx.files import sha256
from ner_mx.resources.vectors import VectorSettings, read_vectors
from ner_mx.resources.vectors import training as vector_training
from ner_mx.resources.vectors.training import TrainedVectors, VectorTraining, WordForm, summary, train_vectors

pytest.importorskip("gensim")

FORM = WordForm("run", lower=True)
SMALL = VectorTraining(dimension=8, min_count=2, epochs=2)


def text():
    """Sentences of two vocabularies that never occur together."""
    random = np.random.RandomState(1)
    vocabularies = ["Rivers flow under old Bridges near 1996 Mills", "Traders sold 37 shares when Markets opened"]
    return "".join(" ".join(random.permutation(vocabularies[line % 2].split())) + ".\n" for line in range(600))


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(text(), encoding="utf-8")
    return path


def test_words_that_occur_together_are_similar_and_in_normal_form(plain, tmp_path):
    trained = train_vectors([plain], tmp_path / "own.txt", FORM, SMALL._replace(epochs=20, negative=5))
    vectors = read_vectors(VectorSettings(path=str(tmp_path / "own.txt")))
    rows = {word: row for row, word in enumerate(vectors.words)}
    assert {"rivers", "bridges", "markets", "0", "."} <= set(rows)
    assert "Rivers" not in rows and "1996" not in rows
    assert trained.words == vectors.words and trained.dimension == vectors.matrix.shape[1] == 8
    unit = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
    similarity = unit[rows["rivers"]] @ unit[rows["bridges"]]
    assert similarity > unit[rows["rivers"]] @ unit[rows["markets"]] + 0.2
    metadata = json.loads((tmp_path / "own.txt.json").read_text())
    assert metadata["tokens"] == trained.tokens == text().count(" ") + 2 * 600
    assert metadata["settings"]["dimension"] == 8 and metadata["sources"] == {str(plain): sha256(plain)}


def test_every_compression_gives_the_same_vectors(plain, tmp_path):
    pytest.importorskip("zstandard")
    train_vectors([plain], tmp_path / "plain.txt", FORM, SMALL)
    for suffix in SUFFIXES:
        name = f"text{suffix}"
        (tmp_path / name).write_bytes(compressed(plain.read_bytes(), suffix))
        train_vectors([tmp_path / name], tmp_path / f"{name}.txt", FORM, SMALL)
        assert (tmp_path / f"{name}.txt").read_bytes() == (tmp_path / "plain.txt").read_bytes()


@pytest.mark.parametrize("method", ["cbow", "fasttext"])
def test_other_methods(plain, tmp_path, method):
    trained = train_vectors([plain], tmp_path / "own.txt", FORM, SMALL._replace(method=method))
    assert read_vectors(VectorSettings(path=str(tmp_path / "own.txt"))).words == trained.words


# Random content, so that the compressed file is long enough to be damaged in the middle.
INTACT = gzip.compress(np.random.RandomState(1).bytes(9999).hex().encode(), mtime=0)


@pytest.mark.parametrize("name, content, problem", [
    ("none.txt", None, "none.txt: expected a file of text, found: No such file"),
    ("empty.txt", b"", "empty.txt: expected text, found nothing"),
    ("latin.txt", b"one line\n\xff\xfe two\n", "latin.txt:1: expected UTF-8, found byte 0xff"),
    ("truncated.gz", gzip.compress(b"word " * 9999, mtime=0)[:-20], "truncated.gz: expected a readable file, found: "),
    ("damaged.gz", b"".join((INTACT[:200], b"xxxx", INTACT[204:])), "damaged.gz:"),
    ("no.gz", b"this is not compressed at all", "no.gz: expected a readable file, found: "),
    ("no.xz", b"this is not compressed at all", "no.xz: expected a readable file, found: "),
    ("no.zst", b"this is not compressed at all", "no.zst: expected a compressed file, found a damaged one: "),
    ("rare.txt", b"every word here occurs once\n", "expected words that occur 2 times or more"),
])
def test_bad_text_gives_an_error_of_one_line_and_leaves_nothing(tmp_path, name, content, problem):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = set(tmp_path.iterdir())
    with pytest.raises((CorpusError, UserError)) as error:
        train_vectors([tmp_path / name], tmp_path / "own.txt", FORM, SMALL)
    assert problem in str(error.value) and "\n" not in str(error.value)
    assert set(tmp_path.iterdir()) == before


def test_the_error_for_an_unknown_method_names_the_known_ones(plain, tmp_path):
    with pytest.raises(ConfigError, match="^method: expected one of skip-gram, cbow, fasttext, found 'glove'$"):
        train_vectors([plain], tmp_path / "own.txt", FORM, SMALL._replace(method="glove"))


@pytest.mark.parametrize("name, value", [("dimension", 0), ("dimension", -5), ("window", 0), ("epochs", 0),
                                         ("negative", 0), ("min_count", 0), ("workers", 0), ("seed", -1)])
def test_impossible_settings_leave_existing_vectors(plain, tmp_path, name, value):
    output = tmp_path / "own.txt"
    output.write_text("before")
    with pytest.raises(ConfigError, match=f"^{name}: expected .*, found {value}$"):
        train_vectors([plain], output, FORM, SMALL._replace(**{name: value}))
    assert output.read_text() == "before"


def test_long_lines_are_split_and_not_truncated(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("word " * 2500 + "end end", encoding="utf-8")
    trained = train_vectors([path], tmp_path / "own.txt", FORM, SMALL)
    assert trained.tokens == 2502 and trained.words == ["word", "end"]


def test_texts_of_the_same_name_are_distinguished(plain, tmp_path):
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / plain.name
    other.write_text("words of the other text\n")
    train_vectors([plain, other], tmp_path / "own.txt", FORM, SMALL)
    metadata = json.loads((tmp_path / "own.txt.json").read_text())
    assert metadata["sources"] == {str(plain): sha256(plain), str(other): sha256(other)}


def test_existing_vectors_are_only_replaced_if_that_is_allowed(plain, tmp_path):
    for name in ("own.txt", "own.txt.json"):
        (tmp_path / name).write_text("before")
        with pytest.raises(RunError, match=f"{name}: exists already; choose another output, or allow it with "
                                           "--overwrite$"):
            train_vectors([plain], tmp_path / "own.txt", FORM, SMALL)
        assert (tmp_path / name).read_text() == "before"
        (tmp_path / name).rename(tmp_path / "kept")
    (tmp_path / "kept").rename(tmp_path / "own.txt")
    trained = train_vectors([plain], tmp_path / "own.txt", FORM, SMALL, overwrite=True)
    assert read_vectors(VectorSettings(path=str(tmp_path / "own.txt"))).words == trained.words


def test_a_text_is_never_overwritten(plain, tmp_path):
    metadata = tmp_path / "own.txt.json"
    metadata.write_bytes(plain.read_bytes())
    (tmp_path / "link.txt").symlink_to(plain)
    for texts, output in (([plain], plain), ([plain], tmp_path / "link.txt"),
                          ([plain, metadata], tmp_path / "own.txt")):
        with pytest.raises(UserError, match="expected a text to read, found the file to write"):
            train_vectors(texts, output, FORM, SMALL, overwrite=True)
    assert plain.read_text() == metadata.read_text() == text()


@pytest.mark.parametrize("name, problem", [
    ("own.bin", "own.bin: expected the name of a plain text file"),
    ("own.npy", "own.npy: expected the name of a plain text file"),
    ("own.txt.gz", "own.txt.gz: expected the name of a plain text file"),
    ("folder", "folder: expected the name of a file, found a folder")])
def test_names_of_outputs_that_could_not_be_read_are_refused(plain, tmp_path, name, problem):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=problem):
        train_vectors([plain], tmp_path / name, FORM, SMALL)


def test_the_summary_counts_words_and_dimensions():
    trained = TrainedVectors(["the", "rivers"], 12345, 50, {"rivers": [("bridges", 0.987), ("mills", 0.5)]})
    assert summary(trained).splitlines() == [
        "text      12,345 tokens", "vectors   2 words, 50 dimensions", "", "near rivers: bridges 0.99, mills 0.50"]


def test_a_full_disk_names_the_file_that_was_asked_for(tmp_path, monkeypatch):
    (tmp_path / "t.txt").write_text("Rome fell and rose. " * 50)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vector_training, "_train", full)
    with pytest.raises(OSError) as error:
        train_vectors([tmp_path / "t.txt"], tmp_path / "v.txt", WordForm("run", True), VectorTraining(min_count=1))
    assert error.value.filename == str(tmp_path / "v.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["t.txt"]


def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbf" + b"Rome fell and rose. " * 50)
    settings = VectorTraining(min_count=1)
    trained = train_vectors([tmp_path / "t.txt"], tmp_path / "v.txt", WordForm("run", True), settings)
    assert "rome" in trained.words and not any("\ufeff" in word for word in trained.words)
