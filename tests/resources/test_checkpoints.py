"""Checkpoint folders: weights and pieces against the libraries that wrote them, and folders that cannot be read."""

import json
import os
import struct

import numpy as np
import pytest
from random_checkpoints import LAYERS, UNITS, config_of, tensors_of, vocabulary_of, write_checkpoint, write_pieces

from ner_mx.errors import CorpusError, UserError
from ner_mx.resources.checkpoints import checkpoint_files, checkpoint_folder, read_checkpoint
from ner_mx.resources.checkpoints.architecture import FAMILIES
from ner_mx.resources.checkpoints.pieces import read_pieces

WORDS = ["the", "Florence", "Antidisestablishment", "U.S.", "naïve", "O'Neil", "1996-08-22", "日本", "🙂", "[SEP]",
         "a" * 120, "e\u0301tude", "\u200b", "\ud83d", "<s>", "...", "ÀÉ"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_of_a_checkpoint(tmp_path, family):
    checkpoint = read_checkpoint(write_checkpoint(tmp_path, family))
    stored, kind = tensors_of(family), FAMILIES[family]
    first = kind.first_position
    positions = stored[f"{kind.tensors['positions']}.weight"][first:]
    if kind.has_types:
        positions = positions + stored["embeddings.token_type_embeddings.weight"][0]
    np.testing.assert_array_equal(checkpoint.weights["positions"], positions)
    for layer in range(LAYERS):
        for part in ("query", "outer_norm"):
            name = kind.tensors[part].format(layer)
            np.testing.assert_array_equal(checkpoint.weights[f"{layer}.{part}.bias"], stored[f"{name}.bias"])
    assert checkpoint.architecture.units == UNITS and checkpoint.architecture.positions == len(positions)
    assert {path.name for path in checkpoint_files(tmp_path)} == {path.name for path in tmp_path.iterdir()}


def test_tensors_of_a_model_with_a_head_and_of_tensorflow(tmp_path):
    """They have a prefix, and scales are called gamma."""
    write_checkpoint(tmp_path / "plain")
    plain = read_checkpoint(tmp_path / "plain").weights
    folder = write_checkpoint(tmp_path / "old", prefix="bert.")
    from safetensors.numpy import save_file

    renamed = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): values
               for name, values in tensors_of("bert", prefix="bert.").items()}
    save_file({**renamed, "cls.predictions.bias": np.zeros(3, np.float32)}, folder / "model.safetensors")
    old = read_checkpoint(folder).weights
    assert old.keys() == plain.keys()
    assert all(np.array_equal(old[name], plain[name]) for name in plain)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("form", ["safetensors", "zip", "legacy"])
def test_floats_of_other_widths_in_every_kind_of_file(tmp_path, dtype, form):
    torch = pytest.importorskip("torch")
    folder = write_checkpoint(tmp_path)
    tensors = {name: torch.from_numpy(values).to(getattr(torch, dtype)) for name, values in tensors_of("bert").items()}
    tensors["embeddings.position_ids"] = torch.arange(5)
    expected = {name: tensor.to(torch.float32).numpy() for name, tensor in tensors.items()}
    if form == "safetensors":
        pytest.importorskip("safetensors.torch").save_file(tensors, folder / "model.safetensors")
    else:
        (folder / "model.safetensors").unlink()
        name = "encoder.layer.0.output.dense.weight"
        # A view of another order, and a parameter instead of a tensor.
        tensors[name] = tensors[name].T.contiguous().T
        tensors["encoder.layer.0.output.dense.bias"] = torch.nn.Parameter(tensors["encoder.layer.0.output.dense.bias"])
        torch.save(tensors, folder / "pytorch_model.bin", _use_new_zipfile_serialization=form == "zip")
    weights = read_checkpoint(folder).weights
    np.testing.assert_array_equal(weights["pieces"], expected["embeddings.word_embeddings.weight"])
    np.testing.assert_array_equal(weights["0.outer.weight"], expected["encoder.layer.0.output.dense.weight"])
    np.testing.assert_array_equal(weights["0.outer.bias"], expected["encoder.layer.0.output.dense.bias"])


def test_tensors_of_other_parts_of_a_model(tmp_path):
    """A name that begins like those of the family is not yet a prefix of all."""
    from safetensors.numpy import save_file

    folder = write_checkpoint(tmp_path)
    save_file({**tensors_of("bert"), "bert.more": np.ones(3, np.float32), "none": np.ones((0, 2), np.float32)},
              folder / "model.safetensors")
    pieces = tensors_of("bert")["embeddings.word_embeddings.weight"]
    np.testing.assert_array_equal(read_checkpoint(folder).weights["pieces"], pieces)


def test_a_pipe_is_not_waited_for(tmp_path):
    folder = write_checkpoint(tmp_path)
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(CorpusError, match="config.json: expected a regular file"):
        read_checkpoint(folder)


def test_relative_positions_have_the_default_of_the_library(tmp_path):
    folder = write_checkpoint(tmp_path, "mpnet")
    settings = json.loads((folder / "config.json").read_text())
    del settings["relative_attention_num_buckets"]
    (folder / "config.json").write_text(json.dumps(settings))
    assert read_checkpoint(folder).architecture.relative_buckets == 32
    (folder / "config.json").write_text(json.dumps({**settings, "relative_attention_num_buckets": 0}))
    with pytest.raises(CorpusError, match="relative_attention_num_buckets: expected at least 4, found 0"):
        read_checkpoint(folder)


@pytest.mark.parametrize("settings", [
    {"do_lower_case": False}, {"do_lower_case": True}, {"do_lower_case": True, "strip_accents": False},
    {"do_lower_case": False, "strip_accents": True}, {"do_lower_case": True, "tokenize_chinese_chars": False}])
@pytest.mark.parametrize("normalizer", [None, {"lowercase": True}, {"lowercase": False}, "none"])
def test_how_words_are_normalized_is_what_the_tokenizer_config_says(tmp_path, settings, normalizer):
    transformers = pytest.importorskip("transformers")
    folder = write_checkpoint(tmp_path)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "florence", "Florence", "cafe", "café", "Café", "Cafe",
                  "北", "##京", "京"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", **settings}))
    if normalizer is not None:
        content = json.loads(transformers.BertTokenizerFast(str(folder / "vocab.txt")).backend_tokenizer.to_str())
        content["normalizer"] = None if normalizer == "none" else {**content["normalizer"], **normalizer}
        content["model"]["vocab"] = {piece: number for number, piece in enumerate(vocabulary)}
        (folder / "tokenizer.json").write_text(json.dumps(content))
    theirs = transformers.AutoTokenizer.from_pretrained(str(folder))
    ours = read_pieces(folder, FAMILIES["bert"].specials)
    for word in ("Florence", "Café", "北京"):
        assert ours.ids(word) == theirs([word], is_split_into_words=True, add_special_tokens=False)["input_ids"]


def damaged(folder, kind):
    """Damage a checkpoint; gives the expected message."""
    from safetensors.numpy import save_file

    weights = folder / "model.safetensors"
    tensors = tensors_of("bert")
    name = "encoder.layer.1.output.dense.weight"
    if kind == "a missing tensor":
        del tensors[name]
        save_file(tensors, weights)
        return f"expected the tensor {name}, found nothing of the name"
    if kind == "another shape":
        tensors[name] = tensors[name][:, :-1].copy()
        save_file(tensors, weights)
        return rf"expected {name} of the shape \(24, 40\), as config.json says, found \(24, 39\)"
    if kind == "infinite weights":
        tensors[name][0, 0] = np.inf
        save_file(tensors, weights)
        return "expected finite weights"
    if kind == "a truncated file":
        weights.write_bytes(weights.read_bytes()[:-9])
        return "expected tensors in the format of safetensors"
    if kind == "no weights":
        weights.unlink()
        return "expected model.safetensors or pytorch_model.bin, found neither"
    if kind in ("no token types", "a scalar of token types", "infinite sums"):
        types = "embeddings.token_type_embeddings.weight"
        tensors[types] = {"no token types": tensors[types][:0], "a scalar of token types": np.ones((), np.float32),
                          "infinite sums": np.full_like(tensors[types], 3e38)}[kind]
        tensors["embeddings.position_embeddings.weight"][:] = 3e38
        save_file(tensors, weights)
        return {"infinite sums": "that is infinite", "no token types": f"the tensor {types}, found nothing",
                "a scalar of token types": rf"{types} of the shape \(1, 24\), .* found \(\)"}[kind]
    if kind == "too many dimensions":
        header = json.dumps({"more": {"dtype": "F32", "shape": [1] * 100, "data_offsets": [0, 4]}}).encode()
        weights.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
        return "'more': expected a tensor, found: maximum supported dimension"
    changes = {"another family": {"model_type": "t5"}, "no family": {"model_type": None}, "other heads": {
        "num_attention_heads": 5}, "no size": {"hidden_size": None},
        "an impossible size": {"num_hidden_layers": 10 ** 9},
        "relative positions": {"position_embedding_type": "relative_key"}, "a decoder": {"is_decoder": True},
        "another activation": {"hidden_act": "silu"}, "another vocabulary": {"vocab_size": 30522}}
    if kind in changes:
        (folder / "config.json").write_text(json.dumps(config_of("bert", **changes[kind])))
        return {"another family": "of the families bert, roberta, distilbert, mpnet under model_type, found 't5'",
                "no family": "under model_type, found 'None'", "other heads": "a divisor of 24 units, found 5",
                "no size": "hidden_size: ", "an impossible size": "num_hidden_layers: ",
                "relative positions": "expected absolute positions", "a decoder": "expected an encoder",
                "another activation": "hidden_act: ",
                "another vocabulary": "is it the vocabulary of another tokenizer"}[kind]
    if kind in ("a merge of three", "a merge of other pieces"):
        for path in folder.iterdir():
            path.unlink()
        write_checkpoint(folder, "roberta")
        (folder / "merges.txt").write_text("t h e" if kind == "a merge of three" else "q zz")
        return "with a space between them, found the merge 't h e'" if kind == "a merge of three" else "zz"
    if kind == "half of a vocabulary":
        (folder / "config.json").write_text(json.dumps(config_of("bert", vocab_size=2000)))
        return "expected a vocabulary of 2,000 pieces"
    contents = {"config of text": ("config.json", "{"), "config of a list": ("config.json", "[]"),
                "a list of settings": ("tokenizer_config.json", "[]"),
                "a number for text": ("config.json", json.dumps(config_of("bert", hidden_act=7))),
                "no special pieces": ("vocab.txt", "\n".join(f"x{number}" for number in range(
                    len(vocabulary_of("bert"))))),
                "a duplicated piece": ("vocab.txt", "\n".join([*vocabulary_of("bert")[:-1], "the"])),
                "a tokenizer of another kind": ("tokenizer.json", json.dumps({"model": {
                    "type": "Unigram", "vocab": {}}, "added_tokens": []})),
                "a tokenizer of text": ("tokenizer.json", "nothing"),
                "holes between ids": ("tokenizer.json", json.dumps(
                    {"model": {"type": "WordPiece", "vocab": {"a": 7}}}))}
    name, content = contents[kind]
    (folder / name).write_text(content)
    return {"config of text": "config.json: expected JSON", "config of a list": "found 'None'",
            "a list of settings": "tokenizer_config.json: expected a JSON object",
            "a number for text": "hidden_act: .*, found '7'",
            "no special pieces": "expected the special piece", "a duplicated piece": "a piece is duplicated",
            "a tokenizer of another kind": "expected a tokenizer of WordPiece",
            "a tokenizer of text": "tokenizer.json: expected JSON",
            "holes between ids": "expected the ids 0, 1, 2"}[kind]


@pytest.mark.parametrize("kind", [
    "no token types", "a scalar of token types", "infinite sums", "too many dimensions", "a merge of three",
    "a merge of other pieces", "a list of settings", "half of a vocabulary", "a number for text",
    "a missing tensor", "another shape", "infinite weights", "a truncated file", "no weights", "another family",
    "no family", "other heads", "no size", "an impossible size", "relative positions", "a decoder",
    "another activation", "another vocabulary", "config of text", "config of a list", "no special pieces",
    "a duplicated piece", "a tokenizer of another kind", "a tokenizer of text", "holes between ids"])
def test_a_bad_checkpoint_gets_one_line(tmp_path, kind):
    folder = write_checkpoint(tmp_path)
    message = damaged(folder, kind)
    with pytest.raises(CorpusError, match=message) as caught:
        read_checkpoint(folder)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_no_folder(tmp_path, monkeypatch):
    """Without a network there is one sentence; a path is not looked for on the hub."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(UserError, match="expected the folder of a checkpoint or the name of one .* cannot download it"):
        checkpoint_folder("nobody/nothing-of-this-name")
    for path in ("./none/such/folder", "./none", "../none", "none/"):
        with pytest.raises(UserError, match=f"found '{path}'$"):
            checkpoint_folder(path)
    assert checkpoint_folder(str(tmp_path)) == tmp_path


def test_without_the_libraries(tmp_path, monkeypatch):
    import sys

    folder = write_checkpoint(tmp_path)
    pieces = read_pieces(folder, FAMILIES["bert"].specials)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(UserError, match=r"needs safetensors; pip install"):
        read_checkpoint(folder)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"need tokenizers; pip install"):
        type(pieces).model_validate(pieces.model_dump()).ids("a")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match="nothing to download with; pip install"):
        checkpoint_folder("nobody/nothing")


# --- pieces against transformers' own tokenizers ---


def expected_pieces(tokenizer, word):
    """The ids of one word within a sentence."""
    encoding = tokenizer([["x", word]], is_split_into_words=True, add_special_tokens=False)
    return [token for token, place in zip(encoding["input_ids"][0], encoding.word_ids(0)) if place == 1]


@pytest.mark.parametrize("with_json", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_pieces_are_those_of_transformers(tmp_path, family, with_json):
    transformers = pytest.importorskip("transformers")
    write_checkpoint(tmp_path, family)
    options = {"add_prefix_space": True} if family == "roberta" else {}
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path, **options)
    if with_json:
        tokenizer.backend_tokenizer.enable_truncation(2)
        tokenizer.backend_tokenizer.enable_padding(length=9)
        tokenizer.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
        tokenizer.backend_tokenizer.no_truncation(), tokenizer.backend_tokenizer.no_padding()
    pieces = read_pieces(tmp_path, FAMILIES[family].specials)
    first, last, unknown = pieces.special_ids
    assert tokenizer.convert_tokens_to_ids([pieces.first, pieces.last]) == [first, last]
    assert tokenizer("the")["input_ids"][0] == first and tokenizer("the")["input_ids"][-1] == last
    for word in WORDS:
        if word in ("[SEP]", "<s>", "\ud83d"):
            continue  # transformers takes a special piece of the text for its own
        assert pieces.ids(word) == (expected_pieces(tokenizer, word) or [unknown]), word
    for word in ("[SEP]", "<s>"):
        assert not set(pieces.ids(word)) & {first, last} or family == "roberta"
    assert pieces.ids("\ud83d") == [unknown]


def test_capitals_in_the_pieces_tell_a_cased_vocabulary(tmp_path):
    write_pieces(tmp_path, "bert")
    (tmp_path / "tokenizer_config.json").unlink()
    specials = FAMILIES["bert"].specials
    assert read_pieces(tmp_path, specials).lower
    (tmp_path / "vocab.txt").write_text("\n".join([*vocabulary_of("bert"), "Florence"]))
    cased = read_pieces(tmp_path, specials)
    assert not cased.lower and cased.ids("Florence") == [len(vocabulary_of("bert"))]
