"""The lexicon builder on a small dump in the format of DBpedia."""

import bz2
import gzip
import tracemalloc
from collections import Counter

import pytest

from ner_mx.data.compression import opened
from ner_mx.errors import CorpusError, RunError
from ner_mx.resources.dbpedia import build_lexicon, clean, triples

RESOURCE, ONTOLOGY = "http://dbpedia.org/resource/", "http://dbpedia.org/ontology/"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
SUBCLASS = "http://www.w3.org/2000/01/rdf-schema#subClassOf"

TYPES = "\n".join(
    f"<{RESOURCE}{name}> <{TYPE}> <{kind if ':' in kind else ONTOLOGY + kind}> ." for name, kind in [
        ("Jo_Doe", "Athlete"), ("Jo_Doe", "http://schema.org/Person"), ("Rome_(TV_series)", "TelevisionShow"),
        ("Acme", "Company"), ("Oslo", "City"), ("Oslo", "Organisation"), ("Blue", "Colour"),
        ("Oslo_(city)", "City")]) + "\n"
LABELS = "# a comment\n" + "\n".join(
    f'<{RESOURCE}{name}> <{LABEL}> "{label}"@{language} .' for name, label, language in [
        ("Jo_Doe", "Jo D\\u00F6e", "en"), ("Jo_Doe", "Jo Doe le Grand", "fr"),
        ("Acme", '\\"Acme\\", Inc.', "en"), ("Rome_(TV_series)", "Rome (TV series)", "en"),
        ("Oslo", "Oslo", "en"), ("Blue", "Blue", "en"), ("Oslo_(city)", "Oslo (city)", "en")]) + "\n"
SUBCLASSES = "@prefix x: <y> .\n" + "\n".join(
    f"<{ONTOLOGY}{name}> <{SUBCLASS}> <{ONTOLOGY}{parent}> ." for name, parent in [
        ("Athlete", "Person"), ("Company", "Organisation"), ("City", "Settlement"), ("Settlement", "Place"),
        ("TelevisionShow", "Work"), ("Person", "Person")]) + "\n"
NAMES = {"per": "Jo Döe\n", "org": '" Acme " , Inc\nOslo\n', "loc": "Oslo\n", "misc": "Rome\n"}


@pytest.fixture
def dumps(tmp_path):
    with bz2.open(tmp_path / "types.ttl.bz2", "wt", encoding="utf-8") as file:
        file.write(TYPES)
    with gzip.open(tmp_path / "labels.nt.gz", "wt", encoding="utf-8") as file:
        file.write(LABELS)
    (tmp_path / "ontology.nt").write_text(SUBCLASSES)
    return tmp_path / "types.ttl.bz2", tmp_path / "labels.nt.gz", tmp_path / "ontology.nt"


def test_names_of_the_four_categories_and_their_descendants(dumps, tmp_path):
    types, labels, ontology = dumps
    built = build_lexicon(types, labels, tmp_path / "out", ontology, overwrite=True)
    assert built.names == {"PER": 1, "ORG": 2, "LOC": 1, "MISC": 1}
    assert {name: (tmp_path / f"out/ner.{name}.lst").read_text() for name in NAMES} == NAMES


def test_other_languages(dumps, tmp_path):
    types, labels, ontology = dumps
    assert build_lexicon(types, labels, tmp_path / "out", ontology, "fr").names == {
        "PER": 1, "ORG": 0, "LOC": 0, "MISC": 0}


@pytest.mark.parametrize("label, expected", [
    ("Rome (TV series)", "Rome"), ("Who?", "Who"), ("A/B:", "A/B"), ("M (1931 film) ...", "M"), ("(x)", ""),
    ("St. Paul's", "St. Paul 's")])
def test_the_papers_cleaning(label, expected):
    assert clean(label).replace(" / ", "/") == expected


def test_bad_dumps_give_errors_of_one_line_and_leave_earlier_lists(dumps, tmp_path):
    types, labels, ontology = dumps
    build_lexicon(types, labels, tmp_path / "out", ontology, overwrite=True)
    with pytest.raises(CorpusError, match="take the dump of instance types"):
        build_lexicon(labels, labels, tmp_path / "out", ontology, overwrite=True)
    with pytest.raises(CorpusError, match="take the dump of labels"):
        build_lexicon(types, types, tmp_path / "out", ontology, overwrite=True)
    with pytest.raises(CorpusError, match="expected a readable file|expected a dump of triples"):
        build_lexicon(tmp_path / "none.nt", labels, tmp_path / "out", overwrite=True)
    types.write_bytes(types.read_bytes()[:-10])
    with pytest.raises(CorpusError, match="expected a readable file|expected a dump of triples"):
        build_lexicon(types, labels, tmp_path / "out", ontology, overwrite=True)
    truncated = tmp_path / "truncated.nt"
    truncated.write_text(f"<{RESOURCE}A> <{TYPE}> <{ONTOLOGY}Pers")
    with pytest.raises(CorpusError, match="truncated.nt:1: expected a triple that ends with a dot"):
        list(triples(truncated, Counter()))
    with pytest.raises(CorpusError, match="expected types and what they are subclasses of, found nothing"):
        build_lexicon(types, labels, tmp_path / "out", labels, overwrite=True)
    assert {name: (tmp_path / f"out/ner.{name}.lst").read_text() for name in NAMES} == NAMES


def test_lines_that_are_not_triples_are_counted(tmp_path):
    path = tmp_path / "dump.ttl"
    good = f"<{RESOURCE}A> <{TYPE}> <{ONTOLOGY}Person> .\n"
    path.write_text(f"# a comment\n@prefix x: <y> .\n\n{good}_:b <{TYPE}> <x> .\n<a> <b> .\n{good}")
    skipped = Counter()
    assert len(list(triples(path, skipped))) == 2 and skipped == {"dump.ttl": 2}


def test_escapes_beyond_16_bits_and_invalid_escapes(tmp_path):
    path = tmp_path / "labels.nt"
    path.write_text("".join(f'<{RESOURCE}A> <{LABEL}> "{label}"@en .\n' for label in (
        "\\uD83D\\uDE00", "\\U0001F600", "\\uD83D alone", "\\UFFFFFFFF")))
    skipped = Counter()
    assert [label for _, _, label, _ in triples(path, skipped)] == ["\U0001F600"] * 2
    assert skipped == {"labels.nt": 2}


def test_memory_for_the_whole_of_dbpedia(tmp_path):
    """2.3 million entries in less than 2 GB, extrapolated from 40,000."""
    count = 40_000
    (tmp_path / "types.nt").write_text("".join(
        f"<{RESOURCE}A_name_of_some_length_{i}> <{TYPE}> <{ONTOLOGY}Person> .\n" for i in range(count)))
    (tmp_path / "labels.nt").write_text("".join(
        f'<{RESOURCE}A_name_of_some_length_{i}> <{LABEL}> "A name of some length {i}"@en .\n'
        for i in range(count)))
    tracemalloc.start()
    built = build_lexicon(tmp_path / "types.nt", tmp_path / "labels.nt", tmp_path / "out")
    assert built.names["PER"] == count
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / count * 2_300_000 < 2e9


def test_lists_are_replaced_only_if_allowed(dumps, tmp_path):
    types, labels, ontology = dumps
    build_lexicon(types, labels, tmp_path / "out", ontology)
    with pytest.raises(RunError, match="ner.per.lst: exists already; choose another folder, or allow it"):
        build_lexicon(types, labels, tmp_path / "out", ontology)


def test_variants_of_a_language_are_taken(dumps, tmp_path):
    types, labels, ontology = dumps
    before = build_lexicon(types, labels, tmp_path / "a", ontology).names
    with opened(labels) as (stream, _):
        text = stream.read()
    variant = tmp_path / "labels.nt"
    variant.write_bytes(text.replace(b"@en", b"@en-GB"))
    assert build_lexicon(types, variant, tmp_path / "b", ontology).names == before
