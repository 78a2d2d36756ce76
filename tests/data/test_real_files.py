"""Files as people have them: what is repaired is counted with its place, what cannot be known is asked for."""

import json

import pytest

from ner_mx.config import Columns, Corpus
from ner_mx.data.conversion import convert_corpus
from ner_mx.data.detection import detect_format, format_of
from ner_mx.data.reading import read
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import CorpusError

GERMEVAL = ("# http://example.org\t[2009]\n1\tSchartau\tB-PER\tO\n2\tsagte\tO\tO\n3\tdem\tO\tO\n4\tTagesblatt\tB-ORG\tO\n\n"
            "# other\n1\tBonn\tB-LOC\tO\n2\tUni\tO\tB-ORG\n3\tBonn\tB-LOC\tO\n")
CONLL_X = ("1\tAda\tada\tPROPN\tNNP\tN=Sg\t2\tnsubj\t_\tB-PER\n2\tleft\tleave\tVERB\tVBD\tT=Past\t0\troot\t_\tO\n\n"
           "1\tRome\trome\tPROPN\tNNP\tN=Sg\t2\tnsubj\t_\tB-LOC\n2\tfell\tfall\tVERB\tVBD\tT=Past\t0\troot\t_\tO\n")
CONLL_U = ("# newdoc id = a\n# text = Ada's leaving\n1-2\tAda's\t_\t_\t_\t_\t_\t_\t_\t_\n"
           "1\tAda\tAda\tPROPN\tNNP\t_\t3\tnsubj\t_\tSpaceAfter=No|name=B-PER\n"
           "2\t's\tbe\tAUX\tVBZ\t_\t3\taux\t_\t_\n3\tleaving\tleave\tVERB\tVBG\t_\t0\troot\t_\tname=O\n"
           "3.1\tnow\tnow\tADV\tRB\t_\t_\t_\t3:advmod\t_\n\n"
           "# newdoc id = b\n1\tRome\tRome\tPROPN\tNNP\t_\t0\troot\t_\tname=B-LOC\n")
CONLL_2012 = ("#begin document (bc/x_0); part 000\n"
              "bc/x_0 0 0 The DT (TOP(S(NP* - - - Ann (ORG* * (1\n"
              "bc/x_0 0 1 Fed NNP *) - - - Ann *) (V*) 1)\n"
              "bc/x_0 0 2 left VBD (VP*))) leave 01 1 Ann * * -\n\n"
              "bc/x_0 0 0 Rome NNP (TOP*) - - - Bob (GPE) (3)\n\n"
              "#end document\n")


def reading_of(tmp_path, content, name="f.txt", **settings):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return read(path, Corpus(path=str(path), **settings))


def entities(reading):
    return [(" ".join(sentence.tokens[span.start:span.end]), span.label) for sentence in reading.sentences
            for span in spans_of(convert_tags(sentence.gold, "IOB2"))]


# --- edges of fields ---

@pytest.mark.parametrize("edge", [" ", "\u00a0", "\u200b", "\u2009\u200d", "\ufeff", "\u00ad"])
def test_white_space_and_invisible_characters_at_edges_are_removed_and_counted(tmp_path, edge):
    content = f"Rome{edge}\tNNP{edge}\tB-LOC\nfell\tVBD\tO\n\nRome\tNNP\tB-LOC{edge}\nfell\tVBD\tO\n"
    reading = reading_of(tmp_path, content, separator="tab")
    assert [sentence.tokens for sentence in reading.sentences] == [("Rome", "fell")] * 2
    assert [sentence.tags for sentence in reading.sentences] == [("B-LOC", "O")] * 2
    assert [sentence.pos for sentence in reading.sentences] == [("NNP", "VBD")] * 2
    counts = reading.warnings.described()
    assert counts == {f"{what} with white space or invisible characters at their edges, removed, first in "
                      f"{tmp_path}/f.txt:{line}": 1
                      for what, line in (("tokens", 1), ("parts of speech", 1), ("tags", 4))}


def test_labels_of_json_are_stripped_and_composed(tmp_path):
    text = "Rome fell and Ge\u0301nova rose"
    lines = [{"text": text, "label": [[0, 4, "LOC "], [14, 21, "caf\u0065\u0301"]]}]
    reading = reading_of(tmp_path, "\n".join(map(json.dumps, lines)), "f.jsonl")
    assert entities(reading) == [("Rome", "LOC"), ("Ge\u0301nova", "caf\u00e9")]
    assert sum(reading.warnings.values()) == 2


def test_a_token_of_invisible_characters_alone_is_kept(tmp_path):
    reading = reading_of(tmp_path, "\u200b\tO\nRome\tB-LOC\n")
    assert reading.sentences[0].tokens == ("\u200b", "Rome")


# --- columns ---

@pytest.mark.parametrize("content, tokens, tags, pos", [
    (GERMEVAL, ("Schartau", "sagte", "dem", "Tagesblatt"), ("B-PER", "O", "O", "B-ORG"), None),
    (CONLL_X, ("Ada", "left"), ("B-PER", "O"), ("PROPN", "VERB")),
    (CONLL_U, ("Ada", "'s", "leaving"), ("B-PER", "O", "O"), ("PROPN", "AUX", "VERB")),
    (CONLL_2012, ("The", "Fed", "left"), ("B-ORG", "I-ORG", "O"), ("DT", "NNP", "VBD")),
    ("EU B-ORG\nleft O\n", ("EU", "left"), ("B-ORG", "O"), None),
    ("EU NNP B-NP B-ORG\nleft VBD B-VP O\n", ("EU", "left"), ("B-ORG", "O"), ("NNP", "VBD")),
    ("B-ORG EU\nO left\n", ("EU", "left"), ("B-ORG", "O"), None),
    ("0 EU NNP S-ORG\n1 left VBD O\n", ("EU", "left"), ("S-ORG", "O"), ("NNP", "VBD")),
    ("EU\tORG\nleft\tO\nthe\tO\nUN\tORG\nin\tO\n", ("EU", "left", "the", "UN", "in"),
     ("I-ORG", "O", "O", "I-ORG", "O"), None),
    ("New York\tB-LOC\nfell down\tO\n", ("New York", "fell down"), ("B-LOC", "O"), None)])
def test_the_columns_are_found(tmp_path, content, tokens, tags, pos):
    from ner_mx.data.annotation import check_annotation

    reading = reading_of(tmp_path, content)
    sentence = check_annotation({"train": reading.sentences}, Corpus()).splits["train"][0]
    assert (sentence.tokens, sentence.tags, sentence.pos) == (tokens, tags, pos)
    assert "columns.token" in reading.proposed and reading.proposed["reader"] in ("conll", "conllu")


def test_documents_ranges_and_comments_are_counted(tmp_path):
    reading = reading_of(tmp_path, CONLL_U, "f.conllu")
    assert [sentence.document for sentence in reading.sentences] == [1, 2]
    assert reading.warnings == {"comment lines, skipped": 3,
                                "lines of token ranges or empty nodes (1-2, 3.1), skipped": 2}
    assert reading.warnings.first["comment lines, skipped"].endswith("f.conllu:1")
    assert {sentence.document for sentence in reading_of(tmp_path, CONLL_2012).sentences} == {1}


def test_the_sign_of_comments_is_a_token_inside_a_sentence(tmp_path):
    content = "# a comment\nwe O\n# O\n1 O\n\n# O\nRome B-LOC\n\n-docstart- O\n\n\ufeff-DOCSTART- O\n\nEU B-ORG\n"
    reading = reading_of(tmp_path, content)
    assert [sentence.tokens for sentence in reading.sentences] == [("we", "#", "1"), ("#", "Rome"), ("EU",)]
    assert [sentence.document for sentence in reading.sentences] == [0, 0, 2]
    assert reading.warnings == {"comment lines, skipped": 1}
    kept = reading_of(tmp_path, "# x O\nRome NNP B-LOC\n".replace("# x O", "# NN O"), comment=None)
    assert kept.sentences[0].tokens == ("#", "Rome")


def test_a_document_marker_in_the_column_of_the_tokens(tmp_path):
    marker = "1\t-DOCSTART-\tO\n\n"
    reading = reading_of(tmp_path, f"{marker}1\tRome\tB-LOC\n2\tfell\tO\n\n{marker}1\tEU\tB-ORG\n")
    assert [(sentence.tokens, sentence.document) for sentence in reading.sentences] == [
        (("Rome", "fell"), 1), (("EU",), 2)]


def test_what_cannot_be_known_is_asked_for(tmp_path):
    with pytest.raises(CorpusError, match=r"expected a column of tags .* found 4 columns \(0: a, b; 1: c, d; .*set "
                                          r"corpus.columns.tag to its number"):
        reading_of(tmp_path, "a c e g\nb d f h\n")
    explicit = reading_of(tmp_path, "a c e O\nb d f B-X\n", columns=Columns(token=2, pos=None, tag=3))
    assert explicit.sentences[0].tokens == ("e", "f") and explicit.proposed == {"reader": "conll"}


def test_a_header_line_is_no_token(tmp_path):
    reading = reading_of(tmp_path, "Token\tPOS\tLabel\nword\tNN\tO\nRome\tNNP\tB-LOC\n\ntoken\tNN\tO\n")
    assert [sentence.tokens for sentence in reading.sentences] == [("word", "Rome"), ("token",)]
    assert reading.warnings == {"header lines, skipped": 1}


# --- formats by their content ---

SAMPLES = {
    "conll": ("x.txt", "EU NNP B-ORG\nleft VBD O\n"),
    "conllu": ("x.tsv", CONLL_U),
    "gmb": ("x.txt", "Sentence #,Word,POS,Tag\nSentence: 1,EU,NNP,B-ORG\n,left,VBD,O\n"),
    "doccano": ("x.txt", '{"text": "EU left", "label": [[0, 2, "ORG"]]}\n'),
    "prodigy": ("x.jsonl", '{"text": "EU left", "spans": [{"start": 0, "end": 2, "label": "ORG"}], '
                           '"answer": "accept"}\n'),
    "label-studio": ("x.json", '[{"id": 1, "data": {"text": "EU left"}, "annotations": [{"result": [{"value": '
                               '{"start": 0, "end": 2, "text": "EU", "labels": ["ORG"]}}]}]}]'),
    "huggingface": ("x.json", '[{"tokens": ["EU", "left"], "ner_tags": ["B-ORG", "O"]}]'),
    "spacy-json": ("x.json", '[["EU left", {"entities": [[0, 2, "ORG"]]}]]'),
    "gliner": ("x.json", '[{"tokenized_text": ["EU", "left"], "ner": [[0, 0, "ORG"]]}]'),
    "spacy-iob": ("x.iob", "EU|NNP|B-ORG left|VBD|O\n"),
    "table": ("x.csv", "sentence_id,word,label\n1,EU,B-ORG\n1,left,O\n")}


@pytest.mark.parametrize("name", SAMPLES)
def test_content_decides_the_format(tmp_path, name):
    file, content = SAMPLES[name]
    if name != "conllu":
        reading = reading_of(tmp_path, content, file)
        assert entities(reading) == [("EU", "ORG")] and reading.sentences[0].tokens == ("EU", "left")
        assert reading.proposed["reader"] == name
    (tmp_path / file).write_text(content)
    assert detect_format(tmp_path / file) == name
    if name not in ("conll", "conllu"):
        assert format_of(tmp_path / file, Corpus(reader="conll")).name == "conll"


def test_languages_before_tokens(tmp_path):
    """WikiANN's files; other colons are left alone, and so are few tokens."""
    content = "en:Rome\tB-LOC\nen:fell\tO\nen::\tO\n\n" * 7
    reading = reading_of(tmp_path, content, "wikiann.txt")
    assert {sentence.tokens for sentence in reading.sentences} == {("Rome", "fell", ":")}
    assert reading.warnings == {"tokens after the language that each of them repeats (en:), which was removed": 21}
    for other in (content + "de:Rom\tB-LOC\n", content + "Rome\tB-LOC\n", "en:Rome\tB-LOC\nen:fell\tO\n\n" * 3,
                  content + "en:\tO\n"):
        assert reading_of(tmp_path, other, "other.txt").sentences[0].tokens[0] == "en:Rome"


def test_what_the_ner_annotator_writes(tmp_path):
    pairs = [["EU left", {"entities": [[0, 2, "ORG"]]}], None, ["Rome fell", {"entities": []}]]
    content = json.dumps({"classes": ["ORG"], "annotations": pairs})
    reading = reading_of(tmp_path, content, "annotations.json")
    assert entities(reading) == [("EU", "ORG")] and len(reading.sentences) == 2
    assert reading.proposed["reader"] == "spacy-json"
    assert reading.warnings == {"texts that were skipped in annotation, left out": 1}
    with pytest.raises(CorpusError, match="annotations.json:1: expected .text, {.entities.*found"):
        reading_of(tmp_path, json.dumps({"classes": ["ORG"], "annotations": [["EU", {"entities": 3}], "x"]}),
                   "annotations.json")


WRITTEN = {"prodigy": "c.jsonl", "label-studio": "c.json", "spacy-json": "c.json", "huggingface": "c.json",
           "gliner": "c.json", "conllu": "c.conllu", "spacy-iob": "c.iob", "doccano": "c.jsonl", "brat": "c"}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_format_reads_what_it_writes(tmp_path, name):
    from random_networks import some_sentences

    sentences = [sentence._replace(document=number // 8)
                 for number, sentence in enumerate(some_sentences(40, seed=3, longest=12))]
    lines = []
    for number, sentence in enumerate(sentences):
        lines += ["-DOCSTART- _ O", ""] if number % 8 == 0 else []
        lines += [" ".join(row) for row in zip(sentence.tokens, sentence.pos, sentence.tags)] + [""]
    (tmp_path / "in.conll").write_text("\n".join(lines), encoding="utf-8")
    expected = read(tmp_path / "in.conll", Corpus()).sentences
    target = tmp_path / WRITTEN[name]
    convert_corpus(tmp_path / "in.conll", target, Corpus(), writer=name)
    tokenizer = {"name": "whitespace", "lines": "sentence"} if name in ("label-studio", "spacy-json") else "rules"
    found = read(target, Corpus.model_validate({"tokenizer": tokenizer, "reader": name})).sentences
    assert [(sentence.tokens, convert_tags(sentence.tags, "IOB2")) for sentence in found] == [
        (sentence.tokens, convert_tags(sentence.tags, "IOB2")) for sentence in expected] or name == "prodigy"
    assert entities(read(target, Corpus(reader=name))) == entities(read(tmp_path / "in.conll", Corpus()))


# --- records ---

def test_what_was_not_accepted_is_left_out_and_counted(tmp_path):
    records = [{"text": "EU left", "spans": [{"start": 0, "end": 2, "label": "ORG"}], "answer": "accept"},
               {"text": "UN left", "spans": [{"start": 0, "end": 2, "label": "ORG"}], "answer": "reject"},
               {"text": "Ada left", "spans": [{"start": 0, "end": 3, "label": "PER"}], "answer": "ignore"},
               {"text": "Bob left", "spans": [{"start": 0, "end": 3, "label": "PER", "answer": "reject"},
                                              {"start": 4, "end": 8, "label": "X"}], "answer": "accept"},
               {"text": "nobody left", "answer": "accept"}]
    reading = reading_of(tmp_path, "\n".join(map(json.dumps, records)), "f.jsonl")
    assert entities(reading) == [("EU", "ORG"), ("left", "X")] and len(reading.sentences) == 3
    assert reading.warnings == {
        "records that were rejected or ignored by their annotators, left out": 2,
        "spans that were rejected or ignored by their annotators, left out": 1,
        "records with an empty list of labels, read as text without entities": 1}
    approved = [{"text": "EU left", "label": [[0, 2, "ORG"]], "annotation_approver": "admin"},
                {"text": "UN left", "label": [[0, 2, "ORG"]], "annotation_approver": None}]
    reading = reading_of(tmp_path, "\n".join(map(json.dumps, approved)), "f.jsonl")
    assert entities(reading) == [("EU", "ORG")] and sum(reading.warnings.values()) == 1


def test_label_studios_cancelled_and_missing_annotations(tmp_path):
    def task(number, *annotations):
        return {"id": number, "data": {"text": "EU left", "source": "web"}, "annotations": list(annotations)}

    def annotation(label, **more):
        return {**more, "result": [{"type": "labels", "value": {"start": 0, "end": 2, "text": "EU", "labels": [label]}},
                                   {"type": "choices", "value": {"choices": ["x"]}}]}
    tasks = [task(1, annotation("ORG")), task(2, annotation("X", was_cancelled=True)), task(3),
             task(4, annotation("Y", was_cancelled=True), annotation("LOC"), annotation("Z"))]
    reading = reading_of(tmp_path, json.dumps(tasks, indent=1), "f.json")
    assert entities(reading) == [("EU", "ORG"), ("EU", "LOC")]
    assert dict(reading.warnings) == {"annotations that were cancelled or skipped, left out": 2,
                                      "tasks without an annotation, left out": 2,
                                      "further annotations of a task, of which the first was read": 1}
    minimal = [{"id": 1, "text": "EU left", "annotator": 1, "lead_time": 3.2,
                "label": [{"start": 0, "end": 2, "text": "EU", "labels": ["ORG"]}]}]
    assert entities(reading_of(tmp_path, json.dumps(minimal), "f.json")) == [("EU", "ORG")]


TEXT = "😀 Ada met Bob in Köln"


@pytest.mark.parametrize("unit, count", [
    ("characters", len), ("UTF-16 code units", lambda text: len(text.encode("utf-16-le")) // 2),
    ("bytes of UTF-8", lambda text: len(text.encode()))])
def test_offsets_of_another_unit_are_recognized_by_the_words(tmp_path, unit, count):
    def span(words, label):
        start = count(TEXT[:TEXT.index(words)])
        return {"start": start, "end": start + count(words), "label": label, "text": words}

    record = {"text": TEXT, "entities": [span("Ada", "PER"), span("Bob", "PER"), span("Köln", "LOC")]}
    reading = reading_of(tmp_path, json.dumps(record), "f.jsonl")
    assert entities(reading) == [("Ada", "PER"), ("Bob", "PER"), ("Köln", "LOC")]
    assert reading.warnings == ({} if unit == "characters" else
                                {f"texts whose offsets count {unit}, converted to characters": 1})


def test_grapheme_offsets_and_offsets_that_fit_nothing(tmp_path):
    text = "e\u0301 👨‍👩‍👧 Ada left"
    record = {"text": text, "entities": [{"start": 4, "end": 7, "label": "PER", "text": "Ada"}]}
    reading = reading_of(tmp_path, json.dumps(record), "f.jsonl")
    assert entities(reading) == [("Ada", "PER")]
    assert reading.warnings == {"texts whose offsets count grapheme clusters, converted to characters": 1}
    record["entities"][0]["start"] = 5
    with pytest.raises(CorpusError, match=r"f.jsonl:1: expected 'Ada' at 5 as the file says, found "):
        reading_of(tmp_path, json.dumps(record), "f.jsonl")


def test_spans_as_people_have_them(tmp_path):
    text = "Ada Bert left Rome . "
    spans = [["0", 9, "PER"], [0.0, 8.0, "PER"], [14, 19, "LOC"], [8, 9, "X"], [0, 8, "PER"]]
    reading = reading_of(tmp_path, json.dumps({"text": text, "label": spans}), "f.jsonl")
    assert entities(reading) == [("Ada Bert", "PER"), ("Rome", "LOC")]
    assert dict(reading.warnings) == {
        "offsets that were strings or had decimal places, read as whole numbers": 3,
        "spans with white space or invisible characters at their edges, trimmed": 2,
        "spans over white space alone, left out": 1,
        "spans that repeat another exactly, merged": 2}


NESTED = [[0, 17, "ORG"], [11, 17, "LOC"], [15, 22, "X"]]


@pytest.mark.parametrize("policy, expected", [
    ("longest", [("Bank of the EU-27", "ORG")]), ("outermost", [("Bank of the EU-27", "ORG")]),
    ("first", [("Bank of the EU-27", "ORG")])])
def test_overlapping_spans_by_policy(tmp_path, policy, expected):
    text = "Bank of the EU-27 left"
    record = json.dumps({"text": text, "label": [[0, 17, "ORG"], [12, 17, "LOC"], [12, 22, "X"]]})
    reading = reading_of(tmp_path, record + "\n" + record, "f.jsonl", overlaps=policy)
    assert entities(reading) == expected * 2
    assert reading.warnings == {f"overlapping spans, left out: the {policy} is kept": 4}
    with pytest.raises(CorpusError, match="f.jsonl:1: expected spans that do not overlap, .*; 4 spans overlap another"):
        reading_of(tmp_path, record + "\n" + record, "f.jsonl")


def test_policies_differ_where_spans_cross(tmp_path):
    record = json.dumps({"text": "a b c d e f", "label": [[0, 3, "A"], [2, 9, "B"], [4, 5, "C"], [8, 11, "D"]]})
    found = {policy: [label for _, label in entities(reading_of(tmp_path, record, "f.jsonl", overlaps=policy))]
             for policy in ("longest", "first", "outermost")}
    assert found == {"longest": ["B"], "first": ["A", "C", "D"], "outermost": ["B"]}
    record = json.dumps({"text": "a b c d e f", "label": [[0, 5, "A"], [0, 3, "B"], [4, 11, "C"], [6, 11, "D"]]})
    found = {policy: [label for _, label in entities(reading_of(tmp_path, record, "f.jsonl", overlaps=policy))]
             for policy in ("longest", "first", "outermost")}
    assert found == {"longest": ["B", "C"], "first": ["A", "D"], "outermost": ["C"]} or found["longest"] == ["B", "C"]


def test_a_key_chooses_between_two_lists_of_labels(tmp_path):
    record = json.dumps({"text": "EU left", "label": [[0, 2, "ORG"]], "entities": [[3, 7, "X"]]})
    assert entities(reading_of(tmp_path, record, "f.jsonl", label_key="entities")) == [("left", "X")]


def test_numbered_tags_need_names(tmp_path):
    record = json.dumps({"tokens": ["EU", "left"], "ner_tags": [1, 0]})
    with pytest.raises(CorpusError, match="f.json:1: expected the names of numbered tags, found nothing; set"):
        reading_of(tmp_path, record, "f.json")
    assert entities(reading_of(tmp_path, record, "f.json", tag_names=["O", "B-ORG"])) == [("EU", "ORG")]
    (tmp_path / "dataset_info.json").write_text(json.dumps({"features": {
        "ner_tags": {"feature": {"names": ["O", "B-LOC"], "_type": "ClassLabel"}}}}))
    assert entities(reading_of(tmp_path, record, "f.json")) == [("EU", "LOC")]
    with pytest.raises(CorpusError, match="expected tags from 0 to 1, as there are names, found 1|found 2"):
        reading_of(tmp_path, record.replace("1, 0", "2, 0"), "f.json")


# --- CSV ---

HEADER = "Sentence #,Word,POS,Tag\n"


def test_bare_quotes_in_a_csv_swallow_nothing(tmp_path):
    rows = 'Sentence: 1,He,PRP,O\n,",``,O\n,Rome,NNP,B-geo\nSentence: 2,fell,VBD,O\n,",``,O\n,EU,NNP,B-org\n'
    reading = reading_of(tmp_path, HEADER + rows, "f.csv")
    assert [sentence.tokens for sentence in reading.sentences] == [("He", '"', "Rome"), ("fell", '"', "EU")]
    assert reading.warnings == {"file whose quotation marks are no CSV quoting, read as characters": 1}
    mixed = rows + 'Sentence: 3,"1,000",CD,O\n'
    with pytest.raises(CorpusError, match="f.csv:3: expected a row per token, found a field that holds rows"):
        reading_of(tmp_path, HEADER + mixed, "f.csv")


# --- conversion ---

def test_text_formats_keep_texts_offsets_ids_and_metadata(tmp_path):
    records = [{"id": "a/1", "text": "Ada  met\tBob.\r\n\r\nThey left.", "label": [[0, 3, "PER"], [9, 12, "PER"]],
                "meta": {"k": [1, {"x": None}]}},
               {"id": 7, "text": "Germany won", "label": [[0, 4, "LOC"]], "note": "é"}]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(json.dumps(record) for record in records))
    for name, target in (("label-studio", "ls.json"), ("prodigy", "p.jsonl"), ("doccano", "d.jsonl")):
        convert_corpus(source, tmp_path / target, Corpus(), writer=name)
        back = tmp_path / f"{target}.back.jsonl"
        convert_corpus(tmp_path / target, back, Corpus(), writer="doccano")
        result = [json.loads(line) for line in back.read_text(encoding="utf-8").splitlines()]
        for record, found in zip(records, result):
            assert (found["text"], found["label"]) == (record["text"], record["label"])
        if name == "doccano":
            assert result == records
        if name == "label-studio":
            assert [found["id"] for found in result] == ["a/1", 7] and result[1]["note"] == "é"
    lost = convert_corpus(source, tmp_path / "c.conll", Corpus())
    assert lost.warnings["documents whose text, id or metadata this format cannot hold: it holds tokens"] == 2


def test_brat_keeps_sentences_names_and_folders(tmp_path):
    (tmp_path / "in/sub").mkdir(parents=True)
    for name, text in (("in/b", "Ada left ."), ("in/sub/a", "Rome fell .\nSo did U.S.-led Kiev .")):
        (tmp_path / f"{name}.txt").write_text(text)
        (tmp_path / f"{name}.ann").write_text("T1\tX 0 3\t" + text[:3] + "\n")
    (tmp_path / "in/empty.txt").write_text("")
    (tmp_path / "in/empty.ann").write_text("R1\tx Arg1:T1 Arg2:T1\n")
    reading = read(tmp_path / "in", Corpus(reader="brat"))
    sources = [sentence.source.rpartition("/in/")[2] for sentence in reading.sentences]
    assert sources == ["b.txt", "sub/a.txt", "sub/a.txt"]
    assert reading.warnings["texts that are empty, left out"] == 1
    convert_corpus(tmp_path / "in", tmp_path / "d.jsonl", Corpus(reader="brat"))
    convert_corpus(tmp_path / "d.jsonl", tmp_path / "out", Corpus(), writer="brat")
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.txt")) == [
        "b.txt", "sub/a.txt"]
    assert (tmp_path / "out/sub/a.txt").read_text() == (tmp_path / "in/sub/a.txt").read_text()


def test_a_result_without_entities_is_remarked(tmp_path):
    (tmp_path / "in.conll").write_text("EU NN O\nleft VB O\n\ngo VB O\n")
    result = convert_corpus(tmp_path / "in.conll", tmp_path / "c.jsonl", Corpus(), sentences_per_record=1)
    assert any("without any entity" in reason for reason in result.warnings)
    assert len((tmp_path / "c.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("sentences, marked, size, records", [
    (60, False, None, 1), (60, False, 10, 6), (60, True, None, 2), (40, False, None, 1)])
def test_a_long_text_without_documents_is_remarked(tmp_path, sentences, marked, size, records):
    lines = ["EU B-ORG\nleft O\n"] * sentences
    if marked:
        lines.insert(0, "-DOCSTART- O\n")
        lines.insert(sentences // 2, "-DOCSTART- O\n")
    (tmp_path / "in.conll").write_text("\n".join(lines))
    result = convert_corpus(tmp_path / "in.conll", tmp_path / "c.jsonl", Corpus(), sentences_per_record=size)
    remarks = [count for reason, count in result.warnings.items() if "--sentences-per-record divides them" in reason]
    assert remarks == ([60] if records == 1 and sentences == 60 else [])
    assert len((tmp_path / "c.jsonl").read_text().splitlines()) == records


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".GZ"])
def test_compressed_corpora_are_read(tmp_path, suffix):
    from ner_mx.data.compression import compressed

    path = tmp_path / f"x.jsonl{suffix}"
    path.write_bytes(compressed(SAMPLES["doccano"][1].encode(), suffix.lower()))
    assert entities(read(path, Corpus(path=str(path)))) == [("EU", "ORG")]


def test_a_docbin_without_annotation_is_no_corpus_of_outside_tags(tmp_path):
    spacy = pytest.importorskip("spacy")
    vocab = spacy.blank("en").vocab
    annotated, bare, grouped = (spacy.tokens.Doc(vocab, words=["EU", "left"]) for _ in range(3))
    annotated.ents = [spacy.tokens.Span(annotated, 0, 1, label="ORG")]
    grouped.spans["sc"] = [spacy.tokens.Span(grouped, 1, 2, label="X")]

    def written(docs):
        path = tmp_path / "a.spacy"
        path.write_bytes(spacy.tokens.DocBin(docs=docs, store_user_data=True).to_bytes())
        return path

    reading = read(written([annotated, bare]), Corpus())
    assert entities(reading) == [("EU", "ORG")]
    assert reading.warnings == {"documents without annotated entities, left out": 1}
    assert entities(read(written([grouped]), Corpus(label_key="sc"))) == [("left", "X")]
    with pytest.raises(CorpusError, match="expected the group 'sc' in doc.spans of every document, found no group"):
        read(written([bare]), Corpus(label_key="sc"))


def test_a_nul_is_no_text(tmp_path):
    with pytest.raises(CorpusError, match="f.txt:2: expected text, found a NUL character"):
        reading_of(tmp_path, "EU B-ORG\nle\0ft O\n")
