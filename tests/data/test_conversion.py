"""Conversion from one format to another and back keeps what the formats can hold."""

import json

import numpy as np
import pytest
from random_networks import some_sentences

from ner_mx.config import Corpus
from ner_mx.data.conversion import convert_corpus
from ner_mx.data.reading import read
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import CorpusError, RunError

NAMES = {"conll": "c.conll", "gmb": "c.csv", "doccano": "c.jsonl", "spacy": "c.spacy", "npy": "c.npy",
         "table": "c.csv"}
# The formats that keep tokens as they are; the text of brat is tokenized again.
EXACT = ["conll", "gmb", "doccano", "spacy", "npy", "table"]
WITH_POS = {"conll", "gmb", "spacy", "table"}
NO_POS = {"sentences whose parts of speech this format cannot hold": 40}


@pytest.fixture
def source(tmp_path):
    """Forty sentences in five documents, in CoNLL columns."""
    sentences = [sentence._replace(document=number // 8)
                 for number, sentence in enumerate(some_sentences(40, seed=3, longest=12))]
    lines = []
    for number, sentence in enumerate(sentences):
        if number % 8 == 0:
            lines += ["-DOCSTART- _ O", ""]
        lines += [" ".join(row) for row in zip(sentence.tokens, sentence.pos, sentence.tags)] + [""]
    (tmp_path / "in.conll").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "in.conll", sentences


def contents(sentences):
    return [(sentence.tokens, convert_tags(sentence.tags, "IOB2")) for sentence in sentences]


def read_back(path, name):
    return read(path.with_name("c") if name == "npy" else path, Corpus(reader=name)).sentences


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("scheme", ["IOB2", "BILOU"])
def test_conversion_back_gives_the_same_corpus(source, tmp_path, name, scheme):
    if name == "spacy":
        pytest.importorskip("spacy")
    path, sentences = source
    converted = tmp_path / name / NAMES[name]
    result = convert_corpus(path, converted, Corpus(), writer=name, scheme=scheme)
    assert result.sentences == 40 and result.warnings == ({} if name in WITH_POS else NO_POS)
    restored = read_back(converted, name)
    assert contents(restored) == contents(sentences)
    if name in WITH_POS:
        assert [sentence.pos for sentence in restored] == [sentence.pos for sentence in sentences]
    # And from each format back to columns.
    back = tmp_path / "back.conll"
    convert_corpus(converted, back, Corpus(), reader=name)
    assert contents(read_back(back, "conll")) == contents(sentences)


def test_a_token_that_looks_like_a_document_marker_is_kept(tmp_path):
    (tmp_path / "in.csv").write_text("Sentence #,Word,POS,Tag\nSentence: 1,Rome,NN,B-geo\n,-DOCSTART-,NN,O\n"
                                     ",fell,VB,O\n")
    result = convert_corpus(tmp_path / "in.csv", tmp_path / "c.conll", Corpus())
    assert result.warnings == {"tokens -DOCSTART-, which would separate documents, written with an underscore": 1}
    restored = read_back(tmp_path / "c.conll", "conll")
    assert [sentence.tokens for sentence in restored] == [("Rome", "-DOCSTART-_", "fell")]


def test_entities_that_a_scheme_merges_are_counted(tmp_path):
    (tmp_path / "in.conll").write_text("Ann N B-PER\nBob N B-PER\nEU N B-ORG\n\n" * 3)
    result = convert_corpus(tmp_path / "in.conll", tmp_path / "c.conll", Corpus(), scheme="IO")
    assert result.warnings == {"entities that directly follow one of their own type, which IO cannot tell apart": 3}
    assert not convert_corpus(tmp_path / "in.conll", tmp_path / "d.conll", Corpus(), scheme="IOB1").warnings


def test_two_arrays_are_replaced_together_or_not_at_all(source, tmp_path, monkeypatch):
    path, sentences = source
    convert_corpus(path, tmp_path / "c.npy", Corpus())
    (tmp_path / "c.texts.npy").rename(tmp_path / "texts")
    with pytest.raises(RunError, match="c.labels.npy: exists already"):
        convert_corpus(path, tmp_path / "c.npy", Corpus())
    (tmp_path / "texts").rename(tmp_path / "c.texts.npy")
    save = np.save

    calls = []

    def full(file, array, **options):
        calls.append(array)
        if len(calls) == 2:  # that of the labels
            raise OSError(28, "No space left on device")
        save(file, array, **options)

    monkeypatch.setattr(np, "save", full)
    path.write_text("Rome N B-LOC\n")
    with pytest.raises(OSError):
        convert_corpus(path, tmp_path / "c.npy", Corpus(), overwrite=True)
    assert contents(read_back(tmp_path / "c.npy", "npy")) == contents(sentences)


def entities(sentences):
    return [[("".join(sentence.tokens[span.start:span.end]), span.label)
             for span in spans_of(convert_tags(sentence.tags, "IOB2"))] for sentence in sentences]


def test_brat_keeps_documents_and_entities(source, tmp_path):
    path, sentences = source
    convert_corpus(path, tmp_path / "c", Corpus())
    texts = sorted((tmp_path / "c").glob("*.txt"))
    assert len(texts) == 5 and len(list((tmp_path / "c").glob("*.ann"))) == 5
    for file in texts:
        text = file.read_text(encoding="utf-8")
        for line in file.with_suffix(".ann").read_text(encoding="utf-8").splitlines():
            _, location, words = line.split("\t")
            _, start, end = location.split()
            assert text[int(start):int(end)] == words
    restored = read_back(tmp_path / "c", "brat")
    assert sum(entities(restored), []) == sum(entities(sentences), [])


def test_brat_files_of_other_tools(tmp_path):
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "a.txt").write_text("Ada Bert of the EU-bank left.\r\nNobody came.", newline="")
    (folder / "a.ann").write_text(
        "T1\tPER 0 8\tAda Bert\nT2\tPER 0 3\tAda\nT3\tORG 16 18\tEU\nT4\tORG 9 11;24 28\tof left\n"
        "R1\tworks Arg1:T1 Arg2:T3\nA1\tnegated T1\n#1\tnote T1\twhy\n")
    with pytest.raises(CorpusError, match=r"a.ann:1: expected spans that do not overlap, found 'Ada' \(PER\) and "
                                          r"'Ada Bert' \(PER\); 2 spans overlap another"):
        read(folder, Corpus(reader="brat"))
    reading = read(folder, Corpus(reader="brat", overlaps="longest"))
    # T4 covers T3 and is longer, so it stays; T1 covers T2.
    assert entities(reading.sentences)[0] == [("AdaBert", "PER"), ("oftheEU-bankleft", "ORG")]
    assert reading.warnings["overlapping spans, left out: the longest is kept"] == 2
    assert reading.warnings["discontinuous entities, read as one that covers all pieces"] == 1
    (folder / "a.ann").write_text("T3\tORG 16 18\tEU\n")
    reading = read(folder, Corpus(reader="brat"))
    assert entities(reading.sentences)[0] == [("EU-bank", "ORG")]
    assert any("widened to whole tokens" in warning and "'EU'" in warning for warning in reading.warnings)
    for content, problem in (("T1 PER 0 3", "a.ann:1: expected ID, tab, type and offsets"),
                             ("\nT1\tPER 0 300\tx", "a.ann:2: expected 'x' at 0 as the file says")):
        (folder / "a.ann").write_text(content)
        with pytest.raises(CorpusError, match=problem):
            read(folder, Corpus(reader="brat"))
    (folder / "a.ann").write_text("T1\tPER 1 9\tAda Bert\n")
    with pytest.raises(CorpusError, match="a.ann:1: expected 'Ada Bert' at 1 .* found 'da Bert '"):
        read(folder, Corpus(reader="brat"))
    (folder / "a.txt").write_text("\n")
    (folder / "a.ann").write_text("\n")
    (folder / "b.txt").write_text("Ada left.")
    (folder / "b.ann").write_text("")
    assert [sentence.tokens for sentence in read(folder, Corpus(reader="brat")).sentences] == [("Ada", "left", ".")]
    (folder / "a.ann").unlink()
    with pytest.raises(CorpusError, match="a.ann: expected the annotation of a text, found no file"):
        read(folder, Corpus(reader="brat"))


def test_a_folder_with_other_files_is_not_replaced(source, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c/thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="c: expected nothing, or a folder of .txt and .ann files alone, found other"):
        convert_corpus(source[0], tmp_path / "c", Corpus(), overwrite=True)
    assert (tmp_path / "c/thesis.tex").read_text() == "years of work"
    (tmp_path / "c/thesis.tex").unlink()
    convert_corpus(source[0], tmp_path / "c", Corpus(), overwrite=True)
    convert_corpus(source[0], tmp_path / "c", Corpus(), overwrite=True)


def test_an_entity_across_a_sentence_border_of_a_docbin_is_kept(tmp_path):
    spacy = pytest.importorskip("spacy")
    doc = spacy.tokens.Doc(spacy.blank("en").vocab, words=["Acme", "!", "Inc", "left", ".", "Ada", "came"],
                           sent_starts=[True, False, True, False, False, True, False])
    doc.ents = [spacy.tokens.Span(doc, 0, 3, label="ORG"), spacy.tokens.Span(doc, 5, 6, label="PER")]
    (tmp_path / "a.spacy").write_bytes(spacy.tokens.DocBin(
        attrs=["ENT_IOB", "ENT_TYPE", "SENT_START"], docs=[doc]).to_bytes())
    sentences = read(tmp_path / "a.spacy", Corpus(reader="spacy")).sentences
    assert [sentence.tokens for sentence in sentences] == [("Acme", "!", "Inc", "left", "."), ("Ada", "came")]
    assert entities(sentences) == [[("Acme!Inc", "ORG")], [("Ada", "PER")]]


def test_a_file_that_is_not_a_docbin_is_an_error_of_one_line(tmp_path):
    pytest.importorskip("spacy")
    (tmp_path / "c.spacy").write_bytes(b"\x80\x04not one")
    with pytest.raises(CorpusError, match="c.spacy: expected a DocBin, found"):
        read(tmp_path / "c.spacy", Corpus(reader="spacy"))


def test_tokens_that_no_longer_fit_an_edited_text_are_computed_again(tmp_path):
    for offsets in ([0, 30], [0, 3], [4, 9]):  # outside the text, or not all of it
        record = {"text": "Ada left.", "label": [[0, 3, "PER"]], "sentences": [[offsets]]}
        (tmp_path / "c.jsonl").write_text(json.dumps(record))
        sentences = read(tmp_path / "c.jsonl", Corpus(reader="doccano")).sentences
        assert [sentence.tokens for sentence in sentences] == [("Ada", "left", ".")]
    for label, problem in (("A\ud800", "found half of a surrogate"), ("\n", "expected .start, end, label")):
        (tmp_path / "c.jsonl").write_text(json.dumps({**record, "label": [[0, 3, label]]}))
        with pytest.raises(CorpusError, match=problem):
            read(tmp_path / "c.jsonl", Corpus(reader="doccano"))
    (tmp_path / "c.jsonl").write_text(json.dumps({**record, "label": [[0, 3, "A\nB"]]}))
    convert_corpus(tmp_path / "c.jsonl", tmp_path / "c.conll", Corpus())
    assert "Ada _ B-A_B\n" in (tmp_path / "c.conll").read_text()


def test_the_command(source, tmp_path, run_command):
    path, _ = source
    done = run_command("-m", "ner_mx", "convert", path, tmp_path / "out.jsonl")
    assert done.returncode == 0 and "40 sentences" in done.stdout and "read as IOB2" in done.stdout
    again = run_command("-m", "ner_mx", "convert", path, tmp_path / "out.jsonl")
    assert again.returncode == 2 and "exists already" in again.stderr
    odd = run_command("-m", "ner_mx", "convert", path, tmp_path / "out.xml")
    assert odd.returncode == 2 and "expected a suffix among" in odd.stderr
    spaced = tmp_path / "spaced.csv"
    spaced.write_text("Sentence #,Word,POS,Tag\nSentence: 1,New York,NN,B-geo\n,won,VB,O\n")
    done = run_command("-m", "ner_mx", "convert", spaced, tmp_path / "out.conll", "--scheme", "BILOU")
    assert done.returncode == 0 and "warning: 1 tokens with white space inside, replaced by underscores" in done.stderr
    assert "New_York NN U-geo" in (tmp_path / "out.conll").read_text()
