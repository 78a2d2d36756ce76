"""Files of word vectors: every layout, damaged ones, and how words are found in them."""

import numpy as np
import pytest

from ner_mx.data.compression import SUFFIXES, compressed
from ner_mx.errors import CorpusError
from ner_mx.resources.vectors import VectorSettings, read_vectors
from ner_mx.resources.vectors.coverage import coverage, find_word, match_of


def vectors_file(tmp_path, text, **changes):
    path = tmp_path / "vectors.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return VectorSettings(path=str(path), **changes)


GLOVE = "the 1 2\nRome 3 4\n"


@pytest.mark.parametrize("text, words, warnings", [
    (GLOVE, ["the", "Rome"], {}),
    ("2 2\n" + GLOVE, ["the", "Rome"], {}),
    (GLOVE.replace("\n", "\r\n"), ["the", "Rome"], {}),
    (GLOVE.replace("\n", " \n"), ["the", "Rome"], {}),
    (GLOVE + "truncated 5", ["the", "Rome"], {"lines with too few numbers": 1}),
    (". . . 5 6\n" + GLOVE, [". . .", "the", "Rome"], {}),
    (GLOVE + "the 9 9\n", ["the", "Rome"], {"duplicated words": 1}),
    (GLOVE + "odd 1 x\n", ["the", "Rome"], {"lines with something that is not a number": 1}),
    (GLOVE + "odd 1 nan\n", ["the", "Rome"], {"words with a number that is not finite": 1}),
    (GLOVE + "large 1 1e50\n", ["the", "Rome"], {"words with a number that is not finite": 1}),
    (GLOVE + "\u00b2 7 8\n", ["the", "Rome", "\u00b2"], {}),
    ("\u00b2 3\n" + GLOVE, ["the", "Rome"], {"lines with too few numbers": 1}),
    (GLOVE + "\u0085 1 1\n", ["the", "Rome", "\u0085"], {}),
])
def test_vectors_as_text(tmp_path, text, words, warnings):
    vectors = read_vectors(vectors_file(tmp_path, text))
    assert (vectors.words, dict(vectors.warnings)) == (words, warnings)
    np.testing.assert_array_equal(vectors.matrix[words.index("the")], [1, 2])


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".GZ"])
def test_compressed_vectors(tmp_path, suffix):
    (tmp_path / f"v.txt{suffix}").write_bytes(compressed(GLOVE.encode(), suffix))
    (tmp_path / f"v.bin{suffix}").write_bytes(compressed(
        b"1 2\nthe " + np.array([1, 2], "<f4").tobytes() + b"\n", suffix))
    assert read_vectors(VectorSettings(path=str(tmp_path / f"v.txt{suffix}"))).words == ["the", "Rome"]
    assert read_vectors(VectorSettings(path=str(tmp_path / f"v.bin{suffix}"))).matrix.tolist() == [[1, 2]]


def test_the_header_of_word2vecs_text_is_checked_against_the_lines(tmp_path):
    assert read_vectors(vectors_file(tmp_path, "5 2\n" + GLOVE)).warnings == {
        "words that the header announces and the file lacks": 3}
    assert not read_vectors(vectors_file(tmp_path, "5 2\n" + GLOVE, limit=2)).warnings
    with pytest.raises(CorpusError, match=":1: expected a header that announces 2 numbers per word, found 3"):
        read_vectors(vectors_file(tmp_path, "2 3\n" + GLOVE))


def test_vectors_up_to_a_limit(tmp_path):
    assert read_vectors(vectors_file(tmp_path, GLOVE, limit=1)).words == ["the"]
    assert read_vectors(vectors_file(tmp_path, "2 2\n" + GLOVE, limit=1)).words == ["the"]


@pytest.mark.parametrize("text, message", [
    (b"", "expected lines of a word and its numbers, found nothing of the kind"),
    (b"word\n", "expected a word and its numbers"), (b"\xff 1 2\n", "expected utf-8"),
    (b"a x y\n", "expected lines of a word and its numbers, found nothing of the kind")])
def test_bad_vectors(tmp_path, text, message):
    with pytest.raises(CorpusError, match=message):
        read_vectors(vectors_file(tmp_path, text))
    with pytest.raises(CorpusError, match="features.words.vectors.path"):
        read_vectors(VectorSettings(path=str(tmp_path / "none")))


def test_word2vecs_binary(tmp_path):
    path = tmp_path / "v.bin"
    rows = {"the": [1.0, 2.0], "Rom\u00e9": [3.0, 4.0]}
    data = b"2 2\n" + b"".join(word.encode() + b" " + np.array(row, "<f4").tobytes() + b"\n"
                               for word, row in rows.items())
    path.write_bytes(data)
    vectors = read_vectors(VectorSettings(path=str(path)))
    assert vectors.words == list(rows)
    np.testing.assert_array_equal(vectors.matrix, list(rows.values()))
    assert read_vectors(VectorSettings(path=str(path), limit=1)).words == ["the"]
    for damaged, message in ((data[:-6], "truncated after 1"), (b"the 1 2\n", "header of two numbers"),
                             (b"99999999999999999999 300\n", "fit into memory"), (data + b"x", "found more"),
                             (b"2 0\nthe \nRome \n", "2 of 0 numbers"), (b"0 2\n", "0 of 2 numbers")):
        path.write_bytes(damaged)
        with pytest.raises(CorpusError, match=message):
            read_vectors(VectorSettings(path=str(path)))


def test_sennas_pair_of_files(tmp_path):
    (tmp_path / "words.lst").write_text("the\nrome\n")
    (tmp_path / "embeddings.txt").write_text("1 2\n3 4\n")
    vectors = read_vectors(VectorSettings(path=str(tmp_path)))
    assert vectors.words == ["the", "rome"] and vectors.matrix.tolist() == [[1, 2], [3, 4]]
    (tmp_path / "embeddings.txt").write_text("1 2\n3\n")
    with pytest.raises(CorpusError, match="embeddings.txt:2: expected 2 numbers as on line 1, found 1"):
        read_vectors(VectorSettings(path=str(tmp_path)))
    (tmp_path / "embeddings.txt").write_text("1 2\n")
    with pytest.raises(CorpusError, match="expected 2 lines as in words.lst, found 1"):
        read_vectors(VectorSettings(path=str(tmp_path)))


def test_senna_as_it_is_published(tmp_path):
    for name, text in (("hash/words.lst", "the\nrome\n"), ("embeddings/embeddings.txt", "1 2\n3 4\n")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    assert read_vectors(VectorSettings(path=str(tmp_path))).matrix.tolist() == [[1, 2], [3, 4]]


UNUSABLE = [("the", [1, 2]), ("odd", [np.nan, 1]), ("odder", [1, -np.inf]), ("", [1, 1]), ("the", [9, 9]),
            ("rome", [3, 4])]
SKIPPED = {"words with a number that is not finite": 2, "duplicated words": 1, "empty words": 1}


def write_binary(folder, rows):
    (folder / "v.bin").write_bytes(f"{len(rows)} 2\n".encode() + b"".join(
        word.encode() + b" " + np.array(row, "<f4").tobytes() + b"\n" for word, row in rows))
    return folder / "v.bin"


def write_senna(folder, rows):
    (folder / "words.lst").write_text("".join(f"{word}\n" for word, _ in rows))
    (folder / "embeddings.txt").write_text("".join(f"{first} {second}\n" for _, (first, second) in rows))
    return folder


@pytest.mark.parametrize("write", [write_binary, write_senna])
def test_unusable_vectors_are_skipped_and_counted(tmp_path, write):
    vectors = read_vectors(VectorSettings(path=str(write(tmp_path, UNUSABLE))))
    assert vectors.words == ["the", "rome"] and vectors.matrix.tolist() == [[1, 2], [3, 4]]
    assert vectors.warnings == SKIPPED
    with pytest.raises(CorpusError, match="expected words with finite numbers, found nothing"):
        read_vectors(VectorSettings(path=str(write(tmp_path, UNUSABLE[1:3]))))


def test_words_are_looked_up_lower_cased_and_with_their_digits_folded():
    rows = {"the": 0, "Rome": 1, "0-0": 2, "00": 3}
    assert [find_word(rows, word) for word in ("Rome", "THE", "12-7", "77", "Paris")] == [1, 0, 2, 3, -1]


@pytest.mark.corpus
def test_a_real_file_that_is_truncated(shared):
    path = shared / "glove/glove.6B.100d.head2717.txt"
    vectors = read_vectors(VectorSettings(path=str(path)))
    assert vectors.matrix.shape == (2717, 100)
    assert vectors.warnings == {"lines with too few numbers": 1}


def test_kinds_of_matches():
    assert [match_of("Rome", word) for word in ("Rome", "rome", None)] == ["exact", "lower-cased", "missing"]
    assert match_of("12-7", "0-0") == "digits folded"


def test_coverage_counts_tokens():
    matches = {"Rome": "Rome", "THE": "the", "77": "00", "Paris": None}
    shares = coverage(["Rome", "Rome", "Rome", "THE", "THE", "77", "Paris", "Paris"], matches.get)
    assert shares == {"exact": 3 / 8, "lower-cased": 2 / 8, "digits folded": 1 / 8, "missing": 2 / 8}


@pytest.mark.parametrize("content, found", [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n", "a pointer of Git LFS; fetch the file"),
    (b"PK\x03\x04rest", "a zip archive; unpack it"), (b"\n <!doctype html><html>", "a page of HTML"),
    ("the 1 2\n".encode("utf-16"), "UTF-16; convert it"), (b"\x93NUMPY\x01", "a numpy array"),
    (b"\x80\x04\x95", "a pickle, which is not read")])
def test_a_file_that_is_something_else_is_named(tmp_path, content, found):
    with pytest.raises(CorpusError, match=f"expected vectors, found {found}"):
        read_vectors(vectors_file(tmp_path, content))


def test_archives_are_no_vectors(tmp_path):
    import tarfile

    (tmp_path / "v.txt").write_text(GLOVE)
    for name in ("v.tar.gz", "renamed.gz"):
        with tarfile.open(tmp_path / name, "w:gz") as archive:
            archive.add(tmp_path / "v.txt", "v.txt")
        with pytest.raises(CorpusError, match="found an archive; unpack it|found a tar archive"):
            read_vectors(VectorSettings(path=str(tmp_path / name)))


def test_decimal_commas_and_other_bad_lines_are_an_error_if_they_are_many(tmp_path):
    good = "".join(f"w{number} {number}.5 1\n" for number in range(100))
    with pytest.raises(CorpusError, match="found 100 others among 200; the numbers have decimal commas"):
        read_vectors(vectors_file(tmp_path, good + "".join(f"v{number} 1,5 2,5\n" for number in range(100))))
    with pytest.raises(CorpusError, match="found nothing of the kind; the numbers have decimal commas"):
        read_vectors(vectors_file(tmp_path, "a 1,5 2\nb 2,5 3,5\n"))
    with pytest.raises(CorpusError, match="found 10 others among 110; most are lines with something that is not a"):
        read_vectors(vectors_file(tmp_path, good + "odd x y\n" * 10))
    assert len(read_vectors(vectors_file(tmp_path, good + "odd x y\n" * 4)).words) == 100


def test_runs_of_blanks_and_a_word_in_another_encoding(tmp_path):
    aligned = "".join(f"w{number}   {number}    1\n" for number in range(40)).encode()
    vectors = read_vectors(vectors_file(tmp_path, aligned + b"caf\xe9 1 2\n"))
    assert len(vectors.words) == 40 and vectors.warnings == {"lines in another encoding": 1}
    with pytest.raises(CorpusError, match="expected utf-8, found 5 of 45 lines in another encoding"):
        read_vectors(vectors_file(tmp_path, aligned + b"".join(b"caf\xe9%d 1 2\n" % n for n in range(5))))


def matrix_files(tmp_path, matrix, words):
    np.save(tmp_path / "vectors.npy", matrix)
    return VectorSettings(path=str(tmp_path / "vectors.npy"), words=str(words))


@pytest.mark.parametrize("suffix", [".txt", ".parquet"])
def test_a_matrix_with_a_file_of_its_words(tmp_path, suffix):
    path = tmp_path / f"words{suffix}"
    words = ["the", "Rome", "the", "bad"]
    if suffix == ".txt":
        path.write_text("\n".join(words) + "\n")
    else:
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(
            pyarrow.table({"number": range(4), "word": words}), path)
    settings = matrix_files(tmp_path, np.array([[1, 2], [3, 4], [5, 6], [np.inf, 0]], np.float64), path)
    vectors = read_vectors(settings)
    assert vectors.words == ["the", "Rome"] and vectors.matrix.dtype == np.float32
    assert dict(vectors.warnings) == {"duplicated words": 1, "words with a number that is not finite": 1}
    np.testing.assert_array_equal(vectors.matrix, [[1, 2], [3, 4]])
    assert settings.input_files("vectors") == {"vectors.npy": tmp_path / "vectors.npy", path.name: path}
    assert read_vectors(settings.model_copy(update={"limit": 1})).words == ["the"]


def test_words_of_other_kinds_of_parquet(tmp_path):
    """Categories are text; two columns of one name, and text in another encoding, are errors of one line."""
    pyarrow = pytest.importorskip("pyarrow")
    write = pytest.importorskip("pyarrow.parquet").write_table
    path = tmp_path / "words.parquet"
    settings = matrix_files(tmp_path, np.ones((2, 2)), path)
    write(pyarrow.table({"word": pyarrow.array(["the", "Rome"]).dictionary_encode()}), path)
    assert read_vectors(settings).words == ["the", "Rome"]
    for columns in ([["the", "Rome"], ["a", "b"]], [["the", "Rome"], [1, 2]]):
        write(pyarrow.Table.from_arrays([pyarrow.array(column) for column in columns], ["word", "word"]), path)
        if isinstance(columns[1][0], int):
            assert read_vectors(settings).words == ["the", "Rome"]
        else:
            with pytest.raises(CorpusError, match="expected one column of strings, found 2"):
                read_vectors(settings)
    bad = pyarrow.Array.from_buffers(pyarrow.string(), 2, pyarrow.array([b"\xff", b"a"]).buffers())
    write(pyarrow.table({"word": bad}), path)
    with pytest.raises(CorpusError, match="expected words in Parquet, found"):
        read_vectors(settings)


@pytest.mark.parametrize("matrix, words, message", [
    (np.zeros((2, 2)), b"one\n", "expected 2 words, one per row of vectors.npy, found 1"),
    (np.zeros(2), b"one\ntwo\n", r"expected a matrix of floats, .* found one of float64 of the shape \(2,\)"),
    (np.zeros((2, 2), int), b"one\ntwo\n", "expected a matrix of floats"),
    (np.array([["a", "b"]]), b"one\n", "expected a matrix of floats"),
    (np.zeros((1, 2)), b"\xff\n", "expected utf-8")])
def test_a_matrix_that_does_not_fit_its_words(tmp_path, matrix, words, message):
    (tmp_path / "words.txt").write_bytes(words)
    with pytest.raises(CorpusError, match=message):
        read_vectors(matrix_files(tmp_path, matrix, tmp_path / "words.txt"))


def test_damaged_files_of_a_matrix(tmp_path):
    settings = matrix_files(tmp_path, np.ones((2, 2)), tmp_path / "words.parquet")
    with pytest.raises(CorpusError, match=r"words\.parquet: expected .*, found"):
        read_vectors(settings)
    (tmp_path / "words.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorpusError, match="expected words in Parquet"):
        read_vectors(settings)
    for content in (b"", b"\x93NUMPY\x01\x00", (tmp_path / "vectors.npy").read_bytes()[:-1], b"{}"):
        (tmp_path / "vectors.npy").write_bytes(content)
        with pytest.raises(CorpusError, match="expected a matrix in numpy's format"):
            read_vectors(settings)
    np.save(tmp_path / "vectors.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(CorpusError, match="expected a matrix in numpy's format"):
        read_vectors(settings)
    with pytest.raises(CorpusError, match=r"set features\.words\.vectors\.words"):
        read_vectors(VectorSettings(path=settings.path))
    with pytest.raises(ValueError, match="words are of a matrix"):
        VectorSettings(path="vectors.txt", words="words.txt")
