"""Tables with a header, in the layouts that people have: a row per token, and a row per sentence."""

import csv
import io

import pytest

from ner_mx.config import Columns, Config, Corpus
from ner_mx.data.conversion import convert_corpus
from ner_mx.data.corpus_proposal import propose
from ner_mx.data.reading import read
from ner_mx.data.retagging import write_retagged
from ner_mx.data.spans import Span
from ner_mx.data.splits import read_splits
from ner_mx.data.table_layout import BARE_QUOTES
from ner_mx.errors import CorpusError

EXPECTED = [(("EU", "left", "Rome", "."), ("B-ORG", "O", "B-LOC", "O")), (("No", "one"), ("O", "O"))]


def reading_of(folder, content, name="t.csv", **settings):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, Corpus(path=str(path), **settings))


def contents(reading):
    return [(sentence.tokens, sentence.tags) for sentence in reading.sentences]


def by_token(header, identifiers, delimiter=",", line_end="\n"):
    """The sentences above, one token per row, with these ids and empty lines where an id is None."""
    rows = [(token, tag) for tokens, tags in EXPECTED for token, tag in zip(tokens, tags)]
    lines = [header]
    for identifier, (token, tag) in zip(identifiers, rows):
        lines.append(delimiter.join([*[str(identifier)][:identifier is not None], token, tag]))
    return line_end.join(lines) + line_end


@pytest.mark.parametrize("name, content", [
    ("t.csv", by_token("sentence_id,word,label", [1, 1, 1, 1, 2, 2])),
    ("t.csv", by_token("Sentence #,Word,Tag", ["Sentence: 1", "", "", "", "Sentence: 2", ""])),
    ("t.csv", by_token("sentence_idx;token;ner_tag", [0, 0, 0, 0, 1, 1], ";", "\r\n")),
    ("t.tsv", by_token("sent_id\ttoken\tNER", [7, 7, 7, 7, 3, 3], "\t")),
    ("t.txt", by_token("sentence id,words,tags", [1, 1, 1, 1, 2, 2])),
    ("t.csv", by_token("sentence,word,tag", [1, 1, 1, 1, 2, 2])),
    ("t.csv", "word,tag\nEU,B-ORG\nleft,O\nRome,B-LOC\n.,O\n\nNo,O\none,O\n"),
    ("t.csv", "word,tag\nEU,B-ORG\nleft,O\nRome,B-LOC\n.,O\n,\n,\nNo,O\none,O\n,\n"),
    ("t.csv", "\ufeff\"Sentence ID\", \"word\", \"tag\"\r\n1, \"EU\", \"B-ORG\"\r\n1, \"left\", \"O\"\r\n"
              "1, \"Rome\", \"B-LOC\"\r\n1, \".\", \"O\"\r\n2, \"No\", \"O\"\r\n2, \"one\", \"O\"\r\n"),
    ("t.csv", "text,labels\nEU left Rome .,B-ORG O B-LOC O\nNo one,O O\n"),
    ("t.csv", 'sentence,word_labels\nEU left Rome .,"B-ORG,O,B-LOC,O"\nNo one,"O,O"\n'),
    ("t.csv", "tokens,ner_tags\n\"['EU', 'left', 'Rome', '.']\",\"['B-ORG', 'O', 'B-LOC', 'O']\"\n"
              "\"['No', 'one']\",\"['O', 'O']\"\n"),
    ("t.tsv", 'tokens\tner_tags\n["EU", "left", "Rome", "."]\t["B-ORG", "O", "B-LOC", "O"]\n'
              '["No", "one"]\t["O", "O"]\n'),
    ("t.csv", "Sentence #,Sentence,POS,Tag\nSentence: 1,EU left Rome .,\"['N', 'V', 'N', '.']\","
              "\"['B-ORG', 'O', 'B-LOC', 'O']\"\nSentence: 2,No one,\"['D', 'N']\",\"['O', 'O']\"\n"),
])
def test_layouts(tmp_path, name, content):
    reading = reading_of(tmp_path, content, name)
    assert contents(reading) == EXPECTED and reading.proposed["reader"] == "table"
    assert all(sentence.source == str(tmp_path / name) for sentence in reading.sentences)
    if "POS" in content:
        assert reading.sentences[0].pos == ("N", "V", "N", ".")


def test_other_columns_are_left_alone(tmp_path):
    """The columns of a corpus with features: the nearest names are others."""
    content = (",lemma,next-word,pos,prev-word,sentence_idx,shape,word,tag\n"
               "0,thousand,of,NNS,__START1__,1.0,capitalized,Thousands,O\n"
               "1,of,EU,IN,Thousands,1.0,lowercase,of,O\n2,eu,x,NNP,of,1.0,capitalized,EU,B-org\n"
               "3,no,x,UH,__START1__,2.0,capitalized,No,O\n")
    reading = reading_of(tmp_path, content)
    assert contents(reading) == [(("Thousands", "of", "EU"), ("O", "O", "B-org")), (("No",), ("O",))]
    assert reading.sentences[0].pos == ("NNS", "IN", "NNP") and [s.line for s in reading.sentences] == [2, 5]
    assert reading.proposed == {"reader": "table"}


def test_documents(tmp_path):
    content = ("doc_id,sentence_id,word,tag\na,1,x,O\n,1,y,O\na,2,z,O\nb,1,u,O\nb,2,v,O\na,2,w,O\n")
    sentences = reading_of(tmp_path, content).sentences
    assert [sentence.tokens for sentence in sentences] == [("x", "y"), ("z",), ("u",), ("v",), ("w",)]
    assert [sentence.document for sentence in sentences] == [0, 0, 1, 1, 2]
    convert_corpus(tmp_path / "t.csv", tmp_path / "out.csv", Corpus(), writer="table")
    back = read(tmp_path / "out.csv", Corpus()).sentences
    assert [(s.tokens, s.document) for s in back] == [(s.tokens, s.document) for s in sentences]


def test_columns_with_names_of_their_own(tmp_path):
    content = "satz_nr;wort;art\n1;EU;B-ORG\n"
    with pytest.raises(CorpusError, match=r"t.csv:1: expected a column of tokens, called word, token, words or the "
                                          r"like, found .*satz_nr, wort, art.*; set corpus.columns.token to its "):
        reading_of(tmp_path, content, reader="table")
    named = content.replace("satz_nr", "sentence_id")
    reading = reading_of(tmp_path, named, reader="table", columns=Columns(token=1, pos=None, tag=-1))
    assert contents(reading) == [(("EU",), ("B-ORG",))]
    with pytest.raises(CorpusError, match="t.csv:1: expected a column 5 for tag, found 3 columns"):
        reading_of(tmp_path, named, reader="table", columns=Columns(token=1, tag=5))


@pytest.mark.parametrize("content, message", [
    ("word,tag\nEU,B-ORG\nleft,O\n", ":1: expected a column with the ids of sentences, such as sentence_id, or empty"),
    ("sentence_id,word,tag\n", "expected annotated rows, found only the header"),
    ("word,tag\n\n,\n", "expected annotated rows, found only the header"),
    ("sentence_id,word,tag\n1,EU\n", ":2: expected 3 fields, as in the header, found 2"),
    ("sentence_id,word,tag\n1,EU,O\n1,,O\n", ":3: expected a token, found nothing"),
    ("sentence_id,word,tag\n1,EU,O\n1,left,\n", ":3: expected a tag, found nothing"),
    ("sentence_id,word,tag\n,EU,O\n", ":2: expected the id of a sentence on the first row, found nothing"),
    ("text,labels\na b,O O\na b c,O O\n", ":3: expected a tag for each token, found 3 tokens and 2 tags"),
    ("tokens,ner_tags\n['a' 'b'],['O' 'O']\n", ":2: expected a list such as ['EU', 'left'], found"),
    ("tokens,ner_tags\n['a' 'b' 'c'],\"['O', 'O', 'O']\"\n", ":2: expected a list such as ['EU', 'left'], found"),
    ("tokens,ner_tags\n\"['a', 'b'\",\"['O', 'O']\"\n", ":2: expected a list such as ['EU', 'left'], found"),
    ("tokens,ner_tags\n\"['a', 'b']\",\"[0, 1]\"\n", ":2: expected a list such as ['EU', 'left'], found"),
    ("tokens,ner_tags\n" + "[" * 100000 + ",[\n", ":2: expected"),
    ("sentence_id,word,tag\n1," + "x" * 200000 + ",O\n", "field larger than field limit"),
])
def test_a_bad_table_is_an_error_of_one_line(tmp_path, content, message):
    with pytest.raises(CorpusError) as error:
        reading_of(tmp_path, content, reader="table")
    assert message in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 400


def test_quotation_marks(tmp_path):
    buffer = io.StringIO()
    rows = [["sentence_id", "word", "tag"], *([1, word, "O"] for word in ('"', "1,000", 'a"b', "“", ";"))]
    csv.writer(buffer).writerows(rows)
    assert reading_of(tmp_path, buffer.getvalue()).sentences[0].tokens == ('"', "1,000", 'a"b', "“", ";")
    bare = "sentence_id,word,tag\n1,\",O\n1,Rome,B-LOC\n1,\",O\n"
    reading = reading_of(tmp_path, bare)
    assert contents(reading) == [(('"', "Rome", '"'), ("O", "B-LOC", "O"))] and reading.warnings == {BARE_QUOTES: 1}


def test_a_first_look_at_a_table(tmp_path):
    content = by_token("sentence_id,word,label", [1, 1, 1, 1, 2, 2])
    rows = content.splitlines()
    many = [rows[0], *(f"{int(row[0]) + 2 * copy}{row[1:]}" for copy in range(30) for row in rows[1:])]
    (tmp_path / "mine.csv").write_text("\n".join(many))
    proposal = propose(tmp_path / "mine.csv")
    assert proposal.settings["corpus"]["reader"] == "table" and "columns" not in proposal.settings["corpus"]
    assert "read with reader=table, encoding=utf-8" in proposal.facts[0]


def test_each_split_has_a_header_of_its_own(tmp_path):
    for name in ("train", "valid"):
        (tmp_path / f"{name}.csv").write_text(by_token("sentence_id,word,tag", [1, 1, 1, 1, 2, 2]))
    (tmp_path / "test.tsv").write_text("tag\tword\tsentence_id\nB-LOC\tOslo\t1\nO\tfell\t1\n")
    settings = propose(tmp_path).settings["corpus"]
    assert (settings["train"], settings["dev"], settings["test"]) == ("train.csv", "valid.csv", "test.tsv")
    test = read_splits(Config.model_validate({"corpus": settings}).corpus).splits["test"]
    assert [(sentence.tokens, sentence.tags) for sentence in test] == [(("Oslo", "fell"), ("B-LOC", "O"))]


@pytest.mark.parametrize("delimiter, line_end", [(",", "\n"), ("\t", "\r\n"), (";", "\n")])
def test_other_tags_leave_everything_else_as_it_was(tmp_path, delimiter, line_end):
    rows = [["note", "sentence_id", "word", "tag", "more"], ["x", "1", "EU", "B-ORG", "7"], ["y", "1", "left", "O", ""],
            ['"a, b; c"', "1", "Rome", '"B-LOC"', "8"], ["z", "2", "Oslo", "O", "9"]]
    content = line_end.join(delimiter.join(row) for row in rows) + line_end
    source, target = tmp_path / "t.csv", tmp_path / "u.csv"
    source.write_bytes(content.encode())
    assert write_retagged(source, target, Corpus(), {0: [Span(0, 1, "ORG"), Span(2, 3, "GPE")], 1: [Span(0, 1, "LOC")]})
    changed = content.replace("B-LOC", "B-GPE").replace(f"Oslo{delimiter}O", f"Oslo{delimiter}B-LOC")
    assert target.read_bytes() == changed.encode()


def test_other_tags_of_sentences_in_rows(tmp_path):
    source, target = tmp_path / "t.csv", tmp_path / "u.csv"
    source.write_text("text,labels\nEU left Rome .,B-ORG O B-LOC O\nNo one,O O\n")
    assert not write_retagged(source, target, Corpus(), {1: [Span(1, 2, "PER")]})
    assert contents(read(target, Corpus())) == [EXPECTED[0], (("No", "one"), ("O", "B-PER"))]
