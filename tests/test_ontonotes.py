"""OntoNotes in columns, end to end: split at digits, 18 types, genres, the New Testament left out."""

import json
import shutil

import numpy as np
import pytest

from ner_mx.config import load_experiment
from ner_mx.preprocessing.pipeline import process
from ner_mx.preprocessing.processed_corpus import is_current
from ner_mx.preprocessing.source_files import changed_source

TYPES = ["CARDINAL", "DATE", "EVENT", "FAC", "GPE", "LANGUAGE", "LAW", "LOC", "MONEY", "NORP", "ORDINAL",
         "ORG", "PERCENT", "PERSON", "PRODUCT", "QUANTITY", "TIME", "WORK_OF_ART"]
GENRES = ["bc", "bn", "mz", "nw", "tc", "wb", "pt"]


def annotated_documents(random, documents):
    """Documents in the columns word TAB POS TAB parse TAB tag, and the list of their names."""
    lines, names = [], []
    for number in range(documents):
        genre = GENRES[number % len(GENRES)]
        names.append(f"{genre}/xyz/00/xyz_{number:04}")
        lines += ["-DOCSTART-\t-X-\t-\tO", ""]
        for _ in range(4):
            label = TYPES[random.randint(len(TYPES))]
            lines += ["Then\tRB\t(TOP (S (ADVP *)\tO",
                      f"{label.lower()}{random.randint(3)}\tNNP\t(NP *\tB-{label}",
                      f"of\tIN\t*\tI-{label}", f"19{random.randint(10, 99)}-92\tCD\t*)\tI-{label}",
                      "came\tVBD\t(VP *))\tO", ".\t.\t*))\tO", ""]
    return "\n".join(lines) + "\n", "\n".join(names) + "\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ontonotes")
    random = np.random.RandomState(3)
    for name, documents in (("train", 70), ("development", 14), ("test", 14)):
        text, names = annotated_documents(random, documents)
        (folder / f"{name}.txt").write_text(text)
        (folder / f"{name}.documents").write_text(names)
    return folder


def test_from_columns_to_results_by_genre(corpus, tmp_path, run_command):
    arguments = ["--experiment", "ontonotes-blstm-cnn"]
    for setting in (f"corpus.path={corpus}", f"corpus.processed={tmp_path}/processed",
                    f"run.directory={tmp_path}/runs", "model.units=24", "training.epochs=3",
                    "model.dropout.output=0.1", "model.dropout.layers=0.1"):
        arguments += ["--set", setting]
    done = run_command("preprocess.py", *arguments)
    assert done.returncode == 0, done.stderr
    meta = json.loads((tmp_path / "processed/ontonotes-blstm-cnn/meta.json").read_text())
    # 60 of 70 documents are not of pt/; each has four sentences, of 13 pieces each.
    assert meta["counts"]["train"]["sentences"] == 240 and meta["counts"]["train"]["documents"] == 60
    assert meta["counts"]["train"]["tokens"] == 240 * (6 + 1 + 6)
    assert set(meta["counts"]["train"]["types"]) == set(TYPES) and meta["scheme"] == "IOB2"
    assert any("leave_out" in warning for warning in meta["warnings"])
    done = run_command("train.py", *arguments)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "runs/ontonotes-blstm-cnn/metrics.json").read_text())
    genres = metrics["test"]["genres"]
    assert set(genres) == set(GENRES) - {"pt"}
    total = metrics["test"]["entity"]["micro"]
    for count in ("gold", "found", "correct"):
        assert sum(score[count] for score in genres.values()) == total[count]
    assert "| genre |" in (tmp_path / "runs/ontonotes-blstm-cnn/report.md").read_text()
    done = run_command("-m", "ner_mx", "evaluate", tmp_path / "runs/ontonotes-blstm-cnn", "--json")
    assert done.returncode == 0, done.stderr
    on_tokens, from_raw_text = map(json.loads, done.stdout.splitlines())
    assert on_tokens["entity"]["micro"] == total and from_raw_text["name"] == "test from raw text"


def test_a_list_of_document_names_is_a_file_of_the_corpus(corpus, tmp_path):
    """It decides the genres and which documents are left out, so changing it changes the corpus."""
    folder = tmp_path / "corpus"
    shutil.copytree(corpus, folder)
    config = load_experiment("ontonotes-blstm-cnn", {"corpus.path": str(folder),
                                                     "corpus.processed": str(tmp_path / "processed")})
    for name in ("train", "development", "test"):
        (folder / f"{name}.documents").rename(tmp_path / f"{name}.kept")
    assert process(config).meta["counts"]["train"]["documents"] == 70 and is_current(config)
    for name in ("train", "development", "test"):
        (tmp_path / f"{name}.kept").rename(folder / f"{name}.documents")
    assert not is_current(config)
    meta = process(config).meta
    assert meta["counts"]["train"]["documents"] == 60 and is_current(config)
    assert set(meta["sources"]) == {f"{name}.{kind}" for name in ("train", "development", "test")
                                    for kind in ("txt", "documents")}
    names = (folder / "test.documents").read_text()
    (folder / "test.documents").write_text(names.replace("bc/", "nw/"))
    assert changed_source(meta["sources"], config) == "test.documents"
