"""Systems under one protocol: the majority baseline against brute force, our own models, and their records."""

import hashlib
import random

import pytest

from ner_mx.config import load_experiment
from ner_mx.data.detection import format_named
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import ConfigError
from ner_mx.evaluation.scores import evaluate
from ner_mx.experiments.records import read_record, write_record
from ner_mx.experiments.system_scoring import score_system
from ner_mx.registry import register

TINY = {"features.words.dimension": 16, "features.words.dropout": 0.0, "features.characters.use": False,
        "model.units": 16, "model.dropout.input": 0.0, "model.dropout.output": 0.0, "training.epochs": 20,
        "training.batch_size": 8, "training.optimizer.learning_rate": 0.02, "features.pos.use": False}
NAMES = {"Ada": "PER", "Bert": "PER", "Rome": "LOC", "Oslo": "LOC"}


def random_sentences(count, seed):
    """Sentences of a few words with random tags in IOB2, many of which contradict each other."""
    generator = random.Random(seed)
    sentences = []
    for _ in range(count):
        size = generator.randint(1, 8)
        tags = [generator.choice(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]) for _ in range(size)]
        sentences.append(Sentence(tuple(generator.choice("abcdefg") for _ in range(size)), convert_tags(tags, "IOB2")))
    return sentences


def name_sentences(count, seed):
    """Sentences in which a word is an entity if and only if it is a name."""
    generator = random.Random(seed)
    sentences = []
    for _ in range(count):
        tokens = tuple(generator.choice([*NAMES, "met", "in", "and", "."]) for _ in range(generator.randint(2, 6)))
        sentences.append(Sentence(tokens, tuple(f"B-{NAMES[token]}" if token in NAMES else "O" for token in tokens)))
    return sentences


def stripped(sentences):
    """Sentences without their tags."""
    return [Sentence(sentence.tokens) for sentence in sentences]


def write_corpus(folder, *splits):
    """Write splits as columns; gives settings of the section corpus."""
    for name, sentences in zip(("train", "dev", "test"), splits):
        format_named("conll").write(sentences, folder / f"{name}.txt")
    return {"corpus.path": str(folder), "corpus.name": "names", "corpus.columns.pos": None}


@pytest.mark.parametrize("seed", range(5))
def test_majority_against_brute_force(seed):
    train, test = random_sentences(30, seed), random_sentences(20, seed + 100)
    system = register.system["majority"]({}, 1)
    system.fit(train, [])
    seen = [(token, tag) for sentence in train for token, tag in zip(sentence.tokens, sentence.tags)]

    def most_frequent(word):
        tags = sorted({tag for token, tag in seen if token == word})  # the first of equal counts
        return max(tags, key=lambda tag: seen.count((word, tag))) if tags else "O"

    expected = [list(convert_tags([most_frequent(token) for token in sentence.tokens], "IOB2")) for sentence in test]
    assert system.tag(stripped(test)) == expected
    assert system.describe() == {"words": len({token for token, _ in seen})}


def test_majority_in_one_case_by_hand():
    train = [Sentence(("New", "York", "is", "new"), ("B-LOC", "I-LOC", "O", "O")),
             Sentence(("York", "and", "New", "Delhi"), ("I-LOC", "O", "S-LOC", "B-LOC"))]
    system = register.system["majority"]({})
    system.fit(train, [])
    # York is B-LOC and I-LOC once each, so the first letter decides; nothing continues an entity of another type.
    assert system.tag([Sentence(("New", "York", "unknown", "Delhi"))]) == [["B-LOC", "B-LOC", "O", "B-LOC"]]


def test_majority_has_no_settings():
    with pytest.raises(ConfigError, match="majority: expected no settings, found smoothing"):
        register.system["majority"]({"smoothing": 0.5})


@pytest.fixture(scope="module")
def neural():
    """Our own system, fitted on names."""
    system = register.system["ner_mx"](TINY, seed=3)
    system.fit(name_sentences(40, 1), name_sentences(10, 2))
    return system


def test_our_own_system_learns_a_tiny_corpus(neural):
    test = name_sentences(30, 3)
    tagged = neural.tag(stripped(test))
    assert [len(tags) for tags in tagged] == [len(sentence.tokens) for sentence in test]
    assert all(list(convert_tags(tags, "IOB2")) == tags for tags in tagged)
    assert evaluate([sentence.tags for sentence in test], tagged).to_json()["entity"]["micro"]["f1"] > 0.95


def test_our_own_system_does_not_read_the_tags_of_what_it_tags(neural):
    test = name_sentences(10, 3)
    wrong = [sentence._replace(tags=("B-LOC",) * len(sentence.tokens)) for sentence in test]
    assert neural.tag(wrong) == neural.tag(stripped(test)) and neural.tag([]) == []


def test_our_own_system_says_what_it_is(neural):
    assert neural.describe() == {"features": ["words", "casing"], "types": ["LOC", "PER"]}


def test_the_seed_decides_what_our_own_system_learns():
    few = {**TINY, "training.epochs": 1, "training.optimizer.learning_rate": 0.1}
    test = random_sentences(40, 9)
    results = []
    for seed in (1, 1, 2):
        system = register.system["ner_mx"](few, seed)
        system.fit(random_sentences(30, 5), random_sentences(5, 6))
        results.append(system.tag(stripped(test)))
    assert results[0] == results[1] != results[2]


def test_our_own_system_takes_no_corpus_and_tags_after_fitting_alone():
    system = register.system["ner_mx"]
    with pytest.raises(ConfigError, match="ner_mx: expected settings of features, model and training, found "
                                          "corpus.path"):
        system({**TINY, "corpus.path": "x"})
    with pytest.raises(RuntimeError, match="fit"):
        system(TINY).tag(name_sentences(1, 1))
    assert system(TINY).describe() == {}
    with pytest.raises(ConfigError, match="training.epoch: unknown key; did you mean epochs?"):
        system({**TINY, "training.epoch": 1}).fit(name_sentences(5, 1), name_sentences(5, 2))


def test_an_unknown_system_names_the_known():
    with pytest.raises(ConfigError, match="expected one of majority, ner_mx.*, found 'majorty'; "
                                          "did you mean majority?"):
        register.system["majorty"]


def test_the_record_of_a_scored_system(tmp_path):
    train, dev, test = random_sentences(40, 1), random_sentences(20, 2), random_sentences(20, 3)
    config = load_experiment("sample", {
        **write_corpus(tmp_path, train, dev, test), "run.name": "names-majority-4", "run.seed": 4})
    record, evaluations = score_system("majority", config, {})
    system = register.system["majority"]({})
    system.fit(train, dev)
    for split, sentences in (("dev", dev), ("test", test)):
        gold, found = ([set(spans_of(tags)) for tags in tagged]
                       for tagged in ([sentence.tags for sentence in sentences], system.tag(sentences)))
        correct = sum(len(one & two) for one, two in zip(gold, found))
        micro = record.metrics[split]["entity"]["micro"]
        assert micro["f1"] == pytest.approx(2 * correct / (sum(map(len, gold)) + sum(map(len, found))))
        assert micro["gold"] == sum(map(len, gold))
        assert evaluations[split].to_json() == record.metrics[split]
    assert (record.name, record.system, record.settings.seed, record.settings.corpus) == (
        "names-majority-4", "majority", 4, "names")
    assert record.settings.values["system"] == {} and str(tmp_path) not in str(record.to_json())
    assert record.metrics["system"] == system.describe() and record.metrics["train"]["seconds"] >= 0
    assert record.metrics["data"] == {f"{name}.txt": hashlib.sha256(
        (tmp_path / f"{name}.txt").read_bytes()).hexdigest() for name in ("train", "dev", "test")}
    assert record.environment["code"] and record.environment["ner_mx"]
    write_record(record, tmp_path / "records")
    assert read_record(tmp_path / "records/names-majority-4.json").to_json() == record.to_json()


def test_the_record_of_our_own_system_is_that_of_a_configuration(tmp_path):
    settings = {**TINY, "training.epochs": 1}
    del settings["features.pos.use"]
    config = load_experiment("sample", {
        **write_corpus(tmp_path, *(name_sentences(10, seed) for seed in (1, 2, 3))), "run.name": "names-1"})
    record, _ = score_system("ner_mx", config, settings)
    write_record(record, tmp_path / "records")
    reread = read_record(tmp_path / "records/names-1.json")
    assert reread.system == "ner_mx" and reread.to_json() == record.to_json() and "system" not in reread.to_json()
    made = reread.settings.config
    assert (made.model.units, made.training.epochs, made.corpus.name, made.run.name) == (16, 1, "names", "names-1")
    # The corpus has no parts of speech, so none were read.
    assert not made.features.pos.use and made.corpus.columns.pos is None
