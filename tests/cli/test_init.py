"""From a file to a bundle: ner-mx init FILE, preprocess, train, export, with no other setting."""

import json

import pytest

import ner_mx
from ner_mx.config import load_config, read_yaml
from ner_mx.data.corpus_proposal import propose
from ner_mx.data.spans import spans_of
from ner_mx.errors import CorpusError


@pytest.fixture(scope="module")
def sentences(root):
    """Sentences of the embedded corpus as tokens and tags."""
    blocks = (root / "data/sample/train.txt").read_text(encoding="utf-8").split("\n\n")
    rows = [[line.split() for line in block.splitlines() if not line.startswith("-DOC")] for block in blocks]
    return [([row[0] for row in block], [row[2] for row in block]) for block in rows if block][:150]


def germeval(sentences):
    return "\n".join(f"# source {number}\n" + "".join(
        f"{place}\t{token}\t{tag}\tO\n" for place, (token, tag) in enumerate(zip(*sentence), start=1))
        for number, sentence in enumerate(sentences))


def spans(tokens, tags):
    starts = [len(" ".join(tokens[:place])) + (place > 0) for place in range(len(tokens))]
    return [(starts[span.start], starts[span.end - 1] + len(tokens[span.end - 1]), span.label)
            for span in spans_of(tags)]


def prodigy(sentences):
    records = [{"text": " ".join(tokens), "spans": [{"start": start, "end": end, "label": label}
                                                    for start, end, label in spans(tokens, tags)],
                "answer": "reject" if number % 9 == 0 else "accept"}
               for number, (tokens, tags) in enumerate(sentences)]
    return "\n".join(map(json.dumps, records))


def label_studio(sentences):
    return json.dumps([{"id": number, "data": {"text": " ".join(tokens)}, "annotations": [{"result": [
        {"from_name": "label", "to_name": "text", "type": "labels", "value": {
            "start": start, "end": end, "text": " ".join(tokens)[start:end], "labels": [label]}}
        for start, end, label in spans(tokens, tags)]}]} for number, (tokens, tags) in enumerate(sentences)], indent=2)


def hugging_face(sentences):
    names = sorted({tag for _, tags in sentences for tag in tags} - {"O"})
    names = ["O", *names]
    return json.dumps({"tag_names": names, "data": [
        {"tokens": tokens, "ner_tags": [names.index(tag) for tag in tags]}
        for tokens, tags in sentences]})


FILES = {"germ.tsv": germeval, "annotated.jsonl": prodigy, "export.json": label_studio, "train.json": hugging_face}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_ones_own_becomes_a_bundle(name, sentences, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(FILES[name](sentences), encoding="utf-8")
    (tmp_path / "config.yaml").write_text(propose(tmp_path / name).to_yaml())
    config = load_config()
    assert (config.run.name, config.training.patience) == (name.split(".")[0], 8)
    assert config.features.pos.use is False
    # One epoch: the test is about the way, and not about what is learnt.
    corpus = ner_mx.preprocess(config.updated({"training.epochs": 1, "run.threads": 1}))
    assert set(corpus.meta["counts"]["train"]["types"]) == {"LOC", "MISC", "ORG", "PER"}
    bundle = ner_mx.train(corpus).export("bundle")
    assert ner_mx.load(bundle, threads=1).tag(["Rome", "fell"]) is not None


def test_the_commands_need_no_argument(sentences, tmp_path, run_command):
    (tmp_path / "my names.tsv").write_text(germeval(sentences[:40]))
    for command in (["init", "my names.tsv"], ["preprocess"], ["train", "--set", "training.epochs=1"], ["export"]):
        done = run_command("-m", "ner_mx", *command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "bundles/my-names/manifest.json").is_file()
    again = run_command("-m", "ner_mx", "init", "my names.tsv", cwd=tmp_path)
    assert again.returncode == 2 and "config.yaml: exists already" in again.stderr


def test_the_files_of_a_folder_are_found(tmp_path, root):
    for source, name in (("train", "onto.train.bio"), ("dev", "onto.valid.bio"), ("test", "onto.testb.bio")):
        (tmp_path / name).write_text((root / f"data/sample/{source}.txt").read_text())
    settings = propose(tmp_path).settings
    assert {key: settings["corpus"][key] for key in ("train", "dev", "test")} == {
        "train": "onto.train.bio", "dev": "onto.valid.bio", "test": "onto.testb.bio"}
    assert settings["features"] == {"pos": {"use": True}}
    (tmp_path / "c.yaml").write_text(propose(tmp_path).to_yaml())
    assert read_yaml(tmp_path / "c.yaml") == settings


def test_an_odd_encoding_is_guessed_and_nothing_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_bytes("caf\u00e9 O\nRom B-LOC\n\n".encode("cp1252") * 20)
    assert propose(tmp_path / "a.txt").settings["corpus"]["encoding"] == "windows-1252"
    with pytest.raises(CorpusError, match="nothing.txt: expected an annotated file or folder, found nothing"):
        propose(tmp_path / "nothing.txt")


def test_what_was_found_is_printed(tmp_path):
    (tmp_path / "a.conll").write_bytes("José\tB-PER\nging\tO\n\n".encode("mac-roman") * 9)
    facts = propose(tmp_path / "a.conll").facts
    assert facts[0].startswith("  read with reader=conll, columns.token=0") and "encoding=" in facts[0]
    assert not any("WARNING" in fact and "no entities" in fact for fact in facts)
    (tmp_path / "b.conll").write_text("Ada\tO\nging\tO\n\n" * 9)
    assert any("no entities: nothing can be learned" in fact for fact in propose(tmp_path / "b.conll").facts)
