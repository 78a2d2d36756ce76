"""The figures of Chiu & Nichols 2016 (TACL 4:357-370), row by row, and what it does not specify."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple


class PaperRow(NamedTuple):
    """One row of the paper on one corpus; test figures in per cent.

    experiment : the named experiment that replicates it.
    table : where the paper shows the row.
    sd : the standard deviation over ten successful runs, if the paper gives it.
    """

    experiment: str
    table: str
    label: str
    f1: float
    sd: Optional[float] = None
    precision: Optional[float] = None
    recall: Optional[float] = None


class PaperCorpus(NamedTuple):
    """entities : of the test set.  failed_below : the F1 on training data below which a run has failed (3.4)."""

    label: str
    entities: int
    failed_below: float


# By the beginning of the names of our processed corpora.
CORPORA = {"conll2003": PaperCorpus("CoNLL-2003", 5648, 0.95),
           "ontonotes": PaperCorpus("OntoNotes 5", 11257, 0.80)}

# The best network, BLSTM-CNN + emb + lex, by genre of OntoNotes: the name of a document begins with the key.
GENRES = {"bc": 85.23, "bn": 89.93, "mz": 84.45, "nw": 88.39, "tc": 72.39, "wb": 78.38}


def _rows() -> List[PaperRow]:
    rows = []

    def add(table: str, label: str, name: str, conll: Tuple[float, ...] = (),
            ontonotes: Tuple[float, ...] = ()) -> None:
        for corpus, figures in (("conll2003", conll), ("ontonotes", ontonotes)):
            if figures:
                where = f"{table}, {CORPORA[corpus].label}"
                rows.append(PaperRow(f"{corpus}-{name}", where, label, *figures))

    main = "Main results"
    add(main, "FFNN + emb + caps + lex", "ffnn-emb-caps-lex", (89.67, .24), (73.94, .43))
    add(main, "BLSTM", "blstm", (76.29, .29), (77.77, .37))
    add(main, "BLSTM-CNN", "blstm-cnn", (83.38, .20), (82.53, .40))
    add(main, "BLSTM-CNN + emb", "blstm-cnn-emb", (90.91, .20), (86.17, .22))
    add(main, "BLSTM-CNN + emb + lex", "blstm-cnn-emb-lex", (91.62, .33, 91.39, 91.85),
        (86.28, .26, 86.04, 86.53))
    lexicons = "Lexicons, on random vectors"
    add(lexicons, "none", "blstm-cnn", (83.38, .20), (82.53, .40))
    add(lexicons, "SENNA, exact, YES/NO", "lexicon-senna-yes-no", (86.21,), (83.24,))
    add(lexicons, "SENNA, exact, BIOES", "lexicon-senna-bioes", (86.14,), (83.01,))
    add(lexicons, "DBpedia, exact, BIOES", "lexicon-dbpedia-exact", (85.02,), (83.39,))
    add(lexicons, "DBpedia, partial, BIOES", "lexicon-dbpedia-partial", (86.18,), (83.97,))
    add(lexicons, "both", "embedding-random-50", (87.77,), (83.82,))
    vectors = "Word vectors, with both lexicons"
    add(vectors, "random, 50", "embedding-random-50", (87.77,), (83.82,))
    add(vectors, "random, 300", "embedding-random-300", (87.84,), (83.76,))
    add(vectors, "GloVe 6B, 50", "embedding-glove-50", (91.09,), (86.25,))
    add(vectors, "GloVe 6B, 300", "embedding-glove-300", (90.71,), (86.26,))
    add(vectors, "Google, 300", "embedding-google-300", (90.60,), (85.34,))
    add(vectors, "skip-gram of their own, 50", "embedding-own-50", (90.76,))
    add(vectors, "SENNA, 50", "blstm-cnn-emb-lex", (91.62, .33), (86.28, .26))
    dropout = "Dropout, emb + lex, trained on train only"
    for rate, f1 in (("0", 90.76), ("0.1", 90.87), ("0.3", 91.09), ("0.5", 91.14), ("0.68", 91.23),
                     ("0.7", 91.17), ("0.9", 90.67)):
        add(dropout, rate, f"dropout-{rate}", (f1,))
    features = "Features"
    add(features, "BLSTM", "blstm", (76.29, .29))
    add(features, "BLSTM + emb", "blstm-emb", (88.23,))
    add(features, "BLSTM + emb + caps", "blstm-emb-caps", (90.67,))
    add(features, "BLSTM + emb + caps + lex", "blstm-emb-caps-lex", (91.43,))
    add(features, "BLSTM-CNN + emb + caps", "blstm-cnn-emb-caps", (90.98,))
    add(features, "BLSTM-CNN + emb + char + caps", "blstm-cnn-emb-char-caps", (90.88,))
    return rows


ROWS = _rows()

# What the paper does not specify: (what, our choice, why).
CHOICES: List[Tuple[str, str, str]] = [
    ("gradient of a batch", "the sum over its sentences",
     "divided by nine, the fixed rate of 0.0105 is too small for 80 epochs: dev F1 is 87 after 55"),
    ("runs that explode", "the gradient is clipped at a norm of 100",
     "the paper reports that clipping removed its failed runs, and does not say at what norm"),
    ("unknown words", "a vector trained by replacing a word seen n times with 0.25 / (0.25 + n)",
     "without it the vector keeps its random initial values"),
    ("LSTM weights", "orthogonal recurrent matrices, Xavier inputs, a forget bias of 1",
     "the common choice since Saxe et al. 2014 and Jozefowicz et al. 2015"),
    ("the epoch that counts", "the last one if dev is trained on; else the best on dev",
     "if dev is not trained on, there is something to choose by, which saves epochs"),
    ("transitions", "start at 0", "no transition is preferred before training"),
    ("activation of the character CNN", "none", "the paper mentions none"),
    ("lookup of capitals and lexicons", "8 and 5 dimensions", "about one for each of five values; not tuned"),
    ("margin of the character CNN", "(width - 1) / 2 PADDING on each side, a window centred on each character",
     "a larger margin would add windows with fewer characters, or with none"),
    ("Google's vectors", "the first 500,000 words", "the most frequent; all three million take 3.6 GB"),
    ("matches that overlap", "each token takes its position in the first match that covers it",
     "figure 4 of the paper, with a lone B before another B, requires it"),
    ("first tag, last tag", "a learned score for the first, none for the last",
     "as the equation of its objective has it"),
    ("FFNN", "a window of five words, 300 hard-tanh units, zeros outside the sentence",
     "Collobert et al. 2011, section 3.3.1, whose network it is"),
]
