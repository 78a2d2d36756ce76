"""Markdown as a page of HTML."""

from __future__ import annotations

from html import escape

from ner_mx.errors import UserError, install

STYLE = ("body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
         "table{border-collapse:collapse;margin:1rem 0}"
         "td,th{border-bottom:1px solid #ccc;padding:.2rem .6rem}"
         "img{max-width:100%}code{background:#f2f2f2}")


def html_page(text: str, title: str) -> str:
    """A page that needs nothing beside it but its pictures.

    Raises
    ------
    UserError : markdown is not installed.
    """
    try:
        from markdown import markdown
    except ImportError:
        raise UserError(f'the HTML report needs markdown: {install("report")}') from None
    body = markdown(text, extensions=["tables"])
    return (f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
            f"<style>{STYLE}</style>\n{body}\n</html>\n")
