"""Tokens split at digits or into characters, and entities merged into whole tokens again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.data.pieces import DigitPieces, pieces_of
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import tags_of

TOKENS = st.lists(st.text("a-1\u0663", min_size=1, max_size=4), min_size=3, max_size=6)


@given(st.text("a-12", min_size=1))
def test_a_piece_is_one_digit_or_has_none(token):
    parts = DigitPieces().of_token(token)
    assert "".join(parts) == token
    assert all(len(piece) == 1 or not any(map(str.isdigit, piece)) for piece in parts)


@pytest.mark.parametrize("settings", [(True, None), (False, "vote"), (False, "first")])
@given(tokens=TOKENS)
def test_merging_the_pieces_gives_the_same_entities(settings, tokens):
    pieces = pieces_of(*settings)
    spans = [Span(0, 2, "DATE"), Span(2, 3, "DATE")]
    sentence = Sentence(tuple(tokens), tags_of(spans, len(tokens), "BIOES"),
                        tuple(map(str, range(len(tokens)))), "f", 1, 0)
    split = pieces.split_sentence(sentence)
    between = "".join(pieces.between)
    assert len(split.tokens) == len(split.tags) == len(split.pos)
    assert "".join(split.tokens) == between.join(tokens)
    assert pieces.merge(spans_of(split.tags), tokens) == spans
    texts = ["".join(split.tokens[span.start:span.end]) for span in spans_of(split.tags)]
    assert texts == [between.join(tokens[:2]), tokens[2]]


def test_an_example_worked_out_by_hand():
    sentence = Sentence(("in", "1990-92", "."), ("O", "B-DATE", "O"), ("IN", "CD", "."), "f", 1, 0)
    split = DigitPieces().split_sentence(sentence)
    assert split.tokens == ("in", "1", "9", "9", "0", "-", "9", "2", ".")
    assert split.tags == ("O", "B-DATE", *["I-DATE"] * 6, "O")
    assert split.pos == ("IN", *["CD"] * 7, ".")


def test_characters_by_hand():
    sentence = Sentence(("Mr", "X", "!"), ("B-PER", "I-PER", "O"), ("N", "N", "."))
    pieces = pieces_of(False, "vote")
    assert pieces_of(False, None) is None
    split = pieces.split_sentence(sentence)
    assert split.tokens == ("M", "r", " ", "X", " ", "!")
    assert split.tags == ("B-PER", "I-PER", "I-PER", "I-PER", "O", "O")  # the blank inside of the entity belongs to it
    assert split.pos == ("N", "N", "N", "N", ".", ".") and pieces.bounds(sentence.tokens) == [(0, 2), (3, 4), (5, 6)]


@pytest.mark.parametrize("how, expected", [
    ("vote", [Span(0, 2, "X"), None, Span(0, 2, "X")]), ("first", [Span(1, 2, "X"), Span(0, 1, "X"), Span(0, 2, "X")])])
def test_what_covers_a_part_of_a_token(how, expected):
    spans = [Span(1, 6, "X"), Span(0, 1, "X"), Span(0, 7, "X")]  # of "abc def": "bc de", "a", and the whole
    assert pieces_of(False, how).merge(spans, ["abc", "def"]) == expected
    assert pieces_of(True, None).merge([Span(0, 1, "X"), Span(1, 3, "X")], ["a1", "b"]) == [Span(0, 1, "X"),
                                                                                          Span(0, 2, "X")]
