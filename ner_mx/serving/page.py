"""The page: a form that works without JavaScript, and better with it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Any, Dict, List, Optional, Sequence

from ner_mx.runtime.text import Entity

STATIC = Path(__file__).parent / "static"

EXAMPLES = (
    "Jordan May, the captain of Florence United, left Washington in May for a match in Oslo.",
    "The European Commission and Northwind Bank signed a treaty in Geneva on 3 March, said Ana Lund.",
    "Heavy rain closed Highland Airport on Tuesday; flights to Kyoto and Cairo were held.")


def colour_of(labels: Sequence[str]) -> Dict[str, int]:
    """A hue in degrees for each label, as far apart as the golden angle keeps them."""
    return {label: round(210 + number * 137.5) % 360 for number, label in enumerate(labels)}


def style(labels: Sequence[str]) -> str:
    """The stylesheet, with a class ``label-N`` for the N-th label."""
    rules = [f".label-{number} {{ --hue: {hue} }}" for number, hue in enumerate(colour_of(labels).values())]
    return (STATIC / "page.css").read_text(encoding="utf-8") + "\n".join(rules) + "\n"


def page(labels: Sequence[str], card: Dict[str, Any], needs_key: bool, text: str = "",
         threshold: float = 0.0, entities: Optional[Sequence[Entity]] = None, problem: str = "") -> str:
    """The page, with the entities of ``text`` if they were asked for."""
    numbers = {label: number for number, label in enumerate(labels)}
    legend = "".join(f'<li><mark class="label-{number}">{escape(label)}</mark></li>'
                     for label, number in numbers.items())
    examples = "".join(f'<li><button type="button" class="example">{escape(example)}</button></li>'
                       for example in EXAMPLES)
    key = ('<label for="key">API key</label><input id="key" name="key" type="password" autocomplete="off">'
           if needs_key else "")
    # A link cannot send the key that the card wants.
    links = ([] if needs_key else ['<a href="model">Model card</a>']) + ['<a href="docs">API</a>']
    shown = [entity for entity in entities or () if entity.score >= threshold]
    result = ""
    if problem:
        result = f'<p class="problem">{escape(problem)}</p>'
    elif entities is not None:
        result = f'<p class="text">{highlighted(text, shown, numbers)}</p>'
    return Template((STATIC / "page.html").read_text(encoding="utf-8")).substitute(
        name=escape(str(card.get("corpus", "ner_mx"))), text=escape(text), threshold=f"{threshold:.2f}",
        legend=legend, examples=examples, key=key, result=result, links=" · ".join(links),
        count="" if entities is None else f"{len(shown)} of {len(entities)} entities")


def highlighted(text: str, entities: Sequence[Entity], numbers: Dict[str, int]) -> str:
    """The text as HTML, its entities marked."""
    parts: List[str] = []
    position = 0
    for entity in entities:
        parts += [escape(text[position:entity.start]),
                  f'<mark class="label-{numbers[entity.label]}">{escape(entity.text)}'
                  f"<small>{escape(entity.label)} {entity.score:.2f}</small></mark>"]
        position = entity.end
    return "".join(parts) + escape(text[position:])


def documentation(schema: Dict[str, Any]) -> str:
    """The OpenAPI schema as a page; nothing of it comes from another machine."""
    rows = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            answers = ", ".join(operation.get("responses", {}))
            rows.append(f"<tr><td><code>{method.upper()} {escape(path)}</code></td>"
                        f"<td>{escape(operation.get('description') or operation.get('summary', ''))}</td>"
                        f"<td>{escape(answers)}</td></tr>")
    return Template((STATIC / "docs.html").read_text(encoding="utf-8")).substitute(
        title=escape(schema["info"]["title"]), rows="".join(rows))
