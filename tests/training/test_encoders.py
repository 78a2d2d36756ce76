"""Training with a pretrained encoder: fine-tuned, frozen with its outputs on disk, in one batch or in several."""

import json
import math
import shutil

import numpy as np
import pytest
from random_checkpoints import UNITS, write_checkpoint
from random_networks import build, some_sentences

import ner_mx
from ner_mx.config import load_config
from ner_mx.errors import RunError
from ner_mx.features.batch import collate
from ner_mx.inference.ensemble import Ensemble
from ner_mx.inference.exporting import bundle_of_run, tagger_of_run
from ner_mx.inference.tagger import Tagger
from ner_mx.preprocessing.processed_corpus import OUTPUT_FOLDER
from ner_mx.training import loop as loop_module
from ner_mx.training.callbacks import Callback
from ner_mx.training.encoder_outputs import outputs_of_run
from ner_mx.training.trainer import build_trainer

SMALL = {"features.words.dimension": 12, "features.characters.use": False, "model.units": 8}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The folder of a random BERT."""
    return write_checkpoint(tmp_path_factory.mktemp("encoder"))


def corpus_of(folder, sample, checkpoint, experiment=None, **changes):
    """A processed corpus whose runs go to the same folder."""
    config = load_config(None, experiment).updated({
        "corpus.path": str(sample), "corpus.processed": str(folder / "data"), "run.directory": str(folder / "runs"),
        "features.transformer.path": str(checkpoint), "features.pos.use": False, "training.epochs": 2,
        "training.batch_size": 32, **changes})
    return ner_mx.preprocess(config)


class Interrupted(Exception):
    """What a callback raises."""


class Interrupting(Callback):
    """Ends training in the second epoch."""

    essential = True

    def on_step(self, run, step):
        """Raise."""
        if step.epoch == 2:
            raise Interrupted


def test_a_fine_tuned_encoder_from_text_to_bundle(tmp_path, short_sample, checkpoint):
    """An interrupted and resumed run is bit-identical to one that was not, dropout in numpy included."""
    corpus = corpus_of(tmp_path, short_sample, checkpoint, "fine-tuned")
    run = ner_mx.train(corpus, seed=1, name="one")
    assert run.metrics["train"]["epochs"] == 2
    first, second = (json.loads(line)["loss"] for line in (run.folder / "history.jsonl").read_text().splitlines())
    assert second < first
    with pytest.raises(Interrupted):
        ner_mx.train(corpus, seed=1, name="two", callbacks=[Interrupting()])
    resumed = ner_mx.train(corpus, seed=1, name="two", resume=tmp_path / "runs/two")
    assert resumed.metrics["best_params_sha256"] == run.metrics["best_params_sha256"]
    run.export(tmp_path / "bundle")
    tagger = ner_mx.load(tmp_path / "bundle")
    text = "Jordan May of Florence United left Washington ."
    assert [entity.text for entity in tagger.predict(text)] == [
        entity.text for entity in ner_mx.load(run.folder).predict(text)]


@pytest.mark.parametrize("layers", ["last", "mix", 2])
def test_outputs_on_disk_change_nothing(tmp_path, short_sample, checkpoint, layers, caplog):
    """A frozen encoder is read from disk, or computed for each batch: the networks are bit-identical."""
    frozen = {**SMALL, "features.transformer.frozen": "all", "features.transformer.layers": layers}
    cached = corpus_of(tmp_path / "cached", short_sample, checkpoint, **frozen)
    plain = corpus_of(tmp_path / "plain", short_sample, checkpoint, **frozen, **{"features.transformer.cache": 0.0})
    runs = [ner_mx.train(corpus, seed=1) for corpus in (cached, plain)]
    assert runs[0].metrics["best_params_sha256"] == runs[1].metrics["best_params_sha256"]
    files = sorted((cached.folder / OUTPUT_FOLDER).iterdir())
    # Train, dev and test; as raw text and in other cases, an uncased encoder reads mostly the same.
    assert 3 <= len(files) <= 7 and not list(tmp_path.glob(f"plain/data/*/{OUTPUT_FOLDER}"))
    width = UNITS * 4 if layers == "mix" else UNITS
    assert {np.load(path).shape[1] for path in files} == {width}
    # A second run reads them, and writes a damaged one again.
    before = {path: path.stat().st_mtime_ns for path in files}
    files[0].write_bytes(b"damaged")
    again = ner_mx.train(cached, seed=1, name="again")
    assert again.metrics["best_params_sha256"] == runs[0].metrics["best_params_sha256"]
    assert [path for path in files if path.stat().st_mtime_ns != before[path]] == files[:1]


def test_a_teacher_reads_the_outputs_of_its_training_from_disk(tmp_path, short_sample, checkpoint, caplog):
    """The probabilities are those of its bundle, which computes the encoder."""
    frozen = {**SMALL, "features.transformer.frozen": "all"}
    corpus = corpus_of(tmp_path, short_sample, checkpoint, **frozen)
    run = ner_mx.train(corpus, seed=1, name="teacher")
    files = set((corpus.folder / OUTPUT_FOLDER).iterdir())
    sentences = corpus.splits["train"].tokens()
    with caplog.at_level("INFO"):
        caplog.clear()
        found = Ensemble([run.folder]).probabilities(sentences)
    assert "outputs of the encoder" not in caplog.text and set((corpus.folder / OUTPUT_FOLDER).iterdir()) == files
    bundle = Tagger.of_bundle(bundle_of_run(run.folder))
    for probabilities, tokens in zip(found[:20], sentences):
        np.testing.assert_allclose(probabilities, bundle.marginals(tokens), atol=1e-3)  # on disk, they have 16 bits
    # Beside a teacher of another kind, which knows nothing of the encoder.
    plain = ner_mx.train(corpus_of(tmp_path / "plain", short_sample, checkpoint, **{
        **SMALL, "features.transformer.use": False}), seed=1, name="plain")
    for paths in ([plain.folder, run.folder], [run.folder, plain.folder]):
        both = Ensemble(paths)
        assert both.reads_from_disk(sentences)
        assert not both.reads_from_disk(sentences[1:]) and not both.reads_from_disk([])
    assert not Ensemble([plain.folder]).reads_from_disk(sentences)
    # Where the processed corpus is another one, or not there, the encoder is computed.
    meta = json.loads((corpus.folder / "meta.json").read_text())
    meta["sources"]["train.txt"] = "0" * 64
    (corpus.folder / "meta.json").write_text(json.dumps(meta))
    assert outputs_of_run(run.folder) is None
    shutil.rmtree(corpus.folder)
    assert outputs_of_run(run.folder) is None
    again = Ensemble([run.folder]).probabilities(sentences[:5])
    for probabilities, others in zip(again, found):
        np.testing.assert_allclose(probabilities, others, atol=1e-3)


def test_runs_with_different_encoders_share_no_outputs(tmp_path, short_sample, checkpoint):
    """Checkpoints of one architecture have files of the same names; each run is scored with its own outputs."""
    frozen = {**SMALL, "features.transformer.frozen": "all"}
    other = write_checkpoint(tmp_path / "other", seed=7)
    runs = [ner_mx.train(corpus_of(tmp_path / name, short_sample, folder, **frozen), seed=1, name=name)
            for name, folder in (("one", checkpoint), ("two", other))]
    made_from = [outputs_of_run(run.folder).made_from for run in runs]
    assert made_from[0] != made_from[1]
    sources = json.loads((runs[0].folder / "environment.json").read_text())["data"]
    assert {"transformer/config.json", "transformer/model.safetensors"} <= set(sources)
    sentences = [["Jordan", "May", "left", "Washington"], ["Florence", "United"]]
    together = Ensemble([run.folder for run in runs])
    shared: dict = {}
    for run in runs:
        alone = tagger_of_run(run.folder, {})
        beside = tagger_of_run(run.folder, shared)
        for tokens in sentences:
            np.testing.assert_array_equal(alone.marginals(tokens)[0], beside.marginals(tokens)[0])
    assert len(shared) == 2 and together.tags


def test_a_corpus_beside_which_outputs_are_kept_is_processed_again(tmp_path, short_sample, checkpoint):
    frozen = {**SMALL, "features.transformer.frozen": "all"}
    corpus = corpus_of(tmp_path, short_sample, checkpoint, **frozen)
    ner_mx.train(corpus, seed=1)
    assert (corpus.folder / OUTPUT_FOLDER).is_dir()
    corpus_of(tmp_path, short_sample, checkpoint, **{**frozen, "features.words.min_count": 2})
    (corpus.folder / "strange").mkdir()
    with pytest.raises(RunError, match="expected a processed corpus or nothing, found strange"):
        corpus_of(tmp_path, short_sample, checkpoint, **frozen)


def test_sentences_in_another_case_are_not_read_from_disk(tmp_path, short_sample, checkpoint):
    corpus = corpus_of(tmp_path, short_sample, checkpoint, **SMALL, **{
        "features.transformer.frozen": "all", "training.case_augmentation.lower": 0.5})
    run = ner_mx.train(corpus, seed=1)
    assert run.metrics["train"]["epochs"] == 2 and not list(tmp_path.glob(f"data/*/{OUTPUT_FOLDER}"))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("normalise", ["tokens", "sentences", "sum"])
def test_the_gradients_of_several_batches_add_up(sparse, normalise):
    """An update with two batches is that with all of their sentences."""
    changes = {"model.dropout.input": 0.0, "model.dropout.output": 0.0, "features.words.dropout": 0.0,
               "features.words.sparse_gradients": sparse, "features.characters.use": False,
               "training.normalise": normalise,
               "training.optimizer": {"name": "sgd", "learning_rate": 0.01}, "training.clip": None}
    updated = []
    for parts in ([range(8)], [range(3), range(3, 8)], [[row] for row in range(8)]):
        recognizer, config = build(changes)
        model, encoder = recognizer.scorer, recognizer.encoder
        encoded = encoder.encode(some_sentences(8, seed=2))
        batches = [collate(model.features, encoded, np.array(part), encoded.tags) for part in parts]
        trainer = build_trainer(config.training.optimizer, model.parameters())
        for _ in range(2):
            loss = loop_module._update(model, trainer, batches, config.training, "step")
        updated.append((loss, model.network_parameters()))
    for loss, parameters in updated[1:]:
        assert loss == pytest.approx(updated[0][0], rel=1e-4)
        for name, values in parameters.items():
            np.testing.assert_allclose(values, updated[0][1][name], atol=1e-6)


def test_batches_of_an_update(tmp_path, short_sample, checkpoint):
    """The rate changes from update to update, and the last update of an epoch may be smaller."""
    steps = []

    class Recorder(Callback):
        essential = True

        def on_step(self, run, step):
            steps.append((step.number, step.steps))
    corpus = corpus_of(tmp_path, short_sample, checkpoint, **SMALL, **{
        "features.transformer.use": False, "training.accumulate": 3, "training.epochs": 1})
    ner_mx.train(corpus, seed=1, callbacks=[Recorder()])
    updates = math.ceil(math.ceil(len(corpus.splits["train"]) / 32) / 3)
    assert steps == [(number + 1, updates) for number in range(updates)] and updates > 1
