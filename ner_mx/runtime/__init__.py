"""Entities in raw text."""
