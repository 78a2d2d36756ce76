"""Sentences and tokens with their offsets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.data.tokenizer import split_sentences, tokenize


@given(st.text())
def test_offsets_are_exact_and_only_white_space_is_left_out(text):
    tokens = tokenize(text)
    assert all(text[token.start:token.end] == token.text for token in tokens)
    assert "".join(token.text for token in tokens) == "".join(text.split())
    assert [token for sentence in split_sentences(text) for token in sentence] == tokens


@pytest.mark.parametrize("text, expected", [
    ("The U.S. and Mr. Smith's 3.5%", "The U.S. and Mr. Smith 's 3.5 %"),
    ("don't (stop) now...", "do n't ( stop ) now ..."),
    ("1996-08-22 12:30 -- well-known AT&T", "1996-08-22 12:30 -- well-known AT&T"),
    ('"J. Doe left," he said.', '" J. Doe left , " he said .'),
])
def test_tokens(text, expected):
    assert [token.text for token in tokenize(text)] == expected.split()


def test_sentences_end_where_a_reader_would_end_them():
    text = 'He left. "Good." She stayed at 3.5 percent. and so on! Was it?\n\nA title\n\nMore'
    assert [" ".join(token.text for token in sentence) for sentence in split_sentences(text)] == [
        "He left .", '" Good . "', "She stayed at 3.5 percent . and so on !", "Was it ?", "A title", "More"]


def test_long_tokens_are_split_and_long_texts_take_linear_time():
    tokens = tokenize("a" * 2500 + " b")
    assert [len(token.text) for token in tokens] == [1000, 1000, 500, 1]
    assert "".join(token.text for token in tokens) == "a" * 2500 + "b"
    # A search back over the closing marks would take an hour.
    assert [len(sentence) for sentence in split_sentences("Yes." + "'" * 200_000 + " No.")] == [200_002, 2]
