"""Entities as text: a line of JSON, CoNLL columns, or highlighted in a terminal.

An output format is a function of the text, its entities, and the tokenizer of the tagger.
"""

from __future__ import annotations

import json
from typing import List, Sequence

from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.decoding.entities import Entity
from ner_mx.registry import register

# ANSI colours that are legible on dark and on light backgrounds.
COLOURS = (31, 32, 34, 35, 36, 33, 91, 92, 94, 95, 96)
# Control characters would drive the terminal; they are replaced by Unicode's pictures of them.
CONTROLS = {**{code: 0x2400 + code for code in range(32) if code not in (9, 10)}, 0x7F: 0x2421,
            **dict.fromkeys(range(0x80, 0xA0), 0xFFFD)}


@register.output("jsonl")
def jsonl(text: str, entities: Sequence[Entity], tokenizer: TokenizerSettings) -> str:
    """A line of JSON: ``{"text": ..., "entities": [{start, end, label, text, score}]}``."""
    return json.dumps({"text": text, "entities": [entity._asdict() for entity in entities]},
                      ensure_ascii=False) + "\n"


@register.output("conll")
def conll(text: str, entities: Sequence[Entity], tokenizer: TokenizerSettings) -> str:
    """A token and its IOB2 tag per line, an empty line after each sentence; a text without words is an empty line."""
    lines: List[str] = []
    waiting = list(entities)[::-1]
    for tokens in tokenizer.sentences(text):
        for token in tokens:
            while waiting and waiting[-1].end <= token.start:
                waiting.pop()
            tag = "O"
            if waiting and waiting[-1].start <= token.start:
                tag = ("B-" if waiting[-1].start == token.start else "I-") + waiting[-1].label
            lines.append(f"{token.text} {tag}")
        lines.append("")
    return "".join(f"{line}\n" for line in lines or [""])


@register.output("highlighted")
def highlighted(text: str, entities: Sequence[Entity], tokenizer: TokenizerSettings) -> str:
    """The text with its entities coloured, each followed by its type and probability."""
    parts, position = [], 0
    for entity in entities:
        colour = COLOURS[sum(entity.label.encode()) % len(COLOURS)]
        parts += [text[position:entity.start].translate(CONTROLS), f"\x1b[1;{colour}m",
                  entity.text.translate(CONTROLS), "\x1b[0m",
                  f"\x1b[2m[{entity.label} {entity.score:.2f}]\x1b[0m"]
        position = entity.end
    return "".join(parts) + text[position:].translate(CONTROLS) + "\n"
