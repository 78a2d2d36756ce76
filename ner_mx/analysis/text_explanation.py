"""Explanations of the entities of raw text, as values of JSON."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from ner_mx.analysis.explanation import Explanation, explain
from ner_mx.data.spans import Span
from ner_mx.data.tokenizers import Token
from ner_mx.decoding.windows import LONGEST
from ner_mx.errors import UserError
from ner_mx.inference.tagger import Tagger
from ner_mx.untyped import Values

METHODS = ("occlusion", "sampling")

# The characters of a text, and a label: an entity that was asked for.
Target = Tuple[int, int, str]


def explain_text(tagger: Tagger, text: str, method: str = "occlusion", target: Optional[Target] = None) -> List[Values]:
    """The entities of a text with what speaks for each, sentence by sentence; sentences without any are left out.

    Entities by rules have no other reason than their rule, and are left out, too.

    Parameters
    ----------
    target : explain this entity alone, whether the model finds it or not: [start, end) in characters, and a type.

    Raises
    ------
    UserError : a sentence is longer than a window, the method is unknown, the model splits tokens, or the target is
        no entity that there could be.
    """
    if method not in METHODS:
        raise UserError(f"expected one of {', '.join(METHODS)}, found {method!r}")
    if tagger.recognizer.splits_tokens:
        raise UserError("expected a model whose tokens have tags, found one that splits them into pieces")
    if target is not None and target[2] not in tagger.labels:
        raise UserError(f"expected one of the types {', '.join(tagger.labels)}, found {target[2]!r}")
    result: List[Values] = []
    for tokens in tagger.iter_sentences(text):
        if len(tokens) > LONGEST:
            raise UserError(f"expected sentences of at most {LONGEST} tokens, which are read as a whole, found "
                            f"{len(tokens):,}; explain a part of the text")
        words = [token.text for token in tokens]
        spans = ([span for span, _ in tagger.recognizer.found_by_network([words])[0]] if target is None
                 else [span for span in [_span(tokens, target)] if span is not None])
        if spans:
            result.append(_values(tokens, explain(tagger.recognizer, words, spans, method)))
    if target is not None and not result:
        raise UserError(f"expected the borders of tokens of one sentence, found {text[target[0]:target[1]]!r}")
    return result


def _span(tokens: Sequence[Token], target: Target) -> Optional[Span]:
    """The span of tokens with the borders of a target; None if it is not in this sentence."""
    start, end, label = target
    first = next((place for place, token in enumerate(tokens) if token.start == start), None)
    last = next((place for place, token in enumerate(tokens) if token.end == end), None)
    return None if first is None or last is None or last < first else Span(first, last + 1, label)


def _values(tokens: Sequence[Token], explanations: Sequence[Explanation]) -> Values:
    """A sentence with its explanations; effects are rounded to what the probabilities are worth."""
    return {
        "tokens": [token.text for token in tokens],
        "offsets": [[token.start, token.end] for token in tokens],
        "entities": [{
            "start": tokens[entry.span.start].start, "end": tokens[entry.span.end - 1].end, "label": entry.span.label,
            "tokens": [entry.span.start, entry.span.end], "score": entry.probability,
            "words": _rounded(entry.words), "characters": [_rounded(values) for values in entry.characters],
            "features": {name: round(value, 3) for name, value in entry.features.items()},
            "by_token": {name: _rounded(values) for name, values in entry.by_token.items()},
            "facts": entry.facts} for entry in explanations]}


def _rounded(values: Sequence[float]) -> List[float]:
    return [round(value, 3) for value in values]
