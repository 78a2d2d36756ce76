"""What to annotate next: uncertainties from the lattice, choices against brute force, rounds on a small corpus."""

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.analysis.learning_curve import fit_power_law, predict
from ner_mx.analysis.selection import select
from ner_mx.analysis.simulation import Chain, read_rounds, simulation_values
from ner_mx.analysis.simulation import simulate as simulate_rounds
from ner_mx.analysis.strategies import OVERHEAD
from ner_mx.analysis.uncertainty import Uncertainty, uncertainties
from ner_mx.data.spans import Span
from ner_mx.decoding.decoder import ScoredSpan
from ner_mx.errors import ConfigError, UserError
from ner_mx.registry import register
from ner_mx.reports.curve_report import simulation_report, tokens_to_reach

NOBODY = Uncertainty([], [], 1.0, 0.0, [])


def test_how_unsure_the_network_is(tagger):
    sentences = [["Ada", "said", "Bert"], ["Florence"], ["the", "bank", "of", "Florence", "said"]]
    for tokens, found in zip(sentences, uncertainties(tagger.recognizer, sentences)):
        assert dict(found.entities) == pytest.approx(dict(tagger.tag(tokens)))
        readings = tagger.readings(tokens, 1)
        assert found.best == pytest.approx(readings[0].probability, abs=1e-6)
        likely = dict(tagger.likely_spans(tokens, 0.01))
        assert dict(found.likely) == pytest.approx(likely)
        marginals = tagger.marginals(tokens)
        expected = [-sum(value * np.log(value) for value in row if value > 0) for row in marginals]
        assert found.token_entropy == pytest.approx(expected, abs=1e-6)
        # The whole is at most as uncertain as its parts, and at least as its most uncertain part.
        assert max(expected) - 1e-6 <= found.entropy <= sum(expected) + 1e-6
        best = {span for span, _ in found.entities}
        assert found.expected_errors == pytest.approx(
            sum(1 - value if span in best else value for span, value in likely.items()), abs=0.02)
    with pytest.raises(ValueError, match="at most 512 tokens"):
        uncertainties(tagger.recognizer, [["a"] * 513])


def test_the_strategies():
    found = Uncertainty([ScoredSpan(Span(0, 1, "PER"), 0.6)],
                        [ScoredSpan(Span(0, 1, "PER"), 0.6), ScoredSpan(Span(2, 3, "LOC"), 0.3)], 0.4, 1.5,
                        [0.5, 0.1, 0.4])
    random = np.random.RandomState(1)
    tokens = ["Ada", "saw", "Ada"]
    weights = {name: register.strategy[name](tokens, found, random) for name in register.strategy.names()}
    assert weights["expected-errors"] == pytest.approx({"Ada": 0.7})
    assert weights["entropy"] == pytest.approx({"Ada": 0.9, "saw": 0.1})
    assert weights["sequence-entropy"] == {"Ada saw Ada": 1.5}
    assert weights["least-confidence"] == pytest.approx({"Ada saw Ada": 0.6})
    assert 0 < weights["random"]["Ada saw Ada"] < OVERHEAD + 3


@register.strategy("given")
def given_weights(tokens, found, random):
    """The weights that a test puts in the place of the entities."""
    return found.entities


items = st.lists(st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
                           st.dictionaries(st.sampled_from("xyz"), st.floats(0.01, 1), max_size=3)),
                 min_size=1, max_size=7)


@given(items, st.booleans())
def test_the_lazy_choice_is_the_greedy_one(drawn, diverse):
    sentences = [words for words, _ in drawn]
    weights = [entry for _, entry in drawn]
    found = [NOBODY._replace(entities=entry) for entry in weights]
    selected = select(sentences, found, "given", diverse=diverse)
    times = dict.fromkeys("xyz", 0)
    left, seen = set(range(len(drawn))), set()
    for entry in selected:
        gains = {index: sum(value / (1 + times[key] * diverse) for key, value in weights[index].items())
                 / (OVERHEAD + len(sentences[index])) for index in left if tuple(sentences[index]) not in seen}
        assert entry.gain == pytest.approx(max(gains.values())) == pytest.approx(gains[entry.sentence])
        seen.add(tuple(sentences[entry.sentence]))
        left.discard(entry.sentence)
        for key in weights[entry.sentence]:
            times[key] += 1
    assert seen == set(map(tuple, sentences))


def test_limits_of_a_choice():
    sentences = [["a"] * size for size in range(1, 9)]
    found = [NOBODY._replace(entities={"x": 1.0}) for _ in sentences]
    assert [entry.sentence for entry in select(sentences, found, "given", count=3)] == [0, 1, 2]
    assert [entry.sentence for entry in select(sentences, found, "given", tokens=9)] == [0, 1, 2]
    assert [entry.sentence for entry in select([[], ["a"]], found[:2], "given")] == [1]
    first, second = (select(sentences, found, "random", seed=seed) for seed in (1, 2))
    assert first != second and first == select(sentences, found, "random", seed=1)
    with pytest.raises(ConfigError, match="expected one of expected-errors"):
        select(sentences, found, "expected-error")


def test_the_command(bundle, call_command, tmp_path):
    lines = ["Ada said Bert. The bank of Florence!", "EU bank", "", "Ada said Bert.", "a " * 600]
    (tmp_path / "texts.txt").write_text("\n".join(lines), encoding="utf-8")
    done = call_command("ner-mx", "suggest", bundle, tmp_path / "texts.txt", "-n", 2, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "2 of 3 sentences" in done.stdout and "1 sentences were too long" in done.stdout
    values = json.loads((tmp_path / "out/suggestions.json").read_text(encoding="utf-8"))
    records = [json.loads(line) for line in (tmp_path / "out/doccano.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [record["text"] for record in records] == [entry["text"] for entry in values["chosen"]]
    for record, entry in zip(records, values["chosen"]):
        assert entry["text"] in "\n".join(lines) and record["place"].startswith(str(tmp_path / "texts.txt:"))
        assert [record["text"][start:end].split() for start, end, _ in record["label"]] == [
            [word for token in entry["tokens"][start:end] for word in token.split()]
            for start, end, _ in entry["entities"]] or "." in record["text"]
    tasks = json.loads((tmp_path / "out/label-studio.json").read_text(encoding="utf-8"))
    assert [task["data"]["text"] for task in tasks] == [record["text"] for record in records]
    again = call_command("ner-mx", "suggest", bundle, tmp_path / "texts.txt", "-o", tmp_path / "out")
    assert again.returncode == 2 and "exists already" in again.stderr


@pytest.mark.parametrize("arguments, message", [
    (["none.txt"], "found"), (["empty.txt"], "expected sentences, found nothing"),
    (["texts.txt", "--strategy", "entropie"], "did you mean entropy")])
def test_what_cannot_be_chosen_from_gives_one_line(arguments, message, bundle, call_command, tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "texts.txt").write_text("Ada said.\n")
    done = call_command("ner-mx", "suggest", bundle, tmp_path / arguments[0], *arguments[1:], "-o", tmp_path / "out")
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("best, scale, rate", [(0.93, 4.0, 0.4), (0.85, 20.0, 0.6), (0.7, 0.9, 0.15)])
def test_a_curve_is_found_again(best, scale, rate):
    points = [(size, best - scale * size ** -rate) for size in (2000, 5000, 12000, 30000, 80000)]
    law = fit_power_law(points)
    for size in (2000, 40000, 160000):
        assert law.at(size) == pytest.approx(best - scale * size ** -rate, abs=2e-3)


def test_predictions_and_their_intervals():
    random = np.random.RandomState(3)
    runs = [[(size, 0.9 - 5 * size ** -0.5 + random.normal(scale=0.003)) for size in (1000, 2000, 5000, 10000, 20000)]
            for _ in range(5)]
    now, later = predict(runs, [20000, 40000])
    assert later.f1 > now.f1 and later.low <= later.f1 <= later.high
    assert later.f1 == pytest.approx(0.9 - 5 * 40000 ** -0.5, abs=0.01)
    assert predict(runs[:1], [40000])[0].low == predict(runs[:1], [40000])[0].high
    with pytest.raises(UserError, match="at least 3 sizes"):
        fit_power_law([(1000, 0.5), (2000, 0.6)])


def test_tokens_to_reach_a_level():
    assert tokens_to_reach([(100, 50.0), (200, 60.0), (400, 62.0)], 61) == 300
    assert tokens_to_reach([(100, 50.0)], 40) == 100 and tokens_to_reach([(100, 50.0)], 51) is None


@pytest.fixture(scope="module")
def simulated(run, tmp_path_factory):
    """Two strategies in three rounds."""
    folder = tmp_path_factory.mktemp("simulated") / "rounds"
    config = run.config.updated({"training.epochs": 1, "features.pos.use": False})
    return config, folder, simulate_rounds(config, ["random", "entropy"], [1], [0.2, 0.5, 1.0], folder, workers=2)


def test_rounds_grow_to_the_whole(simulated, run):
    _, folder, rounds = simulated
    assert set(rounds) == {Chain("random", 1), Chain("entropy", 1)}
    random, entropy = (rounds[Chain(name, 1)] for name in ("random", "entropy"))
    assert random[0][:4] == entropy[0][:4]  # the same first sentences and the same training
    for first, second, third in (random, entropy):
        assert first.tokens < second.tokens < third.tokens
    assert random[-1].tokens == entropy[-1].tokens and random[-1].sentences == entropy[-1].sentences
    total = random[-1].tokens
    assert random[1].tokens == pytest.approx(total / 2, rel=0.1) and entropy[1].tokens <= total / 2
    chosen = json.loads((folder / "entropy-1/rounds.json").read_text())["chosen"]
    assert len(chosen) == len(set(chosen)) == random[-1].sentences
    assert not (folder / "entropy-1/run").exists()


def test_a_report_says_with_how_much_it_ends(simulated, tmp_path):
    config, _, rounds = simulated
    assert "With everything, F1 is" in simulation_report(simulation_values(config, rounds), tmp_path)
    first = Chain("random", 1)
    part = simulation_report(simulation_values(config, {first: rounds[first][:2]}), tmp_path)
    assert f"With {rounds[first][1].tokens:,} tokens, F1 is" in part


def test_a_simulation_resumes_and_is_not_mixed_with_another(simulated):
    config, folder, rounds = simulated
    state = json.loads((folder / "random-1/rounds.json").read_text())
    shortened = {"rounds": state["rounds"][:2], "chosen": state["chosen"]}
    (folder / "random-1/rounds.json").write_text(json.dumps(shortened))
    again = simulate_rounds(config, ["random", "entropy"], [1], [0.2, 0.5, 1.0], folder, workers=1)
    assert [entry[:4] for entry in again[Chain("random", 1)]] == [entry[:4] for entry in rounds[Chain("random", 1)]]
    assert read_rounds(folder, Chain("entropy", 1)) == rounds[Chain("entropy", 1)]
    with pytest.raises(UserError, match="found one with another corpus, configuration or shares"):
        simulate_rounds(config, ["random"], [1], [0.5], folder)
    for shares in ([], [0.5, 0.2], [0.0, 1.0], [0.5, 1.5]):
        with pytest.raises(UserError, match="increasing shares"):
            simulate_rounds(config, ["random"], [1], shares, folder)


def test_dev_is_never_trained_on(simulated, tmp_path):
    config, _, rounds = simulated
    trained = simulate_rounds(config.updated({"training.use_dev": True}), ["random"], [1], [0.2], tmp_path / "rounds")
    assert trained[Chain("random", 1)][0][:4] == rounds[Chain("random", 1)][0][:4]
    pieces = config.updated({"corpus.split_digits": True})
    with pytest.raises(UserError, match="expected a model whose tokens have tags"):
        simulate_rounds(pieces, ["random", "entropy"], [1], [0.2], tmp_path / "pieces")


def test_the_commands_of_curves(simulated, call_command, short_sample, tmp_path):
    config, folder, _ = simulated
    settings = [item for key, value in (("corpus.path", short_sample), ("training.epochs", 1), ("model.units", 24),
                                        ("features.pos.use", "false"), ("corpus.name", "short"))
                for item in ("--set", f"{key}={value}")]
    done = call_command("ner-mx", "learning-curve", *settings, "--seeds", 2, "--shares", "0.3,0.6,1", "--workers", 2,
                        "--further", "100", "-o", tmp_path / "curve")
    assert done.returncode == 0, done.stderr
    values = json.loads((tmp_path / "curve/learning-curve.json").read_text())
    assert [entry["sentences"] for entry in values["predictions"]] == [0, 100] and len(values["chains"]) == 2
    assert "What more data would bring" in done.stdout
    assert (tmp_path / "curve/learning-curve.html").read_text().count("data:image/png") == 1
    simulation = ["ner-mx", "simulate", *settings, "--shares", "0.3", "--strategy", "random", "-o", tmp_path / "sim"]
    for seeds in (1, 2):  # another seed is added to what is there, report and all
        done = call_command(*simulation, "--seeds", seeds)
        assert done.returncode == 0, done.stderr
        assert len(json.loads((tmp_path / "sim/simulation.json").read_text())["chains"]) == seeds
    wrong = call_command("ner-mx", "simulate", *settings, "--shares", "a,b", "-o", tmp_path / "wrong")
    assert wrong.returncode == 2 and "expected numbers separated by commas" in wrong.stderr


def test_entropies_of_readings_are_exact(tagger):
    """The entropy against all readings of a sentence, of which there are few enough."""
    found, = uncertainties(tagger.recognizer, [["Ada", "said"]])
    tags = tagger.tags
    readings = tagger.readings(["Ada", "said"], len(list(product(tags, repeat=2))))
    total = sum(reading.probability for reading in readings)
    assert total == pytest.approx(1, abs=1e-6)
    assert found.entropy == pytest.approx(-sum(
        reading.probability * np.log(reading.probability) for reading in readings), abs=1e-5)


def test_errors_in_other_processes_are_one_line(call_command, tmp_path):
    (tmp_path / "none.conll").write_text("\n\n".join(f"w{number} O\nx O" for number in range(60)))
    done = call_command("ner-mx", "simulate", "--set", f"corpus.path={tmp_path / 'none.conll'}", "--seeds", 1,
                        "--workers", 1, "--set", "training.epochs=1", "-o", tmp_path / "out")
    assert done.returncode == 2 and "expected entities in the training data" in done.stderr
    assert done.stderr.strip().count("\n") == 0, done.stderr


@pytest.mark.parametrize("arguments, message", [(["--further", "-5"], "numbers of sentences from 1"),
                                                (["--shares", "0.5,1"], "at least 3")])
def test_a_curve_that_cannot_be_fitted_is_refused_before_training(arguments, message, call_command, tmp_path):
    done = call_command("ner-mx", "learning-curve", *arguments, "-o", tmp_path / "out")
    assert done.returncode == 2 and message in done.stderr and not (tmp_path / "out").exists()
