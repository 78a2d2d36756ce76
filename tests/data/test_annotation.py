"""Checks and repairs of the tags of a corpus."""

import pytest

from ner_mx.config import Corpus
from ner_mx.data.annotation import check_annotation
from ner_mx.data.sentence import Sentence
from ner_mx.errors import CorpusError


def sentence(*tags):
    return Sentence(("w",) * len(tags), tags, None, "f", 1, 0)


def test_a_split_in_another_scheme_than_the_rest_is_an_error():
    splits = {"train": [sentence("B-A", "I-A", "O")] * 100, "dev": [sentence("B-A", "E-A", "O")] * 2}
    with pytest.raises(CorpusError, match="expected all splits in IOB2, found 2 of 4 entity tags of dev that break it"):
        check_annotation(splits, Corpus())
    checked = check_annotation(splits, Corpus(scheme="IOB2"))
    assert checked.scheme.repaired_tags == 2


def test_white_space_in_a_type_becomes_an_underscore():
    checked = check_annotation({"train": [sentence("B-My City", "I-My City", "O")]}, Corpus())
    assert checked.splits["train"][0].tags == ("B-My_City", "I-My_City", "O")
    assert checked.warnings == {"tags with white space in their type, replaced by an underscore": 2}
