"""The matcher against the paper's rules applied one by one, and against its figure 4."""

import random

import numpy as np
import pytest

from ner_mx.config import Config
from ner_mx.data.pieces import DigitPieces
from ner_mx.data.sentence import Sentence
from ner_mx.errors import ConfigError, CorpusError, RunError
from ner_mx.features.batch import collate
from ner_mx.features.encoder import Encoder
from ner_mx.resources.lexicon_lists import LexiconSource, lexicons_from_arrays, read_lexicons
from ner_mx.resources.lexicon_matching import POSITIONS, Lexicon


def positions_by_the_rules(words, entries, partial, single):
    """Compare every n-gram with every entry; then take, token by token, the match with precedence."""
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
        covering = [(partially, size, start, begins, ends) for partially, size, start, begins, ends in candidates
                    if start <= token < start - size]
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
        positions = Lexicon.of(entries, partial, single).positions(sentences)
        assert [POSITIONS[index] for index in positions] == [
            position for words in sentences for position in positions_by_the_rules(words, entries, partial, single)]


def test_matches_do_not_cross_sentences():
    assert Lexicon.of([["new", "york"]]).positions([["new"], ["york"], ["new", "york"]]).tolist() == [
        0, 0, 1, 3]


def test_an_empty_lexicon_and_no_sentences():
    assert Lexicon.of([]).positions([["a"]]).tolist() == [0]
    assert Lexicon.of([["a"]]).positions([]).tolist() == []


def positions_of(text, entries, partial=True, single=False):
    words = text.lower().split()
    positions = Lexicon.of([entry.lower().split() for entry in entries], partial, single).positions([words])
    letters = ["-", *POSITIONS[1:]]
    return " ".join(letters[index] for index in positions)


FIGURE = "Hayao Tada , commander of the Japanese North China Area Army"


def test_figure_4():
    """The four rows of the figure, from entries that explain them."""
    assert positions_of(FIGURE, ["Hayao Tada", "China"], single=True) == "B E - - - - - - S - -"
    assert positions_of(FIGURE, ["the Japanese Alps", "China"]) == "- - - - - B I - S - -"
    assert positions_of(FIGURE, ["the Japanese Red Army", "North China Area Army"]) == "- - - - - B I B I I E"
    # A lone B: "of the" loses its second word to a longer match, which loses its third to "North".
    assert positions_of(FIGURE, ["Commander", "of the Rings", "the Japanese North Sea Fleet Review", "North",
                            "China", "Area", "Army"]) == "- - - S B B I S S S S"


def test_partial_positions_have_no_b_or_no_e():
    assert positions_of("area army fell", ["north china area army"]) == "I E -"
    assert positions_of("north china fell", ["north china area army"]) == "B I -"
    assert positions_of("north fell", ["north china"]) == "- -"
    assert positions_of("north fell", ["north china"], single=True) == "B -"
    assert positions_of("north china fell", ["north china area army group"]) == "- - -"


@pytest.fixture
def source(tmp_path):
    texts = {"per": "jo m\xfcller\n\n", "org": "acme 0\n", "loc": "rome\nnew york\n", "misc": "cup\n"}
    for category, text in texts.items():
        (tmp_path / f"ner.{category}.lst").write_bytes(text.encode("iso-8859-1"))
    return {"path": str(tmp_path), "encoding": "iso-8859-1"}


def test_features_of_a_sentence(source):
    yes_no = {**source, "positions": "yes-no", "partial": True}
    features = Config().updated({"features.lexicons.sources": {"senna": source, "yes-no": yes_no}}).features
    sentence = Sentence(("Jo", "Müller", "left", "ACME", "123", "New"), ("O",) * 6, ("X",) * 6, "f", 1, 0)
    encoder = Encoder.fit(features, [sentence])
    lexicons = encoder.feature("lexicons")
    rows = encoder.encode([sentence]).by_token["lexicons"]
    assert [category.category for category in lexicons.categories] == ["PER", "ORG", "LOC", "MISC"] * 2
    assert rows[:, 0].tolist() == [1, 3, 0, 0, 0, 0] and rows[:, 1].tolist() == [0, 0, 0, 1, 3, 0]
    assert rows[:, 4].tolist() == [1, 1, 0, 0, 0, 0] and not rows[:, 6].any()
    restored = Encoder.restore(features, encoder.to_json(), encoder.arrays())
    np.testing.assert_array_equal(restored.encode([sentence]).by_token["lexicons"], rows)
    # In the network's table, each category has rows of its own.
    batch = collate(encoder.features, encoder.encode([sentence]), np.array([0]))
    np.testing.assert_array_equal(batch["lexicons"][:, 0], rows + np.arange(8) * len(POSITIONS))


def test_a_csv_of_entries(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text('category,entry\nPerson,Jo Doe\nORG,"Acme, Inc"\n')
    categories = read_lexicons({"own": LexiconSource(path=str(path), partial=True)}, "run").categories
    assert [(category.category, len(category.lexicon.exact)) for category in categories] == [("Person", 1), ("ORG", 2)]
    # A single token is a partial match of a person, and of no other category.
    assert [category.lexicon.positions([["jo", "acme,"]]).tolist() for category in categories] == [[1, 0], [0, 0]]
    # Entries are found as sentences are tokenized.
    assert categories[1].lexicon.positions([["acme", ",", "inc"]]).tolist()[0] > 0


def test_entries_match_sentences_that_are_split_at_digits(source, tmp_path):
    (tmp_path / "ner.misc.lst").write_text("boeing 747\nf-16\n")
    features = Config().updated({"features.lexicons.sources": {"senna": source}}).features
    sentence = DigitPieces().split_sentence(Sentence(("A", "Boeing", "747", "and", "F-16"), None, None, "f", 1, 0))
    encoder = Encoder.fit(features, [sentence], split_digits=True)
    # A | Boeing 7 4 7 | and | F- 1 6
    assert encoder.encode([sentence]).by_token["lexicons"][:, 3].tolist() == [0, 1, 2, 2, 3, 0, 1, 2, 3]


def test_bad_lexicons_give_errors_of_one_line(source, tmp_path):
    def read(**changes):
        return read_lexicons({"senna": LexiconSource(**{**source, **changes})}, "run")

    with pytest.raises(CorpusError, match=r"ner.per.lst:1: expected utf-8, found byte 0xfc; "
                                          r"set features.lexicons.sources.senna.encoding"):
        read(encoding="utf-8")
    with pytest.raises(CorpusError, match="expected a file, found nothing; set features.lexicons.sources.senna.path"):
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
        lexicons_from_arrays({"0 name": np.array(["a", "b"])})


def test_mistakes_in_the_settings_of_lexicons():
    from ner_mx.config import load_config
    with pytest.raises(ConfigError, match="the key 'a' is duplicated"):
        load_config(settings=["features.lexicons.sources={a: {path: b}, a: {path: c}}"])
    with pytest.raises(ConfigError, match="features.lexicons.sources.own.pth: unknown key; did you mean path?"):
        load_config(settings=["features.lexicons.sources.own.pth=b"])


@pytest.mark.corpus
def test_conll_against_the_papers_lexicon(shared):
    sources = {"senna": {"path": str(shared / "senna/hash"), "encoding": "iso-8859-1", "partial": True}}
    features = Config().updated({"features.lexicons.sources": sources, "features.pos.use": False}).features
    blocks = (shared / "conll2003/iob2/train.txt").read_text().split("\n\n")
    sentences = [Sentence(tuple(line.split()[0] for line in block.splitlines()), None, None, "", 0, 0)
                 for block in blocks if block.strip()]
    encoder = Encoder.fit(features, sentences)
    assert encoder.encode(sentences).by_token["lexicons"].any(axis=0).all()
    # Of 123,283 persons and 6,440 organisations, two and one differ from others in their digits only.
    assert [len(category.lexicon.exact) for category in encoder.feature("lexicons").categories] == [
        123281, 6439, 36697, 4722]
