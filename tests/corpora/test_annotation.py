"""Tags as read to tags that can be relied on."""

import pytest

from ner_mx.config import Corpus
from ner_mx.corpora.annotation import annotated
from ner_mx.corpora.sentence import Sentence
from ner_mx.errors import CorpusError


def sentence(*tags):
    return Sentence(("w",) * len(tags), tags, None, "f", 1, 0)


def test_a_part_in_a_scheme_of_its_own_is_an_error():
    parts = {"train": [sentence("B-A", "I-A", "O")] * 100, "dev": [sentence("B-A", "E-A", "O")] * 2}
    with pytest.raises(CorpusError, match="expected all parts in IOB2, found 2 of 4 entity tags of dev"):
        annotated(parts, Corpus())
    found = annotated(parts, Corpus(scheme="IOB2"))
    assert found.scheme.repaired_tags == 2


def test_types_with_blanks_become_one_word():
    found = annotated({"train": [sentence("B-My City", "I-My City", "O")]}, Corpus())
    assert found.parts["train"][0].tags == ("B-My_City", "I-My_City", "O")
    assert list(found.warnings.values()) == [2]
