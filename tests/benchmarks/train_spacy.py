"""Train spaCy's CPU pipeline for NER on a corpus: python train_spacy.py EXPERIMENT PATH MINUTES FOLDER

The training part of the experiment's corpus at PATH is learnt for so many
minutes, and the pipeline written to FOLDER.  Prints its F1 on the test set.
"""

from __future__ import annotations

import random
import sys
import time

import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import compounding, minibatch

from ner_mx.config import load_config
from ner_mx.corpora.annotation import annotated
from ner_mx.corpora.schemes import convert
from ner_mx.corpora.spans import spans_of
from ner_mx.corpora.splits import read_parts
from ner_mx.evaluation.scores import evaluate


def main(experiment: str, path: str, minutes: str, folder: str) -> None:
    random.seed(1)
    spacy.util.fix_random_seed(1)
    settings = load_config(None, experiment, [f"corpus.path={path}"]).corpus
    corpus = annotated(read_parts(settings).parts, settings).parts
    gold = {name: [convert(sentence.tags, "IOB2") for sentence in corpus[name]] for name in ("train", "test")}
    nlp = spacy.blank("en")
    ner = nlp.add_pipe("ner")
    parts = {}
    for name, tagged in gold.items():
        parts[name] = []
        for sentence, tags in zip(corpus[name], tagged):
            doc = Doc(nlp.vocab, words=list(sentence.tokens))
            doc.ents = [Span(doc, *span[:2], label=span.label) for span in spans_of(tags)]
            parts[name].append(doc)
    for doc in parts["train"]:
        for entity in doc.ents:
            ner.add_label(entity.label_)
    nlp.initialize()
    end = time.perf_counter() + 60 * float(minutes)
    epoch = 0
    while time.perf_counter() < end:
        random.shuffle(parts["train"])
        for docs in minibatch(parts["train"], size=compounding(100, 1000, 1.001)):
            nlp.update([Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc) for doc in docs],
                       drop=0.2)
            if time.perf_counter() > end:
                break
        epoch += 1
    nlp.to_disk(folder)
    found = nlp.pipe(Doc(nlp.vocab, words=[token.text for token in doc]) for doc in parts["test"])
    tags = [[f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]
            for doc in found]
    print(f"{epoch} epochs begun, test F1 {100 * evaluate(gold['test'], tags).micro.f1:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
