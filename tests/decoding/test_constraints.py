"""Grammars and constraints of the tag encodings: against definitions by hand, and every short tag sequence."""

from itertools import product

import numpy as np
import pytest

from ner_mx.data.tag_schemes import convert_tags, grammar
from ner_mx.decoding.constraints import FORBIDDEN, constraints_of, forbid_open_end
from ner_mx.decoding.lattice import path_score
from ner_mx.registry import register

ENCODINGS = ("BILOU", "BIOES", "IOB2", "IOB1", "IO")
TYPES = ("X", "Y")
LONGEST = 4


def pairs_of(text):
    """Pairs written as ``BI=`` (of one type), ``BI!`` (of different types) or ``BI`` (either)."""
    result = set()
    for pair in text.split():
        result.update((pair[0], pair[1], same) for same in {"=": [True], "!": [False]}.get(pair[2:], [True, False]))
    return result


def bracketed_pairs(end, single):
    """Outside an entity anything may begin; inside one, it goes on or ends."""
    outside = ["OO=", "OB!", f"O{single}!"]
    outside += [pair for last in (end, single) for pair in (f"{last}O!", f"{last}B", f"{last}{single}")]
    return pairs_of(" ".join([*outside, "BI=", f"B{end}=", "II=", f"I{end}="]))


# By encoding: the prefixes, those at the start and at the end of a sentence, and the pairs.
DEFINITIONS = {
    "IO": ("I", "OI", "OI", pairs_of("OO= OI! IO! II")),
    "IOB2": ("BI", "OB", "OBI", pairs_of("OO= OB! BO! IO! BI= II= BB IB")),
    "IOB1": ("BI", "OI", "OBI", pairs_of("OO= OI! BO! IO! BI II BB= IB=")),
    "BIOES": ("BEIS", "OBS", "OES", bracketed_pairs("E", "S")),
    "BILOU": ("BILU", "OBU", "OLU", bracketed_pairs("L", "U")),
}


def tags_of_types(encoding, types=TYPES):
    """O, and every prefix of an encoding with every type."""
    return ["O"] + [f"{prefix}-{label}" for label in types for prefix in DEFINITIONS[encoding][0]]


def test_these_are_the_registered_encodings():
    assert set(ENCODINGS) == set(DEFINITIONS) <= set(register.tag_encoding.names())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_grammar_equals_the_definition_by_hand(encoding):
    prefixes, starts, ends, pairs = DEFINITIONS[encoding]
    assert grammar(encoding) == (tuple(prefixes), set(starts), set(ends), pairs)


@pytest.mark.parametrize("length", range(1, LONGEST + 1))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_constraints_allow_exactly_the_well_formed_sequences(encoding, length):
    """A sequence is well-formed if its spans, written in the encoding, are the same sequence.

    This is equivalent to the constraints in all five encodings.  It is in IOB1, too,
    although B depends there on the entity before it: whether a B is right
    is decided by the type of the tag right before it.
    """
    tags = tags_of_types(encoding)
    transitions, start, open_tags = constraints_of(tags, encoding)
    sequences = np.array(list(product(range(len(tags)), repeat=length))).T  # (T, N)
    lengths = np.full(sequences.shape[1], length)
    emissions = np.zeros((*sequences.shape, len(tags)), np.float32)
    scores = path_score(forbid_open_end(emissions, lengths, open_tags), transitions, start, lengths, sequences)
    allowed = scores == 0.0
    assert (scores[~allowed] <= FORBIDDEN).all()
    for ids, is_allowed in zip(sequences.T, allowed):
        names = tuple(tags[index] for index in ids)
        assert is_allowed == (convert_tags(names, encoding) == names), names
    assert allowed.any() and (encoding == "IO") == allowed.all()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_constraints_only_forbid(encoding):
    tags = tags_of_types(encoding)
    transitions, start, open_tags = constraints_of(tags, encoding)
    assert transitions.shape == (len(tags), len(tags)) and start.shape == (len(tags),)
    assert transitions.dtype == start.dtype == np.float32
    assert set(np.concatenate([transitions.ravel(), start]).tolist()) <= {0.0, -np.inf}
    # A sentence may always be O throughout.
    assert start[0] == transitions[0, 0] == 0.0 and 0 not in open_tags


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_constraints_follow_the_order_of_the_tags(encoding):
    tags = tags_of_types(encoding, ("X", "Y", "Y-Z"))
    order = np.random.RandomState(4).permutation(len(tags))
    transitions, start, open_tags = constraints_of(tags, encoding)
    reordered = constraints_of([tags[index] for index in order], encoding)
    np.testing.assert_array_equal(reordered.transitions, transitions[np.ix_(order, order)])
    np.testing.assert_array_equal(reordered.start, start[order])
    assert set(order[reordered.open_tags]) == set(open_tags)


def test_only_the_last_token_of_each_sentence_is_closed():
    emissions = np.random.RandomState(2).normal(size=(4, 3, 5)).astype(np.float32)
    original = emissions.copy()
    length = np.array([4, 1, 3])
    closed = forbid_open_end(emissions, length, np.array([1, 4]))
    np.testing.assert_array_equal(emissions, original)
    forbidden = np.zeros(emissions.shape, bool)
    for row, size in enumerate(length):
        forbidden[size - 1, row, [1, 4]] = True
    assert (closed[forbidden] == FORBIDDEN).all()
    np.testing.assert_array_equal(closed[~forbidden], original[~forbidden])
