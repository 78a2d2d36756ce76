"""The small corpora of reports/accuracy.md: python little_corpora.py CONLL_FOLDER GMB_CSV ONTONOTES_FOLDER TARGET.

Writes conll-250, conll-1000, conll-4000, gmb-250, gmb-1000, gmb-4000 and noisy below TARGET, each with train, dev and
test in two columns; the test set is a part of dev.  Train on one, and read the best dev F1 of its history.jsonl:
ner-mx preprocess --set corpus.path=TARGET/conll-250 && ner-mx train --set corpus.path=TARGET/conll-250
"""

import csv
import random
import re
import sys
from pathlib import Path

TYPES = {"PERSON": "person", "GPE": "location", "LOC": "location", "FAC": "location", "ORG": "corporation",
         "NORP": "group", "PRODUCT": "product", "WORK_OF_ART": "work"}


def documents(path):
    """The documents of a file in columns, as lists of sentences of (word, tag)."""
    result, sentence = [[]], []
    for line in Path(path).read_text(encoding="utf-8").split("\n"):
        columns = line.split()
        if not columns:
            if sentence:
                result[-1].append(sentence)
            sentence = []
        elif columns[0] == "-DOCSTART-":
            if result[-1]:
                result.append([])
        else:
            sentence.append((columns[0], columns[-1]))
    return [*result[:-1], [*result[-1], sentence]] if sentence else result


def whole_documents(chosen, count, draw):
    """So many sentences of documents in random order."""
    chosen = chosen[:]
    draw.shuffle(chosen)
    return [sentence for document in chosen for sentence in document][:count]


def gmb_sentences(path):
    """The sentences of the CSV file."""
    result = []
    with open(path, encoding="windows-1252", newline="") as file:
        for row in list(csv.reader(file))[1:]:
            if row[0]:
                result.append([])
            result[-1].append((re.sub(r"\s", "_", row[1].strip() or "_"), row[3]))
    return result


def ontonotes_sentences(folder, split, genres):
    """Sentences of 3 to 45 tokens of some genres, with the types of :data:`TYPES` alone."""
    names = (Path(folder) / f"{split}.documents").read_text(encoding="utf-8").splitlines()
    return [[(word, tag[:2] + TYPES[tag[2:]] if tag[2:] in TYPES else "O") for word, tag in sentence]
            for name, document in zip(names, documents(Path(folder) / f"{split}.txt")) if name[:2] in genres
            for sentence in document if 3 <= len(sentence) <= 45]


def names_in(sentence):
    """The entities of a sentence in lower case."""
    result = []
    for word, tag in sentence:
        if tag[0] == "B":
            result.append(word.lower())
        elif tag[0] == "I" and result:
            result[-1] += f" {word.lower()}"
    return result


def dense(sentences, count, share, draw):
    """So many sentences, a share of them with entities."""
    groups = [[sentence for sentence in sentences if bool(names_in(sentence)) == has] for has in (True, False)]
    for group in groups:
        draw.shuffle(group)
    some = int(count * share)
    result = groups[0][:some] + groups[1][:count - some]
    draw.shuffle(result)
    return result


def noisy(sentence, draw):
    """As people type: misspelt, in any case, with user names, links and tags."""
    kind, result = draw.random(), []
    for word, tag in sentence:
        if len(word) > 4 and draw.random() < 0.05:
            place = draw.randrange(1, len(word) - 1)
            word = word[:place] + (word[place] if draw.random() < 0.5 else "") * 2 + word[place + 1:]
        change = str.lower if kind < 0.2 else str.upper if kind < 0.24 else str.capitalize if kind < 0.28 else str
        result.append((change(word), tag))
    if draw.random() < 0.3:
        result.insert(0, ("@" + "".join(draw.choice("abcdefghijklmnop_xyz123") for _ in range(8)), "O"))
    if draw.random() < 0.2:
        result.append(("http://t.co/" + "".join(draw.choice("abcXYZ019") for _ in range(8)), "O"))
    return result


def write(folder, **splits):
    """Two columns."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, sentences in splits.items():
        (folder / f"{name}.txt").write_text("".join(
            "".join(f"{word}\t{tag}\n" for word, tag in sentence) + "\n" for sentence in sentences), encoding="utf-8")


def main() -> None:
    conll, gmb, ontonotes, target = map(Path, sys.argv[1:5])
    draw = random.Random(7)
    train = documents(conll / "train.txt")
    dev = whole_documents(documents(conll / "valid.txt"), 1000, draw)
    for count in (250, 1000, 4000):
        write(target / f"conll-{count}", train=whole_documents(train, count, draw), dev=dev, test=dev[:20])
    sentences = gmb_sentences(gmb)
    draw.shuffle(sentences)
    for count in (250, 1000, 4000):
        write(target / f"gmb-{count}", train=sentences[1000:1000 + count], dev=sentences[:1000], test=sentences[:20])
    train = dense(ontonotes_sentences(ontonotes, "train", ("wb", "tc")), 3400, 0.38, draw)
    known = {name for sentence in train for name in names_in(sentence)}
    rest = [sentence for sentence in ontonotes_sentences(ontonotes, "dev", ("wb", "tc", "bc"))
            if known.isdisjoint(names_in(sentence)) or draw.random() < 0.1]
    dev = [noisy(sentence, draw) for sentence in dense(rest, 1000, 0.45, draw)]
    write(target / "noisy", train=[noisy(sentence, draw) for sentence in train], dev=dev, test=dev[:20])


if __name__ == "__main__":
    main()
