"""Explanations: effects against sentences that are changed by hand, faithfulness against random orders."""

import json
import re

import numpy as np
import pytest

from ner_mx.analysis.explanation import area, deletion_curve, explain
from ner_mx.analysis.occlusion import HIDDEN, Change, encode_variants
from ner_mx.analysis.text_explanation import explain_text
from ner_mx.data.spans import Span
from ner_mx.decoding.scoring import for_each_sentence
from ner_mx.errors import UserError
from ner_mx.evaluation.predictions import read_predictions
from ner_mx.inference.tagger import Tagger
from ner_mx.reports.explanation_page import explanation_page

TOKENS = ["the", "bank", "of", "Florence", "said", "Ada", "."]


def log_odds(tagger, tokens, span):
    probability = dict(tagger.likely_spans(tokens, 1e-12)).get(span, 0.0)
    clipped = min(max(probability, 1e-6), 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


@pytest.fixture(scope="module")
def span(tagger):
    """The likeliest entity of the sentence."""
    return max(tagger.likely_spans(TOKENS, 0.01), key=lambda entry: entry.probability).span


def test_a_hidden_word_is_another_word(tagger, span):
    explanation, = explain(tagger.recognizer, TOKENS, [span])
    whole = log_odds(tagger, TOKENS, span)
    assert explanation.probability == pytest.approx(1 / (1 + np.exp(-whole)), abs=1e-6)
    for place, effect in enumerate(explanation.words):
        without = [*TOKENS[:place], HIDDEN, *TOKENS[place + 1:]]
        assert effect == pytest.approx(whole - log_odds(tagger, without, span), abs=1e-4)


def scores(tagger, variants):
    encoded = encode_variants(tagger.recognizer, TOKENS, variants)
    return for_each_sentence(tagger.recognizer.scorer, encoded, 4, lambda batch, emissions: [
        emissions[:size, row] for row, size in enumerate(batch.length)])


def test_all_features_of_a_token_together_are_the_word(tagger):
    names = tuple(feature.name for feature in tagger.recognizer.encoder.features)
    whole, features, nothing, one = scores(tagger, [[Change(3, "Rome")], [Change(3, "Rome", names)], [],
                                                    [Change(3, "Florence", names)]])
    np.testing.assert_allclose(features, whole, atol=1e-5)
    np.testing.assert_allclose(one, nothing, atol=1e-5)
    assert np.abs(whole - nothing).max() > 1e-3


def test_features_change_alone_and_together(tagger):
    names = [feature.name for feature in tagger.recognizer.encoder.features]
    assert len(names) > 1
    together = scores(tagger, [[Change(3, "Rome", (name,)) for name in names], [Change(3, "Rome")]])
    np.testing.assert_allclose(together[0], together[1], atol=1e-5)
    first, second, plain = scores(tagger, [[Change(3, "ROME", ("casing",))], [Change(3, "ROME")], []])
    assert np.abs(first - plain).max() > 1e-4 and np.abs(first - second).max() > 1e-4
    # A later call must not find vectors of a mixed word of this one.
    np.testing.assert_allclose(scores(tagger, [[Change(3, "Rome", ("casing",))]])[0], plain, atol=1e-5)


def test_what_is_known_of_each_part(tagger, span):
    explanation, = explain(tagger.recognizer, TOKENS, [span])
    names = {feature.name for feature in tagger.recognizer.encoder.features}
    assert set(explanation.features) == set(explanation.by_token) == names
    words = TOKENS[span.start:span.end]
    assert [len(effects) for effects in explanation.characters] == [len(word) for word in words]
    assert all(len(effects) == len(words) for effects in explanation.by_token.values())
    assert all("casing" in facts for facts in explanation.facts)
    if len(words) == 1:  # one character is all that the characters of a word of one character say
        single, = explain(tagger.recognizer, [*TOKENS, "x"], [Span(7, 8, span.label)])
        assert single.characters[0][0] == pytest.approx(single.by_token["characters"][0], abs=1e-4)


def test_lexicons_say_what_they_found(tmp_path):
    from random_networks import build, lexicon_sources

    recognizer, _ = build({"features.lexicons.sources": lexicon_sources(tmp_path)})
    explanation, = explain(recognizer, ["the", "bank", "said"], [Span(0, 2, "LOC")])
    assert explanation.facts[0]["lexicon one LOC"] == "B" and explanation.facts[1]["lexicon one LOC"] == "E"
    assert "lexicons" in explanation.features


def sentences_of(run):
    """The sentences of the test set of a run that have at least five tokens."""
    return [tokens for tokens in read_predictions(run.folder / "predictions/test.conll").tokens if len(tokens) > 4]


def test_sampling_finds_the_words_that_count(run):
    tagger = run.tagger()
    agreements = []
    for tokens in sentences_of(run)[:40]:
        found = tagger.tag(tokens)
        if found:
            spans = [found[0].span]
            hidden, = explain(tagger.recognizer, tokens, spans)
            sampled, = explain(tagger.recognizer, tokens, spans, "sampling")
            agreements.append(np.corrcoef(hidden.words, sampled.words)[0, 1])
    assert len(agreements) > 5 and np.mean(agreements) > 0.4


def test_hiding_what_is_named_loses_the_entity_faster_than_at_random(run):
    """The mean area under the deletion curves, against that of ten random orders of the same words."""
    tagger = run.tagger()
    random = np.random.RandomState(1)
    named, drawn = [], []
    for tokens in sentences_of(run):
        found = [span for span, probability in tagger.tag(tokens) if probability > 0.5]
        if not found:
            continue
        explanation, = explain(tagger.recognizer, tokens, found[:1])
        order = sorted(range(len(tokens)), key=lambda place: -explanation.words[place])
        named.append(area(deletion_curve(tagger.recognizer, tokens, found[0], order)))
        drawn += [area(deletion_curve(tagger.recognizer, tokens, found[0], random.permutation(len(tokens)).tolist()))
                  for _ in range(10)]
    assert len(named) > 5 and np.mean(named) < 0.6 * np.mean(drawn), (np.mean(named), np.mean(drawn))


def test_areas():
    assert area([1.0, 1.0]) == 1 and area([1.0, 0.0]) == 0.5 and area([0.3]) == 0.3
    assert area([1.0, 0.0, 0.0]) == 0.25


def test_entities_of_a_text(tagger):
    text = "Ada said. The bank of Florence!"
    sentences = explain_text(tagger, text)
    found = [(entity["start"], entity["end"], entity["label"]) for sentence in sentences
             for entity in sentence["entities"]]
    assert found == [(entity.start, entity.end, entity.label) for entity in tagger.predict(text)] and found
    for sentence in sentences:
        for token, (start, end) in zip(sentence["tokens"], sentence["offsets"]):
            assert text[start:end] == token
    asked, = explain_text(tagger, text, target=(22, 30, tagger.labels[0]))
    assert asked["entities"][0]["tokens"] == [3, 4]
    for target, message in (((1, 2, tagger.labels[0]), "the borders of tokens"), ((0, 3, "XYZ"), "one of the types"),
                            ((0, 13, tagger.labels[0]), "of one sentence")):
        with pytest.raises(UserError, match=message):
            explain_text(tagger, text, target=target)
    with pytest.raises(UserError, match="expected one of occlusion, sampling"):
        explain_text(tagger, text, "gradient")


def test_the_page_is_complete_in_itself_and_harmless(tagger):
    text = "Ada <script>alert(1)</script> said Bert"
    page = explanation_page(text, explain_text(tagger, text), "occlusion")
    assert "<script" not in page and not re.search(r'(?:src|href)="', page)
    assert "No entity was found in “&lt;b&gt;”" in explanation_page("<b>", [], "occlusion")


def test_the_command(bundle, tagger, call_command, tmp_path):
    text = "Ada said Bert."
    done = call_command("ner-mx", "explain", bundle, text, "-o", tmp_path / "page.html")
    assert done.returncode == 0 and (tmp_path / "page.html").is_file(), done.stderr
    for entity in tagger.predict(text):
        assert f"{entity.text} ({entity.label} {entity.score:.3f})" in done.stdout
    values = json.loads(call_command("ner-mx", "explain", bundle, text, "--json", "--method", "sampling").stdout)
    assert values["method"] == "sampling" and len(values["sentences"][0]["tokens"]) == 4
    wrong = call_command("ner-mx", "explain", bundle, text, "--entity", "0-3")
    assert wrong.returncode == 2 and "expected START:END:TYPE" in wrong.stderr


def test_taggers_of_bundles_and_of_runs_agree(run, tmp_path):
    run.export(tmp_path / "bundle")
    bundle, network = Tagger.load(tmp_path / "bundle", threads=1), run.tagger()
    tokens = ["Jordan", "May", "left", "Washington", "."]
    spans = [span for span, _ in network.tag(tokens)] or [Span(0, 2, "PER")]
    for one, other in zip(explain(bundle.recognizer, tokens, spans), explain(network.recognizer, tokens, spans)):
        np.testing.assert_allclose(one.words, other.words, atol=2e-2)
        np.testing.assert_allclose(one.by_token["words"], other.by_token["words"], atol=2e-2)


def test_existing_files_are_kept_unless_told(bundle, call_command, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = call_command("ner-mx", "explain", bundle, "Ada said.", "-o", tmp_path / "mine.txt")
    assert done.returncode == 2 and "exists already" in done.stderr and (tmp_path / "mine.txt").read_text() == "mine"
    assert call_command("ner-mx", "explain", bundle, "Ada said.", "-o", tmp_path).returncode == 2
    assert call_command("ner-mx", "explain", bundle, "Ada said.", "-o", tmp_path / "mine.txt",
                        "--overwrite").returncode == 0


def test_sentences_that_no_window_holds_are_named(bundle, call_command):
    text = "word " * 600 + "Ada said."
    for arguments in (["explain", bundle, text], ["predict", bundle, text, "--n-best", "2"]):
        done = call_command("ner-mx", *arguments)
        assert done.returncode == 2 and "at most 512 tokens" in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1
