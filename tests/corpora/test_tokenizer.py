"""Tokens and their places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.corpora.tokenizer import sentences, tokenize


@given(st.text())
def test_places_are_exact_and_nothing_but_blanks_is_left_out(text):
    tokens = tokenize(text)
    assert all(text[token.start:token.end] == token.text for token in tokens)
    assert "".join(token.text for token in tokens) == "".join(text.split())
    assert [token for sentence in sentences(text) for token in sentence] == tokens


@pytest.mark.parametrize("text, wanted", [
    ("The U.S. and Mr. Smith's 3.5%", "The U.S. and Mr. Smith 's 3.5 %"),
    ("don't (stop) now...", "do n't ( stop ) now ..."),
    ("1996-08-22 12:30 -- well-known AT&T", "1996-08-22 12:30 -- well-known AT&T"),
    ('"J. Doe left," he said.', '" J. Doe left , " he said .'),
])
def test_tokens(text, wanted):
    assert [token.text for token in tokenize(text)] == wanted.split()


def test_sentences_end_where_one_would_end_them():
    text = 'He left. "Good." She stayed at 3.5 percent. and so on! Was it?\n\nA title\n\nMore'
    assert [" ".join(token.text for token in sentence) for sentence in sentences(text)] == [
        "He left .", '" Good . "', "She stayed at 3.5 percent . and so on !", "Was it ?", "A title", "More"]


def test_runs_without_a_gap_are_cut_and_long_ones_take_no_squared_time():
    tokens = tokenize("a" * 2500 + " b")
    assert [len(token.text) for token in tokens] == [1000, 1000, 500, 1]
    assert "".join(token.text for token in tokens) == "a" * 2500 + "b"
    # A search back over the closing marks would take an hour.
    assert [len(sentence) for sentence in sentences("Yes." + "'" * 200_000 + " No.")] == [200_002, 2]
