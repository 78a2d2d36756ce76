"""Lists of document names: named or looked for, of the right length, and the documents that are left out."""

import pytest

from ner_mx.config import Corpus
from ner_mx.data.splits import read_splits
from ner_mx.errors import CorpusError

DOCUMENTS = "-DOCSTART- -X- O O\n\nThe DT * O\n\nOslo NNP * B-GPE\n\n-DOCSTART- -X- O O\n\nAmen UH * O\n\n"
NAMES = "bc/cnn/00/cnn_0000\npt/nt/40/nt_4001\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("train.txt", "dev.txt", "test.txt"):
        (tmp_path / name).write_text(DOCUMENTS.replace(" ", "\t"))
    return tmp_path


def settings(folder, **documents):
    return Corpus(path=str(folder), columns={"token": 0, "pos": 1, "tag": -1}, separator="tab",
                  documents=documents)


@pytest.mark.parametrize("names, file", [("{stem}.names", "{split}.names"), ("{name}.docs", "{split}.txt.docs"),
                                         ("auto", "{split}.documents.txt"), ("auto", "{split}_ids.lst")])
def test_titles_come_from_the_list(folder, names, file):
    for split in ("train", "dev", "test"):
        (folder / file.format(split=split)).write_text(NAMES)
    splits = read_splits(settings(folder, names=names)).splits
    assert [sentence.title for sentence in splits["test"]] == ["bc/cnn/00/cnn_0000"] * 2 + ["pt/nt/40/nt_4001"]


def test_documents_can_be_left_out(folder):
    for split in ("train", "dev", "test"):
        (folder / f"{split}.names").write_text(NAMES)
    corpus = read_splits(settings(folder, names="{stem}.names", leave_out=["pt/"]))
    assert all(len(sentences) == 2 for sentences in corpus.splits.values())
    assert sum(corpus.warnings.values()) == 3


def test_a_list_of_the_wrong_length_is_an_error_of_one_line(folder):
    (folder / "train.names").write_text("bc/cnn/00/cnn_0000\n")
    with pytest.raises(CorpusError, match="train.names: expected the names of 2 documents as in train.txt, "
                                          "found 1"):
        read_splits(settings(folder, names="{stem}.names"))
    with pytest.raises(CorpusError, match="train.docs: expected a file, found nothing"):
        read_splits(settings(folder, names="{stem}.docs"))


@pytest.mark.parametrize("file", ["train.documents", "train.list"])
@pytest.mark.parametrize("names", ["a/b\n", "a/b\nc/d\ne/f\n"])
def test_a_list_that_was_not_named_must_fit_too(folder, file, names):
    (folder / file).write_text(names)
    with pytest.raises(CorpusError, match=f"{file}: expected the names of 2 documents as in train.txt"):
        read_splits(settings(folder, names="auto"))


def test_of_two_lists_the_one_that_fits_is_read(folder):
    (folder / "train.a.list").write_text("x/y\n")
    (folder / "train.b.list").write_text(NAMES)
    titles = [sentence.title for sentence in read_splits(settings(folder, names="auto")).splits["train"]]
    assert titles == ["bc/cnn/00/cnn_0000"] * 2 + ["pt/nt/40/nt_4001"]


def test_a_document_without_sentences_may_have_a_name(folder):
    marker, one, two = "-DOCSTART-\t-X-\tO\tO\n\n", "The\tDT\t*\tO\n\n", "Bo\tNN\t*\tB-PER\n\n"
    (folder / "train.txt").write_text(marker + one + marker + marker + two)
    (folder / "train.documents").write_text("a/1\nb/2\nc/3\n")
    titles = [sentence.title for sentence in read_splits(settings(folder, names="auto")).splits["train"]]
    assert titles == ["a/1", "c/3"]


def test_a_missing_list_is_a_warning_and_no_error(folder):
    (folder / "train.readme").write_text("Two words\na line\n")
    corpus = read_splits(settings(folder, names="auto"))
    assert not any(sentence.title for sentence in corpus.splits["train"])
    assert any("they have no genres" in warning for warning in corpus.warnings)
