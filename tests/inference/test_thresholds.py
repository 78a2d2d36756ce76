"""The least probability of entities: given, chosen for a precision, and used by the tagger."""

import json

import pytest

from ner_mx.data.compression import compressed
from ner_mx.data.spans import Span
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.errors import UserError
from ner_mx.evaluation.precision_thresholds import choose_thresholds
from ner_mx.inference.tagger import Tagger
from ner_mx.inference.thresholds import Thresholds

LABELS = ["LOC", "PER"]


@pytest.mark.parametrize("value, expected", [
    (0.5, {"LOC": 0.5, "PER": 0.5}), ("0.5", {"LOC": 0.5, "PER": 0.5}), ("PER=0.9, LOC=0.8", {"LOC": 0.8, "PER": 0.9}),
    ("0.3,PER=0.9", {"LOC": 0.3, "PER": 0.9}), ({"PER": 1}, {"LOC": 0.0, "PER": 1.0})])
def test_thresholds_from_numbers_and_text(value, expected):
    thresholds = Thresholds.of(value, LABELS)
    for label, score in expected.items():
        assert thresholds.keeps(label, score) and (score == 0 or not thresholds.keeps(label, score - 0.01))


@pytest.mark.parametrize("value, problem", [
    ("x", "a number from 0 to 1, found 'x'"), ("1.5", "found '1.5'"), (-1, "found -1"), ("nan", "found 'nan'"),
    ("PRE=0.5", "expected a type among LOC, PER, found 'PRE'; did you mean PER?"), ("PER=", "found ''")])
def test_other_thresholds_are_an_error_of_one_line(value, problem):
    with pytest.raises(UserError, match=problem.replace("?", r"\?")):
        Thresholds.of(value, LABELS)


def test_the_tagger_leaves_out_what_is_unlikely(bundle, tagger):
    texts = ["Ada Bert met Bob in Rome and Oslo."] * 3
    every = tagger.predict(texts[0])
    middle = sorted(entity.score for entity in every)[len(every) // 2]
    strict = Tagger.load(bundle, threads=1, min_score=middle - 1e-6)
    expected = [entity for entity in every if entity.score >= middle]
    assert expected and len(expected) < len(every)
    for found in (*strict.predict_batch(texts), next(iter(strict.stream(texts)))):
        assert [entity[:4] for entity in found] == [entity[:4] for entity in expected]
    label = every[0].label
    by_type = Tagger.load(bundle, threads=1, min_score={label: 1.0})
    assert [entity.label for entity in by_type.predict(texts[0])] == [
        entity.label for entity in every if entity.label != label]


def scored(*spans):
    return [ScoredSpan(Span(start, start + 1, label), probability) for start, label, probability in spans]


def test_the_lowest_threshold_with_the_precision_is_chosen():
    gold = [["B-A", "B-A", "O", "B-B"], ["O", "B-A", "O", "O"]]
    found = [scored((0, "A", 0.9), (1, "A", 0.5), (2, "A", 0.7), (3, "B", 0.6)),
             scored((0, "A", 0.3), (1, "A", 0.8), (2, "B", 0.6))]
    chosen = choose_thresholds(gold, found, 0.75)
    # At 0.5: 4 of the 5 entities A are right down to there, but one of two B.
    assert chosen["A"] == (0.5, 0.75, 1.0) and chosen["B"] is None
    assert chosen[""].score == 0.8 or chosen[""].precision >= 0.75
    by_hand = max((score for score in (0.9, 0.8, 0.7, 0.6, 0.5, 0.3) if precision_at(gold, found, score) >= 0.75),
                  key=lambda score: -score)
    assert chosen[""].score == by_hand


def precision_at(gold, found, score):
    kept = [(number, span) for number, spans in enumerate(found) for span, probability in spans if probability >= score]
    return sum(gold[number][span.start] == f"B-{span.label}" for number, span in kept) / len(kept)


def predicted(done):
    return [json.loads(line)["text"] for line in done.stdout.splitlines()]


def test_predict_reads_json_lines_and_compressed_files(bundle, call_command, tmp_path):
    texts = ["Ada left Rome.", "", "Bob came."]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text, "id": 1}) + "\n" for text in texts))
    (tmp_path / "a.txt.gz").write_bytes(compressed("".join(text + "\n" for text in texts).encode(), ".gz"))
    for name in ("a.jsonl", "a.txt.gz"):
        assert predicted(call_command("-m", "ner_mx", "predict", bundle, "--file", tmp_path / name)) == texts
    (tmp_path / "b.jsonl").write_text('{"text": "a"}\n{"no": 1}\n')
    bad = call_command("-m", "ner_mx", "predict", bundle, "--file", tmp_path / "b.jsonl")
    assert bad.returncode == 2 and 'b.jsonl:2: expected an object with a string under "text"' in bad.stderr
    (tmp_path / "c.conll").write_text("Ada O\n")
    columns = call_command("-m", "ner_mx", "predict", bundle, "--file", tmp_path / "c.conll")
    assert columns.returncode == 2 and "ner-mx tag reads it" in columns.stderr


def test_the_name_of_a_file_is_tagged_with_a_warning(bundle, call_command, tmp_path):
    (tmp_path / "a.txt").write_text("Ada left Rome.\n")
    done = call_command("-m", "ner_mx", "predict", bundle, tmp_path / "a.txt")
    assert done.returncode == 0 and "--file tags what is in the file of this name" in done.stderr


@pytest.mark.parametrize("output, lines", [("jsonl", 3), ("highlighted", 3)])
def test_empty_texts_keep_their_place(bundle, call_command, tmp_path, output, lines):
    (tmp_path / "a.txt").write_text("Ada left\n\nBob came\n")
    done = call_command("-m", "ner_mx", "predict", bundle, "--file", tmp_path / "a.txt", "--format", output)
    assert len(done.stdout.splitlines()) == lines
    columns = call_command("-m", "ner_mx", "predict", bundle, "--file", tmp_path / "a.txt", "--format", "conll")
    # A sentence of two tokens and its empty line, the empty text, and another sentence.
    assert [bool(line) for line in columns.stdout.splitlines()] == [True, True, False, False, True, True, False]


def test_min_score_on_the_command_line(bundle, call_command):
    done = call_command("-m", "ner_mx", "predict", bundle, "Ada met Bob in Rome.", "--min-score", "1.0")
    assert json.loads(done.stdout)["entities"] == []
    wrong = call_command("-m", "ner_mx", "predict", bundle, "Ada", "--min-score", "PRE=1")
    assert wrong.returncode == 2 and "expected a type among" in wrong.stderr
