"""Run folders to Markdown and plots."""
