"""What networks say of sentences that they were not trained on: k folds over a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Hashable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ner_mx.analysis.overlap import SHORTEST_REPEATED
from ner_mx.config import Config
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of
from ner_mx.data.splits import SplitCorpus
from ner_mx.data.tag_schemes import convert_tags
from ner_mx.decoding.lattice import span_probability
from ner_mx.decoding.recognizer import Recognizer
from ner_mx.decoding.scoring import for_each_sentence
from ner_mx.errors import UserError
from ner_mx.experiments.corpus_parts import CorpusPart, part_runs, train_parts
from ner_mx.experiments.plans import PlannedRun
from ner_mx.features.batch import Batch
from ner_mx.files import read_json, write_json
from ner_mx.machine import available_cores

# Entities that are less likely are no alternatives.
LEAST = 0.02
# The share of the other folds that chooses the epoch and the temperature.
DEV = 0.1

ScoredSpans = List[Tuple[Span, float]]


class HeldOut(NamedTuple):
    """What a network that was not trained on a sentence says of it.

    annotated : the probability of each of its entities, in order.
    outside : for each of its entities, the probability that none of its tokens belongs to any entity.
    likely : every entity with a probability of at least :data:`LEAST`.
    tokens : the probability of the annotated tag of each token.
    """

    annotated: List[float]
    outside: List[float]
    likely: ScoredSpans
    tokens: List[float]


def held_out(config: Config, corpus: SplitCorpus, sentences: Sequence[Sentence], folds: int, folder: Path,
             workers: Optional[int] = None) -> List[HeldOut]:
    """Train a network without each fold of the sentences, and let it read the fold.

    Finished folds and what they said are kept below ``folder``: the same call resumes.

    Parameters
    ----------
    corpus : what the sentences are of.
    workers : folds at a time, with one thread each; the cores of this machine if not given.

    Raises
    ------
    UserError : the network splits tokens, or there are too few sentences for the folds.
    RunError : a fold cannot be trained.
    """
    runs, members = fold_runs(config, corpus, sentences, folds, folder)
    train_parts(runs, workers)
    result: Dict[int, HeldOut] = {}
    for run, indices in zip(runs, members):
        result.update(zip(indices, _outputs(run, [sentences[index] for index in indices], folder, workers)))
    return [result[index] for index in range(len(sentences))]


def fold_runs(config: Config, corpus: SplitCorpus, sentences: Sequence[Sentence], folds: int,
              folder: Path) -> Tuple[List[PlannedRun], List[List[int]]]:
    """The run for each fold, processed, and the indices of the sentences that it is not trained on.

    Raises
    ------
    UserError : see :func:`held_out`.
    """
    if config.corpus.split_digits or config.corpus.characters or config.corpus.documents.join:
        raise UserError("expected a configuration whose tokens and sentences are those of the corpus, found one that "
                        "splits or joins them; see corpus.split_digits, corpus.characters and corpus.documents.join")
    config = config.updated({"training.use_dev": False, "training.kvstore": None})
    members = fold_members(sentences, folds)
    if min(map(len, members)) == 0:
        raise UserError(f"expected at least {folds} groups of sentences for {folds} folds, found fewer; choose fewer")
    parts = [_part(number, members, sentences) for number in range(folds)]
    return part_runs(config, corpus, parts, folder), members


def fold_members(sentences: Sequence[Sentence], folds: int) -> List[List[int]]:
    """The indices of the sentences of each fold, of similar size.

    Sentences with the same words are in one fold: a network that was trained on a wrong copy would find it right.
    Those of one document are together as well, unless copies join most documents to one.
    """
    copies = [(sentence.tokens,) if len(sentence.tokens) >= SHORTEST_REPEATED else () for sentence in sentences]
    documents = [(*keys, (sentence.source, sentence.document)) for keys, sentence in zip(copies, sentences)]
    groups = _groups(documents)
    if max(map(len, groups)) > len(sentences) / (2 * folds):
        groups = _groups(copies)
    members: List[List[int]] = [[] for _ in range(folds)]
    order = np.random.RandomState(folds).permutation(len(groups))
    # Large groups first, each into the smallest fold so far.
    for place in sorted(order, key=lambda place: -len(groups[place])):
        min(members, key=len).extend(groups[place])
    return [sorted(member) for member in members]


def _groups(keys: Sequence[Sequence[Hashable]]) -> List[List[int]]:
    """Indices with a common key together, and those with a common key to one of them, and so on."""
    groups = _Sets(len(keys))
    first: Dict[Hashable, int] = {}
    for index, names in enumerate(keys):
        for key in names:
            groups.join(first.setdefault(key, index), index)
    joined: Dict[int, List[int]] = {}
    for index in range(len(keys)):
        joined.setdefault(groups.root(index), []).append(index)
    return list(joined.values())


class _Sets:
    """Disjoint sets of indices."""

    def __init__(self, size: int):
        self._parents = list(range(size))

    def root(self, index: int) -> int:
        while self._parents[index] != index:
            self._parents[index] = self._parents[self._parents[index]]
            index = self._parents[index]
        return index

    def join(self, index: int, other: int) -> None:
        self._parents[self.root(index)] = self.root(other)


def _part(number: int, members: Sequence[Sequence[int]], sentences: Sequence[Sentence]) -> CorpusPart:
    """The splits of a fold: it is the test set, and a share of the others is dev."""
    others = [index for place, member in enumerate(members) if place != number for index in member]
    drawn = set(np.random.RandomState(number).permutation(others)[:max(1, int(DEV * len(others)))].tolist())
    return CorpusPart(f"fold-{number + 1}-of-{len(members)}", {
        "train": [sentences[index] for index in sorted(others) if index not in drawn],
        "dev": [sentences[index] for index in sorted(drawn)],
        "test": [sentences[index] for index in members[number]]})


def _outputs(run: PlannedRun, sentences: Sequence[Sentence], folder: Path, workers: Optional[int]) -> List[HeldOut]:
    """What the network of a fold says of it, from disk if it was asked before."""
    path = folder / "held-out" / f"{run.name}.json"
    if not path.is_file():
        from ner_mx import compat
        from ner_mx.training.run_evaluation import load_recognizer

        compat.tune_process(workers or available_cores())
        outputs = read_held_out(load_recognizer(run.folder), sentences)
        write_json(path, [[entry.annotated, entry.outside, entry.likely, entry.tokens] for entry in outputs])
    return [HeldOut(annotated, outside, [(Span(*span), probability) for span, probability in likely], tokens)
            for annotated, outside, likely, tokens in read_json(path)]


def read_held_out(recognizer: Recognizer, sentences: Sequence[Sentence]) -> List[HeldOut]:
    """What a network says of annotated sentences; parts of speech are predicted, as for raw text."""
    decoder = recognizer.scorer.decoder()
    ids = {tag: place for place, tag in enumerate(decoder.tags)}
    encoding = recognizer.encoder.settings.tag_encoding
    gold = [[ids.get(tag) for tag in convert_tags(sentence.gold, encoding)] for sentence in sentences]
    spans = [spans_of(sentence.gold) for sentence in sentences]

    def work(batch: Batch, emissions: np.ndarray) -> List[HeldOut]:
        lattice = decoder.lattice(emissions, batch.length)
        marginals = lattice.marginals()
        result = []
        for row, (index, sums) in enumerate(zip(batch.sentence, decoder.span_sums(lattice, batch.length))):
            result.append(HeldOut(
                [sums.probability(span) for span in spans[index]],
                [span_probability(lattice, row, span.start, [ids["O"]] * (span.end - span.start))
                 for span in spans[index]],
                sums.likely(LEAST),
                [0.0 if tag is None else float(marginals[place, row, tag]) for place, tag in enumerate(gold[index])]))
        return result

    encoded = recognizer.with_predictions(recognizer.encoder.encode(sentences))
    return for_each_sentence(recognizer.scorer, encoded, recognizer.size, work)
