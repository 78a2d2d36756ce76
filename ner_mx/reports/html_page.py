"""Markdown as a page of HTML."""

from __future__ import annotations

import base64
import re
from html import escape
from pathlib import Path
from typing import Optional

from ner_mx.errors import UserError, install

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.55 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem 1.25rem 4rem;overflow-wrap:anywhere}
h1{font-size:1.7rem;margin:1.5rem 0 .5rem}
h2{margin:2.6rem 0 .6rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}
h3{margin:1.6rem 0 .4rem}code{background:var(--soft);border-radius:3px;padding:0 .25em}
nav.toc{font-size:.92rem;margin:1rem 0}
nav.toc ul{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;list-style:none;padding:0}
.scroll{overflow-x:auto;margin:1rem 0}table{border-collapse:collapse;font-size:.95rem}
th{text-align:left}
td,th{overflow-wrap:normal;border-bottom:1px solid var(--line);padding:.25rem .7rem;vertical-align:top}
tbody tr:hover{background:var(--soft)}
td[style*=right]{font-variant-numeric:tabular-nums}img{max-width:100%;border-radius:4px;background:#fff}
"""

_PICTURE = re.compile(r'(<img[^>]*\bsrc=")([^":]+\.png)(")')


def html_page(text: str, title: str, pictures: Optional[Path] = None) -> str:
    """A page that needs nothing beside it but its pictures.

    Parameters
    ----------
    pictures : the folder that the paths of PNG files start from, which become parts of the page; None leaves paths.

    Raises
    ------
    UserError : markdown is not installed.
    """
    try:
        from markdown import Markdown
    except ImportError:
        raise UserError(f'the HTML report needs markdown: {install("report")}') from None
    converter = Markdown(extensions=["tables", "toc"], extension_configs={"toc": {"toc_depth": "2-2"}})
    body = converter.convert(text)
    body = body.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    if pictures is not None:
        body = _PICTURE.sub(lambda match: match[1] + _data_address(pictures / match[2]) + match[3], body)
    contents = f'<nav class="toc">{converter.toc}</nav>\n' if body.count("<h2") > 2 else ""
    heading, end, rest = body.partition("</h1>")
    return (f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<style>{STYLE}</style>\n{heading}{end}\n{contents}{rest}\n</html>\n")


def _data_address(picture: Path) -> str:
    """A picture as an address that holds its content."""
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode('ascii')}"
