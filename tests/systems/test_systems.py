"""Systems under one protocol: the majority baseline against brute force, our own models, and their records."""

import hashlib
import json
import random
import sys

import pytest
from random_checkpoints import POSITIONS, write_checkpoint

from ner_mx.config import load_experiment
from ner_mx.data.detection import format_named
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.errors import ConfigError, RunError, TrainingError, UserError
from ner_mx.evaluation.scores import evaluate
from ner_mx.experiments.records import read_record, write_record
from ner_mx.experiments.system_folder import is_system, read_system, system_record
from ner_mx.experiments.system_scoring import score_system
from ner_mx.registry import register
from ner_mx.systems import spacy_pipeline
from ner_mx.systems.crf import attributes

TINY = {"features.words.dimension": 16, "features.words.dropout": 0.0, "features.characters.use": False,
        "features.affixes.use": False,
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
    with pytest.raises(ConfigError, match="expected one of .*majority, ner_mx.*, found 'majorty'; "
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


# --- phrases ---

@pytest.mark.parametrize("share", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(5))
def test_phrases_against_brute_force(seed, share):
    train, test = random_sentences(40, seed), random_sentences(20, seed + 100)
    system = register.system["phrases"]({"share": share})
    system.fit(train, [])
    entities = [(sentence.tokens[span.start:span.end], span.label) for sentence in train
                for span in spans_of(sentence.tags)]
    everything = [sentence.tokens[start:end] for sentence in train for start in range(8) for end in range(start + 1, 9)
                  if end <= len(sentence.tokens)]

    def type_of(phrase):
        labels = sorted(label for known, label in entities if known == phrase)
        best = max(labels, key=labels.count, default=None)
        return best if best and labels.count(best) >= share * everything.count(phrase) else None

    for sentence, tags in zip(test, system.tag(stripped(test))):
        expected, place = set(), 0
        while place < len(sentence.tokens):
            ends = [end for end in range(len(sentence.tokens), place, -1) if type_of(sentence.tokens[place:end])]
            if ends:
                expected.add((place, ends[0], type_of(sentence.tokens[place:ends[0]])))
            place = ends[0] if ends else place + 1
        assert set(spans_of(tags)) == expected
    assert system.describe() == {"phrases": len({phrase for phrase, _ in entities if type_of(phrase)})}


@pytest.mark.corpus
def test_phrases_have_the_published_figures_of_the_baseline(shared):
    """Tjong Kim Sang and De Meulder 2003, table 5."""
    config = load_experiment("conll2003", {"corpus.path": str(shared / "conll2003/iob2")})
    _, evaluations = score_system("phrases", config, {})
    for split, published in (("dev", (78.33, 65.23, 71.18)), ("test", (71.91, 50.90, 59.61))):
        micro = evaluations[split].micro
        assert [round(100 * value, 2) for value in (micro.precision, micro.recall, micro.f1)] == list(published)


# --- CRF ---

def test_the_attributes_of_a_crf_by_hand():
    first, second = attributes(["Ada", "U2"])
    assert first == ["bias", "w=Ada", "l=ada", "s=Xxx", "r=Xx", "p=a", "x=a", "p=ad", "x=da", "p=ada", "x=ada",
                     "-2l", "-1l", "1l=u2", "1s=X9", "2l", "0,1=ada u2"]
    assert second[:5] == ["bias", "w=U2", "l=u2", "s=X9", "r=X9"] and second[-1] == "-1,0=ada u2"
    assert attributes([]) == [] and len(attributes(["x" * 10 ** 6])[0][1]) < 50


def test_a_crf_learns_a_tiny_corpus_and_reads_no_tags():
    system = register.system["crf"]({"iterations": 30})
    system.fit(name_sentences(60, 1), [])
    test = name_sentences(30, 3)
    tagged = system.tag(stripped(test))
    assert evaluate([sentence.tags for sentence in test], tagged).micro.f1 > 0.99
    assert system.tag([sentence._replace(tags=("B-LOC",) * len(sentence.tokens)) for sentence in test]) == tagged
    assert [scored.span for scored in system.tag_batch([test[0].tokens])[0]] == list(spans_of(tagged[0]))
    assert system.describe()["tags"] == 3 and system.describe()["attributes"] > 20


@pytest.mark.parametrize("settings, message", [
    ({"iteration": 3}, "crf: expected one of c1, .*, found iteration; did you mean iterations?"),
    ({"iterations": 3.5}, "crf: iterations: expected a value like 100, found 3.5"),
    ({"iterations": True}, "crf: iterations: expected a value like 100, found True"),
    ({"encoding": 3}, "crf: encoding: expected text, found 3"),
    ({"iterations": -3}, "crf: iterations: expected a number from 1 to 1e.06, found -3"),
    ({"encoding": "XX"}, "crf: encoding: .*found 'XX'"),
    ({"c1": float("nan")}, "crf: c1: expected a number from 0 to 1e.06, found nan")])
def test_settings_of_a_system(settings, message):
    with pytest.raises(ConfigError, match=message):
        register.system["crf"](settings)
    assert register.system["crf"]({"c1": 1}).settings["c1"] == 1


def test_a_crf_without_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycrfsuite", None)
    with pytest.raises(UserError, match="the system crf needs python-crfsuite: pip install"):
        register.system["crf"]({}).fit(name_sentences(2, 1), [])


# --- spaCy ---

def test_spacy_learns_a_tiny_corpus_with_vectors(tmp_path):
    words = sorted({token.lower() for sentence in name_sentences(50, 1) for token in sentence.tokens})
    (tmp_path / "vectors.txt").write_text("".join(
        f"{word} {float(word in map(str.lower, NAMES))} {number} 0.5\n" for number, word in enumerate(words)))
    system = register.system["spacy"]({"steps": 200, "vectors": str(tmp_path / "vectors.txt")}, seed=2)
    system.fit(name_sentences(200, 1), name_sentences(20, 2))
    test = name_sentences(30, 3)
    tagged = system.tag(stripped(test))
    assert evaluate([sentence.tags for sentence in test], tagged).micro.f1 > 0.9
    system.save(tmp_path)
    again = register.system["spacy"]({})
    again.load(tmp_path)
    assert again.tag(stripped(test)) == tagged and system.describe()["components"] == ["tok2vec", "ner"]
    steps, scores, seconds = zip(*system.describe()["history"])
    assert steps[0] == 0 and steps[-1] <= 200 and list(seconds) == sorted(seconds) and min(seconds) > 0
    dev = name_sentences(20, 2)
    kept = evaluate([sentence.tags for sentence in dev], system.tag(stripped(dev))).micro.f1
    assert max(scores) == pytest.approx(kept, abs=6e-5)  # to the digits that spaCy prints
    assert again._pipeline.vocab.vectors.shape == (len(words), 3)
    for word in ("ada", "Ada", "ADA"):  # the words of the vectors are in lower case
        assert again._pipeline.vocab[word].vector[0] == 1
    with pytest.raises(ConfigError, match="spacy: language: expected one that spaCy has all packages for"):
        register.system["spacy"]({"language": "none"}).fit(name_sentences(3, 1), [])
    with pytest.raises(ConfigError, match="spacy: vectors: expected a file or folder of vectors, found nothing at 'no"):
        register.system["spacy"]({"vectors": "none.txt"}).fit(name_sentences(3, 1), [])
    with pytest.raises(TrainingError, match="spacy none: expected the command to succeed, found: "):
        list(spacy_pipeline._command("none"))
    with pytest.raises(UserError, match="expected a pipeline of spaCy"):
        again.load(tmp_path / "none")


# --- on disk ---

@pytest.mark.parametrize("name", ["majority", "phrases", "crf"])
def test_a_system_on_disk_tags_as_before(tmp_path, name):
    splits = [name_sentences(30, 1), name_sentences(10, 2), name_sentences(10, 3)]
    config = load_experiment("sample", {**write_corpus(tmp_path, *splits), "run.name": "names"})
    folder = tmp_path / "system"
    record, evaluations = score_system(name, config, {}, folder)
    system = read_system(folder)
    assert evaluate([sentence.tags for sentence in splits[2]], system.tag(stripped(splits[2]))).to_json() == \
        evaluations["test"].to_json()
    assert system_record(folder).to_json() == {**record.to_json(), "name": "system"} and is_system(folder)
    assert record.metrics["raw_text"]["test"]["micro"]["f1"] > 0.9
    with pytest.raises(RunError, match="holds a fitted system already"):
        score_system(name, config, {}, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "record.json"}
    score_system(name, config, {}, folder, overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "record.json"} == before

    [model] = set(before) - {"system.json"}
    assert sorted(json.loads(before["system.json"])["files"]) == [model]
    (folder / model).write_bytes(before[model][:10])
    with pytest.raises(UserError, match="expected"):
        read_system(folder)
    (folder / model).unlink()
    with pytest.raises(UserError, match="expected"):
        read_system(folder)


def test_folders_that_are_no_systems(tmp_path):
    config = load_experiment("sample", {**write_corpus(tmp_path, *[name_sentences(5, 1)] * 3), "run.name": "names"})
    with pytest.raises(RunError, match="expected a fitted system to replace, found other files"):
        score_system("majority", config, {}, tmp_path, overwrite=True)
    with pytest.raises(RunError, match="expected a fitted system, found no system.json"):
        read_system(tmp_path)
    with pytest.raises(UserError, match="ner_mx: expected a system that can be saved"):
        register.system["ner_mx"]({}).save(tmp_path)
    with pytest.raises(UserError, match="ner_mx: expected a system that can be saved"):  # before it is fitted
        score_system("ner_mx", config, {"training.epochs": 10 ** 6}, tmp_path / "new")
    for manifest in ("{}", "[]", '{"format": 2, "system": "majority", "settings": {}, "seed": 1}',
                     '{"format": 1, "system": "none", "settings": {}, "seed": 1}',
                     '{"format": 1, "system": "majority", "settings": {"a": 1}, "seed": 1}'):
        (tmp_path / "system.json").write_text(manifest)
        with pytest.raises(RunError, match="expected a fitted system, found"):
            read_system(tmp_path)


# --- transformers ---

@pytest.mark.filterwarnings("ignore")
def test_transformers_fine_tunes_a_tiny_encoder(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "encoder")
    settings = {"path": str(checkpoint), "epochs": 30, "batch_size": 8, "learning_rate": 2e-3, "longest": 32}
    system = register.system["transformers"](settings)
    system.fit(name_sentences(150, 1), [])
    test = name_sentences(30, 3)
    tagged = system.tag(stripped(test))
    assert evaluate([sentence.tags for sentence in test], tagged).micro.f1 > 0.8
    assert [system.tag([sentence])[0] for sentence in stripped(test)] == tagged  # padding changes nothing
    # Words beyond the longest sequence are not read.
    long = Sentence(("Ada",) * 100)
    assert system.tag([long])[0][-1] == "O" and system.tag([long])[0][0] == "B-PER"
    (tmp_path / "system").mkdir()
    system.save(tmp_path / "system")
    again = register.system["transformers"](settings)
    again.load(tmp_path / "system")
    assert again.tag(stripped(test)) == tagged and again.describe()["parameters"] > 1000
    example = system._example(["Ada", "antidisment", "."], [1, 2, 0])
    assert example["labels"][:2] == [-100, 1] and sorted(set(example["labels"])) == [-100, 0, 1, 2]
    assert len(example["labels"]) == len(example["input_ids"]) and example["labels"].count(2) == 1
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match=r"expected a checkpoint of transformers \(.*\), found: \w"):
        register.system["transformers"]({"path": str(tmp_path / "none")}).fit(name_sentences(2, 1), [])
    with pytest.raises(ConfigError, match=f"longest: expected at most the {POSITIONS} positions of the checkpoint, fo"):
        register.system["transformers"]({**settings, "longest": POSITIONS + 1}).fit(name_sentences(2, 1), [])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["roberta", "distilbert"])
def test_positions_of_a_family(tmp_path, family):
    """One sentence as long as the longest sequence is read; a longer sequence is refused before training."""
    checkpoint = write_checkpoint(tmp_path / "encoder", family)
    settings = {"path": str(checkpoint), "epochs": 1, "batch_size": 1}
    train = [Sentence(("Ada",) * 100, ("B-PER",) * 100)]
    register.system["transformers"]({**settings, "longest": POSITIONS}).fit(train, [])
    with pytest.raises(ConfigError, match=f"expected at most the {POSITIONS} positions"):
        register.system["transformers"]({**settings, "longest": POSITIONS + 1}).fit(train, [])


def test_transformers_runs_no_code_of_a_checkpoint(tmp_path, monkeypatch):
    """Even where somebody would answer yes; other damage is one line, too."""
    monkeypatch.setattr("builtins.input", lambda *arguments: "y")
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\nclass A: pass\n")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "unheard", "auto_map": {
        "AutoConfig": "evil.A", "AutoTokenizer": ["evil.A", None], "AutoModelForTokenClassification": "evil.A"}}))
    with pytest.raises(UserError, match="expected a checkpoint of transformers"):
        register.system["transformers"]({"path": str(tmp_path)}).fit(name_sentences(2, 1), [])
    assert not (tmp_path / "executed").exists()
    checkpoint = write_checkpoint(tmp_path / "encoder")
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(UserError, match="expected a checkpoint of transformers"):
        register.system["transformers"]({"path": str(checkpoint)}).fit(name_sentences(2, 1), [])


def test_transformers_are_told_of_a_checkpoint_and_of_a_device(monkeypatch):
    import torch

    with pytest.raises(ConfigError, match="transformers: path: expected the folder of a checkpoint, or its name"):
        register.system["transformers"]({}).fit(name_sentences(2, 1), [])
    with pytest.raises(ConfigError, match="transformers: device: expected one of cpu, gpu, found 'tpu'"):
        register.system["transformers"]({"device": "tpu"})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="expected a GPU that PyTorch supports, found no such; set device to cpu"):
        register.system["transformers"]({"device": "gpu"}).fit(name_sentences(2, 1), [])


def test_systems_read_whole_tokens_of_single_sentences(tmp_path):
    """Whatever networks of the corpus read: pieces, or documents."""
    splits = [[sentence._replace(document=number // 3) for number, sentence in enumerate(name_sentences(30, seed))]
              for seed in (1, 2, 3)]
    settings = {**write_corpus(tmp_path, *splits), "run.name": "names"}
    plain, _ = score_system("phrases", load_experiment("sample", settings), {})
    for changes in ({"corpus.characters": "vote"}, {"corpus.split_digits": True}, {"corpus.documents.join": True},
                    {"corpus.cut": 2}):
        other, _ = score_system("phrases", load_experiment("sample", {**settings, **changes}), {})
        assert other.metrics["test"] == plain.metrics["test"] and other.metrics["raw_text"] == plain.metrics["raw_text"]
