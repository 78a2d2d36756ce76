"""Train spaCy's CPU pipeline for NER on a corpus: python train_spacy.py EXPERIMENT PATH MINUTES FOLDER

Trains for so many minutes on the training split of the experiment's corpus at
PATH, and writes the pipeline to FOLDER.  Prints its F1 on the test set.
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
from ner_mx.data.annotation import check_annotation
from ner_mx.data.spans import spans_of
from ner_mx.data.splits import read_splits
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.evaluation.scores import evaluate


def main(experiment: str, path: str, minutes: str, folder: str) -> None:
    random.seed(1)
    spacy.util.fix_random_seed(1)
    settings = load_config(None, experiment, [f"corpus.path={path}"]).corpus
    corpus = check_annotation(read_splits(settings).splits, settings).splits
    gold = {name: [convert_tags(sentence.tags, "IOB2") for sentence in corpus[name]] for name in ("train", "test")}
    nlp = spacy.blank("en")
    ner = nlp.add_pipe("ner")
    docs_of = {}
    for name, tags_of_split in gold.items():
        docs_of[name] = []
        for sentence, tags in zip(corpus[name], tags_of_split):
            doc = Doc(nlp.vocab, words=list(sentence.tokens))
            doc.ents = [Span(doc, *span[:2], label=span.label) for span in spans_of(tags)]
            docs_of[name].append(doc)
    for doc in docs_of["train"]:
        for entity in doc.ents:
            ner.add_label(entity.label_)
    nlp.initialize()
    end = time.perf_counter() + 60 * float(minutes)
    epoch = 0
    while time.perf_counter() < end:
        random.shuffle(docs_of["train"])
        for docs in minibatch(docs_of["train"], size=compounding(100, 1000, 1.001)):
            nlp.update([Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc) for doc in docs],
                       drop=0.2)
            if time.perf_counter() > end:
                break
        epoch += 1
    nlp.to_disk(folder)
    predicted = nlp.pipe(Doc(nlp.vocab, words=[token.text for token in doc]) for doc in docs_of["test"])
    tags = [[f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]
            for doc in predicted]
    print(f"{epoch} epochs started, test F1 {100 * evaluate(gold['test'], tags).micro.f1:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
