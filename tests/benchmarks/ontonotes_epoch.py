"""Seconds of preprocessing and of an epoch at OntoNotes' size: python ontonotes_epoch.py [folder]

Writes 60,000 training sentences in the columns of the CoNLL-2012 split, made
up from the statistics of the corpus (18 tokens per sentence, 18 types, six
genres, 45,000 word types), and runs the two commands of the README on them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
GENRES = ("bc", "bn", "mz", "nw", "tc", "wb")
TYPES = ("CARDINAL", "DATE", "EVENT", "FAC", "GPE", "LANGUAGE", "LAW", "LOC", "MONEY", "NORP", "ORDINAL",
         "ORG", "PERCENT", "PERSON", "PRODUCT", "QUANTITY", "TIME", "WORK_OF_ART")
SPLITS = {"train": 60_000, "dev": 8_500, "test": 8_300}
SENTENCES_PER_DOCUMENT = 30


def write_corpus(folder: Path, splits=None) -> None:
    """Write documents of made-up words, and beside each split the list of their names."""
    random = np.random.RandomState(1)
    letters = np.array(list("etaoinshrdlucmfwypvbgkqjxz"))
    words = ["".join(random.choice(letters, size)) for size in 2 + random.poisson(4.5, 45_000)]
    for split, count in (splits or SPLITS).items():
        names, lines = [], []
        for number, length in enumerate(1 + random.gamma(2.2, 7.8, count).astype(int)):
            if number % SENTENCES_PER_DOCUMENT == 0:
                genre = GENRES[len(names) % len(GENRES)]
                names.append(f"{genre}/made/00/made_{len(names):04}")
                lines += ["-DOCSTART-\t-X-\t-\tO", ""]
            ranks = np.minimum(random.zipf(1.25, length), len(words)) - 1
            tokens = [words[rank] if chance > 0.03 else f"19{rank % 100:02}" for rank, chance
                      in zip(ranks, random.random_sample(length))]
            tags = ["O"] * length
            for start in range(0, length - 3, 9):
                label = TYPES[random.randint(len(TYPES))]
                tags[start:start + 2] = [f"B-{label}", f"I-{label}"]
            lines += [f"{token}\tNN\t(NP *)\t{tag}" for token, tag in zip(tokens, tags)] + [""]
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / f"{split}.documents").write_text("\n".join(names) + "\n", encoding="utf-8")


def main(folder: Path) -> None:
    write_corpus(folder)
    arguments = ["--experiment", "ontonotes-blstm-cnn"]
    for setting in (f"corpus.path={folder}", f"corpus.processed={folder}/processed",
                    f"run.directory={folder}/runs", "training.epochs=1"):
        arguments += ["--set", setting]
    started = time.perf_counter()
    subprocess.run([sys.executable, "preprocess.py", *arguments], cwd=ROOT, check=True)
    print(f"preprocessing: {time.perf_counter() - started:.0f} s", flush=True)
    subprocess.run([sys.executable, "train.py", *arguments, "--overwrite"], cwd=ROOT, check=True)
    epoch = json.loads((folder / "runs/ontonotes-blstm-cnn/history.jsonl").read_text().splitlines()[-1])
    print(f"an epoch: {epoch['seconds']:.0f} s, {epoch['tokens_per_second']:,.0f} tokens/s")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
