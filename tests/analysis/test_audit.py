"""The audit: folds, suspects against hand-made evidence, decisions, files that change in nothing but tags."""

import json
import shutil
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_mx.analysis.audit import read_files, tasks_of
from ner_mx.analysis.decisions import apply_decisions
from ner_mx.analysis.held_out import HeldOut, fold_members, read_held_out
from ner_mx.analysis.suspects import find_suspects
from ner_mx.config import Config, Corpus
from ner_mx.data.reading import read
from ner_mx.data.retagging import write_retagged
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.errors import RunError, UserError
from ner_mx.reports.audit_report import audit_page


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30)), min_size=30, max_size=80), st.integers(2, 5))
def test_copies_and_documents_are_never_divided(drawn, folds):
    sentences = [Sentence(tuple(f"w{kind}" for _ in range(6)) if kind < 3 else (f"x{number}",) * 6, source="a",
                          document=document) for number, (kind, document) in enumerate(drawn)]
    members = fold_members(sentences, folds)
    assert sorted(index for member in members for index in member) == list(range(len(sentences)))
    fold = {index: number for number, member in enumerate(members) for index in member}
    for one in range(len(sentences)):
        for other in range(one):
            if sentences[one].tokens == sentences[other].tokens:
                assert fold[one] == fold[other]


def test_documents_stay_together_and_folds_are_of_similar_size():
    sentences = [Sentence((f"w{number}",) * 6, source="a", document=number // 7) for number in range(210)]
    members = fold_members(sentences, 5)
    assert {len(member) for member in members} == {42}
    assert all(len({sentences[index].document for index in member}) == 6 for member in members)


def test_what_a_held_out_network_says_agrees_with_the_tagger(run):
    tagger = run.tagger()
    sentences = read_files(run.config).sentences[:25]
    for sentence, output in zip(sentences, read_held_out(tagger.recognizer, sentences)):
        likely = dict(tagger.likely_spans(sentence.tokens, 1e-9))
        assert output.annotated == pytest.approx([likely.get(span, 0.0) for span in spans_of(sentence.gold)], abs=1e-6)
        assert all(probability >= 0.02 for _, probability in output.likely)
        assert {span for span, _ in output.likely} == {span for span, value in likely.items() if value >= 0.02}
        marginals = tagger.marginals(sentence.tokens)
        for place, (tag, probability) in enumerate(zip(sentence.gold, output.tokens)):
            if tag == "O":
                assert probability == pytest.approx(marginals[place, tagger.tags.index("O")], abs=1e-6)
        for span, outside in zip(spans_of(sentence.gold), output.outside):
            assert outside <= min(marginals[place, tagger.tags.index("O")]
                                  for place in range(span.start, span.end)) + 1e-6


def suspects(text, tags, likely, annotated=(), outside=(), others=()):
    """The suspects of a sentence among others that nobody doubts."""
    sentences = [Sentence(tuple(text.split()), tuple(tags.split()))]
    outputs = [HeldOut(list(annotated), list(outside), [(Span(*span), value) for span, value in likely],
                       [0.9] * len(sentences[0].tokens))]
    for words, gold in others:
        sentences.append(Sentence(tuple(words.split()), tuple(gold.split())))
        spans = spans_of(sentences[-1].gold)
        outputs.append(HeldOut([0.99] * len(spans), [0.0] * len(spans), [(span, 0.99) for span in spans], [0.99]))
    return [suspect for suspect in find_suspects(sentences, outputs) if suspect.sentence == 0]


@pytest.mark.parametrize("tags, likely, annotated, outside, kind, suggested", [
    ("O O O", [((2, 3, "LOC"), 0.9)], [], [], "missed", Span(2, 3, "LOC")),
    ("B-PER O O", [((0, 1, "PER"), 0.04)], [0.04], [0.95], "invented", None),
    ("O O B-LOC", [((2, 3, "ORG"), 0.9)], [0.05], [0.02], "type", Span(2, 3, "ORG")),
    ("O B-LOC I-LOC", [((2, 3, "LOC"), 0.8)], [0.1], [0.1], "borders", Span(2, 3, "LOC")),
    ("O B-LOC I-LOC", [((2, 3, "ORG"), 0.8)], [0.1], [0.1], "borders and type", Span(2, 3, "ORG")),
    ("B-PER B-PER O", [((0, 2, "PER"), 0.9)], [0.05, 0.06], [0, 0], "borders", Span(0, 2, "PER"))])
def test_kinds_of_suspects(tags, likely, annotated, outside, kind, suggested):
    found, = suspects("Ada left Rome", tags, likely, annotated, outside)
    assert (found.kind, found.suggested) == (kind, suggested)
    assert list(found.annotated) == spans_of(tags.split()) and 0.5 < found.score < 1 and found.reasons


def test_what_the_rest_of_the_corpus_says_counts():
    def score(others):
        return suspects("Ada left Rome", "O O O", [((2, 3, "LOC"), 0.6)], others=others)[0]

    alone = score([])
    assert alone.score == pytest.approx(0.6)
    supported = score([("in Rome .", "O B-LOC O")] * 4)
    contradicted = score([("in Rome .", "O O O")] * 4 + [("in Rome .", "O B-LOC O")])
    assert contradicted.score < alone.score < supported.score
    assert any("“Rome” is 4 × LOC and 0 × no entity" in reason for reason in supported.reasons)


def test_errors_are_counted_by_confident_learning():
    others = [("in Rome .", "O B-LOC O")]  # whose mean probability is 0.99
    below, = suspects("Ada left Rome", "O O O", [((2, 3, "LOC"), 0.9)], others=others)
    above, = suspects("Ada left Rome", "O O O", [((2, 3, "LOC"), 0.995)], others=others)
    assert (below.confident, above.confident) == (False, True)


CORPUS = ("-DOCSTART- -X- -X- O\r\n\r\nAda NNP I-NP B-PER\r\nleft  VBD\tI-VP O\r\nRome NNP I-NP B-LOC\r\n\r\n"
          "# a comment\r\nMaría O O B-PER\r\nO O O O\r\nsaid O O O\r\n")


def test_only_the_tags_of_columns_change(tmp_path):
    source, target = tmp_path / "a.conll", tmp_path / "new" / "a.conll"
    source.write_bytes(CORPUS.encode("windows-1252"))
    settings = Corpus(encoding="windows-1252", columns={"token": 0, "pos": 1, "tag": 3})
    assert write_retagged(source, target, settings, {1: [Span(1, 3, "ORG")]})
    expected = CORPUS.replace("María O O B-PER", "María O O O").replace(
        "O O O O\r\nsaid O O O", "O O O B-ORG\r\nsaid O O I-ORG")
    assert target.read_bytes() == expected.encode("windows-1252")
    assert [spans_of(one.gold) for one in read(target, settings).sentences] == [
        [Span(0, 1, "PER"), Span(2, 3, "LOC")], [Span(1, 3, "ORG")]]


@pytest.mark.parametrize("scheme, before, after", [
    ("IOB1", ["I-LOC", "O", "I-LOC"], ["I-LOC", "B-LOC", "O"]),
    ("BILOU", ["U-LOC", "O", "B-X", "L-X"], ["B-X", "L-X"])])
def test_tags_are_written_in_the_scheme_of_the_corpus(scheme, before, after, tmp_path):
    lines = [f"w{number}\t{tag}\n" for number, tag in enumerate(before)]
    (tmp_path / "a.tsv").write_text("".join(lines) + "\nx\tO\ny\tO\n")
    settings = Corpus(scheme=scheme)
    spans = spans_of(after)
    write_retagged(tmp_path / "a.tsv", tmp_path / "b.tsv", settings, {0: spans})
    assert spans_of(read(tmp_path / "b.tsv", settings).sentences[0].gold) == spans


def test_only_the_tags_of_the_kaggle_csv_change(tmp_path):
    text = ('Sentence #,Word,POS,Tag\r\nSentence: 1,"Caf\xe9, Bar",NN,B-geo\r\n,",",",",O\r\n,Rome,NNP,"B-geo"\r\n'
            "Sentence: 2,x,NN,O\r\n")
    (tmp_path / "a.csv").write_bytes(text.encode("windows-1252"))
    settings = Corpus(encoding="windows-1252")
    assert write_retagged(tmp_path / "a.csv", tmp_path / "b.csv", settings, {0: [Span(0, 3, "org")]})
    assert (tmp_path / "b.csv").read_bytes() == text.replace("NN,B-geo", "NN,B-org").replace(
        '",",O', '",",I-org').replace('"B-geo"', '"I-org"').encode("windows-1252")


def test_texts_with_offsets_are_written_with_their_metadata(tmp_path):
    record = {"id": 7, "text": "Ada  left Rome.", "label": [[0, 3, "PER"]], "who": "me"}
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n")
    assert not write_retagged(tmp_path / "a.jsonl", tmp_path / "b.jsonl", Corpus(), {0: [Span(2, 3, "LOC")]})
    written = json.loads((tmp_path / "b.jsonl").read_text())
    assert written["label"] == [[10, 14, "LOC"]] and (written["text"], written["who"]) == (record["text"], "me")


@pytest.fixture(scope="module")
def audited(tmp_path_factory, short_sample, call_command):
    """A corpus with an error that any network sees, and the folder of its audit."""
    folder = tmp_path_factory.mktemp("audited")
    corpus = folder / "corpus"
    corpus.mkdir()
    for name in ("train", "dev", "test"):
        shutil.copy(short_sample / f"{name}.txt", corpus)
    arguments = [corpus, "--set", "features.pos.use=false", "--set", "model.units=20"]
    done = call_command("ner-mx", "audit", *arguments, "--folds", 2, "-n", 40, "-o", folder / "audit",
                        "--set", "training.epochs=2")
    assert done.returncode == 0, done.stderr
    return corpus, folder / "audit", arguments, done


def test_an_audit_is_resumed(audited, call_command):
    corpus, folder, arguments, first = audited
    before = (folder / "suspects.json").read_bytes()
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.params")}
    again = call_command("ner-mx", "audit", *arguments, "--folds", 2, "-n", 40, "-o", folder,
                         "--set", "training.epochs=2")
    assert again.stdout == first.stdout and (folder / "suspects.json").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.params")} == times and times
    values = json.loads(before)
    assert values["listed"] == len(values["suspects"]) == 40 and values["sentences"] == len(read_files(
        Config().updated({"corpus.path": str(corpus)})).sentences)
    scores = [suspect["score"] for suspect in values["suspects"]]
    assert scores == sorted(scores, reverse=True)


def test_decisions_of_the_page_come_back(audited, call_command, tmp_path):
    corpus, folder, arguments, _ = audited
    values = json.loads((folder / "suspects.json").read_text(encoding="utf-8"))
    suspects, seen = [], set()
    for suspect in values["suspects"]:  # one for each sentence, so that none conflicts
        if (suspect["file"], suspect["sentence"]) not in seen:
            seen.add((suspect["file"], suspect["sentence"]))
            suspects.append(suspect)
    decisions = [{**suspect, "accept": number % 2 == 0} for number, suspect in enumerate(suspects)]
    (tmp_path / "decisions.json").write_text(json.dumps({"audit": values["id"], "decisions": decisions}))
    done = call_command("ner-mx", "audit", *arguments, "--apply", tmp_path / "decisions.json", "-o", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    accepted = [decision for decision in decisions if decision["accept"]]
    assert f"{len(accepted)} accepted, {len(decisions) - len(accepted)} rejected, 0 in conflict" in done.stdout
    changed = {}
    for name in ("train.txt", "dev.txt", "test.txt"):
        before, after = (read(place / name, Corpus()).sentences for place in (corpus, tmp_path / "new"))
        changed.update({(name, index): spans_of(new.gold) for index, (old, new) in enumerate(zip(before, after))
                        if old.gold != new.gold})
        assert [one.tokens for one in before] == [one.tokens for one in after]
    assert set(changed) == {(decision["file"].rpartition("/")[2], decision["sentence"]) for decision in accepted}
    for decision in accepted:
        entities = changed[decision["file"].rpartition("/")[2], decision["sentence"]]
        assert not {Span(*span) for span in decision["annotated"]} & set(entities)
        assert decision["suggested"] is None or Span(*decision["suggested"]) in entities


@pytest.mark.parametrize("name", ["doccano.jsonl", "label-studio.json"])
def test_corrections_of_annotation_tools_come_back(name, audited, tmp_path):
    corpus, folder, _, _ = audited
    records = json.loads((folder / name).read_text()) if name.endswith("json") else [
        json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    config = Config().updated({"corpus.path": str(corpus)})
    same = apply_decisions(folder / name, config, tmp_path / "same")
    assert (same.sentences, same.accepted, same.rejected) == (0, 0, len(records))
    assert (tmp_path / "same/train.txt").read_bytes() == (corpus / "train.txt").read_bytes()
    if name == "doccano.jsonl":
        records[0]["label"] = [[0, 3, "MISC"]]
        text = "".join(json.dumps(record) + "\n" for record in records)
        place = records[0]
    else:
        value = {"start": 0, "end": 3, "labels": ["MISC"]}
        records[0]["annotations"][0]["result"] = [{"value": value, "type": "labels"}]
        text = json.dumps(records)
        place = records[0]["data"]
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = apply_decisions(tmp_path / name, config, tmp_path / "new")
    assert (done.sentences, done.accepted) == (1, 1)
    file = place["audit_file"].rpartition("/")[2]
    sentence = read(tmp_path / "new" / file, Corpus()).sentences[place["audit_sentence"]]
    assert [(span.start, span.label) for span in spans_of(sentence.gold)] == [(0, "MISC")]


@pytest.mark.parametrize("change, error, message", [
    (lambda decision: decision.update(tokens=["other"] * len(decision["tokens"])), RunError, "the corpus has changed"),
    (lambda decision: decision.update(sentence=10**6), RunError, "found no sentence 1000000"),
    (lambda decision: decision.pop("accept"), UserError, "decision 1: .*accept: Field required"),
    (lambda decision: decision.update(accept="false"), UserError, "decision 1: .*accept: Input should be a valid bool"),
    (lambda decision: decision.update(sentence=1e400), UserError, "decision 1: .*sentence: "),
    (lambda decision: decision.update(suggested=[100, 200, "LOC"]), UserError, "a span outside of the"),
    (lambda decision: decision.update(suggested=[1, 0, "LOC"]), UserError, "a span outside of the"),
    (lambda decision: decision.update(suggested=[-2, -1, "LOC"]), UserError, "a span outside of the"),
    (lambda decision: decision.update(suggested=[0, 1, ""]), UserError, "a type that no tag can hold"),
    (lambda decision: decision.update(suggested=[0, 1, "a b"]), UserError, "a type that no tag can hold"),
    (lambda decision: decision.update(annotated=[["a", "b", "c"]]), UserError, "decision 1: expected")])
def test_decisions_about_something_else_change_nothing(change, error, message, audited, tmp_path):
    corpus, folder, _, _ = audited
    decision = {**json.loads((folder / "suspects.json").read_text())["suspects"][0], "accept": True}
    change(decision)
    (tmp_path / "decisions.json").write_text(json.dumps({"decisions": [decision]}))
    with pytest.raises(error, match=message):
        apply_decisions(tmp_path / "decisions.json", Config().updated({"corpus.path": str(corpus)}), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_decision_that_conflicts_with_an_earlier_one_is_left_out(audited, tmp_path):
    corpus, folder, _, _ = audited
    suspect = next(one for one in json.loads((folder / "suspects.json").read_text())["suspects"] if one["annotated"])
    twice = [{**suspect, "accept": True}, {**suspect, "accept": True}]
    (tmp_path / "decisions.json").write_text(json.dumps({"decisions": twice}))
    config = Config().updated({"corpus.path": str(corpus)})
    done = apply_decisions(tmp_path / "decisions.json", config, tmp_path / "new")
    assert (done.accepted, done.conflicting) == (1, 1)
    with pytest.raises(RunError, match="exists already"):
        apply_decisions(tmp_path / "decisions.json", config, tmp_path / "new")


def test_tasks_hold_every_suspicious_sentence_once(audited):
    _, folder, _, _ = audited
    values = json.loads((folder / "suspects.json").read_text())
    tasks = tasks_of(values)
    counts = Counter((suspect["file"], suspect["sentence"]) for suspect in values["suspects"])
    assert len(tasks) == len(counts) and all(task.model != list(task.entities) for task in tasks)


def test_text_of_the_corpus_cannot_leave_the_data_of_the_page():
    suspect = {"id": 1, "file": "a", "sentence": 0, "place": "a:1", "kind": "missed", "score": 0.9, "confident": True,
               "annotated": [], "suggested": [0, 1, "X"], "reasons": ["</script><script>alert(1)</script>"],
               "tokens": ["<!--<script>", "$name"], "entities": []}
    page = audit_page({"id": "0", "corpus": "<b>", "sentences": 1, "entities": 0, "listed": 1,
                       "kinds": {"missed": {"suspects": 1, "confident": 1}}, "suspects": [suspect]})
    data = page.partition('type="application/json">')[2].partition("</script>")[0]
    assert json.loads(data)["suspects"][0]["reasons"] == suspect["reasons"] and "<!--" not in data
    assert "<title>Audit of &lt;b&gt;</title>" in page


def test_networks_that_split_tokens_are_refused(call_command, root, tmp_path):
    done = call_command("ner-mx", "audit", root / "data/sample", "-o", tmp_path / "a",
                        "--set", "corpus.characters=vote")
    assert done.returncode == 2 and "tokens and sentences are those of the corpus" in done.stderr


def test_the_page_with_the_keyboard(audited, browser, tmp_path):
    _, folder, _, _ = audited
    suspects = json.loads((folder / "suspects.json").read_text())["suspects"]
    page = browser.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "blob:")) or problems.append(request.url))
    page.goto((folder / "report.html").as_uri())
    assert page.locator("article").count() == len(suspects)
    marks = page.locator("article").nth(0).locator("mark.old")
    assert marks.count() == len(suspects[0]["annotated"])
    for key in "arjkk":  # accepts the first, rejects the second, and goes back to the second
        page.keyboard.press(key)
    page.keyboard.press("u")
    page.keyboard.press("r")
    assert page.inner_text("#progress") == f"2 of {len(suspects)} decided"
    page.reload()  # decisions are kept
    assert page.locator("article.accepted").count() == page.locator("article.rejected").count() == 1
    with page.expect_download() as download:
        page.keyboard.press("e")
    download.value.save_as(tmp_path / "decisions.json")
    decisions = json.loads((tmp_path / "decisions.json").read_text())["decisions"]
    assert [(one["id"], one["accept"]) for one in decisions] == [(1, True), (2, False)]
    assert decisions[0]["tokens"] == suspects[0]["tokens"] and decisions[0]["suggested"] == suspects[0]["suggested"]
    kind = suspects[-1]["kind"]
    page.select_option("#kind", kind)
    assert page.locator("article:visible").count() == sum(one["kind"] == kind for one in suspects)
    assert problems == []


@pytest.mark.parametrize("content", ['{"decisions": 5}', '{"decisions": null}', "{", "[]", "no json"])
def test_what_holds_no_decisions_gives_one_line(content, audited, call_command, tmp_path):
    _, _, arguments, _ = audited
    (tmp_path / "decisions.json").write_text(content)
    done = call_command("ner-mx", "audit", *arguments, "--apply", tmp_path / "decisions.json", "-o", tmp_path / "new")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and not (tmp_path / "new").exists(), done.stderr


def test_the_folder_of_another_audit_is_kept(audited, call_command):
    _, folder, arguments, _ = audited
    before = (folder / "suspects.json").read_bytes()
    for other in (["--folds", 3], ["--set", "training.epochs=3"]):
        same = ["--set", "training.epochs=2", "--folds", 2, "-o", folder]
        done = call_command("ner-mx", "audit", *arguments, *same, *other)
        assert done.returncode == 2 and "found one of another corpus, configuration or number of folds" in done.stderr
    assert (folder / "suspects.json").read_bytes() == before
