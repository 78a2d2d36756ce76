"""What must stay fast, in processor time: make bench."""

import json
import time

import pytest

from ner_mx.config import Corpus
from ner_mx.data.reading import read
from ner_mx.evaluation.scores import evaluate


def seconds(work):
    started = time.process_time()
    work()
    return time.process_time() - started


@pytest.mark.bench
def test_reading_the_spans_of_a_long_document_takes_linear_time(tmp_path):
    taken = []
    for count in (5_000, 40_000):
        path = tmp_path / f"{count}.jsonl"
        label = [[start, start + 3, "PER"] for start in range(0, 10 * count, 10)]
        path.write_text(json.dumps({"text": "Ada left. " * count, "label": label}))
        taken.append(seconds(lambda path=path: read(path, Corpus())))
    assert taken[1] < 24 * taken[0]  # eight times the text; quadratic time would be sixty-four


@pytest.mark.bench
def test_a_hundred_thousand_tokens_are_scored_in_a_second():
    tags = [["B-PER", "I-PER", "O", "B-LOC", "O", "O"]] * 17_000
    assert seconds(lambda: evaluate(tags, tags)) < 1.0
