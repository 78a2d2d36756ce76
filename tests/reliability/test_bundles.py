"""A short run of the attacks on bundles; the long one is make reliability."""

import collections

import pytest
from reliability.bundle_attacks import attacks
from reliability.bundles import attempt, mutations, outcome, write_example


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacked") / "example"
    write_example(folder)
    assert outcome(folder) == "works"
    return folder


@pytest.fixture(scope="module")
def structured(example):
    return list(attacks(example))


@pytest.mark.parametrize("kind", ["structured", "mutations"])
def test_a_hostile_bundle_works_or_is_refused_in_one_line(example, structured, tmp_path, capfd, kind):
    cases = structured if kind == "structured" else list(mutations(example, 150, seed=2))
    results = {name: attempt(example, tmp_path / "bundle", change) for name, change in cases}
    assert {name: result for name, result in results.items() if result not in ("works", "refused")} == {}
    counts = collections.Counter(results.values())
    assert counts["refused"] > 0.8 * len(cases)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", [
    "external data at 'secret.env'", "a loop of 10^15 trips", "an array doubled 40 times",
    "60 large arrays", "1,000 large arrays", "operators of com.microsoft",
    "the model of another feature", "words, NaN in constant0 (20, 12)",
    "words, a row less in constant0 (20, 12)", "vectors of 10,000 dimensions", "a model that reads no vectors",
    "vectors whose dimension is that of the longest word", "vectors of a dimension with a name",
    "model.onnx: larger for a smaller batch", "model.words.onnx: larger for a smaller batch",
    "pos: []", "temperature 5e-324", "the tag 'Q-PER'", "the tag 'x0'", "casing off", "labels that are lone surrogates",
    "the last lexicon missing", "a lexicon more", "model.onnx: pipe", "model.onnx: zeros without end",
    "model.onnx: sparse 50 GB", "vocab.json: link outside", "transitions.npz: 100,000 members",
    "transitions.npz: zeros, 1 GB unpacked", "lexicon 0 longest: ", "emissions as integers"])
def test_attacks_that_must_be_refused(example, structured, tmp_path, name):
    cases = [change for case, change in structured if case.startswith(name)]
    assert cases
    for change in cases:
        assert attempt(example, tmp_path / "bundle", change) == "refused"
