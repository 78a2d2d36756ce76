"""The configurations of data/README.md, each with a corpus of its format."""

import re

import pytest

import ner_mx
from ner_mx.config import Corpus, parse_yaml
from ner_mx.data.conversion import convert_corpus
from ner_mx.errors import UserError
from ner_mx.registry import register


def blocks(root):
    return re.findall(r"```yaml\n(.*?)```", (root / "data/README.md").read_text(encoding="utf-8"), re.DOTALL)


# What makes the corpus of each block: the names of files and their formats.
FILES = [("mine.tsv", "conll"), ("mine.csv", "table"), ("mine/train.conll", "conll"), ("mine.jsonl", "doccano"),
         ("tasks.json", "label-studio"), ("tokens.json", "huggingface"), ("annotated", "brat")]


@pytest.mark.parametrize("number", range(len(FILES)))
def test_each_configuration_reads_its_corpus(number, root, short_sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, kind = FILES[number]
    target = tmp_path / name
    settings = parse_yaml(blocks(root)[number], "README")
    if name == "mine.tsv":
        lines = [line.split() for line in (short_sample / "train.txt").read_text().splitlines()]
        target.write_text("".join(f"{line[0]}\t{line[2]}\n" if line else "\n" for line in lines
                                  if line[:1] != ["-DOCSTART-"]))
    else:
        for split in ("train", "dev", "test") if "/" in name else ("train",):
            made = tmp_path / name.replace("train", split)
            convert_corpus(short_sample / f"{split}.txt", made, Corpus(), writer=kind)
    corpus = ner_mx.preprocess({**settings, "features": {"pos": {"use": False}}})
    assert set(corpus.meta["counts"]["train"]["types"]) == {"LOC", "MISC", "ORG", "PER"}
    assert corpus.meta["counts"]["train"]["sentences"] > 50


def test_every_format_is_in_the_table(root):
    text = (root / "data/README.md").read_text(encoding="utf-8")
    assert len(blocks(root)) == len(FILES)
    for name in register.format.names():
        assert f"| `{name}` |" in text or name == "slashes", name
    with pytest.raises(UserError, match="expected a suffix among"):
        convert_corpus(root / "data/sample/dev.txt", root / "x.unknown", Corpus())
