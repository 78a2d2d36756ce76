"""The analysis of errors, against nervaluate and counts by hand."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.analysis.error_analysis import Judged, analyse_errors, compare_errors, marked_sentence
from ner_mx.analysis.judged_runs import corpora_as_read
from ner_mx.analysis.judged_runs import judged as judged_run
from ner_mx.analysis.slices import TrainingNames, group_functions, sliced_scores
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.evaluation.partial_matches import count_matches
from ner_mx.evaluation.scores import evaluate
from ner_mx.evaluation.significance import approximate_randomization, entity_counts

TAGS = ["O", "O", "O", "B-X", "I-X", "B-Y", "I-Y"]
pairs = st.lists(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=12),
                 min_size=1, max_size=5)


def columns(sentences):
    return ([[gold for gold, _ in sentence] for sentence in sentences],
            [[tag for _, tag in sentence] for sentence in sentences])


@given(pairs)
def test_partial_matches_are_those_of_nervaluate(sentences):
    nervaluate = pytest.importorskip("nervaluate")  # needs Python 3.11
    gold, predicted = columns(sentences)

    def listed(tags):
        return [[{"label": label, "start": start, "end": end - 1} for start, end, label in spans_of(one)]
                for one in tags]

    evaluator = nervaluate.Evaluator(listed(gold), listed(predicted), tags=["X", "Y"], loader="dict")
    expected = evaluator.evaluate()["overall"]
    for name, matches in count_matches(gold, predicted).items():
        result = expected["ent_type" if name == "type" else name]
        assert matches._asdict() == {key: getattr(result, key) for key in matches._fields}
        for key in ("precision", "recall", "f1"):
            assert getattr(matches, key) == pytest.approx(getattr(result, key))


@given(pairs)
def test_strict_matches_are_the_score(sentences):
    gold, predicted = columns(sentences)
    micro, strict = evaluate(gold, predicted).micro, count_matches(gold, predicted)["strict"]
    assert strict.correct == micro.correct
    assert (strict.precision, strict.recall) == pytest.approx((micro.precision, micro.recall))


@given(pairs)
def test_the_groups_of_each_kind_add_up_to_all_entities(sentences):
    gold, predicted = columns(sentences)
    words = ["ab", "Cd", "EF", "gh"]
    corpus = [Sentence(tuple(words[place % 4] for place in range(len(tags))), tuple(tags), title=f"{number % 2}/x")
              for number, tags in enumerate(gold)]
    train = TrainingNames.of([Sentence(("ab", "Cd", "x", "Cd"), ("B-X", "O", "O", "B-Y"))])
    sliced = sliced_scores(corpus, gold, predicted, group_functions(train, ["0", "1"]))
    micro = evaluate(gold, predicted).micro
    assert "genre" in sliced
    for groups in sliced.values():
        assert tuple(np.sum([*groups.values(), (0, 0, 0)], axis=0)) == tuple(micro)


def test_what_makes_entities_hard():
    train = [Sentence(("Ada", "met", "Rome"), ("B-PER", "O", "B-LOC"))] * 9
    train.append(Sentence(("Rome", "won"), ("B-ORG", "O")))
    test = [Sentence(("Rome", "saw", "Ada", "Lu"), ("B-LOC", "O", "B-PER", "I-PER")), Sentence(("NATO",), ("B-ORG",))]
    functions = group_functions(TrainingNames.of(train), ["", ""])
    sliced = sliced_scores(test, [one.tags for one in test], [["O", "O", "B-PER", "I-PER"], ["B-ORG"]], functions)
    assert "genre" not in sliced

    def counted(name):
        return {group: tuple(score) for group, score in sliced[name].items()}

    assert counted("train knows the entity") == {"same name and type": (1, 0, 0), "some unknown words": (1, 1, 1),
                                                 "all words unknown": (1, 1, 1)}
    assert counted("occurrences of the name") == {"never in train": (2, 2, 2), "10 to 99 times": (1, 0, 0)}
    assert counted("ambiguity of the name") == {"ambiguous": (1, 0, 0), "not in train": (2, 2, 2)}
    assert counted("length of the entity") == {"1 token": (2, 1, 1), "2 tokens": (1, 1, 1)}
    assert counted("capitals") == {"sentence in capitals": (1, 1, 1), "others": (2, 1, 1)}


def judged(name, predicted):
    sentences = [Sentence(("Ada", "saw", "Rome", "today"), ("B-PER", "O", "B-LOC", "O"), None, "a.txt", 1 + 5 * number,
                          line_per_token=True) for number in range(len(predicted))]
    return Judged(name, sentences, predicted, [""] * len(predicted))


def test_kinds_of_errors_and_their_examples():
    tags = [["B-PER", "I-PER", "B-ORG", "O"], ["O", "O", "B-LOC", "B-LOC"], ["B-PER", "O", "B-LOC", "O"]]
    values = analyse_errors(judged("one", tags), [])
    assert values["kinds"]["PER"] == {"missed": 1, "invented": 0, "type": 0, "borders": 1, "borders and type": 0}
    assert values["kinds"]["LOC"] == {"missed": 0, "invented": 1, "type": 1, "borders": 0, "borders and type": 0}
    found = {(group["kind"], group["gold"], group["predicted"]): group for group in values["examples"]}
    assert found["type", "LOC", "ORG"]["examples"] == [{
        "tokens": ["Ada", "saw", "Rome", "today"], "gold": [[0, 1, "PER"], [2, 3, "LOC"]],
        "predicted": [[0, 2, "PER"], [2, 3, "ORG"]], "cut": [False, False], "place": "a.txt:3"}]
    assert values["names"][0] == {"name": "Ada", "errors": 2, "kinds": {"PER → PER": 1, "PER → (nothing)": 1}}


def test_a_marked_sentence_is_cut_around_the_name():
    tokens = tuple(f"w{number}" for number in range(40))
    tags = ["O"] * 40
    tags[10:22] = ["B-X", *["I-X"] * 11]
    example = marked_sentence(Sentence(tokens, tuple(tags)), ["O"] * 40, "w20")
    assert example["tokens"] == list(tokens[12:29]) and example["gold"] == [[0, 10, "X"]]
    assert example["cut"] == [True, True]


def test_two_taggers():
    one = judged("one", [["B-PER", "O", "B-LOC", "O"], ["B-PER", "O", "O", "O"]] * 20)
    two = judged("two", [["B-PER", "O", "O", "O"], ["O", "O", "O", "O"]] * 20)
    values = compare_errors(one, two)
    assert values["found"] == {"LOC": {"both": 0, "first": 20, "second": 0, "neither": 20},
                               "PER": {"both": 20, "first": 20, "second": 0, "neither": 0}}
    assert values["difference"] == pytest.approx(60 * 2 / 140 - 20 * 2 / 100)
    assert values["bootstrap"] < 0.01 and values["randomization"] < 0.01 and values["examples"]["second"] == []
    same = compare_errors(one, one)
    assert same["difference"] == 0 and same["randomization"] == 1


def test_approximate_randomization_by_all_exchanges():
    gold = [["B-X", "O", "B-X"]] * 6
    first = [["B-X", "O", "B-X"]] * 4 + [["O", "B-X", "O"]] * 2
    second = [["B-X", "O", "O"]] * 5 + [["B-X", "O", "B-X"]]
    counts, others = entity_counts(gold, first), entity_counts(gold, second)

    def f1(totals):
        return 2 * totals[2] / (totals[0] + totals[1])

    observed = abs(f1(counts.sum(axis=0)) - f1(others.sum(axis=0)))
    larger = Counter()
    for mask in range(1 << 6):
        exchanged = np.array([bool(mask >> place & 1) for place in range(6)])[:, None]
        sums = np.where(exchanged, others, counts).sum(axis=0), np.where(exchanged, counts, others).sum(axis=0)
        larger[abs(f1(sums[0]) - f1(sums[1])) >= observed - 1e-12] += 1
    assert approximate_randomization(counts, others, 4000) == pytest.approx(larger[True] / 64, abs=0.03)


@pytest.fixture(scope="module")
def predictions(tmp_path_factory, root):
    """The test set of the sample with every tenth entity left out, and one without any."""
    folder = tmp_path_factory.mktemp("predictions")
    lines = (root / "data/sample/test.txt").read_text(encoding="utf-8").splitlines()
    entities, worse, empty = 0, [], []
    for line in lines:
        word, *_, tag = line.split() or ["", "O"]
        entities += tag[0] == "B"
        worse.append(f"{word} {'O' if entities % 10 == 0 else tag}" if word else "")
        empty.append(f"{word} O" if word else "")
    (folder / "worse.conll").write_text("\n".join(worse) + "\n", encoding="utf-8")
    (folder / "empty.conll").write_text("\n".join(empty) + "\n", encoding="utf-8")
    return folder


def test_the_command_on_files(predictions, call_command, root, tmp_path):
    arguments = ["--split", "test", "--set", f"corpus.path={root / 'data/sample'}", "-o", tmp_path / "report"]
    files = [predictions / "worse.conll", predictions / "empty.conll"]
    done = call_command("ner-mx", "errors", *files, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values == json.loads((tmp_path / "report/report.json").read_text(encoding="utf-8"))
    micro = values["errors"]["micro"]
    assert micro["found"] == micro["correct"] and values["comparison"]["difference"] == micro["f1"]
    assert sum(kinds["missed"] for kinds in values["errors"]["kinds"].values()) == micro["gold"] - micro["correct"]
    text = (tmp_path / "report/report.md").read_text(encoding="utf-8")
    assert f"{100 * micro['f1']:.2f}" in text and "Found by worse alone" in text
    assert call_command("ner-mx", "errors", predictions / "worse.conll", *arguments).returncode == 2
    done = call_command("ner-mx", "errors", *files, *arguments, "--no-text", "--overwrite")
    values = json.loads((tmp_path / "report/report.json").read_text(encoding="utf-8"))
    assert done.returncode == 0 and values["errors"]["examples"] == values["errors"]["names"] == []
    assert "Found by" not in (tmp_path / "report/report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments, message", [
    (["nothing"], "expected a run, or a file of predictions"), (["data/sample"], "expected a run, or a file"),
    (["data/sample/dev.txt", "--split", "test"], "which is next in the test set"),
    (["data/sample/test.txt", "--split", "train"], "expected dev or test, found train")])
def test_what_is_no_prediction_gives_one_line(arguments, message, call_command, root, tmp_path):
    done = call_command("ner-mx", "errors", root / arguments[0], *arguments[1:], "-o", tmp_path / "report",
                        "--set", f"corpus.path={root / 'data/sample'}")
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "report").exists()


def test_the_predictions_of_a_run_have_its_scores(run):
    corpora = corpora_as_read(run.config)
    for split in ("dev", "test"):
        values = analyse_errors(judged_run(run.folder, split, corpora), corpora["train"])
        key = f"{split}_with_predicted_POS"
        assert values["micro"] == run.metrics[key]["entity"]["micro"] and values["name"] == "first"
        novelty = run.metrics[key]["novelty"]["seen"]
        assert values["slices"]["train knows the entity"]["same name and type"]["gold"] == novelty["gold"]
