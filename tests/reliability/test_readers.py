"""Damaged files of every kind: whatever reads them returns something, or raises an error of one line.

The number of examples is that of hypothesis' profile; make fuzz takes a larger one and other seeds.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from reliability.fuzzing import EDITS, edited
from reliability.readers import problem_of, targets

NAMES = (
    "conll", "conllu", "spacy", "doccano", "gliner", "gmb", "huggingface", "label-studio", "prodigy", "spacy-iob",
    "spacy-json", "table", "un", "brat", "npy", "vectors in text", "vectors of word2vec", "a lexicon", "triples",
    "a configuration", "predictions", "names of documents",
    "lines of text", "bulk text", "bulk JSONL", "bulk columns", "bulk Parquet",
    "columns in .gz", "columns in .bz2", "columns in .xz", "columns in .zst", "conll, detected", "conllu, detected",
    "doccano, detected", "gliner, detected", "gmb, detected", "huggingface, detected", "label-studio, detected",
    "prodigy, detected", "spacy-iob, detected", "spacy-json, detected",
    "table, detected")


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    found = targets(tmp_path_factory.mktemp("good"))
    assert set(found) == set(NAMES)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_good_files_are_read(readers, tmp_path, name):
    suffix, content, reader = readers[name]
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    reader(path)


@pytest.mark.filterwarnings("default::UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_read_or_refused_in_one_line(readers, tmp_path_factory, name):
    suffix, content, reader = readers[name]
    path = tmp_path_factory.mktemp("damaged") / f"file{suffix}"

    @settings(deadline=None, suppress_health_check=list(HealthCheck))
    @given(edits=EDITS)
    def check(edits):
        assert problem_of(name, reader, path, edited(content, edits)) is None

    check()
