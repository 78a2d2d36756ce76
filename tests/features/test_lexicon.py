"""The matcher against the paper's rules applied one by one, and against its figure 4."""

import random

import numpy as np
import pytest

from ner_mx.config import Features
from ner_mx.corpora.digits import split_at_digits
from ner_mx.corpora.sentence import Sentence
from ner_mx.errors import ConfigError, CorpusError, RunError
from ner_mx.features.encoder import Encoder
from ner_mx.features.lexicon import POSITIONS, Lexicon
from ner_mx.features.lexicon_files import from_arrays, read_lexicons, to_arrays


def by_the_rules(words, entries, partial, single):
    """Every n-gram against every entry; then, token by token, the match that goes first."""
    candidates = []
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            gram = words[start:end]
            size = len(gram)
            long_enough = partial and (single or size >= 2)
            kinds = []
            for entry in entries:
                if gram == entry:
                    kinds.append((0, True, True))
                elif long_enough and size < len(entry) and 2 * size >= len(entry):
                    if entry[:size] == gram:
                        kinds.append((1, True, False))
                    elif entry[-size:] == gram:
                        kinds.append((2, False, True))
            if kinds:
                kind, begins, ends = min(kinds)
                candidates.append((kind > 0, -size, start, begins, ends))
    result = []
    for token in range(len(words)):
        covering = [one for one in candidates if one[2] <= token < one[2] - one[1]]
        if not covering:
            result.append("none")
            continue
        _, size, start, begins, ends = min(covering)
        first, last = begins and token == start, ends and token == start - size - 1
        result.append("S" if first and last else "B" if first else "E" if last else "I")
    return result


@pytest.mark.parametrize("partial, single", [(False, False), (True, False), (True, True)])
def test_the_matcher_follows_the_rules(partial, single):
    generator = random.Random(7)
    for _ in range(150):
        entries = [[generator.choice("abcd") for _ in range(generator.randint(1, 5))] for _ in range(6)]
        sentences = [[generator.choice("abcde") for _ in range(generator.randint(1, 9))] for _ in range(4)]
        found = Lexicon.of(entries, partial, single).positions(sentences)
        assert [POSITIONS[row] for row in found] == [
            position for words in sentences for position in by_the_rules(words, entries, partial, single)]


def test_matches_do_not_cross_sentences():
    assert Lexicon.of([["new", "york"]]).positions([["new"], ["york"], ["new", "york"]]).tolist() == [
        0, 0, 1, 3]


def test_an_empty_lexicon_and_no_sentences():
    assert Lexicon.of([]).positions([["a"]]).tolist() == [0]
    assert Lexicon.of([["a"]]).positions([]).tolist() == []


def encoded(text, entries, partial=True, single=False):
    words = text.lower().split()
    rows = Lexicon.of([entry.lower().split() for entry in entries], partial, single).positions([words])
    names = ["-", *POSITIONS[1:]]
    return " ".join(names[row] for row in rows)


FIGURE = "Hayao Tada , commander of the Japanese North China Area Army"


def test_figure_4():
    """Its four rows, from entries of the kind that they imply."""
    assert encoded(FIGURE, ["Hayao Tada", "China"], single=True) == "B E - - - - - - S - -"
    assert encoded(FIGURE, ["the Japanese Alps", "China"]) == "- - - - - B I - S - -"
    assert encoded(FIGURE, ["the Japanese Red Army", "North China Area Army"]) == "- - - - - B I B I I E"
    # A B alone: "of the" yields its second word to a longer match, and that one its third to "North".
    assert encoded(FIGURE, ["Commander", "of the Rings", "the Japanese North Sea Fleet Review", "North",
                            "China", "Area", "Army"]) == "- - - S B B I S S S S"


def test_partial_positions_have_no_b_or_no_e():
    assert encoded("area army fell", ["north china area army"]) == "I E -"
    assert encoded("north china fell", ["north china area army"]) == "B I -"
    assert encoded("north fell", ["north china"]) == "- -"
    assert encoded("north fell", ["north china"], single=True) == "B -"
    assert encoded("north china fell", ["north china area army group"]) == "- - -"


@pytest.fixture
def source(tmp_path):
    texts = {"per": "jo m\xfcller\n\n", "org": "acme 0\n", "loc": "rome\nnew york\n", "misc": "cup\n"}
    for category, text in texts.items():
        (tmp_path / f"ner.{category}.lst").write_bytes(text.encode("iso-8859-1"))
    return {"path": str(tmp_path), "encoding": "iso-8859-1"}


def test_features_of_a_sentence(source):
    again = {**source, "positions": "yes-no", "partial": True}
    features = Features(lexicons={"senna": source, "again": again})
    sentence = Sentence(("Jo", "Müller", "left", "ACME", "123", "New"), ("O",) * 6, ("X",) * 6, "f", 1, 0)
    encoder = Encoder.learnt(features, [sentence], lexicons=read_lexicons(features))
    rows = encoder.encode([sentence]).lexicon
    assert [category.category for category in encoder.lexicons] == ["PER", "ORG", "LOC", "MISC"] * 2
    assert rows[:, 0].tolist() == [1, 3, 0, 0, 0, 0] and rows[:, 1].tolist() == [0, 0, 0, 1, 3, 0]
    assert rows[:, 4].tolist() == [1, 1, 0, 0, 0, 0] and not rows[:, 6].any()
    again = Encoder.from_json(features, encoder.to_json(), from_arrays(to_arrays(encoder.lexicons)))
    np.testing.assert_array_equal(again.encode([sentence]).lexicon, rows)


def test_a_csv_of_entries(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text('category,entry\nPerson,Jo Doe\nORG,"Acme, Inc"\n')
    features = Features(lexicons={"own": {"path": str(path), "partial": True}})
    found = read_lexicons(features)
    assert [(one.category, len(one.lexicon.exact)) for one in found] == [("Person", 1), ("ORG", 1)]
    # A single token is enough of a person, and of nobody else.
    assert [one.lexicon.positions([["jo", "acme,"]]).tolist() for one in found] == [[1, 0], [0, 0]]


def test_entries_meet_sentences_that_are_cut_at_digits(source, tmp_path):
    (tmp_path / "ner.misc.lst").write_text("boeing 747\nf-16\n")
    features = Features(lexicons={"senna": source})
    sentence = split_at_digits(Sentence(("A", "Boeing", "747", "and", "F-16"), None, None, "f", 1, 0))
    encoder = Encoder.learnt(features, [sentence], lexicons=read_lexicons(features, split_digits=True))
    # A | Boeing 7 4 7 | and | F- 1 6
    assert encoder.encode([sentence]).lexicon[:, 3].tolist() == [0, 1, 2, 2, 3, 0, 1, 2, 3]


def test_bad_lexicons_are_one_line(source, tmp_path):
    def read(**changes):
        return read_lexicons(Features(lexicons={"senna": {**source, **changes}}))

    with pytest.raises(CorpusError, match=r"ner.per.lst:1: expected utf-8, found byte 0xfc; "
                                          r"set features.lexicons.senna.encoding"):
        read(encoding="utf-8")
    with pytest.raises(CorpusError, match="expected a file, found none; set features.lexicons.senna.path"):
        read(files={"PER": "none.lst"})
    (tmp_path / "ner.loc.lst").write_text("")
    with pytest.raises(CorpusError, match="ner.loc.lst: expected entries of LOC, found an empty file"):
        read()
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(CorpusError, match="expected the columns entry and category, found 'a, b'"):
        read(path=str(path))
    path.write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(CorpusError, match="x.csv:1: expected the columns .*, found 'nothing'"):
        read(path=str(path), encoding="utf-8-sig")
    path.write_text("entry,category\nrome,LOC\n,ORG\n")
    with pytest.raises(CorpusError, match="x.csv:3: expected an entry and its category, found ', ORG'"):
        read(path=str(path))
    with pytest.raises(RunError, match="preprocess again"):
        from_arrays({"0 name": np.array(["a", "b"])})


def test_mistakes_in_the_table_of_lexicons():
    from ner_mx.config import load_config
    with pytest.raises(ConfigError, match="the key 'a' stands twice"):
        load_config(settings=["features.lexicons={a: {path: b}, a: {path: c}}"])
    with pytest.raises(ConfigError, match="features.lexicons.own.pth: unknown key; did you mean path?"):
        load_config(settings=["features.lexicons.own.pth=b"])


@pytest.mark.corpus
def test_conll_against_the_papers_lexicon_in_time(shared):
    import time
    features = Features(lexicons={"senna": {"path": str(shared / "senna/hash"),
                                            "encoding": "iso-8859-1", "partial": True}})
    lines = (shared / "conll2003/iob2/train.txt").read_text().split("\n\n")
    sentences = [Sentence(tuple(row.split()[0] for row in block.splitlines()), None, None, "", 0, 0)
                 for block in lines if block.strip()]
    lexicons = read_lexicons(features)
    # Of 123,283 persons and 6,440 organisations, two and one are others in all but their digits.
    assert [len(one.lexicon.exact) for one in lexicons] == [123281, 6439, 36697, 4722]
    start = time.perf_counter()
    encoder = Encoder.learnt(features, sentences, lexicons=lexicons)
    assert encoder.encode(sentences).lexicon.any(axis=0).all()
    assert time.perf_counter() - start < 10
