"""Training tokens/s of one framework: python training_speed.py mxnet|torch [epochs]

Both train the same network on the same batches: word table with sparse
updates, character CNN over the distinct words of a batch, one BiLSTM layer,
dropout, cross-entropy, Adam with clipping.  The first epoch warms up.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from corpus import FEATURES, conll_like

from ner_mx.config import Config
from ner_mx.features.batching import collate, plan

SENTENCES, BATCH = 2000, 32
CONFIG = Config()
CONFIG.features = FEATURES


def mxnet_step(encoder, encoded):
    """A function that trains on one batch."""
    from ner_mx.compat import mx, seed_everything
    from ner_mx.training.loop import _step
    from ner_mx.training.model import Model
    from ner_mx.training.optimizers import build_trainer

    seed_everything(1)
    model = Model(CONFIG, encoder, encoder.tags, mx.cpu())
    model.initialize()
    trainer = build_trainer(CONFIG.training.optimizer, model.parameters())

    def step(sentences):
        batch = collate(encoded, sentences)
        _step(model, trainer, batch, CONFIG.training, 1, 0)
        return batch.tokens

    return step, mx.nd.waitall


def torch_step(encoder, encoded):
    """The same in PyTorch, written as its users write it."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(1)
    settings = CONFIG.network

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(len(encoder.words), settings.word_dimension, sparse=True)
            self.characters = nn.Embedding(len(encoder.characters), settings.character_dimension)
            self.convolution = nn.Conv1d(settings.character_dimension, settings.character_filters,
                                         settings.character_width)
            self.lstm = nn.LSTM(settings.word_dimension + settings.character_filters,
                                settings.lstm_units, bidirectional=True)
            self.output = nn.Linear(2 * settings.lstm_units, len(encoder.tags))
            self.input_dropout = nn.Dropout(settings.dropout.input)
            self.output_dropout = nn.Dropout(settings.dropout.output)

        def forward(self, words, forms, characters, character_length, length):
            windows = self.convolution(self.characters(characters).permute(1, 2, 0))
            outside = torch.arange(windows.shape[2])[None] >= character_length[:, None]
            vectors = windows.masked_fill(outside[:, None], -1e9).amax(dim=2)
            inputs = self.input_dropout(torch.cat([self.words(words), vectors[forms]], dim=2))
            packed = pack_padded_sequence(inputs, length, enforce_sorted=False)
            hidden, _ = pad_packed_sequence(self.lstm(packed)[0])
            return self.output(self.output_dropout(hidden))

    model = Tagger()
    dense = [parameter for name, parameter in model.named_parameters() if name != "words.weight"]
    optimizers = [torch.optim.Adam(dense, CONFIG.training.optimizer.learning_rate),
                  torch.optim.SparseAdam([model.words.weight], CONFIG.training.optimizer.learning_rate)]
    loss_function = nn.CrossEntropyLoss(ignore_index=-1)

    def step(sentences):
        batch = collate(encoded, sentences)
        words, forms, characters, character_length, length, tags = (
            torch.from_numpy(np.ascontiguousarray(values)).long() for values in (
                batch.words, batch.forms, batch.characters, batch.character_length, batch.length, batch.tags))
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = loss_function(model(words, forms, characters, character_length, length).flatten(0, 1),
                             tags.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(dense, CONFIG.training.optimizer.clip)
        for optimizer in optimizers:
            optimizer.step()
        float(loss.detach())
        return batch.tokens

    return step, lambda: None


def main() -> None:
    which, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    encoder, encoded = conll_like(SENTENCES)
    step, wait = {"mxnet": mxnet_step, "torch": torch_step}[which](encoder, encoded)
    random = np.random.RandomState(1)
    rates, memory = [], []
    for _ in range(epochs + 1):
        batches = plan(encoded.lengths, BATCH, "sorted", random)
        start = time.perf_counter()
        tokens = sum(step(batch) for batch in batches)
        wait()
        rates.append(tokens / (time.perf_counter() - start))
        memory.append(resident())
    print(json.dumps({"rates": rates[1:], "memory": memory,
                      "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def resident() -> float:
    """MiB of memory that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
