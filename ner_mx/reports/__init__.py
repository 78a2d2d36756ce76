"""Runs to Markdown, HTML and plots."""
