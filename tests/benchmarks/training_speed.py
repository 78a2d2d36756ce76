"""Training tokens/s of one implementation: python training_speed.py mxnet|torch|ncrf [epochs] [sentences of a batch]

The first two train the same network on the same batches: word table with sparse updates, character CNN over the
distinct words of a batch, one BiLSTM layer, dropout, cross-entropy, Adam with clipping.  The third is that network as
NCRF++ (Yang & Zhang 2018) and code like it trains it, by default on batches of 10 sentences of any length: PyTorch,
the CNN over every token, a dense gradient of the word table, a CRF whose recursion is a loop over tokens, a Viterbi
decoding in every step, SGD.  The first epoch is not counted.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Optional

import numpy as np
from corpus import CONFIG, conll_like

from ner_mx.features.batch import collate
from ner_mx.features.batching import plan_batches

SENTENCES = 2000


def mxnet_step(encoder, encoded):
    """A function that trains on one batch, and one that waits for all computations."""
    from ner_mx.compat import tune_process

    tune_process()  # as training does before it loads MXNet
    from ner_mx.compat import mx, seed_everything
    from ner_mx.training.loop import _update
    from ner_mx.training.trainable import Trainable
    from ner_mx.training.trainer import build_trainer

    seed_everything(1)
    model = Trainable(CONFIG, encoder, encoder.tags, mx.cpu(), CONFIG.features.tag_encoding)
    model.initialize()
    trainer = build_trainer(CONFIG.training.optimizer, model.parameters())

    def step(sentences):
        batch = collate(model.features, encoded, sentences, encoded.tags)
        _update(model, trainer, [batch], CONFIG.training, "a step")
        return batch.tokens

    return step, mx.nd.waitall


def torch_step(encoder, encoded):
    """The same in PyTorch, in its usual style."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(1)
    word_feature, character_feature = encoder.feature("words"), encoder.feature("characters")
    cnn, settings = character_feature.settings, CONFIG.model
    left = (cnn.width - 1) // 2

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(word_feature.size, word_feature.dimension, sparse=True)
            self.characters = nn.Embedding(len(character_feature.vocabulary), cnn.dimension)
            self.convolution = nn.Conv1d(cnn.dimension, cnn.filters, cnn.width)
            self.lstm = nn.LSTM(word_feature.dimension + cnn.filters, settings.units, bidirectional=True)
            self.output = nn.Linear(2 * settings.units, len(encoder.tags))
            self.input_dropout = nn.Dropout(settings.dropout.input)
            self.output_dropout = nn.Dropout(settings.dropout.output)

        def forward(self, words, word_types, characters, character_length, length):
            characters = nn.functional.pad(characters, (0, 0, left, cnn.width - 1 - left))
            windows = self.convolution(self.characters(characters).permute(1, 2, 0))
            outside = torch.arange(windows.shape[2])[None] >= character_length[:, None]
            vectors = windows.masked_fill(outside[:, None], -1e9).amax(dim=2)
            inputs = self.input_dropout(torch.cat([self.words(words), vectors[word_types]], dim=2))
            packed = pack_padded_sequence(inputs, length, enforce_sorted=False)
            hidden, _ = pad_packed_sequence(self.lstm(packed)[0])
            return self.output(self.output_dropout(hidden))

    model = Tagger()
    dense = [parameter for name, parameter in model.named_parameters() if name != "words.weight"]
    optimizers = [torch.optim.Adam(dense, CONFIG.training.optimizer.learning_rate),
                  torch.optim.SparseAdam([model.words.weight], CONFIG.training.optimizer.learning_rate)]
    loss_function = nn.CrossEntropyLoss(ignore_index=-1)

    def step(sentences):
        batch = collate(encoder.features, encoded, sentences, encoded.tags)
        *inputs, targets = (torch.from_numpy(np.ascontiguousarray(values)).long() for values in (
            *(batch[name] for name in ("words", "word_types", "characters", "character_length", "length")),
            batch.targets))
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = loss_function(model(*inputs).flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(dense, CONFIG.training.clip)
        for optimizer in optimizers:
            optimizer.step()
        float(loss.detach())
        return batch.tokens

    return step, lambda: None


def ncrf_step(encoder, encoded):
    """In PyTorch, in the style of NCRF++."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.manual_seed(1)
    word_feature, character_feature = encoder.feature("words"), encoder.feature("characters")
    cnn, settings, tags = character_feature.settings, CONFIG.model, len(encoder.tags)

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(word_feature.size, word_feature.dimension)
            self.characters = nn.Embedding(len(character_feature.vocabulary), cnn.dimension)
            self.convolution = nn.Conv1d(cnn.dimension, cnn.filters, cnn.width, padding=1)
            self.lstm = nn.LSTM(word_feature.dimension + cnn.filters, settings.units, bidirectional=True)
            self.output = nn.Linear(2 * settings.units, tags)
            self.input_dropout = nn.Dropout(settings.dropout.input)
            self.output_dropout = nn.Dropout(settings.dropout.output)
            self.transitions, self.start = nn.Parameter(torch.zeros(tags, tags)), nn.Parameter(torch.zeros(tags))

        def forward(self, words, characters, length):
            steps, sentences, longest = characters.shape
            every = self.characters(characters.view(-1, longest)).transpose(1, 2)
            vectors = self.convolution(every).amax(dim=2).view(steps, sentences, -1)
            inputs = self.input_dropout(torch.cat([self.words(words), vectors], dim=2))
            packed = pack_padded_sequence(inputs, length, enforce_sorted=False)
            hidden, _ = pad_packed_sequence(self.lstm(packed)[0])
            return self.output(self.output_dropout(hidden))

        def loss(self, emissions, targets):
            mask = targets >= 0
            gold = targets.clamp(min=0)
            score = self.start[gold[0]] + emissions.gather(2, gold[..., None])[..., 0].mul(mask).sum(0)
            score = score + (self.transitions[gold[:-1], gold[1:]] * mask[1:]).sum(0)
            total = self.start + emissions[0]
            for step in range(1, len(emissions)):
                following = torch.logsumexp(total[:, :, None] + self.transitions + emissions[step][:, None], dim=1)
                total = torch.where(mask[step][:, None], following, total)
            return (torch.logsumexp(total, dim=1) - score).sum()

        def decoded(self, emissions, mask):
            best, came_from = self.start + emissions[0], []
            for step in range(1, len(emissions)):
                following, sources = (best[:, :, None] + self.transitions + emissions[step][:, None]).max(dim=1)
                best = torch.where(mask[step][:, None], following, best)
                came_from.append(torch.where(mask[step][:, None], sources, torch.arange(tags)))
            path = [best.argmax(dim=1)]
            for sources in reversed(came_from):
                path.append(sources.gather(1, path[-1][:, None])[:, 0])
            return torch.stack(path[::-1])

    model = Tagger()
    optimizer = torch.optim.SGD(model.parameters(), 0.015, momentum=0.0, weight_decay=1e-8)

    def step(sentences):
        batch = collate(encoder.features, encoded, sentences, encoded.tags)
        words, types, characters, length, targets = (
            torch.from_numpy(np.ascontiguousarray(values)).long() for values in (
                *(batch[name] for name in ("words", "word_types", "characters", "length")), batch.targets))
        model.zero_grad()
        emissions = model(words, characters.T[types], length)
        loss = model.loss(emissions, targets)
        with torch.no_grad():
            (model.decoded(emissions, targets >= 0) == targets).sum().item()
        loss.backward()
        optimizer.step()
        float(loss.detach())
        return batch.tokens

    return step, lambda: None


def main(framework: str, epochs: int = 3, size: Optional[int] = None) -> None:
    size = size or (10 if framework == "ncrf" else 32)
    encoder, encoded = conll_like(SENTENCES)
    step, wait = {"mxnet": mxnet_step, "torch": torch_step, "ncrf": ncrf_step}[framework](encoder, encoded)
    random = np.random.RandomState(1)
    rates, memory = [], []
    for _ in range(epochs + 1):
        batches = (np.array_split(random.permutation(SENTENCES), SENTENCES // size) if framework == "ncrf"
                   else plan_batches(encoded.lengths, size, "sorted", random))
        start = time.perf_counter()
        tokens = sum(step(batch) for batch in batches)
        wait()
        rates.append(tokens / (time.perf_counter() - start))
        memory.append(resident())
    print(json.dumps({"rates": rates[1:], "memory": memory,
                      "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def resident() -> float:
    """The memory that the process uses now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
