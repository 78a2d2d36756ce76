"""The HTML of the page, a form that works without JavaScript, and of the API's documentation."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Dict, List, Optional, Sequence

from ner_mx.decoding.entities import Entity
from ner_mx.untyped import ReadOnlyValues

STATIC = Path(__file__).parent / "static"


def label_hues(labels: Sequence[str]) -> Dict[str, int]:
    """A hue in degrees per label; multiples of the golden angle keep neighboring labels apart."""
    return {label: round(210 + number * 137.5) % 360 for number, label in enumerate(labels)}


def style(labels: Sequence[str]) -> str:
    """The stylesheet, with a class ``label-N`` for label number N."""
    rules = [f".label-{number} {{ --hue: {hue} }}" for number, hue in enumerate(label_hues(labels).values())]
    return (STATIC / "page.css").read_text(encoding="utf-8") + "\n".join(rules) + "\n"


def page(labels: Sequence[str], card: ReadOnlyValues, needs_key: bool, text: str = "",
         threshold: float = 0.0, entities: Optional[Sequence[Entity]] = None, problem: str = "") -> str:
    """The page; ``entities`` are those of ``text``, or None if none were requested."""
    numbers = {label: number for number, label in enumerate(labels)}
    legend = "".join(f'<li><mark class="label-{number}">{escape(label)}</mark></li>'
                     for label, number in numbers.items())
    # The card of a bundle may hold anything.
    examples = card.get("examples")
    buttons = "".join(f'<li><button type="button" class="example">{escape(example)}</button></li>'
                      for example in (examples if isinstance(examples, list) else ()) if isinstance(example, str))
    key = ('<label for="key">API key</label><input id="key" name="key" type="password" autocomplete="off">'
           if needs_key else "")
    # A link cannot send the key that both require.
    links = [] if needs_key else ['<a href="model">Model card</a>', '<a href="docs">API</a>']
    visible = [entity for entity in entities or () if entity.score >= threshold]
    result = ""
    if problem:
        result = f'<p class="problem">{escape(problem)}</p>'
    elif entities is not None:
        result = f'<p class="text">{marked_up(text, visible, numbers)}</p>'
    return Template((STATIC / "page.html").read_text(encoding="utf-8")).substitute(
        name=escape(str(card.get("corpus", "ner_mx"))), text=escape(text), threshold=f"{threshold:.2f}",
        legend=legend, examples=buttons, key=key, result=result, links=" · ".join(links),
        count="" if entities is None else f"{len(visible)} of {len(entities)} entities")


def marked_up(text: str, entities: Sequence[Entity], numbers: Dict[str, int]) -> str:
    """The text as HTML, with a ``<mark>`` around each entity."""
    parts: List[str] = []
    position = 0
    for entity in entities:
        parts += [escape(text[position:entity.start]),
                  f'<mark class="label-{numbers.get(entity.label, 0)}">{escape(entity.text)}'
                  f"<small>{escape(entity.label)} {entity.score:.2f}</small></mark>"]
        position = entity.end
    return "".join(parts) + escape(text[position:])


def documentation(schema: ReadOnlyValues) -> str:
    """The OpenAPI schema as a page that loads nothing from other servers."""
    rows = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            statuses = ", ".join(operation.get("responses", {}))
            rows.append(f"<tr><td><code>{method.upper()} {escape(path)}</code></td>"
                        f"<td>{escape(operation.get('description') or operation.get('summary', ''))}</td>"
                        f"<td>{escape(statuses)}</td></tr>")
    return Template((STATIC / "docs.html").read_text(encoding="utf-8")).substitute(
        title=escape(schema["info"]["title"]), rows="".join(rows))
