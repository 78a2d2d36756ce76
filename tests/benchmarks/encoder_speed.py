"""An encoder against transformers: python encoder_speed.py CHECKPOINT [ROUNDS]

Prints one JSON object: the largest difference between two hidden states of any
layer, padded, and the time of a step of fine-tuning in both, which alternate in
processes of their own: 32 windows of 32 pieces, a linear layer of 9 classes,
cross-entropy, clipping, AdamW.  OMP_NUM_THREADS is the number of threads.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WINDOWS, PIECES, CLASSES, STEPS = 32, 32, 9, 12


def inputs(vocabulary):
    """Ids (W, P), lengths (W,), and classes (W, P) with -1 in padding."""
    random = np.random.RandomState(0)
    lengths = np.sort(random.randint(3 * PIECES // 4, PIECES + 1, WINDOWS))
    ids = random.randint(vocabulary // 2, vocabulary, (WINDOWS, PIECES))
    classes = random.randint(0, CLASSES, (WINDOWS, PIECES))
    classes[np.arange(PIECES) >= lengths[:, None]] = -1
    return ids, lengths, classes


def timed(step):
    """Milliseconds per step, the median."""
    times = []
    for _ in range(STEPS):
        started = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[2:])


def on_torch(checkpoint, file):
    """Write the hidden states to a file; the time of a step."""
    import torch
    from transformers import AutoModelForTokenClassification

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    model = AutoModelForTokenClassification.from_pretrained(checkpoint, num_labels=CLASSES, output_hidden_states=True)
    ids, lengths, classes = inputs(model.config.vocab_size)
    mask = torch.tensor((np.arange(PIECES) < lengths[:, None]).astype(int))
    batch = {"input_ids": torch.where(mask == 1, torch.tensor(ids), torch.tensor(model.config.pad_token_id)),
             "attention_mask": mask}
    with torch.no_grad():
        hidden = model.eval()(**batch).hidden_states
    np.savez(file, **{str(layer): values.numpy() for layer, values in enumerate(hidden)})
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.01)
    labels = torch.tensor(np.where(classes < 0, -100, classes))

    def step():
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return {"milliseconds": timed(step)}


def on_mxnet(checkpoint, file):
    """The largest difference from the hidden states of a file; the time of a step."""
    from ner_mx.compat import mx, tune_process

    tune_process()
    from ner_mx.features.transformer import TransformerSettings
    from ner_mx.models.layers.embedding_layer import linear
    from ner_mx.models.layers.loss_blocks import CrossEntropyBlock
    from ner_mx.models.transformer.encoder_network import EncoderNetwork
    from ner_mx.resources.checkpoints import read_checkpoint
    from ner_mx.training.mxnet_optimizers import DecoupledAdam
    from ner_mx.training.trainer import gradient_norm

    read = read_checkpoint(Path(checkpoint))
    encoder = EncoderNetwork(read.architecture, TransformerSettings())
    output, loss = linear(read.architecture.units, CLASSES), CrossEntropyBlock(np.ones(CLASSES))
    for block in (encoder, output, loss):
        block.initialize()
        block.hybridize()
    encoder.load(read.weights)
    ids, lengths, classes = inputs(read.architecture.pieces)
    pieces, length = mx.nd.array(ids.T, dtype="int32"), mx.nd.array(lengths)
    targets = mx.nd.array(classes.T)
    expected = np.load(file)
    difference = 0.0
    for layer, found in enumerate(encoder(pieces, length)):
        for row, size in enumerate(lengths):
            difference = max(difference, float(np.abs(found[:size, row].asnumpy()
                                                      - expected[str(layer)][row, :size]).max()))
    parameters = {**encoder._collect_params_with_prefix(), **output.collect_params()}
    trainer = mx.gluon.Trainer({name: parameter for name, parameter in parameters.items()
                                if parameter.grad_req != "null"}, DecoupledAdam(learning_rate=1e-5, wd=0.01),
                               kvstore=None)

    def step():
        with mx.autograd.record():
            value = loss(output(encoder(pieces, length)[-1]), targets)
        value.backward()
        trainer.step(max(1.0, gradient_norm(trainer)))
        mx.nd.waitall()
    return {"milliseconds": timed(step), "difference": difference}


def main(checkpoint, rounds):
    """Both in turns."""
    times = {"torch": [], "mxnet": []}
    difference = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for library in times:
                done = subprocess.run([sys.executable, __file__, "--library", library, checkpoint, f"{folder}/h.npz"],
                                      capture_output=True, text=True, check=True,
                                      env={"OMP_NUM_THREADS": str(os.cpu_count()), **os.environ})
                found = json.loads(done.stdout.splitlines()[-1])
                times[library].append(found["milliseconds"])
                difference = max(difference, found.get("difference", 0.0))
    ours, theirs = statistics.median(times["mxnet"]), statistics.median(times["torch"])
    return {"difference": difference, "mxnet_ms": ours, "torch_ms": theirs, "ratio": theirs / ours}


if __name__ == "__main__":
    if sys.argv[1] == "--library":
        print(json.dumps({"torch": on_torch, "mxnet": on_mxnet}[sys.argv[2]](*sys.argv[3:])))
    else:
        print(json.dumps(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)))
