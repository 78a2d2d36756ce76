"""Checkpoints of every family with random weights, as transformers would have written them."""

import json
import string

import numpy as np
from safetensors.numpy import save_file

from ner_mx.resources.checkpoints.architecture import FAMILIES

UNITS, HEADS, HIDDEN, LAYERS, POSITIONS = 24, 3, 40, 3, 48
WORD_PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "<pad>", "</s>", "<unk>",
               "the", "florence", "ada", "bank", "##ent", "##ment", "anti", "##dis", "said",
               *string.ascii_lowercase, *string.digits, *string.punctuation,
               *(f"##{letter}" for letter in string.ascii_lowercase + string.digits)]


def config_of(family, **changes):
    """The settings of ``config.json``."""
    names = FAMILIES[family].keys
    sizes = {"pieces": len(vocabulary_of(family)), "positions": POSITIONS + FAMILIES[family].first_position,
             "layers": LAYERS, "units": UNITS, "heads": HEADS, "hidden": HIDDEN, "activation": "gelu",
             "epsilon": 1e-7, "dropout": 0.1, "attention_dropout": 0.2, "relative_buckets": 32}
    named = {names[field]: value for field, value in sizes.items() if names.get(field)}
    padding = {"pad_token_id": 1, "type_vocab_size": 1} if FAMILIES[family].first_position else {}
    return {"model_type": family, **named, **padding, **changes}


def vocabulary_of(family):
    """The pieces by id."""
    if family != "roberta":
        return WORD_PIECES
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    return ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters, "Ġt", "he", "Ġthe", "an", "ti", "en"]


MERGES = ["Ġ t", "h e", "Ġt he", "a n", "t i", "e n"]


def tensors_of(family, seed=0, prefix=""):
    """Random tensors by the names of the family."""
    kind, random = FAMILIES[family], np.random.RandomState(seed)
    shapes = {f"{kind.tensors['pieces']}.weight": (len(vocabulary_of(family)), UNITS),
              f"{kind.tensors['positions']}.weight": (POSITIONS + kind.first_position, UNITS)}
    if kind.has_types:
        shapes["embeddings.token_type_embeddings.weight"] = (2 if family == "bert" else 1, UNITS)
    if family == "mpnet":
        shapes["encoder.relative_attention_bias.weight"] = (32, HEADS)
    shapes.update(dict.fromkeys([f"{kind.tensors['norm']}.{part}" for part in ("weight", "bias")], (UNITS,)))
    for layer in range(LAYERS):
        for name in ("query", "key", "value", "attended", "inner", "outer", "attended_norm", "outer_norm"):
            outputs = HIDDEN if name == "inner" else UNITS
            inputs = () if name.endswith("norm") else (HIDDEN,) if name == "outer" else (UNITS,)
            stem = kind.tensors[name].format(layer)
            shapes[f"{stem}.weight"], shapes[f"{stem}.bias"] = (outputs, *inputs), (outputs,)
    return {prefix + name: random.normal(scale=0.3, size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_pieces(folder, family, lower=True):
    """The files of the tokenizer, without a ``tokenizer.json``."""
    if family == "roberta":
        ids = {piece: index for index, piece in enumerate(vocabulary_of(family))}
        (folder / "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", encoding="utf-8")
        return
    (folder / "vocab.txt").write_text("\n".join(vocabulary_of(family)) + "\n", encoding="utf-8")
    first, last = ("<s>", "</s>") if family == "mpnet" else ("[CLS]", "[SEP]")
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"do_lower_case": lower, "cls_token": first, "sep_token": last, "unk_token": "[UNK]"}))


def write_checkpoint(folder, family="bert", seed=0, prefix="", **changes):
    """A checkpoint folder with the weights as safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config_of(family, **changes)))
    write_pieces(folder, family)
    save_file(tensors_of(family, seed, prefix), folder / "model.safetensors", metadata={"format": "pt"})
    return folder
