"""Formats and splits: what is accepted, and the error of one line for what is not."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ner_mx.config import Columns, Corpus, Split, validate
from ner_mx.data.detection import format_named
from ner_mx.data.reading import read
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.data.splits import duplicates, read_splits
from ner_mx.errors import ConfigError, CorpusError
from ner_mx.registry import register

FORMATS = sorted(register.format.names())

CONLL = "EU NNP B-ORG\nrejects VBZ O\n\nPeter NNP B-PER\nB. NNP I-PER\n"


def corpus(path, **changes):
    return Corpus(**{"path": str(path), **changes})


def read_bytes(tmp_path, data, reader="conll", name="f.txt", **changes):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return read(path, corpus(path, reader=reader, **changes))


@pytest.mark.parametrize("data", [
    CONLL, CONLL.replace("\n", "\r\n"), CONLL.replace(" ", "\t"), CONLL.replace(" ", "  \t"),
    "\ufeff" + CONLL, CONLL.rstrip("\n"), CONLL.replace("\n\n", "\n \t \n"), "\n\n" + CONLL + "\n\n",
    "-DOCSTART- -X- O\n\n" + CONLL, CONLL + "\n-DOCSTART-\n"])
def test_variants_of_a_column_file(tmp_path, data):
    sentences = read_bytes(tmp_path, data).sentences
    assert [sentence.tokens for sentence in sentences] == [("EU", "rejects"), ("Peter", "B.")]
    assert [sentence.pos for sentence in sentences] == [("NNP", "VBZ"), ("NNP", "NNP")]
    assert [sentence.tags for sentence in sentences] == [("B-ORG", "O"), ("B-PER", "I-PER")]


def test_line_numbers_are_those_of_the_file(tmp_path):
    data = "-DOCSTART-\n\n# a comment\n" + CONLL
    sentences = read_bytes(tmp_path, data, comment="#").sentences
    assert [sentence.line for sentence in sentences] == [4, 7]


def test_tokens_with_unusual_characters_are_not_split(tmp_path):
    """No-break spaces, U+0085 and line separators separate nothing."""
    tokens = ["a\u00a0b", "c\u0085d", "e\u2028f", "\u200d", "#"]
    data = "".join(f"{token}\tNN\tO\n" for token in tokens)
    assert read_bytes(tmp_path, data).sentences[0].tokens == tuple(tokens)


def test_tokens_with_spaces_need_tabs_as_separators(tmp_path):
    data = "New York\tNNP\tB-LOC\n"
    assert read_bytes(tmp_path, data, separator="tab").sentences[0].tokens == ("New York",)


@pytest.mark.parametrize("marker_first", [True, False])
def test_documents_before_or_after_their_marker(tmp_path, marker_first):
    documents = ["a NN O\n\nb NN O\n\n", "c NN O\n\n"]
    data = "".join("-DOCSTART- -X- O\n\n" + text if marker_first else text + "-DOCSTART- -X- O\n\n"
                   for text in documents)
    numbers = [sentence.document for sentence in read_bytes(tmp_path, data).sentences]
    assert numbers[0] == numbers[1] != numbers[2]


def test_columns_by_position(tmp_path):
    columns = Columns(token=1, pos=None, tag=2)
    sentence = read_bytes(tmp_path, "1 EU B-ORG x\n", columns=columns).sentences[0]
    assert (sentence.tokens, sentence.pos, sentence.tags) == (("EU",), None, ("B-ORG",))


@pytest.mark.parametrize("data, message", [
    (b"", "expected annotated text, found an empty file"),
    (b" \n\n", "expected annotated text, found an empty file"),
    (b"-DOCSTART- -X- O\n", "expected annotated sentences, found nothing"),
    (b"EU\nrejects\n", "f.txt:1: expected at least 2 columns, found 1: 'EU'"),
    (b"EU NNP O\nrejects VBZ\n", "f.txt:2: expected 3 columns as in the lines before, found 2"),
    (b"EU NNP O\nrejects VBZ O O\n", "f.txt:2: expected 3 columns as in the lines before, found 4"),
    (b"EU NNP O\nn\xe9 NN O\n", "f.txt:2: expected utf-8, found byte 0xe9; set corpus.encoding"),
])
def test_a_bad_column_file_is_an_error_of_one_line(tmp_path, data, message):
    with pytest.raises(CorpusError) as error:
        read_bytes(tmp_path, data)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_missing_files_folders_and_formats(tmp_path):
    with pytest.raises(CorpusError, match="expected a file, found nothing; set corpus.path"):
        read(tmp_path / "none", corpus(tmp_path))
    with pytest.raises(CorpusError, match="found a folder"):
        read(tmp_path, corpus(tmp_path))
    assert FORMATS == ["brat", "conll", "conllu", "doccano", "gliner", "gmb", "huggingface", "label-studio", "npy",
                       "prodigy", "spacy", "spacy-iob", "spacy-json", "table", "un"]
    known = ", ".join(register.format.names())
    with pytest.raises(ConfigError, match=f"^test: corpus.reader: expected one of auto, {known}, found 'xml'"):
        validate({"corpus": {"reader": "xml"}}, "test")
    with pytest.raises(ConfigError, match=f"^expected one of {known}, found 'xml'"):
        format_named("xml")
    with pytest.raises(CorpusError, match="expected a column 7 for token"):
        read_bytes(tmp_path, CONLL, columns=Columns(token=7))
    with pytest.raises(CorpusError, match="known encoding"):
        read_bytes(tmp_path, CONLL, encoding="utf-9")


GMB = ('Sentence #,Word,POS,Tag\r\nSentence: 1,None,NN,O\r\n,"""",``,O\r\n,"1,000",CD,B-tim\r\n'
       "Sentence: 2,NA,NN,B-gpe\r\n,caf\u00e9,NN,O\r\n")


def test_gmb_reads_words_that_look_like_missing_values(tmp_path):
    reading = read_bytes(tmp_path, GMB.encode("cp1252"), "gmb", encoding="windows-1252")
    assert [sentence.tokens for sentence in reading.sentences] == [("None", '"', "1,000"), ("NA", "café")]
    assert reading.sentences[0].tags == ("O", "O", "B-tim")


def test_gmb_with_the_sentence_id_on_every_row(tmp_path):
    data = ("Sentence #,Word,POS,Tag\nSentence: 1,a,NN,O\nSentence: 1,b,NN,O\n"
            "Sentence: 2,c,NN,O\n")
    assert [sentence.tokens for sentence in read_bytes(tmp_path, data, "gmb").sentences] == [("a", "b"), ("c",)]


@pytest.mark.parametrize("data, message", [
    ("Word,POS,Tag\na,b,O\n", "missing: Sentence #"),
    ("Sentence #,Word,POS,Tag\n", "found only the header"),
    ("Sentence #,Word,POS,Tag\n,a,NN,O\n", ":2: expected a value in Sentence #"),
    ("Sentence #,Word,POS,Tag\nSentence: 1,a,NN\n", ":2: expected a value in Tag, found nothing"),
    ("Sentence #,Word,POS,Tag\nSentence: 1,,NN,O\n", ":2: expected a value in Word, found nothing"),
    ("Sentence #,Word,POS,Tag\nSentence: 1,a,NN,O,x,y\n", "expected a CSV with rows as long as its header"),
    ("Sentence #,Word,POS,Tag\nSentence: 1,a,NN,O\n\n,b,NN,O\n", ":3: expected a value in Word"),
])
def test_a_bad_csv_is_an_error_of_one_line(tmp_path, data, message):
    with pytest.raises(CorpusError) as error:
        read_bytes(tmp_path, data, "gmb")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_un_speeches(tmp_path):
    (tmp_path / "ID1 New Zealand.txt").write_text("Oslo\tI-LOC\n\nwe\tO\textra\tx\n")
    (tmp_path / "ID2.txt").write_text("go\tO\n")
    reading = read(tmp_path, corpus(tmp_path, reader="un"))
    assert [sentence.tokens for sentence in reading.sentences] == [("Oslo",), ("we",), ("go",)]
    assert [sentence.document for sentence in reading.sentences] == [0, 0, 1]
    assert reading.warnings == {"rows with more than two fields, of which the first two were read": 1}
    (tmp_path / "ID3.txt").write_text("go O\n")
    with pytest.raises(CorpusError, match="ID3.txt:1: expected a token, a tab and a tag"):
        read(tmp_path, corpus(tmp_path, reader="un"))
    with pytest.raises(CorpusError, match="expected a folder"):
        read(tmp_path / "ID3.txt", corpus(tmp_path, reader="un"))


def test_variants_of_doccanos_jsonl(tmp_path):
    text = "EU rejects German call. It left."
    lines = [{"text": text, "label": [[0, 2, "ORG"], [11, 17, "MISC"]]},
             {"data": text, "labels": [[11, 17, "MISC"]]},
             {"text": text, "entities": [{"start_offset": 0, "end_offset": 2, "label": "ORG"}]},
             {"text": text, "label": []}]
    reading = read_bytes(tmp_path, "\n".join(map(json.dumps, lines)), "doccano")
    entities = [[sentence.tokens[span.start:span.end] + (span.label,) for span in spans_of(sentence.tags)]
                for sentence in reading.sentences]
    assert entities == [[("EU", "ORG"), ("German", "MISC")], [], [("German", "MISC")], [],
                     [("EU", "ORG")], [], [], []]
    assert reading.warnings == {"records with an empty list of labels, read as text without entities": 1}
    assert reading.warnings.first == dict.fromkeys(reading.warnings, f"{tmp_path}/f.txt:4")


def test_spans_that_do_not_fit_the_token_borders_are_widened_and_counted(tmp_path):
    data = json.dumps({"text": "Germany won", "label": [[0, 4, "LOC"]]})
    reading = read_bytes(tmp_path, data, "doccano")
    assert reading.sentences[0].tags == ("B-LOC", "O")
    (reason, count), = reading.warnings.items()
    assert count == 1 and reason.startswith("spans that do not fit the token borders, widened") and "'Germ'" in reason


@pytest.mark.parametrize("line, message", [
    ('{"text": "a"', ":2: expected a JSON value, found: Expecting"),
    ("[1, 2]", ":2: expected a JSON object, found '[1, 2]'"),
    ('{"label": [[0, 1, "PER"]]}', ":2: expected a string under text or data"),
    ('{"text": "ab", "label": [[0, 1]]}', "expected [start, end, label]"),
    ('{"text": "ab", "label": [[0, true, "A"]]}', "expected [start, end, label]"),
    ('{"text": "ab", "label": [[0, 9, "A"]]}', "expected offsets inside the text of 2 characters"),
    ('{"text": "ab", "label": [[1, 1, "A"]]}', "expected offsets inside"),
    ('{"text": "abcd", "label": [[0, 3, "A"], [2, 4, "B"]]}', "expected spans that do not overlap"),
    ('{"text": "abcd", "label": [[0, 1, "A"], [0, 1, "B"]]}', "expected spans that do not overlap"),
    ('{"text": "abcd", "label": [[0, 1, "A"], [2, 3, "B"]]}', "found 'abcd' (A) and 'abcd' (B)"),
    ('{"text": "ab", "label": [[0, 1, "A"]], "entities": [[0, 1, "A"]]}',
     "expected one list of labels, found label and entities; choose one with corpus.label_key"),
    ('{"text": "a\\ud800", "label": []}', "found half of a surrogate pair"),
])
def test_a_bad_jsonl_is_an_error_of_one_line(tmp_path, line, message):
    with pytest.raises(CorpusError) as error:
        read_bytes(tmp_path, '{"text": "good", "label": []}\n' + line, "doccano")
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("labels", [
    '"label": [[0, 3, "PER"]]', '"labels": [[0, 3, "PER"]]',
    '"entities": [{"start_offset": 0, "end_offset": 3, "label": "PER", "id": 7}]',
    '"entities": [{"start": 0, "end": 3, "label": "PER", "text": "Ada", "score": 0.9}]',
    '"spans": [{"start": 0, "end": 3, "label": "PER"}]'])
def test_the_keys_that_different_tools_give_to_spans(tmp_path, labels):
    (sentence,) = read_bytes(tmp_path, f'{{"text": "Ada left", {labels}}}', "doccano").sentences
    assert (sentence.tokens, sentence.tags) == (("Ada", "left"), ("B-PER", "O"))


def test_the_message_quotes_a_malformed_label(tmp_path):
    with pytest.raises(CorpusError, match='found .{"from": 0, "label": "A"}'):
        read_bytes(tmp_path, '{"text": "ab", "label": [{"from": 0, "label": "A"}]}', "doccano")


def test_a_column_of_placeholders_counts_as_no_parts_of_speech(tmp_path):
    assert read_bytes(tmp_path, "EU _ B-ORG\nleft _ O\n").sentences[0].pos is None
    assert read_bytes(tmp_path, "EU _ B-ORG\nleft VBD O\n").sentences[0].pos == ("_", "VBD")
    table = "Sentence #,Word,POS,Tag\nSentence: 1,Rome,,B-geo\n,fell,,O\n"
    assert read_bytes(tmp_path, table, "gmb").sentences[0].pos is None


def test_no_sentence_ends_inside_an_entity_of_doccano(tmp_path):
    text = "He joined Yahoo! Inc. It grew."
    data = json.dumps({"text": text, "label": [[10, 21, "ORG"]]})
    reading = read_bytes(tmp_path, data, "doccano")
    entities = [sentence.tokens[span.start:span.end] for sentence in reading.sentences
                for span in spans_of(sentence.tags)]
    assert entities == [("Yahoo", "!", "Inc.")] and not reading.warnings


def save_arrays(tmp_path, texts, labels, **options):
    np.save(tmp_path / "train.texts.npy", np.array(texts), **options)
    np.save(tmp_path / "train.labels.npy", np.array(labels), **options)
    return read(tmp_path / "train", corpus(tmp_path, reader="npy"))


def test_arrays_with_one_and_with_two_dimensions(tmp_path):
    flat = save_arrays(tmp_path, ["EU left", "go"], ["B-ORG O", "O"]).sentences
    rectangular = save_arrays(tmp_path, [["EU", "left"], ["go", ""]], [["B-ORG", "O"], ["O", ""]]).sentences
    for sentences in (flat, rectangular):
        assert [(sentence.tokens, sentence.tags) for sentence in sentences] == [
            (("EU", "left"), ("B-ORG", "O")), (("go",), ("O",))]


def test_bad_arrays(tmp_path):
    with pytest.raises(CorpusError, match="expected 2 rows"):
        save_arrays(tmp_path, ["a", "b"], ["O"])
    with pytest.raises(CorpusError, match="row 0: expected 2 labels"):
        save_arrays(tmp_path, ["a b"], ["O"])
    with pytest.raises(CorpusError, match="expected an array of strings"):
        save_arrays(tmp_path, [1, 2], ["O", "O"])
    with pytest.raises(CorpusError, match="expected an array of strings"):
        save_arrays(tmp_path, np.array([["a"], ["b", "c"]], dtype=object), ["O", "O"])
    with pytest.raises(CorpusError, match="row 0: expected empty strings only at its end, found one between others"):
        save_arrays(tmp_path, [["a", "", "b"]], [["O", "B-X", ""]])
    with pytest.raises(CorpusError, match="expected a file, found nothing; set corpus.path"):
        read(tmp_path / "none", corpus(tmp_path, reader="npy"))


def test_one_pair_of_arrays_is_split(tmp_path):
    save_arrays(tmp_path, [f"w{i}" for i in range(10)], ["O"] * 10)
    splits = read_splits(Corpus(path=str(tmp_path / "train"), reader="npy",
                                split=Split(method="fraction", dev=0.2, test=0.2))).splits
    assert {name: len(sentences) for name, sentences in splits.items()} == {"train": 6, "dev": 2, "test": 2}


# Any bytes are a corpus, or raise a CorpusError.  The alphabet makes almost valid files likely.
PIECES = st.sampled_from([
    b"EU", b" ", b"\t", b"\n", b"\r\n", b"O", b"B-ORG", b"-DOCSTART-", b",", b'"',
    b"Sentence #,Word,POS,Tag\n",
    b"Sentence: 1,a,NN,O\n", b'{"text": "ab", "label": [[0, 1, "A"]]}', b"[", b"{", b"\xff", b"\xc3\xa9",
    b"\x00", b"\xef\xbb\xbf", b"\x85", b"\\ud800", b"1e999", b"\x93NUMPY"])
ANY_BYTES = st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=12).map(b"".join))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=ANY_BYTES)
@pytest.mark.parametrize("reader", FORMATS)
def test_any_bytes_are_a_corpus_or_a_corpus_error(tmp_path, reader, data):
    path = tmp_path / "f.txt"
    path.write_bytes(data)
    for name in ("texts", "labels"):
        (tmp_path / f"f.txt.{name}.npy").write_bytes(data)
    (tmp_path / "f.ann").write_bytes(data if data.startswith(b"T") else b"T1\tA 0 1\n")
    try:
        source = tmp_path if reader in ("un", "brat") else path
        sentences = read(source, corpus(path, reader=reader)).sentences
    except CorpusError as error:
        assert "\n" not in str(error)
    else:
        assert sentences and all(sentence.tokens and all(sentence.tokens) for sentence in sentences)
        assert all(len(sentence.tokens) == len(sentence.tags) for sentence in sentences)


def write_conll(path, sentences, start=0, documents=1):
    lines = []
    for number in range(sentences):
        if number % max(1, sentences // documents) == 0:
            lines += ["-DOCSTART- -X- O", ""]
        lines += [f"w{start + number} NN O", ""]
    path.write_text("\n".join(lines) + "\n")


def splits_of(path, **split):
    return read_splits(Corpus(path=str(path), dev=None, test=None, split=Split(**split))).splits


def test_a_single_file_is_split_by_fractions_and_keeps_documents_together(tmp_path):
    write_conll(tmp_path / "train.txt", 100, documents=20)
    splits = splits_of(tmp_path, dev=0.2, test=0.1)
    assert {name: len(sentences) for name, sentences in splits.items()} == {"train": 70, "dev": 20, "test": 10}
    documents = [{sentence.document for sentence in sentences} for sentences in splits.values()]
    assert not documents[0] & documents[1] | documents[1] & documents[2] | documents[0] & documents[2]
    assert splits == splits_of(tmp_path, dev=0.2, test=0.1)
    assert splits != splits_of(tmp_path, dev=0.2, test=0.1, seed=2)


def test_the_last_sentences_are_the_test_set(tmp_path):
    write_conll(tmp_path / "one.txt", 100)
    splits = splits_of(tmp_path / "one.txt", method="last", dev=0.25, test=0.2)
    assert [sentence.tokens[0] for sentence in splits["test"]] == [f"w{i}" for i in range(80, 100)]
    assert (len(splits["train"]), len(splits["dev"])) == (60, 20)


def test_the_last_sentences_begin_with_a_document(tmp_path):
    write_conll(tmp_path / "one.txt", 100, documents=3)
    splits = splits_of(tmp_path / "one.txt", method="last", dev=0.1, test=0.2)
    assert [sentence.tokens[0] for sentence in splits["test"]] == [f"w{i}" for i in range(66, 100)]


def test_the_published_split_needs_its_own_corpus(tmp_path):
    write_conll(tmp_path / "one.txt", 10)
    with pytest.raises(CorpusError, match="expected the 47959 sentences"):
        splits_of(tmp_path / "one.txt", method="gmb-published")


def test_an_empty_split_is_an_error(tmp_path):
    write_conll(tmp_path / "one.txt", 3)
    with pytest.raises(CorpusError, match="expected sentences in every split, found nothing in dev"):
        splits_of(tmp_path / "one.txt", dev=0.1, test=0.1)


def test_of_several_names_the_first_that_exists_is_read(tmp_path):
    write_conll(tmp_path / "eng.train", 5)
    for name in ("dev.txt", "test.txt"):
        write_conll(tmp_path / name, 2)
    splits = read_splits(Corpus(path=str(tmp_path), train=["train.txt", "eng.train"])).splits
    assert len(splits["train"]) == 5
    with pytest.raises(CorpusError, match="expected a.txt or b.txt in this folder"):
        read_splits(Corpus(path=str(tmp_path), train=["a.txt", "b.txt"]))


def test_duplicates_within_and_between_splits():
    one, two, three = (Sentence((word,), ("O",), None, "", 0, 0) for word in "abc")
    counts = duplicates({"train": [one, one, two], "dev": [two], "test": [one, one, three]})
    assert counts == {"train": 1, "dev": 0, "dev in train": 1, "test": 1, "test in train": 2,
                      "test in dev": 0}


@pytest.mark.corpus
def test_the_real_corpora_have_the_published_counts(shared):
    def counts(**corpus_settings):
        splits = read_splits(validate({"corpus": corpus_settings}, "test").corpus).splits
        return [(len(sentences), sum(len(sentence.tokens) for sentence in sentences),
                 sum(len(spans_of(sentence.tags)) for sentence in sentences)) for sentences in splits.values()]

    published = [(14041, 203621, 23499), (3250, 51362, 5942), (3453, 46435, 5648)]
    assert counts(path=str(shared / "conll2003/iob2"), dev="valid.txt") == published
    assert counts(path=str(shared / "conll2003/iob1"), train="eng.train", dev="eng.testa",
                  test="eng.testb") == published
    gmb = counts(path=str(shared / "gmb/ner_dataset.csv"), reader="gmb", encoding="windows-1252",
                 split={"method": "gmb-published", "dev": 0.05})
    assert gmb[2] == (4796, 105378, 11377) and gmb[0][0] + gmb[1][0] == 43163
    last = counts(path=str(shared / "gmb/ner_dataset.csv"), reader="gmb", encoding="windows-1252",
                  split={"method": "last", "dev": 0.05, "test": 0.2})
    assert last[2][0] == 9592 and last[0][0] + last[1][0] == 38367


@pytest.mark.parametrize("lines, remedy", [(["Ada\tB-PER\nleft\tO\n\n"] * 2, "add sentences, or see corpus.split"),
                                           (["Ada\tB-PER\nleft\tO\n"] * 300, "is there an empty line after each")])
def test_too_few_sentences_for_three_splits(tmp_path, lines, remedy):
    (tmp_path / "c.conll").write_text("".join(lines))
    with pytest.raises(CorpusError, match=f"found nothing in dev, and [12] in all, .*{remedy}"):
        read_splits(Corpus(path=str(tmp_path / "c.conll"), dev=None, test=None))
