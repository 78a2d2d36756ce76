"""Students: from teachers and text to a bundle, what is chosen, what is made, and interruptions."""

import json

import numpy as np
import pytest

import ner_mx
from ner_mx.config import Config
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.distillation import Distilling, distilled_corpus
from ner_mx.distillation import unlabelled as unlabelled_module
from ner_mx.distillation.augmentation import MASK
from ner_mx.distillation.corpus import student_config
from ner_mx.distillation.unlabelled import Filter, labelled_text
from ner_mx.errors import BundleError, ConfigError, CorpusError, RunError, UserError
from ner_mx.inference.ensemble import Ensemble
from ner_mx.preprocessing.processed_corpus import read_processed
from ner_mx.registry import load_code, register

SMALL = {"features.words.dimension": 12, "features.characters.filters": 12, "model.units": 24,
         "features.pos.use": False, "training.epochs": 3, "training.batch_size": 16,
         "training.optimizer.learning_rate": 0.01}


@pytest.fixture(scope="module")
def teachers(tmp_path_factory, short_sample):
    """Two finished runs of different models, the second exported."""
    folder = tmp_path_factory.mktemp("teachers")
    config = Config().updated({**SMALL, "corpus.path": str(short_sample), "corpus.processed": str(folder / "data"),
                               "run.directory": str(folder / "runs"), "training.epochs": 20})
    first = ner_mx.train(ner_mx.preprocess(config), name="first")
    other = config.updated({"model.name": "feed-forward", "loss.name": "sentence"})
    second = ner_mx.train(ner_mx.preprocess(other), name="second")
    return [first.folder, second.export(folder / "bundle")]


@pytest.fixture
def config(tmp_path, short_sample):
    """The configuration of a student."""
    return student_config(Config().updated({
        **SMALL, "corpus.path": str(short_sample), "corpus.processed": str(tmp_path / "data"), "corpus.name": "student",
        "run.directory": str(tmp_path / "runs")}))


@pytest.fixture
def text(tmp_path, root):
    """Sentences of the sample corpus that the short one lacks, as text."""
    blocks = (root / "data/sample/train.txt").read_text(encoding="utf-8").split("\n\n")[400:600]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(" ".join(line.split()[0] for line in block.splitlines() if line) for block in blocks),
                    encoding="utf-8")
    return path


def test_a_student_of_two_teachers(teachers, config, text):
    """The corpus has text before annotated sentences, each token with the mean of the teachers' marginals."""
    corpus = distilled_corpus(teachers, config, Distilling([text], Filter(0.0, 0.0, tokens=600), ["mask", "ngrams"]))
    train, count = corpus.splits["train"], corpus.meta["annotated"]
    assert len(train) > count + 20 and corpus.soft.shape == (len(train.word_type), len(corpus.encoder.tags))
    annotated = train.bounds[len(train) - count]
    assert (train.tags[:annotated] == -1).all() and (train.tags[annotated:] >= 0).all()
    marginals = [ner_mx.load(path) for path in teachers]
    for row in (0, len(train) - count - 1, len(train) - 1):
        tokens = train.tokens()[row]
        expected = np.mean([tagger.marginals(tokens)[:, [tagger.recognizer.encoder.tags.index(tag)
                                                         for tag in corpus.encoder.tags]]
                            for tagger in marginals], axis=0)
        np.testing.assert_allclose(corpus.soft[train.bounds[row]:train.bounds[row + 1]], expected, atol=1e-3)
    assert set(corpus.meta["sources"]) >= {"teacher/1", "teacher/2", "text/text.txt"}
    run = ner_mx.train(read_processed(config), seed=1)
    assert run.metrics["train"]["epochs"] == 3
    assert run.metrics["train"]["fitted_f1"] > 0
    run.export(config.run.directory + "/bundle")


@pytest.mark.parametrize("target", ["marginals", "logits", "structured"])
def test_a_student_learns_from_teachers_alone(teachers, config, target):
    """Without a share of the annotation, its scores come near those of the teachers."""
    # The mean over the tags makes the gradients of logits small.
    config = config.updated({"loss": {"name": "distillation", "share": 1.0, "target": target},
                             "training.epochs": 60 if target == "logits" else 20})
    run = ner_mx.train(distilled_corpus(teachers[:1], config, Distilling()), seed=1)
    teacher = json.loads((teachers[0] / "metrics.json").read_text())["dev"]["entity"]["micro"]["f1"]
    assert run.metrics["dev"]["entity"]["micro"]["f1"] > 0.6 * teacher > 0.3


def test_the_loss_without_teachers(config, short_sample):
    with pytest.raises(ConfigError, match=r"which .* lacks; make the corpus with ner-mx distill"):
        ner_mx.train(ner_mx.preprocess(config), seed=1)


def test_an_annotation_that_text_lacks(config):
    with pytest.raises(ConfigError, match=r"features\.pos\.use: text without annotation has none; set it to false"):
        student_config(config.updated({"features.pos.use": True}))
    assert not student_config(config.updated({"features.pos.use": "auto"})).features.settings()["pos"].use


# --- teachers ---


def test_teachers_that_are_none(teachers, tmp_path, bundle):
    with pytest.raises(UserError, match="expected a run or bundle, or several"):
        Ensemble([])
    with pytest.raises(BundleError, match="expected a run or a bundle, found no folder"):
        Ensemble([tmp_path / "none"])
    with pytest.raises(UserError, match=r"expected the tags of .*, found others"):
        Ensemble([teachers[0], bundle])


# --- text ---


def test_sentences_that_are_kept(teachers, config, text, tmp_path):
    """Each once, in the length that is read, confident, dense, and not among the known ones."""
    read = Ensemble(teachers)
    lines = text.read_text().splitlines()
    known = {tuple(lines[0].split())}
    text.write_text("\n".join([*lines, *lines[:5], "Too short", "word " * 100]))

    def kept(choice, name):
        return labelled_text([text], config.corpus.tokenizer, read, choice, known, tmp_path / name)
    everything = kept(Filter(0, 0), "all")
    tuples = [tuple(tokens) for tokens in everything.sentences]
    assert len(set(tuples)) == len(tuples) > 100 and not known & set(tuples)
    assert all(4 <= len(tokens) <= 80 for tokens in tuples)
    strict = kept(Filter(0.95, 0.2), "strict")
    chosen = []
    for tokens, probabilities in zip(everything.sentences, read.probabilities(everything.sentences)):
        if probabilities.max(axis=1).mean() >= 0.95 and 1 - probabilities[:, 0].mean() >= 0.2:
            chosen.append(tokens)
    assert strict.sentences == chosen and 0 < len(chosen) < len(tuples)
    assert len(strict.probabilities) == sum(map(len, chosen))
    half = kept(Filter(0, 0, sample=0.5), "half")
    assert 0.3 < len(half.sentences) / len(tuples) < 0.7 and set(map(tuple, half.sentences)) <= set(tuples)


def test_probabilities_are_computed_once(teachers, tmp_path, monkeypatch):
    read = Ensemble(teachers)
    sentences = [["Ada", "left"], ["Rome"], ["Rome", "fell", "."]]
    found = unlabelled_module.probabilities_of(sentences, read, tmp_path)
    np.testing.assert_allclose(found, np.concatenate(read.probabilities(sentences)), atol=1e-3)
    assert unlabelled_module.probabilities_of([], read, tmp_path).shape == (0, len(read.tags))
    other = unlabelled_module.probabilities_of(sentences[:2], read, tmp_path)
    np.testing.assert_array_equal(other, found[:3])
    monkeypatch.setattr(read, "probabilities", None)
    np.testing.assert_array_equal(unlabelled_module.probabilities_of(sentences, read, tmp_path), found)


def test_an_interrupted_reading_goes_on_after_the_last_chunk(teachers, config, text, tmp_path, monkeypatch):
    monkeypatch.setattr(unlabelled_module, "CHUNK", 20)
    read = Ensemble(teachers)
    original, calls = read.probabilities, []

    def probabilities(sentences):
        calls.append(len(sentences))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(sentences)
    monkeypatch.setattr(read, "probabilities", probabilities)

    def labelled(cache):
        return labelled_text([text], config.corpus.tokenizer, read, Filter(0, 0), (), cache)
    with pytest.raises(KeyboardInterrupt):
        labelled(tmp_path / "cache")
    next((tmp_path / "cache").iterdir()).write_bytes(b"damaged")
    resumed = labelled(tmp_path / "cache")
    before = len(calls)
    again = labelled(tmp_path / "cache")
    fresh = labelled(tmp_path / "fresh")
    assert len(calls) - before == len(list((tmp_path / "fresh").iterdir()))  # nothing was read again
    for other in (again, fresh):
        assert other.sentences == resumed.sentences
        np.testing.assert_array_equal(other.probabilities, resumed.probabilities)


def test_tokens_are_limited_and_files_take_turns(teachers, config, text, tmp_path, monkeypatch):
    monkeypatch.setattr(unlabelled_module, "CHUNK", 10)
    other = tmp_path / "other.txt"
    other.write_text("\n".join(f"Number {number} of the other file is here ." for number in range(200)))
    found = labelled_text([text, other], config.corpus.tokenizer, Ensemble(teachers), Filter(0, 0, tokens=300), (),
                          tmp_path / "cache")
    assert 300 - 80 < len(found.probabilities) <= 300
    assert len(found.probabilities) == sum(map(len, found.sentences))
    assert 5 < sum(tokens[0] == "Number" for tokens in found.sentences) < len(found.sentences) - 5


@pytest.mark.parametrize("content, message", [(None, "expected a readable file, found"),
                                              (b"good line\n\xff\xfe bad\n", "text.txt:1: expected UTF-8")])
def test_text_that_cannot_be_read(teachers, config, text, tmp_path, content, message):
    text.unlink() if content is None else text.write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        labelled_text([text], config.corpus.tokenizer, Ensemble(teachers), Filter(), (), tmp_path / "cache")


# --- augmentation ---

TRAIN = [Sentence(("Ada", "met", "Bert", "Bell", "in", "Rome", "."),
                  ("B-PER", "O", "B-PER", "I-PER", "O", "B-LOC", "O"), ("N", "V", "N", "N", "P", "N", "S")),
         Sentence(("no", "names", "here"), ("O", "O", "O"), ("D", "N", "R"))] * 50


def augmented(name):
    """The sentences of one kind."""
    return register.augmentation[name](TRAIN, np.random.RandomState(0))


def test_masked_words():
    found = augmented("mask")
    changed = [(old, new) for sentence, tokens in zip(TRAIN, found) for old, new in zip(sentence.tokens, tokens)
               if old != new]
    assert all(new == MASK for _, new in changed) and 0.05 < len(changed) / 500 < 0.15


def test_words_of_the_same_part_of_speech():
    found = augmented("pos")
    parts = {token: pos for sentence in TRAIN for token, pos in zip(sentence.tokens, sentence.pos)}
    assert all([parts[token] for token in tokens] == list(sentence.pos) for sentence, tokens in zip(TRAIN, found))
    assert any(tuple(tokens) != sentence.tokens for sentence, tokens in zip(TRAIN, found))
    with pytest.raises(UserError, match="expected parts of speech"):
        register.augmentation["pos"]([Sentence(("a",), ("O",))], np.random.RandomState(0))


def test_pieces_of_sentences():
    for sentence, tokens in zip(TRAIN, augmented("ngrams")):
        assert 1 <= len(tokens) <= 5 and " ".join(tokens) in " ".join(sentence.tokens)


def test_swapped_entities():
    found = augmented("swap")
    assert len(found) == 50
    for tokens in found:
        outside = [token for token in tokens if token in ("met", "in", ".")]
        assert outside == ["met", "in", "."] and tokens[-2] == "Rome"
        assert " ".join(tokens[:tokens.index("met")]) in ("Ada", "Bert Bell")
    assert len({tuple(tokens) for tokens in found}) == 4
    assert len(spans_of(TRAIN[0].gold)) == 3


def test_a_kind_from_outside_of_the_package(teachers, config, tmp_path):
    source = tmp_path / "shouting.py"
    source.write_text("from ner_mx.registry import register\n\n@register.augmentation('shout')\n"
                      "def shout(sentences, random):\n    return [[token.upper() for token in sentence.tokens] "
                      "for sentence in sentences]\n")
    load_code(str(source))
    corpus = distilled_corpus(teachers[:1], config, Distilling(augmentations=["shout"]))
    assert len(corpus.splits["train"]) > 1.5 * corpus.meta["annotated"]
    assert all(token == token.upper() for token in corpus.splits["train"].tokens()[0])


def test_the_corpus_of_a_teacher_is_not_replaced(teachers, config):
    corpus = ner_mx.preprocess(config.updated({"loss.name": "cross-entropy"}))
    before = (corpus.folder / "meta.json").read_bytes()
    with pytest.raises(RunError, match="data/student: expected the corpus of a student or nothing, found another"):
        distilled_corpus(teachers, config, Distilling())
    assert (corpus.folder / "meta.json").read_bytes() == before


def test_an_unknown_kind(teachers, config):
    with pytest.raises(UserError, match="did you mean mask"):
        distilled_corpus(teachers, config, Distilling(augmentations=["masks"]))


def test_the_command(teachers, config, text, tmp_path, call_command):
    changes = [f"--set={key}={value}" for key, value in {
        **SMALL, "corpus.path": config.corpus.path, "corpus.processed": tmp_path / "data", "corpus.name": "student",
        "run.directory": tmp_path / "runs", "run.name": "student", "training.epochs": 1}.items()]
    done = call_command("-m", "ner_mx", "distill", *teachers, "--text", text, "--augment", "swap", "--tokens", 500,
                        "--confidence", 0.2, "--density", 0, *changes)
    assert done.returncode == 0, done.stderr
    assert "written to" in done.stdout and (tmp_path / "runs/student/report.md").is_file()
    # Nothing is read before it is known that the student has a place.
    done = call_command("-m", "ner_mx", "distill", tmp_path / "none", *changes)
    assert done.returncode == 2 and "runs/student: holds a run already" in done.stderr
    changes[-2] = "--set=run.name=other"
    done = call_command("-m", "ner_mx", "distill", *teachers, *changes, "--set=loss.name=sentence")
    assert done.returncode == 2 and "expected a loss that learns from teachers, found sentence" in done.stderr
    done = call_command("-m", "ner_mx", "distill", tmp_path / "none", *changes)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
