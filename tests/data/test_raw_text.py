"""Raw text: tokens of marks and joiners, lines, restored texts, and the scores that raw text gets."""

import re
import sys
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.config import Corpus
from ner_mx.data.detokenizer import restore_text
from ner_mx.data.documents import Document, TextSpan
from ner_mx.data.plausibility import implausible
from ner_mx.data.raw_text import compare_tokens, raw_documents
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span
from ner_mx.data.tokenizers.rules import Rules, language_names
from ner_mx.data.tokenizers.whitespace import Whitespace
from ner_mx.data.unicode_text import edge_characters, grapheme_borders, marks, trimmed, visible
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.evaluation.raw_scores import evaluate_raw
from ner_mx.registry import register


def words(text, **settings):
    return [token.text for token in Rules(**settings).tokens(text)]


def lines(text, **settings):
    return [" ".join(token.text for token in sentence) for sentence in Rules(**settings).sentences(text)]


# --- tokens ---

@pytest.mark.parametrize("text, expected", [
    ("Mu\u0308nchen liegt", "Mu\u0308nchen|liegt"), ("Ger\u00admany won", "Ger\u00admany|won"),
    ("हिन्दी भाषा", "हिन्दी|भाषा"), ("می‌خواهم", "می‌خواهم"), ("a\u200b b", "a|b"), ("\ufeffRome", "Rome"),
    ("👨‍👩‍👧 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🇩🇪🇫🇷 👍🏽!", "👨‍👩‍👧|🏴󠁧󠁢󠁳󠁣󠁴󠁿|🇩🇪|🇫🇷|👍🏽|!"), ("שָׁלוֹם", "שָׁלוֹם"), ("ภาษาไทย", "ภาษาไทย")])
def test_marks_and_joiners_stay_in_their_word(text, expected):
    assert words(text) == expected.split("|")


@given(st.text(st.sampled_from(
    "a1 .\n'-é\u0301\u0308\u200d\u200c\u00ad\u200b\ufe0f👩👧🏽🇩🇪नि\u1112\u1161\u11ab한\u0e33\U000e0067\U000e007f")))
def test_no_token_border_is_inside_a_grapheme_cluster(text):
    borders = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    for token in Rules().tokens(text):
        if not text[max(border for border in borders if border <= token.start)].isspace():  # a mark on a space
            assert token.start in borders, (token, sorted(borders))
        assert token.end in borders, (token, sorted(borders))


@given(st.text(st.sampled_from("a1 é\u0301\u200d\ufe0f👩👧🏽🇩🇪न\u093f\u1112\u1161\u11ab한하\r\n")))
def test_grapheme_clusters_equal_those_of_the_library_regex(text):
    assert grapheme_borders(text) == [match.end() for match in regex.finditer(r"\X", text)]


@pytest.mark.parametrize("text, expected", [
    ("U.S.-led U.N.-backed anti-U.S. Ill.-based", "U.S.-led U.N.-backed anti-U.S. Ill.-based"),
    ("on Oct. 3, Sept. 4", "on Oct. 3 , Sept. 4"),
    ("Brig. Gen. Doe of Ft. Hood, Calif.", "Brig. Gen. Doe of Ft. Hood , Calif."),
    ("see No. 5 and Fig. 2. No.", "see No. 5 and Fig. 2 . No ."), ("MR. DOE AND GEN. ROE", "MR. DOE AND GEN. ROE"),
    ("US$ 5, C$3 and HK$ 2 or $4", "US$ 5 , C$ 3 and HK$ 2 or $ 4"),
    ("the 21st-century 4x4 and 17-member 1990s", "the 21st-century 4x4 and 17-member 1990s"),
    ("DON'T don’t it's IT'S", "DO N'T do n’t it 's IT 'S"), ("a Ph.D. here", "a Ph.D. here"),
    ("see http://a.b/c?d=e, or www.x.org/y.", "see http://a.b/c?d=e , or www.x.org/y ."),
    ("mail a.b-c@d-e.org.", "mail a.b-c@d-e.org ."), ("@ada_l likes #NLP, not #1", "@ada_l likes #NLP , not # 1"),
    ("O'Brien's and o'clock", "O'Brien 's and o'clock"), ("+44 171 .500 1,000.5 3-2", "+44 171 .500 1,000.5 3-2")])
def test_english_tokens(text, expected):
    assert " ".join(words(text)) == expected


def test_other_languages():
    assert words("L'homme qu'il a vu", language="fr") == ["L'", "homme", "qu'", "il", "a", "vu"] or \
        words("l'homme qu'il a vu", language="fr") == ["l'", "homme", "qu'", "il", "a", "vu"]
    assert words("am 3. Oktober, z.B. Nr. 5", language="de") == ["am", "3.", "Oktober", ",", "z.B.", "Nr.", "5"]
    assert words("it's", language="de") == ["it's"] and words("x", language="xx") == ["x"]
    assert {"de", "en", "es", "fr", "it", "nl"} <= set(language_names())


def test_abbreviations_end_no_sentence_but_before_a_word_that_begins_one():
    assert lines("He met Gen. Doe in the U.S. on Oct. 3. They left.") == [
        "He met Gen. Doe in the U.S. on Oct. 3 .", "They left ."]
    assert lines("He works for Acme Inc. The firm grew.") == ["He works for Acme Inc.", "The firm grew ."]


def test_tokenizers_of_other_kinds():
    assert [token.text for token in Whitespace().tokens("a.b  c!\n")] == ["a.b", "c!"]
    pytest.importorskip("spacy")
    tokenizer = register.tokenizer["spacy"](language="en")
    assert [[token.text for token in sentence] for sentence in tokenizer.sentences("Don't go.  He left.")] == [
        ["Do", "n't", "go", "."], ["He", "left", "."]]
    settings = Corpus.model_validate({"tokenizer": {"name": "spacy", "language": "de"}})
    assert settings.tokenizer.model_dump() == {"language": "de", "lines": "auto"}


# --- lines ---

WRAPPED = ("The captain of Florence United left the city on a Monday\nin May, came back and said that nobody had been\n"
           "asked. Then he left again.")


@pytest.mark.parametrize("text, expected", [
    ("Bill Clinton\nJohn Smith\nPeter Jones", ["Bill Clinton", "John Smith", "Peter Jones"]),
    (WRAPPED, ["The captain of Florence United left the city on a Monday in May , came back and said that nobody had "
               "been asked .", "Then he left again ."]),
    ("A TITLE\n\nThe text.", ["A TITLE", "The text ."]), ("a\fb", ["a", "b"]), ("a\u2028b\u2029c", ["a", "b", "c"]),
    ("One\r\rTwo", ["One", "Two"]), ("they went to the\nmarket and left", ["they went to the market and left"]),
    ("Name\tGoals\nAda\t3\nBob\t4", ["Name Goals", "Ada 3", "Bob 4"])])
def test_the_shape_of_the_text_decides_which_lines_are_breaks(text, expected):
    assert lines(text) == expected


def test_lines_by_the_settings():
    text = "He left. She\nstayed\n\nEnd"
    assert lines(text, lines="sentence") == ["He left . She", "stayed", "End"]
    assert lines(text, lines="join") == ["He left .", "She stayed", "End"]


@given(st.text(st.sampled_from("aB.\n\r\f \u2028x")), st.sampled_from(["auto", "sentence", "join"]))
def test_no_token_is_lost_whatever_the_lines(text, how):
    tokenizer = Rules(lines=how)
    assert "".join(token.text for sentence in tokenizer.sentences(text) for token in sentence) == "".join(text.split())


# --- restored texts ---

def test_restored_texts_have_the_usual_spaces():
    sentences = [["He", "said", ":", '"', "Do", "n't", "go", "(", "yet", ")", "!", '"'], ["SCORES", "3-2"],
                 ["It", "'s", "$", "5", ",", "or", "5", "%", "."]]
    text, offsets = restore_text(sentences)
    assert text == 'He said: "Don\'t go (yet)!" SCORES 3-2\nIt\'s $5, or 5%.'
    assert [[text[start:end] for start, end in places] for places in offsets] == sentences


@given(st.lists(st.lists(st.text(st.sampled_from("ab.'\"()1$"), min_size=1, max_size=3), min_size=1, max_size=8),
                min_size=1, max_size=4))
def test_restored_offsets_are_those_of_the_tokens(sentences):
    text, offsets = restore_text(sentences)
    assert [[text[start:end] for start, end in places] for places in offsets] == sentences


# --- scores ---

def oracle(sentences):
    """A tagger that finds the names Ada (PER) and Rome (LOC)."""
    labels = {"Ada": "PER", "Rome": "LOC"}
    return [[ScoredSpan(Span(place, place + 1, labels[token]), 1.0) for place, token in enumerate(tokens)
             if token in labels] for tokens in sentences]


def test_raw_text_is_scored_by_exact_characters():
    sentences = [Sentence(("Ada", "left", "Rome", "."), ("B-PER", "O", "B-LOC", "O"), document=1),
                 Sentence(("Old-Rome", "fell", "."), ("B-LOC", "O", "O"), document=1),
                 Sentence(("Ada", "?"), ("B-PER", "O"), document=2)]
    documents = raw_documents(sentences)
    assert [document.text for document in documents] == ["Ada left Rome. Old-Rome fell.", "Ada?"]
    scores = evaluate_raw(documents, Rules(), oracle)
    assert (scores.micro.gold, scores.micro.found, scores.micro.correct, scores.impossible) == (4, 3, 3, 0)
    assert scores.to_json()["types"]["LOC"]["recall"] == 0.5


def test_entities_inside_a_token_are_impossible():
    document = Document("Ada-style left. So did\nRome", [TextSpan(0, 3, "PER"), TextSpan(19, 27, "X")], "f", 1)
    sentences = [Sentence(("Ada-style", "left", "."), ("B-PER", "O", "O"), origin=document,
                          offsets=((0, 9), (10, 14), (14, 15))),
                 Sentence(("So", "did", "Rome"), ("O", "B-X", "I-X"), origin=document,
                          offsets=((16, 18), (19, 22), (23, 27)))]
    (raw,) = raw_documents(sentences)
    assert raw.spans == [(0, 3, "PER"), (19, 27, "X")]
    counts = compare_tokens(sentences, Rules(lines="sentence"))
    assert (counts.tokens, counts.equal_tokens, counts.spans, counts.impossible) == (6, 6, 2, 2)
    assert counts.equal_sentences == 0
    # The second half of a document, whose first is in another split, is a text by itself.
    (half,) = raw_documents(sentences[1:])
    assert half == ("So did\nRome", [(3, 11, "X")])


# --- plausibility ---

@pytest.mark.parametrize("sentences, phrase", [
    ([Sentence(("1", "2", "3")), Sentence(("1", "2"))], "numbers that count up"),
    ([Sentence((f"w{number}",)) for number in range(30)], "of a single token"),
    ([Sentence(("a", "b", "c", "a"))] * 20, "distinct words"),
    ([Sentence(("a", "b", "c", "d"))] * 30, "repeat another"),
    ([Sentence(tuple(f"w{number}" for number in range(900)))], "in a single sentence"),
    ([Sentence(("a", "b", f"c{number}"), ("B-B-ORG", "I-B-ORG", "O")) for number in range(9)], "begins like a tag")])
def test_what_is_implausible_is_warned_of(sentences, phrase):
    assert any(phrase in reason for reason in implausible(sentences))


def test_what_is_plausible_is_not_warned_of():
    assert not implausible([Sentence((f"w{number}", "1", "2", f"x{number}")) for number in range(50)])
    assert not implausible([Sentence((f"w{number}", "b"), ("B-ORG", "O") if number else ("B-B-cell", "O"))
                            for number in range(50)])


def test_visible_and_trimmed_text():
    assert visible("Ge\u0301\u00adnova\u200b") == "G\u00e9nova" and visible("\u200b") == "\u200b"
    assert trimmed(" \u200bRome\u00a0") == "Rome" and trimmed("\u200b") == "\u200b"


def test_every_mark_and_space_of_unicode_is_known():
    marks_of_unicode = re.compile(f"[{marks()}]")
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)).startswith("M"):
            assert marks_of_unicode.match(chr(code)), hex(code)
        if chr(code).isspace():
            assert chr(code) in edge_characters(), hex(code)


def test_long_sentences_are_divided_outside_of_entities():
    from ner_mx.data.long_sentences import DIVIDED, LONGEST, without_long_sentences
    from ner_mx.data.sentence import no_warnings

    tags = (["O"] * 7 + ["B-PER", "I-PER", "I-PER"]) * 350
    long = Sentence(tuple(f"w{place}" for place in range(3500)), tuple(tags), ("N",) * 3500, "f", 9)
    warnings = no_warnings()
    pieces = without_long_sentences([Sentence(("a",), ("O",)), long], warnings)
    assert pieces[0].tokens == ("a",) and all(len(piece.tokens) <= LONGEST for piece in pieces)
    assert sum((piece.tokens for piece in pieces[1:]), ()) == long.tokens
    assert sum((piece.tags for piece in pieces[1:]), ()) == long.tags
    assert all(not piece.tags[0].startswith("I-") and len(piece.pos) == len(piece.tokens) for piece in pieces[1:])
    assert warnings == {DIVIDED: 1} and warnings.first == {DIVIDED: "f:9"}
    whole = Sentence(long.tokens, ("B-X",) + ("I-X",) * 3499)
    assert [len(piece.tokens) for piece in without_long_sentences([whole], warnings)] == [1000, 1000, 1000, 500]
