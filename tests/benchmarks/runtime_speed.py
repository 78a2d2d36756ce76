"""The speed of one engine: python runtime_speed.py ENGINE RUN BUNDLE [SPACY]

ENGINE is runtime, mxnet, torch or spacy; RUN a run folder, whose test set is
tagged; BUNDLE the same network as a bundle; SPACY the folder of a trained
pipeline.  All but spacy share features, batches, decoding and parameters, so
that only the engines differ.  The number of threads is OMP_NUM_THREADS.  Prints one JSON object.
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


def with_raw_text(tag_batch):
    """A function that tags tokenized sentences, and one that finds entities in texts with it."""
    from ner_mx.decoding.entities import find_entities
    from ner_mx.registry import register

    tokenizer = register.tokenizer["rules"]()
    return tag_batch, lambda texts: find_entities(texts, tokenizer, tag_batch)


def rate(function, inputs, words):
    """Words per second: the median of three."""
    rates = []
    for _ in range(3):
        start = time.perf_counter()
        function(inputs)
        rates.append(words / (time.perf_counter() - start))
    return statistics.median(rates)


def runtime_engine(run, bundle):
    """The tagger on onnxruntime."""
    from ner_mx.inference.tagger import Tagger

    return with_raw_text(Tagger.load(bundle, threads=THREADS).tag_batch)


def mxnet_engine(run, bundle):
    """The network on MXNet, as it was trained."""
    from ner_mx.training.run_evaluation import load_recognizer

    return with_raw_text(load_recognizer(run, "cpu").tag_batch)


def torch_network(config, features, parameters):
    """The network in PyTorch, in its usual style: (arrays of a batch) -> emissions (T, N, K).

    Parameters
    ----------
    config : of the run, or of a tagger of it.
    features : in the order in which their vectors are concatenated.
    parameters : arrays by their names in the network.
    """
    import torch

    from ner_mx.models.layers.packed_lstm import unpacked

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            lookup = torch.nn.Embedding.from_pretrained
            self.tables = {feature.name: lookup(torch.tensor(parameters[f"{feature.name}.weight"]))
                           for feature in features if feature.name != "characters"}
            kernel = torch.tensor(parameters["characters.kernel"])  # (width, filters, dimension)
            self.characters = lookup(torch.tensor(parameters["characters.table"]))
            self.convolution = torch.nn.Conv1d(kernel.shape[2], kernel.shape[1], kernel.shape[0])
            self.convolution.weight.data = kernel.permute(1, 2, 0).contiguous()
            self.convolution.bias.data = torch.tensor(parameters["characters.bias"])
            self.left = (kernel.shape[0] - 1) // 2
            self.right = kernel.shape[0] - 1 - self.left
            self.units = config.model.units
            directions = [unpacked(parameters[f"bilstm.{name}0"], self.units) for name in ("forward", "backward")]
            self.lstm = torch.nn.LSTM(directions[0][0].shape[1], self.units, bidirectional=True)
            for suffix, direction in zip(("", "_reverse"), directions):
                for name, values in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), direction):
                    getattr(self.lstm, f"{name}_l0{suffix}").data = torch.tensor(values)
            self.outputs = [(torch.tensor(parameters[f"{name}_output.weight"]),
                             torch.tensor(parameters[f"{name}_output.bias"])
                             if f"{name}_output.bias" in parameters else None)
                            for name in ("forward", "backward")]

        def character_vectors(self, batch):
            ids = torch.nn.functional.pad(batch["characters"], (0, 0, self.left, self.right))
            windows = self.convolution(self.characters(ids).permute(1, 2, 0))
            outside = torch.arange(windows.shape[2])[None] >= batch["character_length"][:, None]
            return windows.masked_fill(outside[:, None], -1e9).amax(dim=2)[batch["word_types"]]

        def forward(self, batch):
            vectors = [self.character_vectors(batch) if feature.name == "characters"
                       else self.tables[feature.name](batch[feature.name]) for feature in features]
            packed = torch.nn.utils.rnn.pack_padded_sequence(
                torch.cat([array.flatten(2) for array in vectors], dim=2), batch["length"], enforce_sorted=False)
            hidden, _ = torch.nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0])
            scores = [torch.nn.functional.linear(half, *output) for half, output in
                      zip(hidden.split(self.units, dim=2), self.outputs)]
            if config.model.output == "summed":
                scores = [score.log_softmax(dim=2) for score in scores]
            return scores[0] + scores[1]

    return Network()


class TorchScorer:
    """A network in PyTorch as the scorer of a recognizer."""

    def __init__(self, network, features, decoder):
        self._network, self.features, self._decoder = network, features, decoder

    def prepared(self, encoded):
        """Nothing is computed for all sentences at once."""
        return encoded

    def emissions(self, batch):
        """(T, N, K) the scores of a batch."""
        import torch

        with torch.inference_mode():
            arrays = {name: torch.from_numpy(values).long()
                      for name, values in (*batch.arrays.items(), ("length", batch.length))}
            return self._network(arrays).numpy()

    def decoder(self):
        """The decoder that was given."""
        return self._decoder


def torch_engine(run, bundle):
    """The networks of the run in PyTorch."""
    import torch

    from ner_mx.compat import mx
    from ner_mx.data.pieces import pieces_of
    from ner_mx.decoding.decoder import Decoder
    from ner_mx.decoding.recognizer import Recognizer
    from ner_mx.inference.bundle import read_bundle
    from ner_mx.training.run_folder import read_run_config
    from ner_mx.training.task import tagger_config

    torch.set_num_threads(THREADS)

    def scorer(config, features, folder, decoder):
        arrays = mx.nd.load(str(folder / "best.params"))
        parameters = {name[len("network."):]: array.asnumpy() for name, array in arrays.items()
                      if name.startswith("network.")}
        return TorchScorer(torch_network(config, features, parameters), features, decoder)

    config, exported = read_run_config(run), read_bundle(bundle)
    encoder = exported.encoder
    argmax = config.decoding.model_copy(update={"method": "argmax"})
    taggers = {}
    for feature in encoder.predicted():
        others = [other for other in encoder.features if other is not feature]
        taggers[feature.name] = scorer(tagger_config(config, feature), others, run / feature.name,
                                       Decoder(feature.vocabulary.items, argmax, encoding=None))
    network = scorer(config, encoder.features, run, exported.decoder())
    return with_raw_text(Recognizer(encoder, network, taggers, config.training.evaluation_batch,
                                    pieces_of(config.corpus.split_digits, config.corpus.characters)).tag_batch)


def spacy_engine(folder):
    """The CPU pipeline of spaCy, on given tokens."""
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
    from ner_mx.evaluation.predictions import read_predictions

    sentences = read_predictions(Path(run) / "predictions/test.conll").tokens
    words = sum(map(len, sentences))
    # Raw text consists of paragraphs of ten sentences.
    texts = [" ".join(" ".join(tokens) for tokens in sentences[start:start + 10])
             for start in range(0, len(sentences), 10)]
    entities = tag_batch(sentences)
    batch, raw = rate(tag_batch, sentences, words), rate(find, texts, words)
    singles = []
    for tokens in sentences[:SINGLE]:
        start = time.perf_counter()
        tag_batch([tokens])
        singles.append(1000 * (time.perf_counter() - start))
    singles.sort()
    print(json.dumps({"engine": engine, "words": words, "entities": sum(map(len, entities)), "ready_s": ready,
                      "words_per_second": batch, "text_words_per_second": raw,
                      "single_p50_ms": singles[SINGLE // 2],
                      "single_p95_ms": singles[SINGLE * 95 // 100],
                      "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
