"""Looking at a corpus, against brute force over every place of small corpora."""

import json
import re
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.analysis.conflicts import border_words, name_conflicts, sentence_conflicts
from ner_mx.analysis.exploration import explore
from ner_mx.analysis.names import BORDERS, OUTSIDE, names_of, readings_of
from ner_mx.analysis.overlap import NOVELTY, novelty, repeated, shared_sentences, unknown_words
from ner_mx.analysis.profile import profile
from ner_mx.analysis.token_checks import suspicious_tokens
from ner_mx.analysis.tolerant_annotation import tolerant_annotation
from ner_mx.config import Config, Corpus
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of


def sentence(text, *tags, line=1):
    tokens = tuple(text.split())
    return Sentence(tokens, tuple(tags) or ("O",) * len(tokens), None, "a.txt", line, 0, line_per_token=True)


tagged = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["O", "O", "B-X", "I-X", "B-Y", "I-Y"])),
                  min_size=1, max_size=7)
corpora = st.lists(tagged.map(lambda pairs: Sentence(tuple(word for word, _ in pairs), tuple(tag for _, tag in pairs))),
                   min_size=1, max_size=5)


@given(corpora)
def test_the_readings_of_a_name_are_those_of_every_place_where_its_words_occur(sentences):
    expected = defaultdict(Counter)
    for name in names_of(sentences):
        for tokens, tags, *_ in sentences:
            spans = spans_of(tags)
            for start in range(len(tokens) - len(name) + 1):
                end = start + len(name)
                if tokens[start:end] != name:
                    continue
                exact = [span.label for span in spans if (span.start, span.end) == (start, end)]
                overlaps = any(span.start < end and start < span.end for span in spans)
                expected[name][exact[0] if exact else BORDERS if overlaps else OUTSIDE] += 1
    assert readings_of(sentences) == expected


@given(corpora)
def test_conflicts_are_the_pairs_of_places_that_read_the_same(sentences):
    pairs = [(one, two) for one in sentences for two in sentences
             if one.tokens == two.tokens and spans_of(one.tags) != spans_of(two.tags)]
    conflicts = sentence_conflicts(sentences)
    assert {conflict.tokens for conflict in conflicts} == {one.tokens for one, _ in pairs}
    assert all(len(conflict.versions) > 1 for conflict in conflicts)
    for conflict in name_conflicts(sentences):
        before, name, behind = conflict.context
        counts = [len(places) for _, places in conflict.readings]
        assert counts == sorted(counts, reverse=True) and len(counts) > 1 and conflict.minority == sum(counts[1:])
        for _, places in conflict.readings:
            for place in places:
                words = (None, *sentences[place.sentence].tokens, None)
                assert words[place.start:place.end + 2] == (before, *name, behind)


def test_one_deviation_from_many_is_more_doubtful_than_one_from_few():
    many = [sentence("in Rome today", "O", "B-LOC", "O") for _ in range(9)] + [sentence("in Rome today")]
    few = [sentence("to Lyon now", "O", "B-LOC", "O"), sentence("to Lyon now .", "O", "B-ORG", "O", "O")]
    first, second = name_conflicts(many + few)
    assert (first.context, first.minority) == (("in", ("Rome",), "today"), 1)
    assert first.doubt == pytest.approx(8 / 11) and second.doubt == 0


def test_words_at_the_border_are_found_on_both_sides():
    sentences = [sentence("Mr. Jones left", "B-PER", "I-PER", "O"), sentence("Mr. Jones spoke", "O", "B-PER", "O"),
                 sentence("Acme Inc. grew", "B-ORG", "I-ORG", "O"), sentence("Acme Inc. fell", "B-ORG", "O", "O"),
                 sentence("old Rome fell", "O", "B-LOC", "O")]
    assert {tuple(entry) for entry in border_words(sentences)} == {
        ("Mr.", 1, 1, ("Mr.", "Jones")), ("Inc.", 1, 1, ("Acme", "Inc."))}


def test_novelty_divides_the_entities():
    train = [sentence("Ada met Bo Li in Rome", "B-PER", "O", "B-PER", "I-PER", "O", "B-LOC")]
    test = [sentence("Ada", "B-PER"), sentence("Rome", "B-ORG"), sentence("Bo Rome", "B-PER", "I-PER"),
            sentence("Ada Xu", "B-PER", "I-PER"), sentence("Xu", "B-PER")]
    counts = novelty(test, train)
    assert sum(Counter(counts["PER"]).values()) == 4 and counts["ORG"]["same name, another type"] == 1
    assert [counts["PER"][kind] for kind in NOVELTY] == [1, 0, 1, 1, 1]


@given(corpora, corpora)
def test_novelty_and_unknown_words_by_brute_force(test, train):
    spans = [(item.tokens[start:end], label) for item in test for start, end, label in spans_of(item.tags)]
    known = {(item.tokens[start:end], label) for item in train for start, end, label in spans_of(item.tags)}
    counts = novelty(test, train)
    assert sum(sum(entry.values()) for entry in counts.values()) == len(spans)
    assert sum(entry[NOVELTY[0]] for entry in counts.values()) == sum(span in known for span in spans)
    words = {token for item in train for token in item.tokens}
    assert unknown_words(test, train)["tokens"] == sum(token not in words for item in test for token in item.tokens)


def test_repeated_sentences_are_counted_exactly_and_but_for_case_and_digits():
    long, other = "On 3 May the court met", "on 4 may the court met"
    sentences = [sentence(long), sentence(long), sentence(other), sentence("Too short"), sentence("Too short")]
    assert repeated(sentences) == {"exact": 1, "near": 2}
    shared = shared_sentences([sentence(other, line=7), sentence("Too short")], [sentence(long), sentence("Too short")])
    assert shared == {"exact": 0, "near": 1, "first": "a.txt:7"}


def test_a_profile_counts_lengths_types_and_growth():
    sentences = [sentence("Ada met Bo Li", "B-PER", "O", "B-PER", "I-PER"), sentence("It rained")]
    values = profile(sentences)
    assert values["types"]["PER"] == {"entities": 2, "names": 2, "mean_length": 1.5, "lengths": {"1": 1, "2": 1}}
    assert (values["tokens_in_entities"], values["sentences_without_entities"], values["words"]) == (3, 1, 6)
    assert values["sentence_lengths"] == {"median": 4, "95 %": 4, "longest": 4}
    assert values["length_histogram"] == [(2, 1), (4, 1)] and values["growth"][-1] == (6, 6, 2)


@pytest.mark.parametrize("token, fault", [
    ("caf\ufffd", "replacement"), ("cafÃ©", "wrong encoding"), ("donâ€™t", "wrong encoding"), ("a\x85b", "control"),
    ("Ro\u200bme", "invisible"), ("5\u00a0storm", "white space"), ("R&amp;D", "HTML"), ("<b>", "markup"),
    ("end.The", "two sentences"), ("M\u043escow", "Cyrillic"), ("B-PER", "a tag"), ("x" * 41, "longer")])
def test_each_fault_of_a_token_is_found(token, fault):
    found = suspicious_tokens([Sentence((token, "fine"), ("B-PER", "O"), None, "a.txt", 3, line_per_token=True)])
    assert [entry.fault for entry in found if fault in entry.fault] and found[0].place == "a.txt:3"
    assert all(example.isprintable() for entry in found for example in entry.examples)


@pytest.mark.parametrize("token", ["I-95", "café", "don’t", "U.S.A.", "naïve", "AT&T", "<", "São", "Ελλάδα", "ÄÖÜ",
                                   "A.B."])
def test_ordinary_words_are_not_suspicious(token):
    assert suspicious_tokens([sentence(token)]) == []


def test_tags_that_training_refuses_are_reported_not_refused():
    splits = {"train": [sentence("a b c", "B-X", "nonsense", "O"), sentence("d", "I-X")]}
    annotation = tolerant_annotation(splits, Corpus())
    assert "nonsense" in annotation.refusal and annotation.splits["train"][0].tags == ("B-X", "O", "O")
    assert annotation.scheme.repaired_tags == 1
    fine = tolerant_annotation({"train": [sentence("a b", "B-X", "O")]}, Corpus())
    assert fine.refusal == "" and fine.scheme.scheme == "IOB2"


def test_a_mixture_of_schemes_is_reported(tmp_path):
    sentences = ["Ada B-PER\nLee I-PER\nran O", "Bo S-PER", "Cy B-PER\nXu E-PER"] * 9
    (tmp_path / "mixed.conll").write_text("\n\n".join(sentences), encoding="utf-8")
    values = explore(Config.model_validate({"corpus": {"path": str(tmp_path / "mixed.conll"), "dev": None,
                                                       "test": None}}).corpus)
    assert values["worries"][0]["severity"] == "error" and "one scheme" in values["worries"][0]["finding"]


@pytest.fixture(scope="module")
def report(call_command, root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explored") / "report"
    result = call_command("ner-mx", "explore", root / "data/sample", "-o", folder)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_the_report_is_complete_in_itself(report):
    folder, result = report
    assert {path.name for path in folder.iterdir()} == {"report.html", "report.md", "report.json", "plots"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!data:|#)', page) and page.count("data:image/png") == 6
    values = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert values["worries"] and values["worries"][0]["finding"] in result.stdout
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert text.index("What to worry about") < text.index("## Counts")
    for name, count in (("train", values["splits"]["train"]["tokens"]), ("test", values["splits"]["test"]["entities"])):
        assert f"| {name} |" in text and f"{count:,}" in text


def test_an_existing_report_is_kept_unless_told(report, call_command, root):
    folder, _ = report
    refused = call_command("ner-mx", "explore", root / "data/sample", "-o", folder)
    assert refused.returncode == 2 and "exists already" in refused.stderr
    assert call_command("ner-mx", "explore", root / "data/sample", "-o", folder, "--overwrite").returncode == 0


def test_only_an_earlier_report_is_ever_replaced(call_command, root, tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "train.txt").write_text("Ada B-PER\n\n" * 30)
    before = (corpus / "train.txt").read_bytes()
    for output, message in ((corpus, "found no report.json"), (corpus / "train.txt", "found no report.json"),
                            (corpus / "train.txt/sub", "which is a file")):
        done = call_command("ner-mx", "explore", corpus, "-o", output, "--overwrite")
        assert done.returncode == 2 and message in done.stderr, done.stderr
    assert (corpus / "train.txt").read_bytes() == before and [path.name for path in corpus.iterdir()] == ["train.txt"]


def test_text_of_the_corpus_has_no_effect_in_the_page(tmp_path, call_command):
    word = "<script>alert(1)</script>|*x*_y_`z`[a](b)"
    (tmp_path / "odd.conll").write_text("\n\n".join([f"{word} B-<i>\nran O\n{word} O"] * 20), encoding="utf-8")
    result = call_command("ner-mx", "explore", tmp_path / "odd.conll", "-o", tmp_path / "report")
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<i>" not in page and "<em>x</em>" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize("arguments, message", [
    (["no-such-corpus"], "expected an annotated file or folder, found nothing"),
    (["data/sample", "--set", "corpus.reader=docbin"], "docbin")])
def test_a_corpus_that_cannot_be_read_gives_one_line(arguments, message, call_command, root, tmp_path):
    result = call_command("ner-mx", "explore", *arguments, "-o", tmp_path / "report")
    assert result.returncode == 2 and message.lower() in result.stderr.lower() and not (tmp_path / "report").exists()
    assert result.stderr.count("\n") <= 2


def test_a_report_without_text_has_no_word_of_the_corpus(call_command, tmp_path):
    names = [f"Zyx{number}qa" for number in range(30)]
    blocks = [f"{name} B-PER\nruns O\nend.The O" for name in names] + [f"{names[0]} O\nruns O\nend.The O"]
    (tmp_path / "secret.conll").write_text("\n\n".join(blocks), encoding="utf-8")
    done = call_command("ner-mx", "explore", tmp_path / "secret.conll", "-o", tmp_path / "report", "--no-text",
                        "--json")
    assert done.returncode == 0, done.stderr
    written = done.stdout + "".join((tmp_path / "report" / name).read_text() for name in ("report.md", "report.json"))
    assert not re.search("Zyx|runs|end", written) and "1 sentences occur with different annotation" in written
    assert not (tmp_path / "report/plots/ambiguous.png").exists()
