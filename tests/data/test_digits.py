"""Tokens split at digits, and entities merged into whole tokens again."""

from hypothesis import given
from hypothesis import strategies as st

from ner_mx.data.digits import merged_spans, pieces, split_at_digits
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import tags_of

TOKENS = st.lists(st.text("a-1\u0663", min_size=1, max_size=4), min_size=3, max_size=6)


@given(st.text("a-12", min_size=1))
def test_a_piece_is_one_digit_or_has_none(token):
    parts = pieces(token)
    assert "".join(parts) == token
    assert all(len(piece) == 1 or not any(map(str.isdigit, piece)) for piece in parts)


@given(TOKENS)
def test_merging_the_pieces_gives_the_same_entities(tokens):
    spans = [Span(0, 2, "DATE"), Span(2, 3, "DATE")]
    sentence = Sentence(tuple(tokens), tags_of(spans, len(tokens), "BIOES"),
                        tuple(map(str, range(len(tokens)))), "f", 1, 0)
    split = split_at_digits(sentence)
    assert len(split.tokens) == len(split.tags) == len(split.pos)
    assert "".join(split.tokens) == "".join(tokens)
    assert merged_spans(spans_of(split.tags), tokens) == spans
    texts = ["".join(split.tokens[span.start:span.end]) for span in spans_of(split.tags)]
    assert texts == ["".join(tokens[:2]), tokens[2]]


def test_an_example_worked_out_by_hand():
    sentence = Sentence(("in", "1990-92", "."), ("O", "B-DATE", "O"), ("IN", "CD", "."), "f", 1, 0)
    split = split_at_digits(sentence)
    assert split.tokens == ("in", "1", "9", "9", "0", "-", "9", "2", ".")
    assert split.tags == ("O", "B-DATE", *["I-DATE"] * 6, "O")
    assert split.pos == ("IN", *["CD"] * 7, ".")
