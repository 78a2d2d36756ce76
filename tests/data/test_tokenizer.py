"""Sentences and tokens with their offsets."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.data.tokenizers import LONGEST_SENTENCE
from ner_mx.data.tokenizers.rules import Rules
from ner_mx.data.unicode_text import INVISIBLE, JOINERS

TOKENIZER = Rules()


def visible_text(tokens):
    return "".join(token.text for token in tokens).translate(dict.fromkeys(map(ord, INVISIBLE)))

tokenize, split_sentences = TOKENIZER.tokens, TOKENIZER.sentences


@given(st.text())
def test_offsets_are_exact_and_only_white_space_is_left_out(text):
    tokens = tokenize(text)
    assert all(text[token.start:token.end] == token.text for token in tokens)
    left_out = re.sub(r"\s", "", "".join(
        text[end:start] for end, start in zip([0, *(token.end for token in tokens)],
                                              [*(token.start for token in tokens), len(text)])))
    assert set(left_out) <= set(INVISIBLE) - set(JOINERS)
    # Sentences are found line by line, so that a token at the edge of one may differ.
    in_sentences = [token for sentence in split_sentences(text) for token in sentence]
    assert all(text[token.start:token.end] == token.text for token in in_sentences)
    assert all(first.end <= second.start for first, second in zip(in_sentences, in_sentences[1:]))
    assert visible_text(in_sentences) == visible_text(tokens)


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
    lengths = [len(sentence) for sentence in split_sentences("Yes." + "'" * 200_000 + " No.")]
    assert sum(lengths) == 100_004 and set(lengths[:-1]) == {LONGEST_SENTENCE}


@pytest.mark.parametrize("pattern", [
    "+", "a+", ".-", "a.-", "-+", "_+", "1.+", "\u00e9+", "A.-a", "aa-a.a.", ".!", "a@", "@a.", "www.", "http://", "1,",
    "a'", "a-", "&a", "U.S.", "e\u0301", "\U0001f1e9", "(", "'s"])
def test_no_text_takes_quadratic_time(pattern):
    """A pattern that reads a run of characters again from each of them takes minutes."""
    text = pattern * ((1 << 17) // len(pattern))
    tokens = [token for sentence in Rules().iter_sentences(text) for token in sentence]
    assert "".join(token.text for token in tokens) == text


def test_a_text_that_is_read_in_stretches_is_tokenized_as_a_whole():
    words = ["Mr.", "Bush", "met", "U.S.", "Sen.", "J.", "Doe", "on", "Jan.", "3", "in", "3.5", "hours.",
             "No.", "7", "it's"]
    text = " ".join(random.Random(1).choices(words, k=60_000))
    rules = Rules()
    assert [token for sentence in rules.iter_sentences(text) for token in sentence] == rules.tokens(text)
