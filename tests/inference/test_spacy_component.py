"""A bundle in a spaCy pipeline: the same entities as the tagger, whatever else spaCy does with it."""

import pickle
import shutil

import pytest
import spacy
from random_networks import some_sentences
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from ner_mx.config import Config
from ner_mx.data.detection import format_named
from ner_mx.data.sentence import Sentence
from ner_mx.data.tag_schemes import tags_of
from ner_mx.errors import BundleError, UserError
from ner_mx.evaluation.scores import evaluate
from ner_mx.inference.tagger import Tagger

TEXT = "Ada  Lovelace left Florence. The bank of England,\n\nsaid Ada, is near U.S. banks. "


def pipeline(bundle, **settings):
    nlp = spacy.blank("en")
    nlp.add_pipe("ner_mx", config={"bundle": str(bundle), **settings})
    return nlp


def entities(doc):
    return [(entity.start, entity.end, entity.label_, entity._.score) for entity in doc.ents]


def tagged(tagger, tokens):
    return [(*scored.span, pytest.approx(scored.probability, rel=1e-6)) for scored in tagger.tag(tokens)]


def test_the_entities_of_sentences_are_those_of_the_tagger(bundle):
    nlp, tagger = pipeline(bundle, sentences="document"), Tagger.load(bundle)
    sentences = some_sentences(60, seed=3)
    docs = [Doc(nlp.vocab, words=list(sentence.tokens)) for sentence in sentences]
    expected = [tagged(tagger, sentence.tokens) for sentence in sentences]
    assert [entities(doc) for doc in nlp.pipe(docs, batch_size=7)] == expected and sum(map(len, expected)) > 30
    assert [entities(nlp(Doc(nlp.vocab, words=list(sentence.tokens)))) for sentence in sentences] == expected
    assert nlp.get_pipe("ner_mx").labels == tuple(tagger.labels)
    assert all(doc.has_annotation("ENT_IOB") for doc in docs)


def test_sentences_of_the_document_or_of_the_rules(bundle):
    nlp, tagger = pipeline(bundle), Tagger.load(bundle)
    words = [token for token in nlp.make_doc(TEXT) if not token.is_space]

    def expected(*borders):
        result = []
        for start, end in zip((0, *borders), (*borders, len(words))):
            for first, last, label, score in tagged(tagger, [token.text for token in words[start:end]]):
                result.append((words[start + first].i, words[start + last - 1].i + 1, label, score))
        return result

    by_rules = [number for number, token in enumerate(words) if token.text in ("The", "said")]
    assert entities(nlp(TEXT)) == expected(*by_rules)
    nlp.add_pipe("sentencizer", first=True)
    by_marks = [number + 1 for number, token in enumerate(words[:-1]) if token.text == "."]
    assert entities(nlp(TEXT)) == expected(*by_marks) != expected(*by_rules)
    for text in ("", " ", "\n\n \t"):
        assert list(nlp(text).ents) == []


def test_entities_that_a_document_has_are_kept(bundle):
    nlp = pipeline(bundle)
    first, *others = entities(nlp(TEXT))
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, first[0], first[1], label="RULE")]
    found = entities(nlp.get_pipe("ner_mx")(doc))
    assert found == [(*first[:2], "RULE", None), *others]
    nlp = pipeline(bundle, min_score=0.99, extension="probability")
    assert not nlp(TEXT).ents and Span.has_extension("probability")


def test_a_pipeline_on_disk_and_in_bytes(bundle, tmp_path):
    nlp = pipeline(bundle)
    expected = entities(nlp(TEXT))
    nlp.to_disk(tmp_path / "pipeline")
    assert entities(spacy.load(tmp_path / "pipeline")(TEXT)) == expected
    # Where the original bundle is not, the pipeline has its own.
    config = (tmp_path / "pipeline/config.cfg").read_text()
    (tmp_path / "pipeline/config.cfg").write_text(config.replace(str(bundle), "elsewhere"))
    assert entities(spacy.load(tmp_path / "pipeline")(TEXT)) == expected
    empty = spacy.blank("en")
    component = empty.add_pipe("ner_mx")
    with pytest.raises(BundleError, match="the component ner_mx: expected the folder of a bundle .*, found nothing"):
        empty(TEXT)
    component.from_bytes(nlp.get_pipe("ner_mx").to_bytes())
    assert entities(empty(TEXT)) == expected
    for damaged in (b"", b"\x80", nlp.get_pipe("ner_mx").to_bytes()[:-100]):
        with pytest.raises(BundleError, match="expected the files of a bundle"):
            component.from_bytes(damaged)
    other = spacy.blank("en")
    other.add_pipe("ner_mx", config={"bundle": str(tmp_path / "none")})
    with pytest.raises(BundleError, match="found no bundle in .*none"):
        other(TEXT)


def test_a_pipeline_whose_original_bundle_has_changed(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "bundle")
    nlp = pipeline(tmp_path / "bundle")
    expected = entities(nlp(TEXT))
    nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "bundle/model.onnx").write_bytes(b"")
    assert entities(spacy.load(tmp_path / "pipeline")(TEXT)) == expected
    assert entities(pickle.loads(pickle.dumps(nlp.get_pipe("ner_mx")))(nlp.make_doc(TEXT))) == expected
    for settings in ({"threads": 0}, {"extension": ""}):
        with pytest.raises(UserError, match="the component ner_mx: (threads|extension): expected"):
            pipeline(bundle, **settings)


def test_blocked_tokens_are_left_alone(bundle):
    nlp = pipeline(bundle)
    first, *others = entities(nlp(TEXT))
    doc = nlp.make_doc(TEXT)
    doc.set_ents([], blocked=[doc[first[0]:first[0] + 1]])
    assert entities(nlp.get_pipe("ner_mx")(doc)) == others and doc[first[0]].ent_iob == 3


def test_several_processes(bundle):
    nlp = pipeline(bundle)
    texts = [TEXT] * 20
    expected = [(*entity[:3], pytest.approx(entity[3])) for entity in entities(nlp(TEXT))]
    assert [entities(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=5)] == [expected] * 20


def test_the_scorer_of_spacy_gives_our_figures(bundle):
    nlp, tagger = pipeline(bundle, sentences="document"), Tagger.load(bundle)
    sentences = some_sentences(80, seed=5)
    examples = []
    for sentence in sentences:
        doc = Doc(nlp.vocab, words=list(sentence.tokens))
        reference = Doc(nlp.vocab, words=list(sentence.tokens), ents=list(sentence.gold))
        examples.append(Example(doc, reference))
    scores = nlp.evaluate(examples)
    ours = evaluate([sentence.gold for sentence in sentences], [
        tags_of([scored.span for scored in tagger.tag(sentence.tokens)], len(sentence.tokens), "IOB2")
        for sentence in sentences])
    assert (scores["ents_p"], scores["ents_r"], scores["ents_f"]) == pytest.approx(
        (ours.micro.precision, ours.micro.recall, ours.micro.f1))
    assert {label: score["f"] for label, score in scores["ents_per_type"].items()} == pytest.approx(
        {label: score.f1 for label, score in ours.types.items()})


def test_a_docbin_of_ours_through_the_pipeline_and_back(bundle, tmp_path):
    sentences = [Sentence(sentence.tokens, sentence.gold, document=number // 5)
                 for number, sentence in enumerate(some_sentences(30, seed=7))]
    format_named("spacy").write(sentences, tmp_path / "gold.spacy")
    nlp, tagger = pipeline(bundle), Tagger.load(bundle)
    docs = DocBin().from_disk(tmp_path / "gold.spacy").get_docs(nlp.vocab)
    blank = [Doc(nlp.vocab, words=[token.text for token in doc],
                 sent_starts=[token.is_sent_start for token in doc]) for doc in docs]
    DocBin(docs=nlp.pipe(blank)).to_disk(tmp_path / "tagged.spacy")
    read = format_named("spacy").read(tmp_path / "tagged.spacy", Config().corpus).sentences
    assert [sentence.tokens for sentence in read] == [sentence.tokens for sentence in sentences]
    for sentence, original in zip(read, sentences):
        spans = [scored.span for scored in tagger.tag(original.tokens)]
        assert sentence.gold == tags_of(spans, len(original.tokens), "IOB2")
