"""Rules beside the network: patterns against brute force and spaCy, precedence, errors of one line, the whole path."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ner_mx
from ner_mx.config import Config
from ner_mx.data.spans import Span
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.decoding.entity_rules import EntityRules, shape
from ner_mx.errors import UserError
from ner_mx.registry import register

TOKENIZER = register.tokenizer["rules"]()


def rules_of(*rules):
    return EntityRules("\n".join(map(json.dumps, rules)).encode(), TOKENIZER, "rules.jsonl")


def applied(tokens, found, *rules):
    spans = [ScoredSpan(Span(*span), 0.5) for span in found]
    return [tuple(entry.span) for entry in rules_of(*rules).applied(tokens.split(), spans)]


atoms = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["1", "?", "*", "+"])), min_size=1,
                 max_size=4).filter(lambda pattern: any(operator in "1+" for _, operator in pattern))


def expansions(pattern, longest):
    """Every sequence of words that a pattern stands for."""
    choices = [[word * count for count in {"1": (1,), "?": (0, 1), "*": range(longest + 1),
                                           "+": range(1, longest + 1)}[operator]] for word, operator in pattern]
    return {"".join(parts) for parts in product(*choices)}


@given(atoms, st.text(alphabet="abc", min_size=1, max_size=6))
def test_patterns_match_the_longest_of_all_sequences_they_stand_for(pattern, words):
    rule = {"label": "X", "pattern": [{"TEXT": word, "OP": operator} for word, operator in pattern]}
    stands_for = expansions(pattern, len(words))
    matches = [(start, end) for start in range(len(words)) for end in range(len(words), start, -1)
               if words[start:end] in stands_for]
    longest = {}
    for start, end in matches:
        longest.setdefault(start, end)
    expected, taken = [], set()
    for start, end in sorted(longest.items(), key=lambda match: (match[0] - match[1], match[0])):
        if not taken & set(range(start, end)):
            taken |= set(range(start, end))
            expected.append((start, end, "X"))
    assert applied(" ".join(words), [], rule) == sorted(expected)


SPACY = [{"label": "ORG", "pattern": "Acme Corp"},
         {"label": "LOC", "pattern": [{"LOWER": "lake"}, {"IS_TITLE": True}]},
         {"label": "ID", "pattern": [{"SHAPE": "Xdd"}]},
         {"label": "YEAR", "pattern": [{"IS_DIGIT": True, "LENGTH": 4}]},
         {"label": "PER", "pattern": [{"LOWER": {"IN": ["mr", "ms"]}},
                                      {"IS_UPPER": False, "IS_TITLE": True, "OP": "+"}]},
         {"label": "ORG", "pattern": [{"TEXT": {"NOT_IN": ["Lake"]}, "IS_TITLE": True}, {"LOWER": "united"}]}]


@pytest.mark.parametrize("text", [
    "In 1999 Acme Corp bought Lake Garda", "mr Jones Smith met MS Ada in lake Como", "A12 and B345 in 2020",
    "Florence United , Lake United", "acme corp Acme", "Mr", "123 12345 0099"])
def test_matches_are_those_of_spacy(text):
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(SPACY)
    doc = nlp.get_pipe("entity_ruler")(spacy.tokens.Doc(nlp.vocab, text.split()))
    assert applied(text, [], *SPACY) == [(entity.start, entity.end, entity.label_) for entity in doc.ents]


@pytest.mark.parametrize("word", ["Florence-12345", "abcdef", "ABC", "a1B2", "…", "ÄÖÜx", "11111111"])
def test_shapes_are_those_of_spacy(word):
    spacy = pytest.importorskip("spacy")
    assert shape(word) == spacy.blank("en").vocab[word].shape_


@pytest.mark.parametrize("rule, found, expected", [
    ({"label": "ORG", "pattern": "b"}, [], [(1, 2, "ORG")]),
    ({"label": "ORG", "pattern": "b"}, [(0, 2, "PER")], [(0, 2, "PER")]),
    ({"label": "ORG", "pattern": "b", "action": "override"}, [(0, 2, "PER")], [(1, 2, "ORG")]),
    ({"label": "ORG", "pattern": "b", "action": "override"}, [(0, 1, "PER")], [(0, 1, "PER"), (1, 2, "ORG")]),
    ({"label": "PER", "pattern": "b c", "action": "forbid"}, [(1, 3, "PER")], []),
    ({"label": "LOC", "pattern": "b c", "action": "forbid"}, [(1, 3, "PER")], [(1, 3, "PER")]),
    ({"label": "*", "pattern": "b c", "action": "forbid"}, [(1, 3, "PER")], []),
    ({"label": "*", "pattern": "b", "action": "forbid"}, [(1, 3, "PER")], [(1, 3, "PER")])])
def test_what_each_action_does(rule, found, expected):
    assert applied("a b c", found, rule) == expected


def test_precedence():
    rules = [{"label": "ONE", "pattern": "a b"}, {"label": "TWO", "pattern": "b c", "action": "override"},
             {"label": "TWO", "pattern": "b c", "action": "forbid"}, {"label": "LONG", "pattern": "c d e"}]
    assert applied("a b c d e", [(0, 1, "PER")], *rules) == [(0, 1, "PER"), (1, 3, "TWO")]
    assert applied("a b x c d e", [], *rules) == [(0, 2, "ONE"), (3, 6, "LONG")]
    assert applied("a b c d e", [], *rules[:1], *rules[3:]) == [(0, 2, "ONE"), (2, 5, "LONG")]
    assert rules_of(*rules).labels == ["LONG", "ONE", "TWO"]
    assert rules_of(rules[0]).applied(["a", "b"], [])[0].probability == 1.0


@pytest.mark.parametrize("line, message", [
    ("{", "a rule as JSON"), ("[]", "an object such as"), ('{"pattern": "a"}', "a label without white space"),
    ('{"label": "A B", "pattern": "a"}', "a label without"), ('{"label": "A", "pattern": 3}', "a phrase or a list"),
    ('{"label": "A", "pattern": " "}', "a phrase of 1 to"), ('{"label": "A", "pattern": []}', "a pattern of 1 to"),
    ('{"label": "A", "pattern": [{"OP": "?"}]}', "one of which must be there"),
    ('{"label": "A", "pattern": "a", "action": "overide"}', "did you mean override"),
    ('{"label": "*", "pattern": "a"}', "for what is forbidden"), ('{"label": "A", "patern": "a"}', "the keys label"),
    ('{"label": "A", "pattern": [{"LOWR": "a"}]}', "did you mean LOWER"),
    ('{"label": "A", "pattern": [{"POS": "NOUN"}]}', "no other annotation than words"),
    ('{"label": "A", "pattern": [{"TEXT": {"REGEX": "(a+)+$"}}]}', 'or {"IN"'),
    ('{"label": "A", "pattern": [{"LOWER": "a", "OP": "{2}"}]}', "one of the operators"),
    ('{"label": "A", "pattern": [3]}', "a token such as")])
def test_what_is_no_rule_gives_its_line(line, message):
    with pytest.raises(UserError, match=r"^rules.jsonl:2: expected ") as error:
        EntityRules(('{"label": "X", "pattern": "y"}\n' + line).encode(), TOKENIZER, "rules.jsonl")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_many_rules_and_a_hostile_pattern_take_little_time():
    many = [{"label": "X", "pattern": f"word{number} more"} for number in range(50_000)]
    hostile = {"label": "Y", "pattern": [{"TEXT": "a", "OP": "*"}] * 39 + [{"TEXT": "b"}]}
    rules = rules_of(*many, hostile)
    assert rules.applied(["a"] * 400 + ["word7", "more"], [])[-1].span == Span(400, 402, "X")
    with pytest.raises(UserError, match="at most 200,000 rules"):
        rules_of(*[{"label": "X", "pattern": [{}]}] * 2001)


@pytest.fixture(scope="module")
def ruled(tmp_path_factory, short_sample):
    """A run with rules, and the words that they add."""
    folder = tmp_path_factory.mktemp("ruled")
    rules = [{"label": "NEW", "pattern": "May", "action": "override"}, {"label": "*", "pattern": "Washington",
                                                                       "action": "forbid"}]
    (folder / "rules.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    config = Config().updated({
        "corpus.path": str(short_sample), "corpus.processed": str(folder), "run.directory": str(folder),
        "run.name": "run", "run.threads": 1, "training.epochs": 1, "model.units": 8,
        "decoding.outside_penalty": 0.0,  # after one epoch, the rules alone find anything
        "inference.rules": str(folder / "rules.jsonl")})
    ner_mx.preprocess(config)
    return ner_mx.train(config)


def test_rules_are_part_of_the_run_and_its_scores(ruled):
    assert (ruled.folder / "rules.jsonl").is_file()
    lines = [line.split() for line in (ruled.folder / "predictions/test.conll").read_text().splitlines() if line]
    assert any(word == "May" for word, *_ in lines)
    assert all((word == "May") == (tag == "B-NEW") for word, _, tag in lines)
    assert ruled.metrics["test_with_predicted_POS"]["entity"]["types"]["NEW"]["correct"] == 0
    scores = ruled.evaluate()
    assert scores["test"].micro.f1 == ruled.metrics["test"]["entity"]["micro"]["f1"]


def test_rules_are_part_of_the_bundle(ruled, tmp_path, call_command):
    bundle = ruled.export(tmp_path / "bundle")
    assert (bundle / "rules.jsonl").is_file()
    tagger = ner_mx.load(bundle)
    assert "NEW" in tagger.labels
    assert [tuple(entry) for entry in tagger.tag(["in", "May"])] == [(Span(1, 2, "NEW"), 1.0)]
    entities, expected = tagger.predict("In May."), ruled.tagger().predict("In May.")
    assert [entity[:4] for entity in entities] == [entity[:4] for entity in expected]
    assert [entity.score for entity in entities] == pytest.approx([entity.score for entity in expected], abs=1e-5)
    assert Span(1, 2, "NEW") not in dict(tagger.likely_spans(["in", "May"], 0.001))
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert "rules.jsonl" in manifest["files"]
    (bundle / "rules.jsonl").write_text('{"label": "X"}\n')
    done = call_command("-m", "ner_mx", "predict", bundle, "In May.")
    assert done.returncode == 2 and "rules.jsonl" in done.stderr


def test_rules_that_cannot_be_read_stop_a_run_before_it_begins(ruled, tmp_path):
    config = ruled.config.updated({"run.name": "other", "inference.rules": str(tmp_path / "none.jsonl")})
    with pytest.raises(UserError, match="none.jsonl: expected rules, found: No such file"):
        ner_mx.train(config)
    assert not (ruled.folder.parent / "other").exists()
