"""Annotations that are probably wrong, ranked: what held-out networks and the rest of the corpus say against them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ner_mx.analysis.held_out import HeldOut
from ner_mx.analysis.names import BORDERS, OUTSIDE, Words, names_of, occurrences
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span, spans_of

KINDS = ("missed", "invented", "type", "borders", "borders and type")

# How much the other occurrences of a name count, in the odds, and of a name between the same words: the best of some
# values on 3 % of wrong entities put into UN and a twentieth of GMB, see tests/benchmarks/audit_corruption.py.
NAME_WEIGHT, CONTEXT_WEIGHT = 1.0, 0.4
# The least probability of an error that is listed.
LEAST = 0.1


class Suspect(NamedTuple):
    """An annotation that is probably wrong.

    sentence : its index.
    kind : of the error: an entity was ``missed`` or ``invented``, or its ``type``, its ``borders``, or both are wrong.
    score : from 0 to 1; the higher, the more speaks against the annotation.
    confident : whether the network sees the suggestion at least as clearly as annotated entities of its type on
        average, which is how confident learning counts errors.
    annotated : the entities as they are, which are replaced.
    suggested : the entity that should be there; None if there should be none.
    reasons : for people.
    """

    sentence: int
    kind: str
    score: float
    annotated: Tuple[Span, ...]
    suggested: Optional[Span]
    reasons: List[str]
    confident: bool = False


def find_suspects(sentences: Sequence[Sentence], outputs: Sequence[HeldOut]) -> List[Suspect]:
    """The annotations that are probably wrong, the most probable first.

    For an entity, the evidence is the probability that a network which was not trained on its sentence gives to
    exactly this entity; where nothing is annotated, that of the entity which it sees there.  The odds are multiplied
    by how other occurrences of the same words are annotated.  Errors are counted as in confident learning (Northcutt
    et al. 2021, section 3): where the probability of the suggestion exceeds the mean that its type has where it is
    annotated.

    Parameters
    ----------
    outputs : of :func:`ner_mx.analysis.held_out.held_out`.
    """
    evidence = _Evidence.of(sentences)
    means = _mean_confidence(sentences, outputs)
    suspects = []
    for index, (sentence, output) in enumerate(zip(sentences, outputs)):
        for candidate in _candidates(index, sentence, output, means):
            support, reasons = evidence.support(sentence, candidate)
            odds = candidate.score / max(1e-9, 1 - candidate.score) * support
            score = odds / (1 + odds)
            if score >= LEAST:
                suspects.append(candidate._replace(score=score, reasons=[*candidate.reasons, *reasons]))
    return sorted(suspects, key=lambda suspect: (-suspect.score, suspect.sentence, suspect.annotated))


def _mean_confidence(sentences: Sequence[Sentence], outputs: Sequence[HeldOut]) -> Dict[str, float]:
    """The mean probability of the annotated entities of each type, and of tokens outside entities (O)."""
    sums: Dict[str, List[float]] = defaultdict(list)
    for sentence, output in zip(sentences, outputs):
        for span, probability in zip(spans_of(sentence.gold), output.annotated):
            sums[span.label].append(probability)
        sums[OUTSIDE] += [probability for tag, probability in zip(sentence.gold, output.tokens) if tag == "O"]
    return {label: sum(values) / len(values) for label, values in sums.items() if values}


def _candidates(index: int, sentence: Sentence, output: HeldOut, means: Dict[str, float]) -> Iterator[Suspect]:
    """What a held-out network says against the annotation of a sentence, without the rest of the corpus."""
    annotated = spans_of(sentence.gold)
    likely = [(span, probability) for span, probability in output.likely if span not in annotated]
    replaced: Dict[Span, Suspect] = {}
    for span, probability, outside in zip(annotated, output.annotated, output.outside):
        rivals = [rival for rival in likely if _overlap(rival[0], span)]
        best, value = max(rivals, key=lambda rival: rival[1], default=(span, -1.0))
        said = f"a network that was not trained on the sentence gives {span.label} {probability:.2f} here"
        if outside >= value:
            yield Suspect(index, "invented", 1 - probability, (span,), None, [f"{said}, no entity {outside:.2f}"],
                          outside >= means.get(OUTSIDE, 1.0))
            continue
        kind = "type" if best[:2] == span[:2] else "borders" if best.label == span.label else "borders and type"
        suspect = Suspect(index, kind, 1 - probability, (span,), best,
                          [f"{said}, {_shown(sentence, best)} {value:.2f}"], value >= means.get(best.label, 1.0))
        if best in replaced:  # one entity in the place of several
            before = replaced[best]
            suspect = max(before, suspect, key=lambda entry: entry.score)._replace(
                kind="borders", annotated=(*before.annotated, span))
        replaced[best] = suspect
    yield from replaced.values()
    free = list(annotated)
    for span, value in sorted(likely, key=lambda entry: -entry[1]):
        if not any(_overlap(span, other) for other in free):
            free.append(span)
            yield Suspect(index, "missed", value, (), span, [
                f"a network that was not trained on the sentence sees {_shown(sentence, span)} here, {value:.2f}"],
                value >= means.get(span.label, 1.0))


def _overlap(span: Span, other: Span) -> bool:
    return span.start < other.end and other.start < span.end


def _shown(sentence: Sentence, span: Span) -> str:
    return f"{span.label} “{' '.join(sentence.tokens[span.start:span.end])}”"


class _Evidence(NamedTuple):
    """How the words of names are annotated in the whole corpus, and between which words."""

    names: Dict[Words, Counter[str]]
    contexts: Dict[Tuple[Optional[str], Words, Optional[str]], Counter[str]]

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> _Evidence:
        names: Dict[Words, Counter[str]] = defaultdict(Counter)
        contexts: Dict[Tuple[Optional[str], Words, Optional[str]], Counter[str]] = defaultdict(Counter)
        for words, place in occurrences(sentences, list(names_of(sentences))):
            names[words][place.reading] += 1
            contexts[_context(sentences[place.sentence], place.start, place.end)][place.reading] += 1
        return cls(dict(names), dict(contexts))

    def support(self, sentence: Sentence, suspect: Suspect) -> Tuple[float, List[str]]:
        """The factor of the odds that the annotation is wrong, and what speaks for or against it.

        The words of the suggestion are counted, and those of the annotation if nothing is suggested; the occurrence
        itself is left out.
        """
        span = suspect.suggested or suspect.annotated[0]
        wanted = suspect.suggested.label if suspect.suggested else OUTSIDE
        now = next((other.label for other in suspect.annotated if other[:2] == span[:2]),
                   BORDERS if suspect.annotated else OUTSIDE)
        words = sentence.tokens[span.start:span.end]
        factor, reasons = 1.0, []
        context = self.contexts.get(_context(sentence, span.start, span.end))
        for counts, weight, where in ((self.names.get(words), NAME_WEIGHT, ""),
                                      (context, CONTEXT_WEIGHT, " between the same words")):
            if counts is None:
                continue
            same, other = max(0, counts[now] - 1), counts[wanted]
            factor *= ((other + 1) / (same + 1)) ** weight
            if same or other:
                reasons.append(f"elsewhere{where}, “{' '.join(words)}” is {other:,} × {_reading(wanted)} and "
                               f"{same:,} × {_reading(now)}")
        return factor, reasons


def _reading(reading: str) -> str:
    return {OUTSIDE: "no entity", BORDERS: "part of another entity"}.get(reading, reading)


def _context(sentence: Sentence, start: int, end: int) -> Tuple[Optional[str], Words, Optional[str]]:
    tokens = sentence.tokens
    return (tokens[start - 1] if start else None, tokens[start:end], tokens[end] if end < len(tokens) else None)
