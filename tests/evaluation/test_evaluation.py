"""Scores against seqeval, the layout against that of conlleval."""

import random

import pytest
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from seqeval.metrics import classification_report as seqeval_report

from ner_mx.errors import UserError
from ner_mx.evaluation.conlleval import conlleval
from ner_mx.evaluation.predictions import Predictions, batch_mean, read_predictions, write_predictions
from ner_mx.evaluation.scores import Score, evaluate


def random_tags(seed, prefixes="BI", sentences=40):
    """Gold tags, and the same with about a quarter of them changed."""
    generator = random.Random(seed)
    tags = ["O", "O", "O"] + [f"{prefix}-{label}" for prefix in prefixes for label in ("PER", "LOC", "ORG")]
    gold, predicted = [], []
    for _ in range(sentences):
        sentence = generator.choices(tags, k=generator.randint(1, 12))
        gold.append(sentence)
        predicted.append([tag if generator.random() < 0.7 else generator.choice(tags) for tag in sentence])
    return gold, predicted


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("prefixes", ["BI", "I", "BIES"])
def test_scores_equal_seqeval_on_random_sequences(prefixes):
    """100,000 sentences in all, most of them ill-formed."""
    for seed in range(50):
        gold, predicted = random_tags(seed, prefixes, 700)
        evaluation = evaluate(gold, predicted)
        assert evaluation.micro.precision == pytest.approx(precision_score(gold, predicted))
        assert evaluation.micro.recall == pytest.approx(recall_score(gold, predicted))
        assert evaluation.micro.f1 == pytest.approx(f1_score(gold, predicted))
        assert evaluation.macro_f1 == pytest.approx(f1_score(gold, predicted, average="macro"))
        assert evaluation.accuracy == pytest.approx(accuracy_score(gold, predicted))
        if seed < 5:
            report = seqeval_report(gold, predicted, output_dict=True)
            for label, score in evaluation.types.items():
                assert score.f1 == pytest.approx(report[label]["f1-score"])
                assert score.gold == report[label]["support"]


def test_the_text_has_the_layout_of_conlleval():
    gold = [["B-LOC", "O", "B-PER", "I-PER"], ["B-MISC", "O"]]
    predicted = [["B-LOC", "O", "B-PER", "O"], ["O", "B-LOC"]]
    assert conlleval(evaluate(gold, predicted)) == (
        "processed 6 tokens with 3 phrases; found: 3 phrases; correct: 1.\n"
        "accuracy:  50.00%; precision:  33.33%; recall:  33.33%; FB1:  33.33\n"
        "              LOC: precision:  50.00%; recall: 100.00%; FB1:  66.67  2\n"
        "             MISC: precision:   0.00%; recall:   0.00%; FB1:   0.00  0\n"
        "              PER: precision:   0.00%; recall:   0.00%; FB1:   0.00  1")


def test_no_entities_in_gold_or_prediction():
    empty = evaluate([["O"]], [["O"]])
    assert (empty.micro.f1, empty.macro_f1, empty.accuracy) == (0.0, 0.0, 1.0)
    assert evaluate([], []).micro.f1 == 0.0


def test_schemes_may_differ_between_gold_and_prediction():
    assert evaluate([["B-A", "I-A", "O"]], [["B-A", "L-A", "O"]]).micro.f1 == 1.0


def test_unequal_lengths_are_errors():
    with pytest.raises(UserError, match="expected predictions for 1 sentences, found 2"):
        evaluate([["O"]], [["O"], ["O"]])
    with pytest.raises(UserError, match="sentence 1: expected 1 predicted tags, found 2"):
        evaluate([["O"]], [["O", "O"]])


def scored(path):
    """The evaluation of a file."""
    predictions = read_predictions(path)
    return evaluate(predictions.gold, predictions.predicted)


def test_scoring_a_file_of_predictions(tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("Rome NNP B-LOC B-LOC\nfell VBD O O\n\nBo NNP B-PER O\n")
    assert scored(path).micro == (2, 1, 1)
    path.write_text("Rome B-LOC B_LOC\n")
    with pytest.raises(UserError, match="p.txt:1: expected O or B-"):
        read_predictions(path)
    path.write_text("Rome B-LOC\n")
    with pytest.raises(UserError, match="p.txt:1: expected a word, its gold tag"):
        read_predictions(path)


def test_tokens_with_spaces_and_markers_are_written_and_read(tmp_path):
    tokens = [["New York", "-DOCSTART-", "\u00a0"], ["#"]]
    tags = [["B-LOC", "O", "O"], ["O"]]
    write_predictions(tmp_path / "p", Predictions(tokens, tags, tags))
    read = read_predictions(tmp_path / "p")
    assert read.tokens == [["New_York", "-DOCSTART-_", "_"], ["#"]] and read.gold == read.predicted == tags


def test_a_document_marker_with_tags_counts_as_a_token_as_in_conlleval(tmp_path):
    path = tmp_path / "p"
    path.write_text("-DOCSTART- -X- O O\n\nRome NNP B-LOC B-LOC\n-DOCSTART- O\nfell VBD O O\n")
    evaluation = scored(path)
    assert evaluation.tokens == 3 and evaluation.micro.correct == 1


def test_token_figures_count_every_token():
    gold = [["B-A", "I-A", "I-A", "O", "B-B"], ["B-A", "O"]]
    predicted = [["B-A", "I-A", "O", "O", "O"], ["B-A", "B-B"]]
    token = evaluate(gold, predicted).to_json()["token"]
    # Five gold tokens and four predicted ones are not O; three agree.
    assert token["micro_without_O"]["precision"] == pytest.approx(3 / 4)
    assert token["micro_without_O"]["recall"] == pytest.approx(3 / 5)
    nothing = evaluate([["O"]], [["O"]])
    assert (nothing.micro, nothing.to_json()["token"]["micro_without_O"]["f1"]) == (Score(0, 0, 0), 0.0)


def test_scores_of_seen_and_unseen_entities():
    from ner_mx.evaluation.seen_entities import by_novelty, names_in

    known = names_in([["Ada", "Bert", "left", "Rome"]], [["B-PER", "I-PER", "O", "B-LOC"]])
    assert known == {(("Ada", "Bert"), "PER"), (("Rome",), "LOC")}
    tokens = [["Ada", "Bert", "saw", "Rome"], ["Rome", "saw", "Oslo"]]
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "O", "B-LOC"]]
    predicted = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "O", "B-LOC"]]
    scores = by_novelty(known, tokens, gold, predicted)
    # Rome as a person is not seen; the prediction of it as a place is.
    assert scores == {"seen": Score(2, 2, 1), "unseen": Score(2, 1, 1)}
    every = evaluate(gold, predicted).micro
    assert tuple(map(sum, zip(*scores.values()))) == tuple(every)


def test_a_mean_over_batches_is_no_f1_of_all_tokens(tmp_path, call_command):
    gold, predicted = random_tags(3, sentences=50)

    def f1(first, last):
        pairs = [pair for tags in zip(gold[first:last], predicted[first:last]) for pair in zip(*tags)]
        both = sum(one == other != "O" for one, other in pairs)
        return 2 * both / (sum(one != "O" for one, _ in pairs) + sum(other != "O" for _, other in pairs))

    found = batch_mean(gold, predicted, 16)
    assert found == (pytest.approx((f1(0, 16) + f1(16, 32) + f1(32, 48)) / 3), 3, 2) and found.f1 != f1(0, 50)
    write_predictions(tmp_path / "p", Predictions([["x"] * len(tags) for tags in gold], gold, predicted))
    done = call_command("-m", "ner_mx", "score", tmp_path / "p", "--batches", "16")
    assert done.stdout.splitlines()[-1] == (
        f"token F1 without O: {100 * f1(0, 50):.2f}; as a mean over 3 batches of 16 sentences: "
        f"{100 * found.f1:.2f}, 2 sentences left out")
    done = call_command("-m", "ner_mx", "score", tmp_path / "p", "--batches", "51")
    assert done.returncode == 2 and "expected at least 51 sentences for a batch, found 50" in done.stderr
