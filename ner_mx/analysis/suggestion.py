"""Text without annotation: which sentences to annotate next, with what a model reads in them."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Set, Tuple

from ner_mx.analysis.selection import select
from ner_mx.analysis.tool_export import ToolTask
from ner_mx.analysis.uncertainty import Uncertainty, uncertainties
from ner_mx.data.documents import Document
from ner_mx.data.streamed_text import streamed_lines
from ner_mx.data.tokenizers import Token
from ner_mx.decoding.windows import LONGEST
from ner_mx.errors import UserError
from ner_mx.inference.tagger import Tagger
from ner_mx.untyped import Values

# Sentences that are read at once.
CHUNK = 2048
# The longest list of sentences among which is chosen.
MOST = 200_000


class Candidate(NamedTuple):
    """A sentence of a text: its text and tokens in it, and where it is."""

    text: str
    tokens: List[Token]
    place: str

    @property
    def words(self) -> Tuple[str, ...]:
        """The tokens."""
        return tuple(token.text for token in self.tokens)


class Suggestion(NamedTuple):
    """A sentence that is worth annotating, what it teaches for its cost, and what the model reads in it."""

    candidate: Candidate
    gain: float
    found: Uncertainty


class Suggestions(NamedTuple):
    """The chosen sentences, the best first; how many there were, and how many were too long."""

    chosen: List[Suggestion]
    candidates: int
    too_long: int


def suggest(tagger: Tagger, texts: Sequence[Path], count: int, strategy: str = "expected-errors", seed: int = 1,
            tokens: Optional[int] = None, diverse: bool = True) -> Suggestions:
    """Choose sentences of texts for annotation, see :func:`~ner_mx.analysis.selection.select`.

    Parameters
    ----------
    texts : files of UTF-8 text with a sentence or a paragraph per line, plain or compressed.

    Raises
    ------
    UserError : there is no sentence, or more than memory is meant for; the model splits tokens.
    ConfigError : there is no such strategy.
    """
    if tagger.recognizer.splits_tokens:
        raise UserError("expected a model whose tokens have tags, found one that splits them into pieces")
    candidates, too_long = _candidates(tagger, texts)
    if not candidates:
        longer = f" but {too_long:,} of more than {LONGEST} tokens" if too_long else ""
        raise UserError(f"{texts[0]}: expected sentences, found nothing{longer}")
    found: List[Uncertainty] = []
    for start in range(0, len(candidates), CHUNK):
        found += uncertainties(tagger.recognizer, [list(one.words) for one in candidates[start:start + CHUNK]])
    selected = select([one.words for one in candidates], found, strategy, seed, count, tokens, diverse)
    chosen = [Suggestion(candidates[entry.sentence], entry.gain, found[entry.sentence]) for entry in selected]
    return Suggestions(chosen, len(candidates), too_long)


def _candidates(tagger: Tagger, texts: Sequence[Path]) -> Tuple[List[Candidate], int]:
    """The different sentences of texts, and how many are longer than a window."""
    candidates: List[Candidate] = []
    seen: Set[Tuple[str, ...]] = set()
    too_long = 0
    for path in texts:
        for number, line in enumerate(streamed_lines(path), start=1):
            for tokens in tagger.iter_sentences(line):
                words = tuple(token.text for token in tokens)
                if len(words) > LONGEST:
                    too_long += 1
                elif words not in seen:
                    seen.add(words)
                    candidates.append(_candidate(line, tokens, f"{path}:{number}"))
            if len(candidates) > MOST:
                raise UserError(f"{path}:{number}: expected at most {MOST:,} different sentences, found more; take a "
                                "sample of the text")
    return candidates, too_long


def _candidate(line: str, tokens: Sequence[Token], place: str) -> Candidate:
    """A sentence with offsets in its own text."""
    start, end = tokens[0].start, tokens[-1].end
    return Candidate(line[start:end], [Token(token.start - start, token.end - start, token.text) for token in tokens],
                     place)


def task_of(suggestion: Suggestion, strategy: str) -> ToolTask:
    """A suggestion for an annotation tool, annotated with what the model reads."""
    candidate, found = suggestion.candidate, suggestion.found
    spans = [span for span, _ in found.entities]
    document = Document(candidate.text, (), candidate.place, None, [candidate.tokens])
    fields: Values = {"place": candidate.place, "strategy": strategy, "gain": round(suggestion.gain, 6),
                      "expected_errors": round(found.expected_errors, 3)}
    return ToolTask(document, spans, spans, fields, found.best)


def suggestion_values(found: Suggestions, strategy: str) -> Values:
    """All suggestions as values of JSON."""
    return {"strategy": strategy, "candidates": found.candidates, "too_long": found.too_long,
            "tokens": sum(len(entry.candidate.tokens) for entry in found.chosen),
            "expected_errors": sum(entry.found.expected_errors for entry in found.chosen),
            "chosen": [_values(entry) for entry in found.chosen]}


def _values(suggestion: Suggestion) -> Values:
    words = suggestion.candidate.words
    doubts = sorted((entry for entry in suggestion.found.likely if 0.05 <= entry.probability <= 0.95),
                    key=lambda entry: abs(entry.probability - 0.5))[:5]
    return {"place": suggestion.candidate.place, "text": suggestion.candidate.text, "tokens": list(words),
            "entities": [list(span) for span, _ in suggestion.found.entities],
            "doubts": [[" ".join(words[span.start:span.end]), span.label, round(probability, 4)]
                       for span, probability in doubts],
            "gain": suggestion.gain, "expected_errors": suggestion.found.expected_errors,
            "best": suggestion.found.best, "entropy": suggestion.found.entropy}
