"""The names of a condition: for people, in ``metrics.json``, of files; and the way back."""

import pytest

from ner_mx.evaluation.conditions import Condition

# Names of splits and files, some of them like a part of the names of conditions.
SPLITS = ["dev", "test", "other.conll", "my-corpus", "with", "predicted", "dev_with", "with_predicted", "süd"]


@pytest.mark.parametrize("condition, label, key, file_name", [
    (Condition("dev"), "dev", "dev", "dev"),
    (Condition("test", ""), "test", "test", "test"),
    (Condition("test", "POS"), "test with predicted POS", "test_with_predicted_POS", "test-with-predicted-POS"),
    (Condition("other.conll", "POS"), "other.conll with predicted POS", "other.conll_with_predicted_POS",
     "other.conll-with-predicted-POS"),
])
def test_the_names_of_a_condition(condition, label, key, file_name):
    assert (condition.label, condition.key, condition.file_name) == (label, key, file_name)
    assert Condition.from_key(key) == condition


@pytest.mark.parametrize("predicted", ["", "POS", "POS_and_chunks"])
@pytest.mark.parametrize("split", SPLITS)
def test_from_key_reverses_key(split, predicted):
    condition = Condition(split, predicted)
    assert Condition.from_key(condition.key) == condition


def test_different_conditions_have_different_names():
    conditions = [Condition(split, predicted) for split in SPLITS for predicted in ("", "POS", "chunks")]
    for name in ("label", "key", "file_name"):
        assert len({getattr(condition, name) for condition in conditions}) == len(conditions)


@pytest.mark.parametrize("key", ["dev_with_POS", "dev_predicted_POS", "dev-with-predicted-POS", "dev_with_predicted"])
def test_other_keys_are_names_of_splits(key):
    assert Condition.from_key(key) == Condition(key)
