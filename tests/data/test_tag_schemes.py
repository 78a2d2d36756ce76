"""Spans against seqeval, and tag schemes against their definitions."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.tag_schemes import convert_tags, detect_scheme, limit_types, tags_of
from ner_mx.errors import CorpusError
from ner_mx.registry import register

SCHEMES = ("IOB2", "IOB1", "IO", "BIOES", "BILOU")


def sentence(tags, line=1, source="f"):
    return Sentence(tuple(f"w{i}" for i in range(len(tags))), tuple(tags), None, source, line, 0, line_per_token=True)


@st.composite
def span_lists(draw):
    """Spans without overlaps, and the length of their sentence."""
    spans, position = [], 0
    for _ in range(draw(st.integers(0, 5))):
        position += draw(st.integers(0, 2))
        end = position + draw(st.integers(1, 3))
        spans.append(Span(position, end, draw(st.sampled_from(["PER", "LOC", "x-y"]))))
        position = end
    return spans, position + draw(st.integers(0, 2))


def test_the_registered_encodings():
    """In this order, which decides between schemes that explain a corpus equally well."""
    assert tuple(register.tag_encoding.names()[:len(SCHEMES)]) == SCHEMES


@given(span_lists(), st.sampled_from([name for name in SCHEMES if name != "IO"]))
def test_every_scheme_but_io_keeps_every_span(case, scheme):
    spans, length = case
    assert spans_of(tags_of(spans, length, scheme)) == spans


@given(span_lists())
def test_io_merges_adjacent_spans_of_one_type(case):
    spans, length = case
    tags = tags_of(spans, length, "IO")
    merged = []
    for span in spans:
        if merged and merged[-1].end == span.start and merged[-1].label == span.label:
            merged[-1] = Span(merged[-1].start, span.end, span.label)
        else:
            merged.append(span)
    assert spans_of(tags) == merged


def test_an_example_written_by_hand():
    spans, length = [Span(0, 1, "A"), Span(1, 3, "A"), Span(4, 7, "B")], 8
    expected = {
        "IOB2": "B-A B-A I-A O B-B I-B I-B O", "IOB1": "I-A B-A I-A O I-B I-B I-B O",
        "IO": "I-A I-A I-A O I-B I-B I-B O", "BIOES": "S-A B-A E-A O B-B I-B E-B O",
        "BILOU": "U-A B-A L-A O B-B I-B L-B O"}
    assert {name: " ".join(tags_of(spans, length, name)) for name in SCHEMES} == expected


def test_spans_equal_those_of_seqeval_on_a_hundred_thousand_random_sequences():
    """Most of them are ill-formed: any prefix may follow any other."""
    generator = random.Random(5)
    tags = ["O", "O"] + [f"{prefix}-{label}" for prefix in "BIES" for label in ("PER", "LOC")]
    for _ in range(100_000):
        sequence = generator.choices(tags, k=generator.randint(1, 8))
        ours = [(label, start, end - 1) for start, end, label in spans_of(sequence)]
        assert ours == list(get_entities(sequence)), sequence


@settings(max_examples=300)
@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "E-A", "S-A", "L-B", "U-B", "I-B"]), max_size=8))
def test_conversion_keeps_the_spans_of_any_sequence(tags):
    assert spans_of(convert_tags(tags, "BILOU")) == spans_of(tags) == spans_of(convert_tags(tags, "IOB2"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_is_detected(scheme):
    spans = [[Span(0, 2, "PER"), Span(2, 4, "PER"), Span(5, 6, "LOC")], [Span(1, 4, "LOC")], []]
    detected = detect_scheme([sentence(tags_of(line, 7, scheme)) for line in spans])
    assert (detected.scheme, detected.repaired_tags) == (scheme, 0)


def test_an_ill_formed_tag_is_counted_and_named():
    good = [sentence(["B-PER", "I-PER", "O", "B-LOC"]) for _ in range(30)]
    detected = detect_scheme([*good, sentence(["O", "I-PER", "O", "B-LOC"], line=118, source="train.txt")])
    assert (detected.scheme, detected.repaired_tags, detected.repaired_sentences) == ("IOB2", 1, 1)
    assert "train.txt:119: I-PER where IOB2 has B-PER" in detected.example


def test_two_schemes_mixed_are_an_error():
    mixed = [sentence(["B-A", "L-A", "O"]), sentence(["B-A", "E-A", "O", "S-A"]), sentence(["U-A", "O"])] * 9
    with pytest.raises(CorpusError, match="found a mixture"):
        detect_scheme(mixed)


def test_a_named_scheme_is_not_detected():
    assert detect_scheme([sentence(["B-A", "I-A"])] * 3, "IOB2").scheme == "IOB2"
    assert detect_scheme([sentence(["B-A", "I-A"])] * 3, "BILOU")[:3] == ("BILOU", 3, 3)


@pytest.mark.parametrize("tag", ["X-PER", "PER", "I-", "-PER", "O-PER", "0", ""])
def test_an_unknown_tag_names_file_and_line(tag):
    with pytest.raises(CorpusError, match=r"f:12: expected the tag O, or B-"):
        detect_scheme([sentence(["O"], 1), sentence(["O", "O", tag], 10)])


def test_tags_of_other_types_become_outside_and_are_counted():
    kept, replaced = limit_types([sentence(["I-PER", "I-PRG", "0", "I-", "O"])], ["PER"])
    assert kept[0].tags == ("I-PER", "O", "O", "O", "O")
    assert replaced == {"I-PRG": 1, "0": 1, "I-": 1}
