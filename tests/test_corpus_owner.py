"""The README's way from a file with mistakes to a better corpus and a better tagger, on the embedded corpus."""

import json
import random

SMALL = {"corpus.name": "mine", "features.pos.use": "false", "features.words.dimension": 20,
         "features.characters.filters": 12, "model.units": 32, "training.optimizer.name": "adam",
         "training.optimizer.learning_rate": 0.01, "training.batch_size": 10, "training.epochs": 5, "run.threads": 1}
SETTINGS = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
LABELS = ("LOC", "MISC", "ORG", "PER")


def records_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def with_mistakes(records):
    """Every tenth entity or so has a wrong type or is missing, at random places."""
    chance = random.Random(1)
    changed = []
    for record in records:
        kept = []
        for start, end, label in record["label"]:
            draw = chance.random()
            if draw < 0.08:
                kept.append([start, end, chance.choice([other for other in LABELS if other != label])])
            elif draw >= 0.12:
                kept.append([start, end, label])
        changed.append({**record, "label": kept})
    return changed


def mistakes(records, truth):
    """How many entities are missing, and how many are there that should not be."""
    return sum(len({tuple(span) for span in record["label"]} ^ {tuple(span) for span in true["label"]})
               for record, true in zip(records, truth))


def corrected(task, truth):
    """What a careful annotator makes of a sentence in doccano, whose export keeps the other fields."""
    document = truth[int(task["place"].split(":")[1]) - 1]
    start = document["text"].index(task["text"])
    end = start + len(task["text"])
    return {**task, "label": [[first - start, last - start, label] for first, last, label in document["label"]
                              if start <= first and last <= end]}


def test_an_owner_corrects_a_corpus_and_gets_a_better_tagger(root, tmp_path, call_command):
    def command(*arguments):
        done = call_command("ner-mx", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def scored(path, name):
        """The F1 of a tagger trained from a file, on a test set without mistakes."""
        settings = [*SETTINGS, "--set", f"corpus.path={path}", "--set", f"corpus.processed={tmp_path / 'processed'}",
                    "--set", f"corpus.name={name}", "--set", f"run.directory={tmp_path}", "--set", f"run.name={name}"]
        command("preprocess", *settings)
        command("train", *settings)
        tokens = command("evaluate", tmp_path / name, tmp_path / "test.jsonl", "--json").splitlines()[0]
        return json.loads(tokens)["entity"]["micro"]["f1"]

    for name in ("train", "test"):
        command("convert", root / f"data/sample/{name}.txt", tmp_path / f"{name}.jsonl", "--to", "doccano")
    truth = records_of(tmp_path / "train.jsonl")
    owned = with_mistakes(truth)
    mine, audited, better = tmp_path / "mine.jsonl", tmp_path / "audit-mine", tmp_path / "mine-corrected"
    write(mine, owned)
    before = mistakes(owned, truth)
    assert before > 400

    command("audit", mine, "--folds", 3, "--workers", 1, *SETTINGS, "-o", audited)
    tasks = records_of(audited / "doccano.jsonl")
    write(tmp_path / "exported.jsonl", [corrected(task, truth) for task in tasks])
    command("audit", mine, "--apply", tmp_path / "exported.jsonl", *SETTINGS, "-o", better)
    changed = records_of(better / "mine.jsonl")
    assert [record["text"] for record in changed] == [record["text"] for record in owned]
    assert mistakes(changed, truth) < before / 4
    assert scored(better / "mine.jsonl", "corrected") > scored(mine, "as-it-was") + 0.003
