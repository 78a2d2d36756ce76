"""How fast one engine tags: python runtime_speed.py ENGINE RUN BUNDLE [SPACY]

ENGINE is runtime, mxnet, torch or spacy; RUN a run folder, whose test set is
tagged; BUNDLE the same network as a bundle; SPACY a folder of a trained
pipeline.  All but spacy share features, batches and decoding, and tag with
the same parameters, so that what differs is the engine.  Threads are those of
OMP_NUM_THREADS.  Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
SINGLE = 400


def both(tag_batch):
    """What tags tokens, and what finds entities in texts with it."""
    from ner_mx.runtime.text import find_entities

    return tag_batch, lambda texts: find_entities(texts, tag_batch)


def rate(function, inputs, words):
    """Words per second: the median of three."""
    rates = []
    for _ in range(3):
        start = time.perf_counter()
        function(inputs)
        rates.append(words / (time.perf_counter() - start))
    return statistics.median(rates)


def runtime_engine(run, bundle):
    """Our tagger."""
    from ner_mx.runtime import Tagger

    return both(Tagger.load(bundle, threads=THREADS).tag_batch)


def mxnet_engine(run, bundle):
    """The network where it was trained."""
    from ner_mx.training.predictor import load_recogniser

    return both(load_recogniser(run, "cpu").tag_batch)


def torch_engine(run, bundle):
    """The same network and parameters in PyTorch, written as its users write it."""
    import torch

    from ner_mx.compat import mx
    from ner_mx.decoding.decoder import Decoder
    from ner_mx.decoding.recogniser import Recogniser
    from ner_mx.networks.packing import unpacked
    from ner_mx.runtime.bundle import read_bundle

    torch.set_num_threads(THREADS)

    class Torch(torch.nn.Module):
        def __init__(self, settings, parameters, decoder):
            super().__init__()
            self._decoder = decoder
            self.summed = settings.output == "summed"
            embedding = torch.nn.Embedding.from_pretrained
            self.tables = {name[:-7]: embedding(torch.tensor(values)) for name, values
                           in parameters.items() if name in ("words.weight", "casing.weight", "pos.weight")}
            kernel = torch.tensor(parameters["characters.kernel"])  # (width, filters, dimension)
            self.characters = embedding(torch.tensor(parameters["characters.table"]))
            self.convolution = torch.nn.Conv1d(kernel.shape[2], kernel.shape[1], kernel.shape[0])
            self.convolution.weight.data = kernel.permute(1, 2, 0).contiguous()
            self.convolution.bias.data = torch.tensor(parameters["characters.bias"])
            packed = [parameters[f"bilstm.{name}0"] for name in ("forward", "backward")]
            units = settings.lstm_units
            into = unpacked(packed[0], units)[0]
            self.lstm = torch.nn.LSTM(into.shape[1], units, bidirectional=True)
            for suffix, one in zip(("", "_reverse"), packed):
                for name, values in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"),
                                        unpacked(one, units)):
                    getattr(self.lstm, f"{name}_l0{suffix}").data = torch.tensor(values)
            self.outputs = [(torch.tensor(parameters[f"{name}_output.weight"]),
                             torch.tensor(parameters[f"{name}_output.bias"])
                             if f"{name}_output.bias" in parameters else None)
                            for name in ("forward", "backward")]
            self.units = units

        def forward(self, batch):
            arrays = {name: torch.from_numpy(getattr(batch, name)).long() for name in
                      (*self.tables, "forms", "characters", "character_length", "length")}
            windows = self.convolution(self.characters(arrays["characters"]).permute(1, 2, 0))
            outside = torch.arange(windows.shape[2])[None] >= arrays["character_length"][:, None]
            forms = windows.masked_fill(outside[:, None], -1e9).amax(dim=2)
            parts = [self.tables["words"](arrays["words"]), forms[arrays["forms"]]]
            parts += [self.tables[name](arrays[name]) for name in ("casing", "pos") if name in self.tables]
            packed = torch.nn.utils.rnn.pack_padded_sequence(torch.cat(parts, dim=2), arrays["length"],
                                                             enforce_sorted=False)
            hidden, _ = torch.nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0])
            scores = [torch.nn.functional.linear(half, *output) for half, output in
                      zip(hidden.split(self.units, dim=2), self.outputs)]
            if self.summed:
                scores = [score.log_softmax(dim=2) for score in scores]
            return scores[0] + scores[1]

        def emissions(self, batch):
            with torch.inference_mode():
                return self(batch).numpy()

        def decoder(self):
            return self._decoder

    def parameters(path):
        return {name[len("network."):]: array.asnumpy() for name, array in mx.nd.load(str(path)).items()
                if name.startswith("network.")}

    read = read_bundle(Path(bundle))
    pos = None
    if read.pos_model is not None:
        argmax = read.config.decoding.model_copy(update={"method": "argmax"})
        settings = read.config.network.model_copy(update={"lstm_units": read.config.pos_tagger.lstm_units})
        pos = Torch(settings, parameters(Path(run) / "pos/best.params"),
                    Decoder(read.encoder.pos.items, argmax, constrained=False))
    network = Torch(read.config.network, parameters(Path(run) / "best.params"), read.decoder())
    return both(Recogniser(read.config, read.encoder, network, pos).tag_batch)


def spacy_engine(folder):
    """spaCy's pipeline for the CPU, tokens given."""
    import spacy
    from spacy.tokens import Doc

    nlp = spacy.load(folder)

    def tag_batch(sentences):
        docs = (Doc(nlp.vocab, words=list(tokens)) for tokens in sentences)
        return [doc.ents for doc in nlp.pipe(docs, batch_size=128)]

    return tag_batch, lambda texts: [doc.ents for doc in nlp.pipe(texts, batch_size=128)]


def main(engine: str, run: str, bundle: str, spacy: str = "") -> None:
    started = time.perf_counter()
    engines = {"runtime": runtime_engine, "mxnet": mxnet_engine, "torch": torch_engine}
    tag_batch, find = (spacy_engine(spacy) if engine == "spacy" else engines[engine](Path(run), Path(bundle)))
    tag_batch([["Ready", "?"]])
    ready = time.perf_counter() - started
    from ner_mx.evaluation.files import read_predictions

    sentences = read_predictions(Path(run) / "predictions/test.conll").tokens
    words = sum(map(len, sentences))
    # Paragraphs of ten sentences: what raw text is made of.
    texts = [" ".join(" ".join(tokens) for tokens in sentences[place:place + 10])
             for place in range(0, len(sentences), 10)]
    found = tag_batch(sentences)
    batch, raw = rate(tag_batch, sentences, words), rate(find, texts, words)
    singles = []
    for tokens in sentences[:SINGLE]:
        start = time.perf_counter()
        tag_batch([tokens])
        singles.append(1000 * (time.perf_counter() - start))
    singles.sort()
    print(json.dumps({"engine": engine, "words": words, "entities": sum(map(len, found)), "ready_s": ready,
                      "words_per_second": batch, "text_words_per_second": raw,
                      "single_p50_ms": singles[SINGLE // 2],
                      "single_p95_ms": singles[SINGLE * 95 // 100],
                      "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
