"""Vectors of one's own: from any packing, in the network's form of words, and nothing left on failure."""

import gzip
import json

import numpy as np
import pytest

from ner_mx.config import Features, Vectors
from ner_mx.corpora.packing import SUFFIXES, packed
from ner_mx.errors import ConfigError, CorpusError, RunError, UserError
from ner_mx.features.vector_training import Settings, train_vectors
from ner_mx.features.vectors import read_vectors
from ner_mx.files import sha256

pytest.importorskip("gensim")

SMALL = Settings(dimension=8, min_count=2, epochs=2)


def text():
    """Two worlds of words that never meet."""
    random = np.random.RandomState(1)
    worlds = ["Rivers flow under old Bridges near 1996 Mills", "Traders sold 37 shares when Markets opened"]
    return "".join(" ".join(random.permutation(worlds[line % 2].split())) + ".\n" for line in range(600))


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(text(), encoding="utf-8")
    return path


def test_words_of_one_world_are_near_and_in_normal_form(plain, tmp_path):
    learnt = train_vectors([plain], tmp_path / "own.txt", Features(),
                           SMALL._replace(epochs=20, negative=5))
    vectors = read_vectors(Vectors(path=str(tmp_path / "own.txt")))
    rows = {word: row for row, word in enumerate(vectors.words)}
    assert {"rivers", "bridges", "markets", "0", "."} <= set(rows)
    assert "Rivers" not in rows and "1996" not in rows
    assert learnt.words == vectors.words and learnt.dimension == vectors.matrix.shape[1] == 8
    unit = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
    near = unit[rows["rivers"]] @ unit[rows["bridges"]]
    assert near > unit[rows["rivers"]] @ unit[rows["markets"]] + 0.2
    told = json.loads((tmp_path / "own.txt.json").read_text())
    assert told["tokens"] == learnt.tokens == text().count(" ") + 2 * 600
    assert told["settings"]["dimension"] == 8 and told["sources"] == {str(plain): sha256(plain)}


def test_every_packing_gives_the_same_vectors(plain, tmp_path):
    pytest.importorskip("zstandard")
    train_vectors([plain], tmp_path / "plain.txt", Features(), SMALL)
    for suffix in SUFFIXES:
        name = f"text{suffix}"
        (tmp_path / name).write_bytes(packed(plain.read_bytes(), suffix))
        train_vectors([tmp_path / name], tmp_path / f"{name}.txt", Features(), SMALL)
        assert (tmp_path / f"{name}.txt").read_bytes() == (tmp_path / "plain.txt").read_bytes()


@pytest.mark.parametrize("method", ["cbow", "fasttext"])
def test_other_methods(plain, tmp_path, method):
    learnt = train_vectors([plain], tmp_path / "own.txt", Features(), SMALL._replace(method=method))
    assert read_vectors(Vectors(path=str(tmp_path / "own.txt"))).words == learnt.words


# Of random words, so that packed it is long enough to be damaged in the middle.
HURT = gzip.compress(np.random.RandomState(1).bytes(9999).hex().encode(), mtime=0)


@pytest.mark.parametrize("name, content, problem", [
    ("none.txt", None, "none.txt: expected a file of text, found: No such file"),
    ("empty.txt", b"", "empty.txt: expected text, found none"),
    ("latin.txt", b"one line\n\xff\xfe two\n", "latin.txt:1: expected UTF-8, found byte 0xff"),
    ("cut.gz", gzip.compress(b"word " * 9999, mtime=0)[:-20], "cut.gz: expected a readable file, found: "),
    ("hurt.gz", b"".join((HURT[:200], b"xxxx", HURT[204:])), "hurt.gz:"),
    ("no.gz", b"this is not packed at all", "no.gz: expected a readable file, found: "),
    ("no.xz", b"this is not packed at all", "no.xz: expected a readable file, found: "),
    ("no.zst", b"this is not packed at all", "no.zst: expected a packed file, found damage: "),
    ("rare.txt", b"every word here stands once\n", "expected words that stand 2 times or more"),
])
def test_bad_text_is_one_line_and_leaves_nothing(tmp_path, name, content, problem):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = set(tmp_path.iterdir())
    with pytest.raises((CorpusError, UserError)) as error:
        train_vectors([tmp_path / name], tmp_path / "own.txt", Features(), SMALL)
    assert problem in str(error.value) and "\n" not in str(error.value)
    assert set(tmp_path.iterdir()) == before


def test_an_unknown_method_names_the_known(plain, tmp_path):
    with pytest.raises(ConfigError, match="method: expected one of skip-gram, cbow, fasttext, found 'glove'"):
        train_vectors([plain], tmp_path / "own.txt", Features(), SMALL._replace(method="glove"))


@pytest.mark.parametrize("name, value", [("dimension", 0), ("dimension", -5), ("window", 0), ("epochs", 0),
                                         ("negative", 0), ("min_count", 0), ("workers", 0), ("seed", -1)])
def test_impossible_settings_leave_what_stands(plain, tmp_path, name, value):
    output = tmp_path / "own.txt"
    output.write_text("before")
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')}: expected "):
        train_vectors([plain], output, Features(), SMALL._replace(**{name: value}))
    assert output.read_text() == "before"


def test_long_lines_are_cut_and_not_lost(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("word " * 2500 + "end end", encoding="utf-8")
    learnt = train_vectors([path], tmp_path / "own.txt", Features(), SMALL)
    assert learnt.tokens == 2502 and learnt.words == ["word", "end"]


def test_texts_of_one_name_are_told_apart(plain, tmp_path):
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / plain.name
    other.write_text("words of the other text\n")
    train_vectors([plain, other], tmp_path / "own.txt", Features(), SMALL)
    told = json.loads((tmp_path / "own.txt.json").read_text())
    assert told["sources"] == {str(plain): sha256(plain), str(other): sha256(other)}


def test_what_stands_is_not_replaced_unless_told(plain, tmp_path):
    for name in ("own.txt", "own.txt.json"):
        (tmp_path / name).write_text("before")
        with pytest.raises(RunError, match=f"{name}: stands already; .* give --overwrite"):
            train_vectors([plain], tmp_path / "own.txt", Features(), SMALL)
        assert (tmp_path / name).read_text() == "before"
        (tmp_path / name).rename(tmp_path / "kept")
    (tmp_path / "kept").rename(tmp_path / "own.txt")
    learnt = train_vectors([plain], tmp_path / "own.txt", Features(), SMALL, overwrite=True)
    assert read_vectors(Vectors(path=str(tmp_path / "own.txt"))).words == learnt.words


def test_a_text_is_never_written_over(plain, tmp_path):
    named = tmp_path / "own.txt.json"
    named.write_bytes(plain.read_bytes())
    (tmp_path / "link.txt").symlink_to(plain)
    for texts, output in (([plain], plain), ([plain], tmp_path / "link.txt"),
                          ([plain, named], tmp_path / "own.txt")):
        with pytest.raises(UserError, match="expected to be read, found to be written, too"):
            train_vectors(texts, output, Features(), SMALL, overwrite=True)
    assert plain.read_text() == named.read_text() == text()


@pytest.mark.parametrize("name, problem", [
    ("own.bin", "own.bin: expected the name of a file of text"),
    ("own.txt.gz", "own.txt.gz: expected the name of a file of text"),
    ("folder", "folder: expected the name of a file, found a folder")])
def test_names_that_could_not_be_read_again(plain, tmp_path, name, problem):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=problem):
        train_vectors([plain], tmp_path / name, Features(), SMALL)
