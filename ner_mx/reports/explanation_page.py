"""Explanations for people: highlighted in a page, and in a terminal."""

from __future__ import annotations

from html import escape
from typing import Any, List, Sequence

from ner_mx.reports.html_page import STYLE
from ner_mx.untyped import ReadOnlyValues

# The effect at which a colour is full, in log-odds: a word without which the odds fall to a fiftieth.
FULL = 4.0
# How many words a terminal lists.
LISTED = 5

_COLOURS = """
:root{--for:47,133,90;--against:197,48,48}
.words span,.chars span{padding:.1rem .12rem;border-radius:3px}.words{line-height:2;font-size:1.1rem}
.words span.entity{border-bottom:3px solid #2b6cb0}.legend{font-size:.88rem;opacity:.85}
.chars{font-family:ui-monospace,monospace;letter-spacing:.05em}
td.effect{text-align:right;font-variant-numeric:tabular-nums}
"""


def explanation_page(text: str, sentences: Sequence[ReadOnlyValues], method: str) -> str:
    """A page that needs nothing beside it."""
    parts = [f"<h1>Why these entities?</h1><p class='legend'>Green speaks for an entity, red against it: the log-odds "
             f"of its probability that are lost when a word, a character, or what a feature says is hidden; {FULL:g} "
             f"or more are full colour. Words by {escape(method)}.</p>"]
    parts += [_entity(sentence, entity) for sentence in sentences for entity in sentence["entities"]]
    if not sentences:
        parts.append(f"<p>No entity was found in “{escape(text[:500])}”.</p>")
    return ('<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Why these entities?</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<style>{STYLE}{_COLOURS}</style>\n{''.join(parts)}\n</html>\n")


def _entity(sentence: ReadOnlyValues, entity: ReadOnlyValues) -> str:
    tokens = sentence["tokens"]
    start, end = entity["tokens"]
    words = " ".join(_coloured(token, effect, "entity" if start <= place < end else "")
                     for place, (token, effect) in enumerate(zip(tokens, entity["words"])))
    parts = [f"<h2>{escape(' '.join(tokens[start:end]))} · {escape(entity['label'])} {entity['score']:.3f}</h2>",
             f"<p class='words'>{words}</p>"]
    if entity["characters"]:
        characters = " ".join("".join(_coloured(character, effect) for character, effect in zip(token, effects))
                              for token, effects in zip(tokens[start:end], entity["characters"]))
        parts.append(f"<p class='legend'>Characters: <span class='chars'>{characters}</span></p>")
    header = "".join(f"<th>{escape(token)}</th>" for token in tokens[start:end])
    rows = "".join(f"<tr><td>{escape(name)}</td>{''.join(map(_cell, entity['by_token'][name]))}{_cell(effect)}</tr>"
                   for name, effect in entity["features"].items())
    parts.append(f"<div class='scroll'><table><thead><tr><th>feature</th>{header}<th>whole sentence</th></tr></thead>"
                 f"<tbody>{rows}</tbody></table></div>")
    facts = "".join(f"<li>{escape(token)}: {escape('; '.join(f'{name} {value}' for name, value in facts.items()))}</li>"
                    for token, facts in zip(tokens[start:end], entity["facts"]) if facts)
    return "".join(parts) + (f"<ul class='legend'>{facts}</ul>" if facts else "")


def _coloured(text: str, effect: float, kind: str = "") -> str:
    share = min(1.0, abs(effect) / FULL)
    colour = f"rgba(var(--{'for' if effect > 0 else 'against'}),{0.75 * share:.2f})"
    return f'<span class="{kind}" title="{effect:+.2f}" style="background:{colour}">{escape(text)}</span>'


def _cell(effect: float) -> str:
    return f"<td class='effect'>{effect:+.2f}</td>"


def explanation_lines(sentences: Sequence[ReadOnlyValues]) -> List[str]:
    """Lines for a terminal: each entity with the words and features that speak for and against it."""
    lines: List[str] = []
    for sentence in sentences:
        tokens = sentence["tokens"]
        for entity in sentence["entities"]:
            start, end = entity["tokens"]
            lines.append(f"{' '.join(tokens[start:end])} ({entity['label']} {entity['score']:.3f})")
            strongest = sorted(range(len(tokens)), key=lambda place: -abs(entity["words"][place]))[:LISTED]
            lines.append("  words:    " + _effects([(tokens[place], entity["words"][place]) for place in strongest]))
            lines.append("  features: " + _effects(list(entity["features"].items())))
            for token, facts in zip(tokens[start:end], entity["facts"]):
                lines.append(f"  {token}: " + "; ".join(f"{name} {value}" for name, value in facts.items()))
    return lines or ["no entity was found"]


def _effects(effects: Sequence[Any]) -> str:
    return ", ".join(f"{name} {effect:+.2f}" for name, effect in effects)
